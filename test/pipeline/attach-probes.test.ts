/** @file pipeline test: probes attached to model files, against PyTorch's activations and against onnxruntime for Python. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runForward } from '../../src/capture/run-forward.ts';
import { sha256 } from '../../src/core/hash.ts';
import { matrix } from '../../src/core/matrix.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { openModel } from '../../src/model/open-model.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { type AttachRequest, attachProbes } from '../../src/pipeline/attach-probes.ts';
import { loadProbe } from '../../src/pipeline/probe-files.ts';
import { predictSaved, scoreSaved } from '../../src/probe/probe-file.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { openSession } from '../../src/runtime/session.ts';
import { wideDecoder } from '../bench/wide-decoder.ts';
import { codeOf, EXPORTS, exportPath } from '../capture/small-models.ts';
import { workFolder } from '../e2e/run-cli.ts';
import { HOOKS, MODEL, probeFile, ROWS, writeMonitor } from '../fixtures/attach/write-monitor.ts';
import { fixtureRows } from '../onnx/hooks-fixtures.ts';
import { residualSpec } from '../onnx/small-models.ts';
import { halfBits, randomProbe } from './attached.ts';

const folder = workFolder('attach');
const at = (name: string): string => path.join(folder, name);
let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

async function outputsOf(
  file: string,
  feeds: Readonly<Record<string, TensorValue>>,
): Promise<Record<string, TensorValue>> {
  const session = await openSession({ kind: 'path', path: file });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

describe('an attached model in onnxruntime for Python', () => {
  type Recorded = {
    readonly sha256: string;
    readonly monitors: Readonly<Record<string, unknown>>;
    readonly scores: Readonly<
      Record<
        string,
        { readonly shape: readonly number[]; readonly dtype: string; readonly data: (number | string)[] }
      >
    >;
  };
  const recorded = JSON.parse(
    readFileSync(path.join(path.dirname(probeFile('goal')), 'scores.json'), 'utf8'),
  ) as Recorded;

  it('was the file that is written today, byte for byte', async () => {
    await writeMonitor(at('monitored.onnx'));
    expect(sha256(readFileSync(at('monitored.onnx')))).toBe(recorded.sha256);
  });

  it('gave the scores that probes give on captured activations, at every position', async () => {
    const model = await openModel(MODEL);
    const positions = Array.from({ length: 7 }, (_, i) => i);
    const captured = await runForward(model, {
      inputs: ROWS.map((tokens) => ({ kind: 'tokens', tokens })),
      mapping: {},
      hooks: Object.values(HOOKS),
      positions,
      readout: -1,
      choices: [],
      optimization: 'basic',
    });
    for (const [name, hook] of Object.entries(HOOKS)) {
      const saved = await loadProbe(probeFile(name));
      const { shape, dtype, data } = recorded.scores[`mesascope.${name}`]!;
      const { classes } = saved.probe;
      expect(shape).toEqual([ROWS.length, 7, classes]);
      expect(dtype).toBe(name === 'year' ? 'float64' : 'float32');
      for (const position of positions) {
        const site = { hook, position, x: captured.activations(hook, position) };
        const options = { linalg, acrossHooks: true };
        const scores =
          name === 'year'
            ? await predictSaved(saved, site, options)
            : (await scoreSaved(saved, site, options)).data;
        for (let row = 0; row < ROWS.length; row++) {
          for (let c = 0; c < classes; c++) {
            const seen = Number(data[(row * 7 + position) * classes + c]);
            const own = scores[row * classes + c]!;
            if (Number.isFinite(own)) expect(Math.abs(seen - own)).toBeLessThanOrEqual(1e-5);
            else expect(seen).toBe(own);
          }
        }
      }
    }
    await model.close();
  });

  it('says of itself what each output is', async () => {
    const { outputs } = await attachProbes({
      model: MODEL,
      probes: [{ name: 'goal', file: probeFile('goal') }],
      out: at('goal.onnx'),
    });
    expect(recorded.monitors['mesascope.goal']).toEqual(JSON.parse(JSON.stringify(outputs[0])));
    expect(outputs[0]).toMatchObject({
      hook: HOOKS.goal,
      shape: ['batch', 'position', 4],
      classes: ['low', 'middle', 'high', 'absent'],
    });
  });
});

describe('attached scores', () => {
  it.each(EXPORTS)('of %s are those of the activations that PyTorch recorded', async (name) => {
    const model = exportPath(name);
    const [first] = fixtureRows(name);
    const { hooks: map } = await openModel(model);
    const hooks = ['embed', 'blocks.0.z', 'blocks.1.mlp_post', 'blocks.1.resid_post'].filter((name) => {
      const hook = map.hooks.find((one) => one.name === name);
      return first!.truth.has(name) && hook?.state === 'available' && hook.axes[1] === 'position';
    });
    expect(hooks.length).toBeGreaterThan(2);
    const probes: { name: string; file: string }[] = [];
    for (const hook of hooks) {
      const width = first!.truth
        .get(hook)!
        .dims.slice(2)
        .reduce((product, size) => product * size, 1);
      probes.push({ name: hook, file: await randomProbe(folder, `${name}.${hook}`, { hook, width, model }) });
    }
    const out = at(`${name}.onnx`);
    const { check } = await attachProbes({ model, probes, out });
    expect(check.sameOutputs.length).toBeGreaterThan(0);
    expect(check.largestScoreDifference).toBeLessThan(1e-5);
    for (const { feeds, truth } of fixtureRows(name)) {
      const outputs = await outputsOf(out, feeds);
      for (const probe of probes) {
        const saved = await loadProbe(probe.file);
        const { dims, data } = truth.get(probe.name)!;
        const x = matrix(dims[1]!, saved.probe.width, data as Float32Array);
        const { data: expected } = await scoreSaved(saved, { hook: probe.name, position: -1, x }, { linalg });
        const seen = outputs[`mesascope.${probe.name}`]!;
        expect(seen.dims).toEqual([1, dims[1], 3]);
        // PyTorch's activations differ from ONNX Runtime's by some 1e-6.
        for (const [i, score] of expected.entries()) {
          expect(Math.abs(Number(seen.data[i]) - score)).toBeLessThanOrEqual(3e-5);
        }
      }
    }
  });

  it('of a float16 file that ONNX Runtime loads from `basic` on only are the scores of its probes', async () => {
    const model = fileURLToPath(new URL('../fixtures/exports/llama.float16.onnx', import.meta.url));
    const hook = 'blocks.1.resid_post';
    const file = await randomProbe(folder, 'llama16', { hook, width: 32, model });
    const { check } = await attachProbes({
      model,
      probes: [{ name: 'goal', file }],
      out: at('llama16.onnx'),
    });
    expect(check).toMatchObject({ optimization: 'basic', sameOutputs: ['logits'], closeOutputs: [] });
    expect(check.largestScoreDifference).toBeLessThan(4e-3);
  });

  it('of a model in 16 bits are those of its captured activations', async () => {
    const spec = residualSpec();
    const model = at('half.onnx');
    const half = spec.initializers!.map((tensor) => ({
      ...tensor,
      type: 'float16' as const,
      data: Uint16Array.from(tensor.data as Float32Array, halfBits),
    }));
    const nodes = [
      ...spec.nodes.slice(0, -1),
      { opType: 'MatMul', inputs: ['r2', 'unembed'], outputs: ['half'] },
      { opType: 'Cast', inputs: ['half'], outputs: ['logits'], attributes: { to: { int: 1 } } },
    ];
    writeFileSync(model, buildModel({ ...spec, nodes, initializers: half }));
    const hook = 'blocks.0.resid_post';
    const file = await randomProbe(folder, 'half', { hook, width: 16, model });
    const out = at('half-monitored.onnx');
    await attachProbes({ model, probes: [{ name: 'goal', file }], out });
    const opened = await openModel(model);
    const captured = await runForward(opened, {
      inputs: [{ kind: 'tokens', tokens: [1, 2, 3, 4] }],
      mapping: {},
      hooks: [hook],
      positions: [0, 1, 2, 3],
      readout: -1,
      choices: [],
    });
    const ids = { type: 'int64', dims: [1, 4], data: BigInt64Array.of(1n, 2n, 3n, 4n) } as const;
    const scores = (await outputsOf(out, { ids }))['mesascope.goal']!;
    for (let position = 0; position < 4; position++) {
      const site = { hook, position, x: captured.activations(hook, position) };
      const own = await scoreSaved(await loadProbe(file), site, { linalg, acrossHooks: true });
      for (const [c, score] of own.data.entries())
        expect(Math.abs(Number(scores.data[position * 3 + c]) - score)).toBeLessThanOrEqual(1e-5);
    }
    await opened.close();
  });

  it('at the read-out are those at every position, picked', async () => {
    const probes = [{ name: 'goal', file: probeFile('goal') }];
    const [every, picked] = [at('every.onnx'), at('picked.onnx')];
    await attachProbes({ model: MODEL, probes, out: every });
    const { outputs } = await attachProbes({ model: MODEL, probes, out: picked, positions: 'readout' });
    expect(outputs[0]!.shape).toEqual(['batch', 4]);
    const feeds: Record<string, TensorValue> = {
      input_ids: { type: 'int64', dims: [6, 7], data: BigInt64Array.from(ROWS.flat(), BigInt) },
    };
    const all = (await outputsOf(every, feeds))['mesascope.goal']!;
    const last = (await outputsOf(picked, feeds))['mesascope.goal']!;
    expect([all.dims, last.dims]).toEqual([
      [6, 7, 4],
      [6, 4],
    ]);
    for (let row = 0; row < 6; row++) {
      for (let c = 0; c < 3; c++) {
        expect(Number(last.data[row * 4 + c])).toBeCloseTo(Number(all.data[(row * 7 + 6) * 4 + c]), 5);
      }
    }
  });
});

describe('large models and weights elsewhere', () => {
  const size = { layers: 2, width: 512, heads: 8, length: 8, vocabulary: 600 };
  let large: string;
  let probe: string;
  beforeAll(async () => {
    mkdirSync(at('large'));
    large = at('large/decoder.onnx');
    writeFileSync(large, wideDecoder(size));
    probe = await randomProbe(folder, 'large', { hook: 'blocks.0.resid_post', width: 512, model: large });
  });

  it('of more than 16 MB keep their weights byte for byte, copied or referred to', async () => {
    const original = readFileSync(large);
    expect(original.length).toBeGreaterThan(24e6);
    const probes = [{ name: 'goal', file: probe }];
    const copied = await attachProbes({ model: large, probes, out: at('copied.onnx') });
    const bytes = readFileSync(at('copied.onnx'));
    expect(bytes.length).toBe(copied.bytes);
    const [before, after] = [indexModel(original), indexModel(bytes)];
    for (const [name, { data }] of before.initializers) {
      const other = after.initializers.get(name)!.data;
      if (data.kind !== 'raw' || other.kind !== 'raw') throw new Error(`${name} is not stored raw`);
      const stored = original.subarray(data.range.start, data.range.end);
      expect(stored.equals(bytes.subarray(other.range.start, other.range.end)), name).toBe(true);
    }
    expect(copied.needs).toEqual([]);
    const beside = at('large/monitored.onnx');
    const referring = await attachProbes({ model: large, probes, out: beside, weights: 'reference' });
    expect(referring.needs).toEqual(['decoder.onnx']);
    expect(referring.bytes).toBeLessThan(100_000);
    const feeds: Record<string, TensorValue> = {
      input_ids: { type: 'int64', dims: [1, 8], data: BigInt64Array.from([5, 9, 2, 7, 1, 0, 3, 8], BigInt) },
    };
    expect(await outputsOf(beside, feeds)).toEqual(await outputsOf(at('copied.onnx'), feeds));
  });

  it('whose weights lie in other files keep pointing at them, and must stay beside them', async () => {
    mkdirSync(at('outer'));
    copyFileSync(MODEL, at('outer/weights.bin'));
    const { bytes } = instrument(indexModel(readFileSync(MODEL)), {
      outputs: [],
      weights: { kind: 'reference', modelFile: 'weights.bin' },
    });
    const model = at('outer/model.onnx');
    writeFileSync(model, bytes);
    const probes = [{ name: 'goal', file: probeFile('goal') }];
    const request: AttachRequest = { model, probes, out: at('elsewhere.onnx'), otherModel: true };
    await expect(attachProbes(request)).rejects.toMatchObject({
      code: 'BAD_SETTING',
      message: expect.stringContaining('weights.bin'),
    });
    expect(existsSync(at('elsewhere.onnx'))).toBe(false);
    const { needs } = await attachProbes({ ...request, out: at('outer/monitored.onnx') });
    expect(needs).toEqual(['weights.bin']);
  });

  it('are not replaced by what is made from them', async () => {
    const probes = [{ name: 'goal', file: probe }];
    for (const out of [large, probe, `${at('large')}/../large/decoder.onnx`]) {
      const before = readFileSync(out);
      expect(await codeOf(attachProbes({ model: large, probes, out }))).toBe('BAD_SETTING');
      expect(readFileSync(out).equals(before)).toBe(true);
    }
  });
});
