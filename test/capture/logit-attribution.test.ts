/** @file capture test: direct logit attribution against the same sums made by hand from weights and PyTorch's activations. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  normFrom,
  rowScales,
  shareOf,
  streamDirections,
  sumError,
} from '../../src/capture/attribution-parts.ts';
import { attributeLogits, type LogitAttribution } from '../../src/capture/logit-attribution.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
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

describe('a norm held at its scale', () => {
  const random = seededRandom('norms');
  const width = 12;
  const draw = (rows: number, scale: number, offset = 0): Matrix =>
    matrix(
      rows,
      width,
      Float32Array.from({ length: rows * width }, () => scale * (random.normal() + offset)),
    );
  const gain = draw(1, 1).data;
  const bias = draw(1, 1).data;

  function normed(x: Matrix, centred: boolean, epsilon = 1e-5): Matrix {
    const data = new Float32Array(x.data.length);
    for (let row = 0; row < x.rows; row++) {
      const values = Array.from(x.data.subarray(row * width, (row + 1) * width));
      const mean = centred ? values.reduce((sum, value) => sum + value, 0) / width : 0;
      const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      for (const [j, value] of values.entries()) {
        data[row * width + j] =
          (gain[j]! * (value - mean)) / Math.sqrt(square + epsilon) + (centred ? bias[j]! : 0);
      }
    }
    return matrix(x.rows, width, data);
  }

  it.each([
    ['LayerNorm', true],
    ['RMSNorm', false],
  ])('is recognised as %s, with its gain and bias', (_, centred) => {
    const points = draw(4, 100, 0.5);
    const norm = normFrom(normed(matrix(1, width), centred).data, points, normed(points, centred))!;
    expect(norm.centred).toBe(centred);
    expect(largestDifference(norm.gain, gain)).toBeLessThan(1e-5);
    expect(largestDifference(norm.bias, centred ? bias : new Float32Array(width))).toBe(0);
    // A large epsilon does not have to be known: the scale is read off what came out.
    const x = draw(6, 0.1);
    const { scales, error } = rowScales(norm, x, normed(x, centred, 0.01));
    expect(error).toBeLessThan(1e-5);
    for (let row = 0; row < 6; row++) {
      const values = Array.from(x.data.subarray(row * width, (row + 1) * width));
      const mean = centred ? values.reduce((sum, value) => sum + value, 0) / width : 0;
      const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      expect(scales[row]).toBeCloseTo(Math.sqrt(square + 0.01), 5);
    }
  });

  it('is not taken for one where it is none', () => {
    const points = draw(4, 100, 0.5);
    const bent = matrix(4, width, points.data.map(Math.tanh));
    expect(normFrom(new Float32Array(width), points, bent)).toBeUndefined();
    const broken = matrix(
      4,
      width,
      points.data.map(() => Number.NaN),
    );
    expect(normFrom(new Float32Array(width).fill(Number.NaN), points, broken)).toBeUndefined();
  });

  it('is no good where one number is NaN, be it the first', () => {
    const norm = { centred: true, gain: Float64Array.from(gain), bias: Float64Array.from(bias) };
    const x = draw(3, 1);
    const y = normed(x, true);
    expect(rowScales(norm, x, y).error).toBeLessThan(1e-3);
    x.data[0] = Number.NaN;
    expect(rowScales(norm, x, y).error).toBeNaN();
    const logits = matrix(2, 2, Float32Array.of(1, 2, 3, 5));
    const share = matrix(2, 2, Float32Array.of(1, 2, 3, 5));
    expect(sumError([share], logits)).toBe(0);
    share.data[0] = Number.NaN;
    expect(sumError([share], logits)).toBeNaN();
  });

  it('gives shares that add up however a stream is cut into parts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.boolean(), (pieces, centred) => {
        const parts = Array.from({ length: pieces }, () => draw(3, 1));
        const sum = matrix(
          3,
          width,
          Float32Array.from({ length: 3 * width }, (_, i) =>
            parts.reduce((total, { data }) => total + data[i]!, 0),
          ),
        );
        const norm = { centred, gain: Float64Array.from(gain), bias: Float64Array.from(bias) };
        const head = { weights: Float64Array.from(draw(2, 1).data), bias: Float64Array.of(0, 0) };
        const directions = streamDirections(
          { ...head, weights: Float64Array.from({ length: 2 * width }, () => random.normal()) },
          norm,
          width,
        );
        const scales = Float64Array.of(0.5, 1, 2);
        const whole = shareOf(sum, directions, scales);
        const shares = parts.map((part) => shareOf(part, directions, scales));
        for (const [i, value] of whole.data.entries()) {
          const added = shares.reduce((total, { data }) => total + data[i]!, 0);
          expect(Math.abs(added - value)).toBeLessThan(1e-4);
        }
      }),
      { numRuns: 40 },
    );
  });
});
