/** @file capture test: direct logit attribution against the same sums made by hand from weights and PyTorch's activations. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attributeLogits, type LogitAttribution } from '../../src/capture/logit-attribution.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { Matrix } from '../../src/core/matrix.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { buildModel, type ModelSpec } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import { fixtureRows, largestDifference } from '../onnx/hooks-fixtures.ts';
import { residualSpec, VOCABULARY, WIDTH } from '../onnx/small-models.ts';
import { codeOf, exportPath, GRID_MODEL, randomRows, recordedRows } from './small-models.ts';

type Measured = Extract<LogitAttribution, { state: 'measured' }>;

function measured(attribution: LogitAttribution): Measured {
  if (attribution.state === 'undefined') throw new Error(attribution.reason);
  return attribution;
}

const CHOICES = [2, 5, 30];

/** Sums of shares, less those of the first choice: what decides between choices. */
function differences(shares: readonly Matrix[]): Float64Array {
  const [{ rows, columns }] = shares as [Matrix];
  const sum = (row: number, c: number): number =>
    shares.reduce((total, { data }) => total + data[row * columns + c]!, 0);
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    return sum(row, i % columns) - sum(row, 0);
  });
}

async function residual(change: (spec: ModelSpec) => ModelSpec = (spec) => spec): Promise<Model> {
  return openModel({ bytes: buildModel(change(residualSpec())), name: 'residual.onnx' });
}

const rowsOf = (count: number): ReturnType<typeof randomRows> =>
  randomRows({ count, seed: 4, vocabulary: VOCABULARY });

describe('shares of the logits', () => {
  it.each(['gpt2-current-exporter', 'gpt2-older-exporter', 'decoder-by-hand', 'gpt-neox', 'llama'])(
    'of %s add up to the differences between the logits that PyTorch recorded',
    async (name) => {
      const model = await openModel(exportPath(name));
      const inputs = recordedRows(name).map(({ input }) => input);
      const { shares, error, whole } = measured(
        await attributeLogits(model, { inputs, mapping: {}, readout: -1, choices: CHOICES }),
      );
      expect(error).toBeLessThan(1e-5);
      expect(whole).toEqual([]);
      const truth = fixtureRows(name).flatMap(({ truth: values }) => {
        const { dims, data } = values.get('logits')!;
        const last = data.length - dims.at(-1)!;
        return CHOICES.map((choice) => Number(data[last + choice]) - Number(data[last + CHOICES[0]!]));
      });
      const sums = differences(shares.map((share) => share.shares));
      const largest = truth.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largestDifference(sums, truth)).toBeLessThan(1e-4 * largest);
      await model.close();
    },
  );

  it('are, part by part, what weights and recorded activations give by hand', async () => {
    const name = 'gpt2-older-exporter';
    const index = indexModel(readFileSync(exportPath(name)));
    const weights = (part: string): Float32Array =>
      readTensor(index, index.initializers.get(part)!).data as Float32Array;
    const [gain, bias] = ['weight', 'bias'].map((part) => weights(`model.transformer.ln_f.${part}`));
    // The exporter keeps the transposed unembedding under a name of its own.
    const unembedding = [...index.initializers.values()].find(({ dims }) => String(dims) === '32,60')!;
    const head = weights(unembedding.name);
    const model = await openModel(exportPath(name));
    const inputs = recordedRows(name).map(({ input }) => input);
    const { shares } = measured(
      await attributeLogits(model, { inputs, mapping: {}, readout: -1, choices: CHOICES }),
    );
    for (const [row, { truth }] of fixtureRows(name).entries()) {
      const last = (hook: string): number[] => {
        const { dims, data } = truth.get(hook)!;
        const width = dims.slice(2).reduce((product, size) => product * size, 1);
        return Array.from({ length: width }, (_, j) => Number(data[(dims[1]! - 1) * width + j]));
      };
      const stream = last('blocks.2.resid_post');
      const mean = stream.reduce((sum, x) => sum + x, 0) / 32;
      const variance = stream.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 32;
      const through = (vector: readonly number[], choice: number): number => {
        const centre = vector.reduce((sum, x) => sum + x, 0) / 32;
        return vector.reduce(
          (sum, x, j) =>
            sum + (((x - centre) * gain![j]!) / Math.sqrt(variance + 1e-5)) * head[j * 60 + choice]!,
          0,
        );
      };
      const projection = (block: number): Float32Array =>
        weights(`model.transformer.h.${block}.attn.c_proj.weight`);
      const expected = (part: string, choice: number): number => {
        const own = /^blocks\.(\d)\.(?:head\.(\d)|(attn_bias))$/.exec(part);
        if (part === 'constant') return bias!.reduce((sum, x, j) => sum + x * head[j * 60 + choice]!, 0);
        if (own === null) return through(last(part), choice);
        const block = Number(own[1]);
        if (own[2] === undefined) {
          return through([...weights(`model.transformer.h.${block}.attn.c_proj.bias`)], choice);
        }
        const z = last(`blocks.${block}.z`);
        const from = 8 * Number(own[2]);
        const added = Array.from({ length: 32 }, (_, j) =>
          z.slice(from, from + 8).reduce((sum, x, k) => sum + x * projection(block)[(from + k) * 32 + j]!, 0),
        );
        return through(added, choice);
      };
      expect(shares.map(({ part }) => part)).toEqual([
        'embed',
        ...[0, 1, 2].flatMap((block) => [
          ...[0, 1, 2, 3].map((h) => `blocks.${block}.head.${h}`),
          `blocks.${block}.attn_bias`,
          `blocks.${block}.mlp_out`,
        ]),
        'constant',
      ]);
      for (const { part, shares: found } of shares) {
        for (const [c, choice] of CHOICES.entries()) {
          expect(Math.abs(found.data[row * 3 + c]! - expected(part, choice)), part).toBeLessThan(2e-5);
        }
      }
    }
    await model.close();
  });

  it('of whole attention are the sums of its heads', async () => {
    const model = await openModel(GRID_MODEL);
    const request = {
      inputs: randomRows({ count: 20, seed: 9 }),
      mapping: {},
      readout: -1,
      choices: [101, 102],
    };
    const split = measured(await attributeLogits(model, request));
    const whole = measured(await attributeLogits(model, { ...request, heads: false }));
    expect(whole.shares.map(({ part }) => part)).toEqual([
      'embed',
      'blocks.0.attn_out',
      'blocks.0.mlp_out',
      'blocks.1.attn_out',
      'blocks.1.mlp_out',
      'constant',
    ]);
    for (const block of [0, 1]) {
      const together = split.shares.filter(
        ({ block: own, kind }) => own === block && (kind === 'head' || kind === 'attention'),
      );
      const { shares } = whole.shares.find(({ part }) => part === `blocks.${block}.attn_out`)!;
      const sums = Float64Array.from(shares.data, (_, i) =>
        together.reduce((sum, one) => sum + one.shares.data[i]!, 0),
      );
      expect(largestDifference(sums, shares.data)).toBeLessThan(1e-4);
    }
    await model.close();
  });

  it('without a final norm are plain products with the unembedding, at any position', async () => {
    const model = await residual();
    const inputs = rowsOf(9);
    const choices = [0, 4, 9];
    const hooks = ['embed', 'blocks.0.mlp_out', 'blocks.1.mlp_out'];
    const { shares } = measured(await attributeLogits(model, { inputs, mapping: {}, readout: -2, choices }));
    expect(shares.map(({ part }) => part)).toEqual([...hooks, 'constant']);
    const captured = await runForward(model, {
      inputs,
      mapping: {},
      hooks,
      positions: [-2],
      readout: -2,
      choices: [],
    });
    const unembed = residualSpec().initializers!.find(({ name }) => name === 'unembed')!.data as Float32Array;
    for (const [i, hook] of hooks.entries()) {
      const x = captured.activations(hook, -2);
      const expected = Float64Array.from({ length: x.rows * 3 }, (_, at) => {
        let sum = 0;
        for (let j = 0; j < WIDTH; j++)
          sum += x.data[Math.floor(at / 3) * WIDTH + j]! * unembed[j * VOCABULARY + choices[at % 3]!]!;
        return sum;
      });
      expect(largestDifference(shares[i]!.shares.data, expected)).toBeLessThan(1e-5);
    }
    expect([...shares.at(-1)!.shares.data].every((value) => Math.abs(value) < 1e-6)).toBe(true);
    await model.close();
  });
});

describe('what has no attribution', () => {
  it.each([
    ['bert', /^block 0 norms or scales the stream/],
    ['encoder-post-norm', /^block 0 norms or scales the stream/],
    ['no-residual-lstm', /^No residual stream/],
  ])('%s says why', async (name, reason) => {
    const model = await openModel(exportPath(name));
    const inputs = name === 'bert' ? recordedRows(name).map(({ input }) => input) : rowsOf(1);
    const found = await attributeLogits(model, { inputs, mapping: {}, readout: -1, choices: [0, 1] });
    expect(found).toEqual({ state: 'undefined', reason: expect.stringMatching(reason) });
    await model.close();
  });

  it('a head that bends its logits says how far they are from a sum', async () => {
    const model = await residual((spec) => ({
      ...spec,
      nodes: [
        ...spec.nodes.slice(0, -1),
        { opType: 'MatMul', inputs: ['r2', 'unembed'], outputs: ['uncapped'] },
        { opType: 'Tanh', inputs: ['uncapped'], outputs: ['logits'] },
      ],
    }));
    const found = await attributeLogits(model, {
      inputs: rowsOf(5),
      mapping: {},
      readout: -1,
      choices: [0, 1],
    });
    expect(found).toEqual({ state: 'undefined', reason: expect.stringMatching(/is not linear$/) });
    await model.close();
  });

  it('an encoder whose heads lie apart is attributed by layers, with the reason', async () => {
    const model = await openModel(exportPath('encoder-pre-norm'));
    const inputs = recordedRows('encoder-pre-norm').map(({ input }) => input);
    const { shares, whole } = measured(
      await attributeLogits(model, { inputs, mapping: {}, readout: -1, choices: [0, 1] }),
    );
    expect(shares.some(({ kind }) => kind === 'head')).toBe(false);
    expect(whole.map(({ block }) => block)).toEqual([0, 1]);
    expect(whole[0]!.reason).toContain('batch, head, position, head_width');
    await model.close();
  });

  it('a request without choices or inputs', async () => {
    const model = await residual();
    const request = { inputs: rowsOf(2), mapping: {}, readout: -1, choices: [0] };
    expect(await codeOf(attributeLogits(model, { ...request, choices: [] }))).toBe('BAD_SETTING');
    expect(await codeOf(attributeLogits(model, { ...request, inputs: [] }))).toBe('BAD_SETTING');
    await model.close();
  });
});
