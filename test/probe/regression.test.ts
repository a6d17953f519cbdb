/** @file test of probe: number-valued goals against scikit-learn's recorded ridge, and what must not change them. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { SelectSplit, TrainSplit } from '../../src/core/split.ts';
import { readRegression } from '../../src/evidence/metric-regression.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitRegression, type NumberTarget, type RegressionFit } from '../../src/probe/regression.ts';
import {
  columnOf,
  momentsOf,
  range,
  recordedRegression,
  relativeGap,
  rotatedBy,
  scaledBy,
  sideWith,
  withColumns,
} from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

type Chosen = Extract<RegressionFit, { readonly state: 'chosen' }>;

function chosen(fit: RegressionFit | undefined): Chosen {
  if (fit?.state !== 'chosen') throw new Error(`nothing was chosen: ${JSON.stringify(fit)}`);
  return fit;
}

function sidesOf(x: Matrix): { fit: TrainSplit; select: SelectSplit } {
  return { fit: sideWith(x, 'fit', range(0, 80)), select: sideWith(x, 'select', range(80, 120)) };
}

const record = recordedRegression();
const features = matrix(record.rows, record.width, Float32Array.from(record.x));
const target: NumberTarget = { name: 'y', values: Float64Array.from(record.y) };
const PENALTIES = record.raw.map(({ penalty }) => penalty);

async function predictionsOf(
  x: Matrix,
  options: { penalty: number; standardise: boolean },
): Promise<Float32Array> {
  const { penalty, standardise } = options;
  const [fit] = await fitRegression(sidesOf(x), [target], { linalg, penalties: [penalty], standardise });
  return (await scoreProbe(chosen(fit).probe, x, linalg)).data;
}

it("has scikit-learn's coefficients, intercept, predictions, select errors, R squared and rank correlation", async () => {
  const test = sideWith(features, 'test', range(120, 160));
  const { deviation, mean } = momentsOf(takeRows(features, range(0, 80)));
  for (const standardise of [true, false]) {
    const expected = standardise ? record.standardised : record.raw;
    const [all] = await fitRegression(sidesOf(features), [target], {
      linalg,
      penalties: PENALTIES,
      standardise,
    });
    const { table, penalty } = chosen(all);
    const errors = expected.map((one) => one.select_mean_squared_error);
    expect(
      relativeGap(
        table.map(({ selectMeanSquare }) => selectMeanSquare),
        errors,
      ),
    ).toBeLessThan(1e-5);
    expect(penalty).toBe(PENALTIES[errors.indexOf(Math.min(...errors))]);
    for (const one of expected) {
      const options = { linalg, penalties: [one.penalty], standardise };
      const fit = chosen((await fitRegression(sidesOf(features), [target], options))[0]);
      const { weights, bias } = fit.probe;
      const spread = standardise ? deviation : deviation.map(() => 1);
      expect(
        relativeGap(
          weights.data.map((w, j) => w * spread[j]!),
          one.coefficients,
        ),
      ).toBeLessThan(1e-5);
      const shift = standardise ? mean.reduce((sum, m, j) => sum + m * weights.data[j]!, 0) : 0;
      expect(bias[0]! + shift).toBeCloseTo(one.intercept, 3);
      const reading = await readRegression(fit, { test, target, linalg });
      expect(relativeGap(reading.predicted, one.test_predictions)).toBeLessThan(1e-5);
      expect(reading.rSquared).toMatchObject({
        state: 'measured',
        value: expect.closeTo(one.test_r_squared, 5),
      });
      expect(reading.spearman).toMatchObject({
        state: 'measured',
        value: expect.closeTo(one.test_spearman, 9),
      });
      expect(reading.rows).toBe(40);
    }
  }
});

it('predicts the same after the features are turned, when it does not standardise, and after the examples are reordered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
      const raw = { penalty: 3, standardise: false };
      const before = await predictionsOf(features, raw);
      expect(relativeGap(await predictionsOf(rotatedBy(features, seed), raw), before)).toBeLessThan(1e-4);
      const order = seededRandom(seed).permutation(80);
      const sides = { ...sidesOf(features), fit: sideWith(features, 'fit', order) };
      const [fit] = await fitRegression(sides, [target], { linalg, penalties: [3], standardise: false });
      const after = (await scoreProbe(chosen(fit).probe, features, linalg)).data;
      expect(relativeGap(after, before)).toBeLessThan(1e-5);
    }),
    { numRuns: 8 },
  );
});

it('does not depend on the units of the features, when it standardises, and follows the unit of the target', async () => {
  const unit = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  const standardised = { penalty: 3, standardise: true };
  const before = await predictionsOf(features, standardised);
  await fc.assert(
    fc.asyncProperty(fc.array(unit, { minLength: 12, maxLength: 12 }), async (units) => {
      expect(relativeGap(await predictionsOf(scaledBy(features, units), standardised), before)).toBeLessThan(
        1e-4,
      );
      const other = {
        name: 'other unit',
        values: target.values.map((value) => units[0]! * value - units[1]!),
      };
      const [fit] = await fitRegression(sidesOf(features), [other], { linalg, penalties: [3] });
      const scores = (await scoreProbe(chosen(fit).probe, features, linalg)).data;
      expect(
        relativeGap(
          scores.map((value) => (value + units[1]!) / units[0]!),
          before,
        ),
      ).toBeLessThan(1e-2);
    }),
    { numRuns: 10 },
  );
});

it('is not changed by a constant feature, nor by one that repeats all others when the penalty is doubled with them', async () => {
  for (const standardise of [true, false]) {
    const before = await predictionsOf(features, { penalty: 5, standardise });
    const padded = withColumns(features, [new Float32Array(features.rows).fill(9.25)]);
    expect(relativeGap(await predictionsOf(padded, { penalty: 5, standardise }), before)).toBeLessThan(1e-6);
    // Each weight is shared by two equal features: |w|^2 halves, so twice the penalty is the same problem.
    const doubled = withColumns(
      features,
      range(0, 12).map((j) => columnOf(features, j)),
    );
    const after = await predictionsOf(doubled, { penalty: 10, standardise });
    expect(relativeGap(after, before)).toBeLessThan(1e-4);
  }
});

it('fits many targets at once as each alone, also where some have no value for some rows', async () => {
  const holed = {
    name: 'holed',
    values: target.values.map((value, i) => (i % 7 === 0 ? Number.NaN : value)),
  };
  const first = { name: 'first', values: columnOf(features, 0) };
  const targets = [target, holed, first, { ...holed, name: 'again' }];
  const together = await fitRegression(sidesOf(features), targets, { linalg });
  for (const [t, one] of targets.entries()) {
    const alone = chosen((await fitRegression(sidesOf(features), [one], { linalg }))[0]);
    expect(chosen(together[t]).probe).toEqual(alone.probe);
    const errors = ({ table }: Chosen): number[] => table.map(({ selectMeanSquare }) => selectMeanSquare);
    expect(relativeGap(errors(chosen(together[t])), errors(alone))).toBeLessThan(1e-5);
  }
  const kept = range(0, 80).filter((i) => i % 7 !== 0);
  const without = {
    fit: sideWith(features, 'fit', kept),
    select: sideWith(
      features,
      'select',
      range(80, 120).filter((i) => i % 7 !== 0),
    ),
  };
  const [plain] = await fitRegression(without, [{ ...target, name: 'holed' }], { linalg });
  expect(chosen(together[1]).probe).toEqual(chosen(plain).probe);
  expect(chosen(together[1])).toMatchObject({ fitRows: kept.length, selectRows: 34 });
  expect(chosen(together[2]).table.at(0)!.selectRSquared).toBeGreaterThan(0.999);
});

it('says 0 of the mean of the fit rows, and less of what is worse, even where the test rows have another mean', async () => {
  const x = matrix(12, 1, new Float32Array(12).fill(1));
  const values = Float64Array.of(0, 2, 0, 2, 1, 1, 1, 3, 11, 9, 10, 10);
  const sides = { fit: sideWith(x, 'fit', range(0, 4)), select: sideWith(x, 'select', range(4, 8)) };
  const fit = chosen(
    (await fitRegression(sides, [{ name: 'v', values }], { linalg, penalties: [1, 10] }))[0],
  );
  expect(fit).toMatchObject({ fitMean: 1, penalty: 10, atEdge: true });
  expect(fit.table.map(({ selectRSquared }) => selectRSquared)).toEqual([0, 0]);
  const test = sideWith(x, 'test', range(8, 12));
  const reading = await readRegression(fit, { test, target: { name: 'v', values }, linalg });
  expect(reading.rSquared).toEqual({ state: 'measured', value: 0 });
  expect(reading.spearman).toMatchObject({ state: 'undefined' });
  const atMean = { name: 'v', values: values.map((value, i) => (i < 8 ? value : 1)) };
  expect((await readRegression(fit, { test, target: atMean, linalg })).rSquared).toMatchObject({
    state: 'undefined',
  });
});

it('is undefined, with a reason, for a target that does not vary and where there is nothing to choose by', async () => {
  const none = (from: number, end: number) =>
    target.values.map((value, i) => (i >= from && i < end ? Number.NaN : value));
  const fits = await fitRegression(
    sidesOf(features),
    [
      { name: 'constant', values: new Float64Array(160).fill(3) },
      { name: 'absent', values: none(0, 80) },
      { name: 'unselected', values: none(80, 120) },
    ],
    { linalg },
  );
  expect(fits.map((fit) => fit.state === 'undefined' && fit.reason)).toEqual([
    expect.stringContaining('one value only'),
    expect.stringContaining('no value'),
    expect.stringContaining('none of 40 select rows'),
  ]);
});

it('refuses infinite or missing numbers, a penalty of 0, and shapes that do not fit', async () => {
  const attempt = (values: Float64Array, penalties?: number[]) =>
    fitRegression(sidesOf(features), [{ name: 'bad', values }], { linalg, ...(penalties && { penalties }) });
  await expect(attempt(target.values.slice(0, 100) as Float64Array)).rejects.toMatchObject({
    code: 'LABELS_INVALID',
  });
  const infinite = Float64Array.from(target.values);
  infinite[5] = Number.POSITIVE_INFINITY;
  await expect(attempt(infinite)).rejects.toMatchObject({ code: 'NON_FINITE' });
  await expect(attempt(Float64Array.from(target.values), [0, 1])).rejects.toMatchObject({
    code: 'BAD_SETTING',
  });
  const { fit, select } = sidesOf(features);
  const short = { ...fit, rows: fit.rows.slice(1) };
  await expect(fitRegression({ fit: short, select }, [target], { linalg })).rejects.toMatchObject({
    code: 'MATRIX_SHAPE',
  });
  const [done] = await fitRegression({ fit, select }, [target], { linalg });
  const few = { name: 'few', values: target.values.slice(0, 121) };
  const test = sideWith(features, 'test', range(120, 160));
  await expect(readRegression(chosen(done), { test, target: few, linalg })).rejects.toMatchObject({
    code: 'LABELS_INVALID',
  });
});
