/** @file cli: faults of an experiment file and of a user's own code in it, through the program: the code, the line, and what was meant. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { openModel } from '../../src/model/open-model.ts';
import { checkExperiment, VERDICTS } from '../../src/pipeline/check-experiment.ts';
import { defineExperiment, type ExperimentSpec } from '../../src/pipeline/experiment.ts';
import { mustBeDataSet } from '../../src/pipeline/made-data.ts';
import { resolveSettings } from '../../src/pipeline/resolve-settings.ts';
import { runRollOuts } from '../../src/pipeline/roll-outs.ts';
import { mesascope, ROOT } from './captured-terminal.ts';

let folder: string;
beforeAll(() => {
  // Without a package.json: Node takes the file for CommonJS, and its errors come from another copy of the error class.
  folder = mkdtempSync(path.join(os.tmpdir(), 'mesascope-faults-'));
  mkdirSync(path.join(folder, 'probes'));
  copyFileSync(path.join(ROOT, 'models/grid/proxy/model.onnx'), path.join(folder, 'agent.onnx'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The fields stand on line 3; what comes before begins on line 2. */
async function lineOf(
  fields: string,
  options: { readonly before?: string; readonly command?: string; readonly exitCode?: number } = {},
): Promise<string> {
  const index = JSON.stringify(path.join(ROOT, 'src/index.ts'));
  const lines = [
    `import { defineExperiment, type ExperimentSpec } from ${index};`,
    options.before ?? '',
    `export default defineExperiment({ title: 'x', model: 'agent.onnx', ${fields} });`,
  ];
  writeFileSync(path.join(folder, 'probes/faulty.probe.ts'), `${lines.join('\n')}\n`);
  const { exitCode, stdout, stderr } = await mesascope([options.command ?? 'run', 'faulty'], { cwd: folder });
  expect([exitCode, stdout], stderr).toEqual([2, '']);
  const errors = stderr.split('\n').filter((line) => /\berror\b/i.test(line));
  expect(errors).toHaveLength(1);
  return errors[0]!;
}

describe('an experiment file', () => {
  it.each([
    [
      'a field that does not exist',
      `data: 'x.jsonl', set: { twin: 3 }`,
      'no field `set`; Did you mean settings?',
    ],
    ['a misspelt field', `data: 'x.jsonl', rollOutz: []`, 'no field `rollOutz`; Did you mean rollOuts?'],
    [
      'a misspelt verdict',
      `data: 'x.jsonl', expect: { verdict: 'mixtur' }`,
      '`expect.verdict` is "mixtur", which is no verdict; Did you mean mixture?',
    ],
  ])('with %s is refused at its line, with what was meant', async (_, fields, seen) => {
    const line = await lineOf(fields);
    expect(line).toMatch(/^probes\/faulty\.probe\.ts:3:\d+: error EXPERIMENT_INVALID: /);
    expect(line).toContain(seen);
  });

  it('with a misspelt setting is refused with the nearest one', async () => {
    const line = await lineOf(
      'data: () => { throw new Error("not reached"); }, settings: { twin: 3 } as never',
    );
    expect(line).toMatch(/^probes\/faulty\.probe\.ts:1:1: error BAD_SETTING: .*"twin"; Did you mean twins\?/);
  });

  it('that throws while it is loaded is refused at the line that threw', async () => {
    const line = await lineOf(`data: 'x.jsonl'`, { before: `const none: never[] = []; none[0]!['x'];` });
    expect(line).toMatch(/^probes\/faulty\.probe\.ts:2:\d+: error EXPERIMENT_INVALID: .*reading 'x'/);
  });

  it.each(['run', 'plan'])(
    'whose data function throws is refused by %s at the line that threw',
    async (command) => {
      const before = `const rows = (): never => { throw new RangeError('no rows today'); };`;
      const line = await lineOf('data: async () => rows()', { before, command });
      expect(line).toMatch(/^probes\/faulty\.probe\.ts:2:\d+: error EXPERIMENT_INVALID: /);
      expect(line).toContain('the data function failed: RangeError: no rows today');
    },
  );

  it('whose data function gives something else is refused with what is missing', async () => {
    const line = await lineOf(`data: () => ({ title: 'mine', examples: 3 }) as never`);
    expect(line).toContain('error EXPERIMENT_INVALID: `inputKind` of the data set is missing');
  });

  it('whose environment throws is told from the tool by what threw', async () => {
    const dataSet = gridEnvironment.makeExamples({ seed: 'x', trainGroups: 2, apartGroups: 2, variants: 1 });
    const model = await openModel(path.join(folder, 'agent.onnx'));
    const cause = new Error('stuck');
    const step = (): never => {
      throw cause;
    };
    const environment = { ...gridEnvironment.rollOuts, step };
    const spec = { title: 'walk', environment, episodes: 3, maxSteps: 4 };
    const walked = runRollOuts({ model, dataSet }, [spec], resolveSettings(), {}).finally(() =>
      model.close(),
    );
    await expect(walked).rejects.toMatchObject({
      code: 'EXPERIMENT_INVALID',
      message: '`step` of the environment of "walk" failed: Error: stuck',
      cause,
    });
  });
});

describe('what an experiment declares', () => {
  const SPEC = { title: 'x', model: 'm.onnx', data: 'd.jsonl' };
  it.each<[string, object]>([
    ['`title` is missing', { ...SPEC, title: undefined }],
    ['`data` must be the path of a data file', { ...SPEC, data: 3 }],
    [
      '`rollOuts[0].episodes` must be a whole number',
      {
        ...SPEC,
        rollOuts: [{ title: 'walk', environment: gridEnvironment.rollOuts, episodes: 0.5, maxSteps: 4 }],
      },
    ],
    [
      'a roll-out has no field `rollOuts[0].steps`',
      {
        ...SPEC,
        rollOuts: [{ title: 'walk', environment: gridEnvironment.rollOuts, episodes: 3, steps: 4 }],
      },
    ],
    ['an expectation has no field `expect.verdicts`', { ...SPEC, expect: { verdicts: 'mixture' } }],
  ])('is refused where %s', (seen, spec) => {
    expect(() => checkExperiment(spec)).toThrow(seen);
  });

  it('is taken as it is with every field and every verdict', () => {
    const rollOuts = [{ title: 'walk', environment: gridEnvironment.rollOuts, episodes: 3, maxSteps: 4 }];
    const full = {
      ...SPEC,
      question: 'Which?',
      rollOuts,
      settings: { twins: 3 },
      expect: { verdict: VERDICTS },
      // A new field must be known to the check as well.
    } satisfies Required<ExperimentSpec>;
    expect(defineExperiment(full)).toEqual({ ...full, kind: 'mesascope-experiment' });
  });

  it('is a data set where a program made one, and each missing field of one is named', () => {
    const made = gridEnvironment.makeExamples({ seed: 'x', trainGroups: 2, apartGroups: 2, variants: 1 });
    expect(() => mustBeDataSet(made)).not.toThrow();
    for (const field of Object.keys(made)) {
      expect(() => mustBeDataSet({ ...made, [field]: undefined })).toThrow(
        `\`${field}\` of the data set is missing`,
      );
    }
    for (const field of [
      'id',
      'set',
      'group',
      'input',
      'goals',
      'actions',
      'counterfactuals',
      'nuisance',
      'meta',
    ]) {
      const examples = [made.examples[0]!, { ...made.examples[1]!, [field]: undefined }];
      expect(() => mustBeDataSet({ ...made, examples })).toThrow(
        `\`${field}\` of example 1 of the data set is missing`,
      );
    }
  });
});
