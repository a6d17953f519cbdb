/** @file cli: experiments by name and path, settings from options, names of runs. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allExperiments, experimentName, findExperiments } from '../../src/cli/experiment-files.ts';
import { checkRunName, findRun, finishedRuns, mustBeSameModel } from '../../src/cli/run-folder.ts';
import { settingsArguments, settingsFrom } from '../../src/cli/settings-options.ts';
import { experimentFrom, nameFromFiles } from '../../src/cli/two-file-experiment.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-experiments-'));
  for (const name of ['probes', 'more', 'reports/old', 'reports/new', 'reports/unfinished']) {
    mkdirSync(path.join(folder, name), { recursive: true });
  }
  for (const file of ['probes/b.probe.ts', 'probes/a.probe.ts', 'probes/notes.ts', 'more/a.probe.ts']) {
    writeFileSync(path.join(folder, file), '');
  }
  for (const [at, name] of ['old', 'new'].entries()) {
    const record = path.join(folder, 'reports', name, 'run.json');
    writeFileSync(record, '{}');
    utimesSync(record, 1000 + at, 1000 + at);
  }
  writeFileSync(
    path.join(folder, 'data.jsonl'),
    '{"format": "mesascope-data/1", "title": "My agent"}\n{"id": "1"}\n',
  );
  writeFileSync(path.join(folder, 'odd.jsonl'), 'not json');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('experiments', () => {
  it('are the probe files of the working folder, in the order of names', async () => {
    expect((await allExperiments(folder)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await findExperiments([], folder)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(await allExperiments(path.join(folder, 'more'))).toEqual([]);
  });

  it('are found by name and by path, each once, in the order given', async () => {
    const found = await findExperiments(
      ['b', 'probes/a.probe.ts', 'b', path.join(folder, 'probes/b.probe.ts')],
      folder,
    );
    expect(found.map(({ name }) => name)).toEqual(['b', 'a']);
    expect((await findExperiments(['more/a.probe.ts'], folder))[0]?.file).toBe(
      path.join(folder, 'more/a.probe.ts'),
    );
    expect(experimentName('/x/grid-proxy.probe.ts')).toBe('grid-proxy');
  });

  it('may not share a run folder', async () => {
    await expect(findExperiments(['a', 'more/a.probe.ts'], folder)).rejects.toMatchObject({
      code: 'BAD_USAGE',
    });
  });

  it('that do not exist are an error, also when there are none at all', async () => {
    for (const wanted of [['c'], ['probes/c.probe.ts'], ['data.jsonl']]) {
      await expect(findExperiments(wanted, folder)).rejects.toMatchObject({ code: 'EXPERIMENT_NOT_FOUND' });
    }
    await expect(findExperiments([], path.join(folder, 'more'))).rejects.toMatchObject({
      code: 'EXPERIMENT_NOT_FOUND',
    });
  });
});

describe('runs', () => {
  it('are the folders with a record, the newest first', async () => {
    expect((await finishedRuns(folder)).map(({ name }) => name)).toEqual(['new', 'old']);
  });

  it('are found by name, folder, record and page; the newest without a name', async () => {
    const old = path.join(folder, 'reports/old');
    for (const text of ['old', 'reports/old', 'reports/old/run.json', 'reports/old/report.html', old]) {
      expect(await findRun(text, folder), text).toBe(old);
    }
    expect(await findRun(undefined, folder)).toBe(path.join(folder, 'reports/new'));
  });

  it('that do not exist are an error with the nearest names', async () => {
    await expect(findRun('odl', folder)).rejects.toMatchObject({
      code: 'RUN_NOT_FOUND',
      remedy: 'Did you mean old?',
    });
    for (const text of ['unfinished', 'reports/old/other.json', 'data.jsonl']) {
      await expect(findRun(text, folder), text).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    }
  });

  it('have names that are safe on every system', () => {
    for (const name of ['grid-proxy', 'A.1_b', '0']) expect(checkRunName(name)).toBe(name);
    for (const name of ['', '.', '..', '-x', 'a/b', 'a\\b', 'a b', 'a\n', 'x'.repeat(101)]) {
      expect(() => checkRunName(name), name).toThrow();
    }
  });

  const named = (model: string, data = 'examples.jsonl'): string =>
    nameFromFiles({ model, data }, '/home/x/p');

  it('of an audit are named by the model, and outside the working folder by its folder too', () => {
    expect(named('models/grid/proxy/model.onnx')).toBe('audit-grid-proxy');
    expect(named('my agent.onnx')).toBe('audit-my-agent');
    expect(named('sub/best.onnx')).toBe('audit-sub-best');
    expect(named('/home/alice/agents/best.onnx')).toBe('audit-agents-best');
    expect(named('../gpt2/model.onnx')).toBe('audit-gpt2');
    expect(named(path.join(os.homedir(), 'best.onnx'))).toBe('audit-best');
    expect(checkRunName(named('…/…/ü.onnx'))).toBe('audit-');
  });

  it('of an audit tell models apart that a converter put into folders called onnx', () => {
    expect(named('../gpt2/onnx/model.onnx', 'ids.jsonl')).toBe('audit-gpt2-ids');
    expect(named('../other/onnx/model.onnx', 'ids.jsonl')).toBe('audit-other-ids');
    expect(named('../other/onnx/model_fp16.onnx', 'ids.jsonl')).toBe('audit-other-model_fp16-ids');
    expect(named('chat/onnx/model.onnx', 'ids.jsonl')).toBe('audit-chat-ids');
    expect(named('onnx/model.onnx', 'ids.jsonl')).toBe('audit-model-ids');
  });

  it('are not replaced by one of another model, unless they were named', async () => {
    const earlier = path.join(folder, 'reports/earlier');
    mkdirSync(earlier);
    writeFileSync(path.join(earlier, 'run.json'), '{"model": {"file": "model.onnx", "sha256": "aa"}}');
    await expect(mustBeSameModel(earlier, async () => 'bb')).rejects.toMatchObject({
      code: 'BAD_SETTING',
      remedy: expect.stringContaining('--name') as string,
    });
    await mustBeSameModel(earlier, async () => 'aa');
    // Nothing to lose: no run, or one that cannot be read.
    const asked = async (): Promise<never> => expect.unreachable('the model is not read for nothing');
    await mustBeSameModel(path.join(folder, 'reports/none'), asked);
    await mustBeSameModel(path.join(folder, 'reports/old'), asked);
    rmSync(earlier, { recursive: true });
  });

  it('of an audit tell data files apart, so that a second one replaces no other', () => {
    expect(named('m.onnx', 'boards.jsonl')).toBe('audit-m-boards');
    expect(named('m.onnx', 'sets/examples.jsonl')).toBe('audit-m-sets-examples');
    expect(named('m.onnx', '/home/alice/secret/hard.ndjson')).toBe('audit-m-hard');
    for (const plain of ['examples.jsonl', './data.jsonl', '/home/x/p/data.jsonl'])
      expect(named('m.onnx', plain)).toBe('audit-m');
    expect(checkRunName(named('m.onnx', `${'long/'.repeat(40)}x.jsonl`))).toHaveLength(100);
  });
});

describe('settings on the command line', () => {
  it('are read by their kind', () => {
    expect(
      settingsFrom({
        seed: 3,
        set: [
          'twins=99',
          'alpha=0.01',
          'hooks=blocks.*.resid_post',
          'positions=-1,-2',
          'ranks=1,4',
          'optimization=basic',
        ],
      }),
    ).toEqual({
      seed: 3,
      twins: 99,
      alpha: 0.01,
      hooks: 'blocks.*.resid_post',
      positions: [-1, -2],
      ranks: [1, 4],
      optimization: 'basic',
    });
    expect(settingsFrom({ set: ['positions=auto', 'coding=a=b'] })).toEqual({
      positions: 'auto',
      coding: 'a=b',
    });
    expect(settingsFrom({})).toEqual({});
  });

  it.each([
    'twins=',
    'twins=x',
    'twins=NaN',
    'ranks=1,,2',
    'optimization=fast',
    'hooks=',
    'toString=1',
    '=1',
    '',
  ])('are refused when they make no sense: %s', (pair) => {
    expect(() => settingsFrom({ set: [pair] })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }) as Error,
    );
  });

  it('are written back in one spelling', () => {
    expect(settingsArguments({ seed: 1, set: ['hooks=blocks.*'] }).join(' ')).toBe(
      "--seed 1 --set 'hooks=blocks.*'",
    );
    expect(settingsArguments({})).toEqual([]);
  });
});

describe('an experiment of two files', () => {
  it('has the title of its data, and what is expected of it', async () => {
    const experiment = await experimentFrom(
      { model: 'm.onnx', data: 'data.jsonl', seed: 4, expect: ['pursues-proxy', 'mixture'] },
      folder,
    );
    expect(experiment).toEqual({
      kind: 'mesascope-experiment',
      title: 'My agent',
      model: 'm.onnx',
      data: 'data.jsonl',
      settings: { seed: 4 },
      expect: { verdict: ['pursues-proxy', 'mixture'] },
    });
  });

  it('leaves it to the reader to say what is wrong with the data', async () => {
    expect((await experimentFrom({ model: 'm', data: 'odd.jsonl' }, folder)).title).toBe('odd.jsonl');
    expect((await experimentFrom({ model: 'm', data: 'missing.jsonl' }, folder)).title).toBe('missing.jsonl');
  });
});
