/** @file test of probe: targets far from zero for their spread, in memory and from a file, and features or targets beyond 32 bits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { readRegression } from '../../src/evidence/metric-regression.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { assembleProbe, predict, predictNumbers, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { decodeProbe, encodeProbe, predictSaved, scoreSaved } from '../../src/probe/probe-file.ts';
import { fitRegression, type RegressionFit } from '../../src/probe/regression.ts';
import { fitRidge } from '../../src/probe/ridge.ts';
import { labelsOf, range, relativeGap, sideWith, trainOn } from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const ROWS = 240;
const WIDTH = 6;
const random = seededRandom('offsets');
const x = matrix(
  ROWS,
  WIDTH,
  Float32Array.from({ length: ROWS * WIDTH }, () => random.normal()),
);
/** Signal 1, noise .1: of the variance, 1 / 1.01 can be predicted. */
const signal = Float64Array.from({ length: ROWS }, (_, i) => x.data[i * WIDTH]! + 0.1 * random.normal());
const test = sideWith(x, 'test', range(160, ROWS));

/** Offset and unit of a target: none, a year with its day, a date written as a number, seconds since 1970, and milliseconds. */
const SCALES = [
  [0, 1],
  [2024, 0.1],
  [20_240_101, 5],
  [1.7e9, 10],
  [1.7e12, 1000],
] as const;

async function fitOf(values: Float64Array): Promise<Extract<RegressionFit, { readonly state: 'chosen' }>> {
  const sides = { fit: sideWith(x, 'fit', range(0, 100)), select: sideWith(x, 'select', range(100, 160)) };
  const [fit] = await fitRegression(sides, [{ name: 'v', values }], { linalg });
  if (fit?.state !== 'chosen') throw new Error(JSON.stringify(fit));
  return fit;
}

describe('a regression', () => {
  it('chooses, predicts and explains alike whatever the offset and the unit of its target', async () => {
    const plain = await fitOf(signal);
    const own = await readRegression(plain, { test, target: { name: 'v', values: signal }, linalg });
    expect(own.rSquared.state === 'measured' && own.rSquared.value).toBeGreaterThan(0.97);
    for (const [offset, unit] of SCALES) {
      const values = signal.map((value) => offset + unit * value);
      const fit = await fitOf(values);
      expect(fit.penalty).toBe(plain.penalty);
      for (const [k, point] of fit.table.entries())
        expect(point.selectRSquared).toBeCloseTo(plain.table[k]!.selectRSquared!, 5);
      const read = await readRegression(fit, { test, target: { name: 'v', values }, linalg });
      expect(read.rSquared).toEqual({
        state: 'measured',
        value: expect.closeTo(own.rSquared.state === 'measured' ? own.rSquared.value : Number.NaN, 5),
      });
      expect(read.spearman).toEqual(own.spearman);
      const varying = read.predicted.map((value) => (value - offset) / unit);
      expect(relativeGap(varying, own.predicted)).toBeLessThan(1e-5);
    }
  });

  it('says the same from a file, to seven digits of what varies, where its scores of 32 bits cannot', async () => {
    const values = signal.map((value) => 1.7e9 + 10 * value);
    const { probe } = await fitOf(values);
    const origin = {
      hook: 'h',
      position: -1,
      reads: 'intended',
      modelSha256: 'a',
      dataSha256: 'b',
      splitSeed: '1',
      version: '0',
    };
    const loaded = decodeProbe(encodeProbe({ probe, origin }));
    const site = { hook: 'h', position: -1, x };
    const [direct] = await predictNumbers([probe], x, linalg);
    const predicted = await predictSaved(loaded, site, { linalg });
    expect(predicted).toEqual(direct);
    const errors = predicted.map((value, i) => (value - values[i]!) ** 2);
    expect(errors.reduce((sum, one) => sum + one, 0) / ROWS).toBeLessThan(2);
    // Near 1.7e9, 32-bit numbers are 128 apart.
    const scores = await scoreSaved(loaded, site, { linalg });
    expect(scores.data.every((score) => score % 128 === 0)).toBe(true);
    await expect(predictSaved(loaded, { ...site, hook: 'other' }, { linalg })).rejects.toMatchObject({
      code: 'PROBE_MISMATCH',
    });
  });

  it('is undefined, with the reason, where 32-bit weights cannot carry the spread of the target', async () => {
    const sides = { fit: sideWith(x, 'fit', range(0, 100)), select: sideWith(x, 'select', range(100, 160)) };
    for (const unit of [1e-60, 1e60, 1e300]) {
      const target = { name: 'v', values: signal.map((value) => unit * value) };
      const [fit] = await fitRegression(sides, [target], { linalg });
      expect(fit).toMatchObject({ state: 'undefined', reason: expect.stringContaining('another unit') });
    }
  });

  it('is what predicts numbers: a probe of classes is refused', async () => {
    const [probe] = await fitRidge(trainOn(x), [classes()], { penalty: 1, linalg });
    await expect(predictNumbers([probe!], x, linalg)).rejects.toMatchObject({ code: 'BAD_SETTING' });
  });
});

const classes = () =>
  labelsOf(
    Array.from(signal, (value) => (value > 0 ? 1 : 0)),
    2,
  );

/** x with its column `at` in a unit so small that weights on it would be beyond 32 bits. */
function withTiny(at: number): Matrix {
  const tiny = takeRows(x, range(0, ROWS));
  for (let i = 0; i < ROWS; i++) tiny.data[i * WIDTH + at]! *= 1e-39;
  return tiny;
}

describe('a feature whose spread is too small for weights in 32 bits', () => {
  it('counts as constant: finite weights, 0 on it, and scores without NaN', async () => {
    const tiny = withTiny(0);
    const [ridge] = await fitRidge(trainOn(tiny), [classes()], { penalty: 1, linalg });
    const [logistic] = await fitLogistic(trainOn(tiny), [classes()], { penalty: 1e-3, linalg });
    for (const probe of [ridge!, logistic!.probe]) {
      expect(probe.weights.data.every(Number.isFinite)).toBe(true);
      expect([probe.weights.data[0], probe.weights.data[WIDTH]]).toEqual([0, 0]);
      expect(predict(await scoreProbe(probe, tiny, linalg))).toHaveLength(ROWS);
    }
  });

  it('is refused by name where a weight still overflows', () => {
    const fitted = { present: [0], weights: { rows: 1, columns: 1, data: Float64Array.of(1e30) } };
    const settings = { kind: 'regression', penalty: 1, standardise: true } as const;
    const moments = { mean: Float64Array.of(0), deviation: Float64Array.of(1e-20) };
    const labels = { classes: 1, values: new Int32Array(0), names: ['v'] };
    expect(() => assembleProbe(labels, settings, moments, { ...fitted, bias: Float64Array.of(0) })).toThrow(
      expect.objectContaining({ code: 'NON_FINITE' }),
    );
  });
});
