/** @file capture test: the logit lens against the model's own logits, PyTorch's, products by hand, and exchanged streams. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openInterventions } from '../../src/capture/interventions.ts';
import { type LogitLens, logitLens } from '../../src/capture/lens-logit.ts';
import { attributeLogits } from '../../src/capture/logit-attribution.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { Matrix } from '../../src/core/matrix.ts';
import { openModel } from '../../src/model/open-model.ts';
import { buildModel } from '../../src/onnx/build.ts';
import { fixtureRows, largestDifference, readRows } from '../onnx/hooks-fixtures.ts';
import { residualSpec, VOCABULARY, WIDTH } from '../onnx/small-models.ts';
import { codeOf, exportPath, GRID_MODEL, randomRows, recordedRows } from './small-models.ts';

type Measured = Extract<LogitLens, { state: 'measured' }>;

function measured(lens: LogitLens): Measured {
  if (lens.state === 'undefined') throw new Error(lens.reason);
  return lens;
}

const CHOICES = [0, 3, 7, 11];

describe('the lens at the last block', () => {
  it.each(['gpt2-current-exporter', 'gpt2-older-exporter', 'decoder-by-hand', 'gpt-neox', 'llama'])(
    'of %s gives the logits that PyTorch recorded',
    async (name) => {
      const model = await openModel(exportPath(name));
      const rows = recordedRows(name);
      const inputs = rows.map(({ input }) => input);
      const lens = measured(await logitLens(model, { inputs, mapping: {}, readout: -1, choices: CHOICES }));
      expect(lens.streams.map(({ hook }) => hook)).toEqual([
        'embed',
        ...model.hooks.blocks.map(({ index }) => `blocks.${index}.resid_post`),
      ]);
      const truth = fixtureRows(name).flatMap(({ truth: values }) => {
        const { dims, data } = values.get('logits')!;
        const vocabulary = dims.at(-1)!;
        return CHOICES.map((choice) => Number(data[data.length - vocabulary + choice]));
      });
      expect(largestDifference(lens.logits.data, truth)).toBeLessThan(2e-5);
      expect(largestDifference(lens.streams.at(-1)!.logits.data, truth)).toBeLessThan(2e-5);
      expect(largestDifference(lens.streams[0]!.logits.data, truth)).toBeGreaterThan(0.01);
      await model.close();
    },
  );

  it('of an encoder-decoder gives the logits that PyTorch recorded, where the decoder stands', async () => {
    const folder = new URL('../fixtures/exports/', import.meta.url);
    const model = await openModel(fileURLToPath(new URL('t5.current.onnx', folder)));
    for (const { feeds, truth } of readRows(readFileSync(new URL('t5.safetensors', folder)))) {
      // The decoder is shorter than what it reads.
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { dims, data }]) => [
          name,
          { dims: dims.slice(1), data: Array.from(data, Number) },
        ]),
      );
      const request = { inputs: [{ kind: 'tensors', tensors } as const], mapping: {}, readout: -1 };
      const lens = measured(await logitLens(model, { ...request, choices: CHOICES }));
      const { dims, data } = truth.get('logits')!;
      const expected = CHOICES.map((choice) => Number(data[data.length - dims.at(-1)! + choice]));
      expect(largestDifference(lens.streams.at(-1)!.logits.data, expected)).toBeLessThan(2e-5);
      const shares = await attributeLogits(model, { ...request, choices: CHOICES });
      expect(shares.state === 'measured' && shares.error < 1e-4).toBe(true);
    }
    await model.close();
  });

  it('gives the model’s own bits where ONNX Runtime rewrites nothing', async () => {
    const model = await openModel(GRID_MODEL);
    const inputs = randomRows({ count: 40, seed: 3 });
    const request = {
      inputs,
      mapping: {},
      readout: -1,
      choices: [101, 102],
      optimization: 'disabled',
    } as const;
    const lens = measured(await logitLens(model, { ...request, maxBatchTokens: 32 }));
    expect(lens.largestDifference).toBe(0);
    const plain = await runForward(model, { ...request, hooks: [], positions: [-1] });
    expect(lens.streams.at(-1)!.logits).toEqual(plain.choiceLogits);
    expect(lens.logits).toEqual(plain.choiceLogits);
    await model.close();
  });

  it('keeps what reaches the logits past the stream', async () => {
    const spec = residualSpec();
    // Half of the logits comes from the embedding, past the stream.
    const nodes = [
      ...spec.nodes.slice(0, -1),
      { opType: 'MatMul', inputs: ['r2', 'unembed'], outputs: ['late'] },
      { opType: 'Gather', inputs: ['past', 'ids'], outputs: ['early'] },
      { opType: 'Add', inputs: ['late', 'early'], outputs: ['logits'] },
    ];
    const past = {
      name: 'past',
      dims: [VOCABULARY, VOCABULARY],
      type: 'float32' as const,
      data: Float32Array.from({ length: VOCABULARY ** 2 }, (_, i) => Math.sin(i)),
    };
    const bytes = buildModel({ ...spec, nodes, initializers: [...spec.initializers!, past] });
    const model = await openModel({ bytes, name: 'past.onnx' });
    const inputs = randomRows({ count: 4, seed: 4, vocabulary: VOCABULARY });
    const lens = measured(await logitLens(model, { inputs, mapping: {}, readout: -1, choices: [0, 1] }));
    expect(lens.largestDifference).toBeLessThan(1e-5);
    await model.close();
  });
});

describe('a choice that the model rules out', () => {
  it.each([[[0, 3, 7]], [[3, 0, 7]], [[3, 7, 0]]])(
    'is -Infinity in the lens as in the model, wherever it stands among the choices: %j',
    async (choices) => {
      const spec = residualSpec();
      const mask = {
        name: 'mask',
        dims: [VOCABULARY],
        type: 'float32' as const,
        data: Float32Array.from({ length: VOCABULARY }, (_, i) => (i === 0 ? Number.NEGATIVE_INFINITY : 0)),
      };
      const nodes = [
        ...spec.nodes.slice(0, -1),
        { opType: 'MatMul', inputs: ['r2', 'unembed'], outputs: ['free'] },
        { opType: 'Add', inputs: ['free', 'mask'], outputs: ['logits'] },
      ];
      const bytes = buildModel({ ...spec, nodes, initializers: [...spec.initializers!, mask] });
      const model = await openModel({ bytes, name: 'ruled-out.onnx' });
      const inputs = randomRows({ count: 3, seed: 4, vocabulary: VOCABULARY });
      const lens = measured(await logitLens(model, { inputs, mapping: {}, readout: -1, choices }));
      expect(lens.largestDifference).toBeLessThan(1e-5);
      for (const { logits } of [...lens.streams, lens]) {
        for (const [at, logit] of logits.data.entries())
          expect(Number.isFinite(logit)).toBe(choices[at % 3] !== 0);
      }
      await model.close();
    },
  );
});

describe('the lens at an earlier block', () => {
  it('is the product of the stream with the unembedding, where there is no norm', async () => {
    const spec = residualSpec();
    const model = await openModel({ bytes: buildModel(spec), name: 'residual.onnx' });
    const inputs = randomRows({ count: 12, seed: 4, vocabulary: VOCABULARY });
    const choices = Array.from({ length: VOCABULARY }, (_, i) => i);
    const lens = measured(await logitLens(model, { inputs, mapping: {}, readout: -2, choices }));
    const unembed = spec.initializers!.find(({ name }) => name === 'unembed')!.data as Float32Array;
    const hooks = ['embed', 'blocks.0.resid_post', 'blocks.1.resid_post'];
    const captured = await runForward(model, {
      inputs,
      mapping: {},
      hooks,
      positions: [-2],
      readout: -2,
      choices: [],
    });
    for (const [i, hook] of hooks.entries()) {
      const x = captured.activations(hook, -2);
      const expected = Float64Array.from({ length: inputs.length * VOCABULARY }, (_, at) => {
        let sum = 0;
        for (let j = 0; j < WIDTH; j++) {
          sum +=
            x.data[Math.floor(at / VOCABULARY) * WIDTH + j]! * unembed[j * VOCABULARY + (at % VOCABULARY)]!;
        }
        return sum;
      });
      expect(lens.streams[i]!.hook).toBe(hook);
      expect(largestDifference(lens.streams[i]!.logits.data, expected)).toBeLessThan(1e-5);
    }
    await model.close();
  });

  it('is what the model says when its last stream is replaced by the earlier one', async () => {
    const model = await openModel(GRID_MODEL);
    const inputs = randomRows({ count: 20, seed: 8 });
    const choices = [101, 102, 103, 104];
    const lens = measured(await logitLens(model, { inputs, mapping: {}, readout: -1, choices }));
    const hooks = ['embed', 'blocks.0.resid_post'];
    const request = { inputs, mapping: {}, hooks, positions: [-1], readout: -1, choices: [] };
    const captured = await runForward(model, { ...request, optimization: 'basic' });
    const edits = await openInterventions(model, {
      mapping: {},
      edits: [{ hook: 'blocks.1.resid_post', kind: 'replace' }],
      readout: -1,
      choices,
    });
    for (const [i, hook] of hooks.entries()) {
      const values: Matrix[] = [captured.activations(hook, -1)];
      const replaced = await edits.run({ inputs, position: -1, values });
      expect(largestDifference(lens.streams[i]!.logits.data, replaced.data)).toBeLessThan(1e-4);
    }
    await edits.close();
    await model.close();
  });
});

describe('a model without a lens', () => {
  it('gets the reason', async () => {
    const model = await openModel(exportPath('no-residual-mlp'));
    const inputs = [{ kind: 'tokens', tokens: [1] } as const];
    const lens = await logitLens(model, { inputs, mapping: {}, readout: -1, choices: [0] });
    expect(lens).toEqual({ state: 'undefined', reason: expect.stringMatching(/^No residual stream: /) });
    await model.close();
  });

  it('gets the reason where its output is the stream', async () => {
    const model = await openModel(exportPath('bert'));
    const inputs = [{ kind: 'tokens', tokens: [1, 2, 3] } as const];
    const lens = await logitLens(model, { inputs, mapping: {}, readout: -1, choices: [0] });
    expect(lens).toEqual({ state: 'undefined', reason: expect.stringContaining('the last stream itself') });
    await model.close();
  });

  it('is refused without choices, and at a position that no row has', async () => {
    const model = await openModel(GRID_MODEL);
    const inputs = randomRows({ count: 2, seed: 8 });
    const request = { inputs, mapping: {}, readout: -1, choices: [101] };
    expect(await codeOf(logitLens(model, { ...request, choices: [] }))).toBe('BAD_SETTING');
    expect(await codeOf(logitLens(model, { ...request, choices: [9999] }))).toBe('CHOICE_RANGE');
    expect(await codeOf(logitLens(model, { ...request, readout: 77 }))).toBe('POSITION_RANGE');
    await model.close();
  });
});
