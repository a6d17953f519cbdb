/** @file pipeline test: probes that do not fit a model are refused by name, and nothing is written. */
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ModelInput } from '../../src/core/data-set.ts';
import { type AttachRequest, attachProbes } from '../../src/pipeline/attach-probes.ts';
import type { SavedProbe } from '../../src/probe/probe-file.ts';
import { codeOf, exportPath } from '../capture/small-models.ts';
import { workFolder } from '../e2e/run-cli.ts';
import { MODEL, probeFile } from '../fixtures/attach/write-monitor.ts';
import { randomProbe } from './attached.ts';

const folder = workFolder('attach-refused');
const at = (name: string): string => path.join(folder, name);

describe('a probe that does not fit', () => {
  const file = probeFile('goal');
  it.each<[string, Partial<SavedProbe['origin']> & { width: number }, string]>([
    ['is of another model', { hook: 'embed', width: 32, modelSha256: 'f'.repeat(64) }, 'PROBE_MISMATCH'],
    ['has another width', { hook: 'embed', width: 31 }, 'PROBE_MISMATCH'],
    ['has another width over heads', { hook: 'blocks.0.z', width: 31 }, 'PROBE_MISMATCH'],
    ['names a hook that there is not', { hook: 'blocks.7.resid_post', width: 32 }, 'HOOK_UNKNOWN'],
    ['reads attention', { hook: 'blocks.0.pattern', width: 32 }, 'HOOK_UNAVAILABLE'],
  ])('because it %s', async (why, change, code) => {
    const probe = await randomProbe(folder, `unfit ${why}`.replaceAll(' ', '-'), { ...change, model: MODEL });
    const out = at('unfit.onnx');
    const refused = attachProbes({ model: MODEL, probes: [{ name: 'goal', file: probe }], out });
    expect(await codeOf(refused)).toBe(code);
    expect(existsSync(out)).toBe(false);
  });

  it('because the graph fuses what it reads away', async () => {
    const model = at('no-residual.onnx');
    copyFileSync(exportPath('no-residual-mlp'), model);
    const probe = await randomProbe(folder, 'fused', { hook: 'embed', width: 32, model });
    const refused = attachProbes({ model, probes: [{ name: 'goal', file: probe }], out: at('unfit.onnx') });
    expect(await codeOf(refused)).toBe('HOOK_UNKNOWN');
  });

  it.each<[string, AttachRequest['probes'], string]>([
    ['no probe', [], 'BAD_SETTING'],
    [
      'two of one name',
      [
        { name: 'goal', file },
        { name: 'goal', file: probeFile('heads') },
      ],
      'BAD_SETTING',
    ],
    ['a name with a line break', [{ name: 'go\nal', file }], 'BAD_SETTING'],
    ['an empty name', [{ name: '', file }], 'BAD_SETTING'],
    ['a file that is none', [{ name: 'goal', file: MODEL }], 'PROBE_FILE_INVALID'],
  ])('because there is %s', async (_, probes, code) => {
    expect(await codeOf(attachProbes({ model: MODEL, probes, out: at('unfit.onnx') }))).toBe(code);
  });

  it('leaves an earlier file as it was, and nothing half written beside it', async () => {
    const out = at('earlier/monitored.onnx');
    await attachProbes({ model: MODEL, probes: [{ name: 'goal', file }], out });
    const before = readFileSync(out);
    const probe = await randomProbe(folder, 'far', { hook: 'embed', width: 32, position: 40, model: MODEL });
    const probes = [{ name: 'far', file: probe }];
    expect(await codeOf(attachProbes({ model: MODEL, probes, out, positions: 'readout' }))).toBe(
      'POSITION_RANGE',
    );
    const stopped = new AbortController();
    stopped.abort();
    const again = attachProbes(
      { model: MODEL, probes: [{ name: 'goal', file }], out },
      { signal: stopped.signal },
    );
    expect(await codeOf(again)).toBe('ABORTED');
    expect(readFileSync(out).equals(before)).toBe(true);
    expect(readdirSync(at('earlier'))).toEqual(['monitored.onnx']);
  });

  it('may be of another model where that is meant', async () => {
    const change = { hook: 'embed', width: 32, modelSha256: 'f'.repeat(64), model: MODEL };
    const probe = await randomProbe(folder, 'elsewhere', change);
    const { outputs } = await attachProbes({
      model: MODEL,
      probes: [{ name: 'goal', file: probe }],
      out: at('other.onnx'),
      otherModel: true,
    });
    expect(outputs[0]!.fittedModelSha256).toBe('f'.repeat(64));
    expect(outputs[0]!.modelSha256).not.toBe(outputs[0]!.fittedModelSha256);
  });
});

describe('a probe of an encoder', () => {
  const model = fileURLToPath(new URL('../fixtures/exports/t5.current.onnx', import.meta.url));
  const attach = async (name: string, position: number, rest: Partial<AttachRequest>): Promise<unknown> => {
    const file = await randomProbe(folder, name, {
      hook: 'encoder.blocks.0.resid_post',
      width: 32,
      position,
      model,
    });
    return attachProbes({
      model,
      probes: [{ name: 'goal', file }],
      out: at(`${name}.onnx`),
      positions: 'readout',
      ...rest,
    });
  };

  it('has the positions of the encoder, be the decoder shorter or longer', async () => {
    // Of the inputs that are made up, decoders have four tokens at most.
    expect(await codeOf(attach('shorter', -5, {}))).toBe('resolved');
    const ids = (count: number): { dims: number[]; data: number[] } => ({
      dims: [count],
      data: new Array<number>(count).fill(5),
    });
    const longer: ModelInput = { kind: 'tensors', tensors: { input_ids: ids(2), decoder_input_ids: ids(4) } };
    expect(await codeOf(attach('longer', -3, { inputs: [longer] }))).toBe('POSITION_RANGE');
  });
});
