/** @file test of probe: ridge and mass-mean against scikit-learn's recorded fits, and what must not change them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { orthonormalColumns } from '../../src/linalg/factor.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import {
  classDirection,
  type LinearProbe,
  predict,
  scoreProbe,
  scoreProbes,
} from '../../src/probe/linear-probe.ts';
import { fitMassMean } from '../../src/probe/mass-mean.ts';
import { fitRidge, ridgeFitter } from '../../src/probe/ridge.ts';
import {
  featuresOf,
  labelsOf,
  momentsOf,
  recorded,
  standardisedWeights,
  tableGap,
  trainOn,
  withColumns,
} from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const NAMES = ['binary', 'four-classes'] as const;

async function predictions(probe: LinearProbe, x: Matrix): Promise<number[]> {
  return [...predict(await scoreProbe(probe, x, linalg))];
}

describe('ridge', () => {
  it("finds scikit-learn's weights and predictions, standardised and raw, at every penalty", async () => {
    for (const name of NAMES) {
      const problem = recorded(name);
      const x = featuresOf(problem);
      const labels = labelsOf(problem.labels, problem.classes);
      const { deviation, mean } = momentsOf(x);
      for (const standardise of [true, false]) {
        for (const expected of standardise ? problem.ridge : problem.ridge_raw) {
          const [probe] = await fitRidge(trainOn(x), [labels], {
            penalty: expected.penalty,
            standardise,
            linalg,
          });
          const weights = standardisedWeights(
            probe!.weights,
            standardise ? deviation : deviation.map(() => 1),
          );
          expect(tableGap(weights, expected.coefficients)).toBeLessThan(1e-6);
          const intercept = Array.from(probe!.bias, (bias, c) =>
            standardise
              ? bias + mean.reduce((sum, m, j) => sum + m * probe!.weights.data[c * x.columns + j]!, 0)
              : bias,
          );
          expect(tableGap([intercept], [expected.intercept])).toBeLessThan(1e-6);
          expect(await predictions(probe!, x)).toEqual(expected.predictions);
        }
      }
    }
  });

  it('predicts the same after the features are rotated, when it does not standardise', async () => {
    const problem = recorded('four-classes');
    const x = featuresOf(problem);
    const labels = labelsOf(problem.labels, 4);
    const options = { penalty: 3, standardise: false, linalg };
    const [plain] = await fitRidge(trainOn(x), [labels], options);
    const turned = await rotated(x);
    const [afterTurn] = await fitRidge(trainOn(turned), [labels], options);
    const [before, after] = [
      await scoreProbe(plain!, x, linalg),
      await scoreProbe(afterTurn!, turned, linalg),
    ];
    expect(matrixGap(before, after)).toBeLessThan(1e-4);
  });

  it('gives many tasks at once exactly what it gives them one by one, also with rows left out', async () => {
    const problem = recorded('four-classes');
    const train = trainOn(featuresOf(problem));
    const tasks = someTasks(problem.labels, 4);
    const together = await fitRidge(train, tasks, { penalty: 2, linalg });
    for (const [t, task] of tasks.entries()) {
      const [alone] = await fitRidge(train, [task], { penalty: 2, linalg });
      expect(together[t]).toEqual(alone);
    }
  });

  it('leaves out the rows whose label is -1, as if they were not there', async () => {
    const problem = recorded('binary');
    const x = featuresOf(problem);
    const kept = Int32Array.from({ length: x.rows }, (_, i) => i).filter((i) => i % 3 !== 0);
    const holed = labelsOf(
      problem.labels.map((label, i) => (i % 3 === 0 ? -1 : label)),
      2,
    );
    const whole = labelsOf(problem.labels, 2);
    const subset = { role: 'fit' as const, rows: kept, x: takeRows(x, kept) };
    expect(await fitRidge(trainOn(x), [holed], { penalty: 1, linalg })).toEqual(
      await fitRidge(subset, [whole], { penalty: 1, linalg }),
    );
  });

  it('keeps its factors between calls without changing the answer', async () => {
    const problem = recorded('binary');
    const train = trainOn(featuresOf(problem));
    const labels = labelsOf(problem.labels, 2);
    const fitter = ridgeFitter(train, { linalg });
    for (const penalty of [1, 10, 1]) {
      expect(await fitter.fit([labels], { penalty })).toEqual(
        await fitRidge(train, [labels], { penalty, linalg }),
      );
    }
  });

  it('gives a constant feature no weight and is not changed by it, with and without a penalty', async () => {
    const problem = recorded('binary');
    const x = featuresOf(problem);
    const labels = labelsOf(problem.labels, 2);
    const wider = withColumns(x, [new Float32Array(x.rows).fill(1234.5)]);
    for (const standardise of [true, false]) {
      for (const penalty of [0, 1]) {
        const options = { penalty, standardise, linalg };
        const [plain] = await fitRidge(trainOn(x), [labels], options);
        const [padded] = await fitRidge(trainOn(wider), [labels], options);
        expect(padded!.weights.data[x.columns]).toBe(0);
        const [a, b] = [await scoreProbe(plain!, x, linalg), await scoreProbe(padded!, wider, linalg)];
        expect(matrixGap(a, b)).toBeLessThan(1e-5);
      }
    }
  });

  it('says so when dependent features are left without a penalty', async () => {
    const problem = recorded('binary');
    const x = featuresOf(problem);
    const doubled = matrix(x.rows, 2 * x.columns);
    for (let i = 0; i < x.rows; i++) {
      const row = x.data.subarray(i * x.columns, (i + 1) * x.columns);
      doubled.data.set(row, 2 * i * x.columns);
      doubled.data.set(row, (2 * i + 1) * x.columns);
    }
    const labels = labelsOf(problem.labels, 2);
    const fitWith = (penalty: number) => fitRidge(trainOn(doubled), [labels], { penalty, linalg });
    await expect(fitWith(0)).rejects.toMatchObject({ code: 'NOT_POSITIVE_DEFINITE' });
    expect(await fitWith(1)).toHaveLength(1);
    await expect(fitWith(-1)).rejects.toMatchObject({ code: 'BAD_SETTING' });
  });
});

describe('mass-mean', () => {
  it("predicts as scikit-learn's nearest centroid does", async () => {
    for (const name of NAMES) {
      const problem = recorded(name);
      const x = featuresOf(problem);
      const [probe] = await fitMassMean(trainOn(x), [labelsOf(problem.labels, problem.classes)], { linalg });
      expect(await predictions(probe!, x)).toEqual(problem.nearest_centroid);
    }
  });

  it("predicts, whitened, as scikit-learn's linear discriminant does without its priors", async () => {
    for (const name of NAMES) {
      const problem = recorded(name);
      const x = featuresOf(problem);
      for (const { shrinkage, predictions: expected } of problem.discriminant) {
        const labels = labelsOf(problem.labels, problem.classes);
        const [probe] = await fitMassMean(trainOn(x), [labels], { linalg, whiten: { shrinkage } });
        expect(await predictions(probe!, x)).toEqual(expected);
      }
    }
  });

  it('points along the difference of two class means', async () => {
    const x = matrix(4, 2, Float32Array.from([0, 0, 2, 0, 10, 4, 12, 4]));
    const [probe] = await fitMassMean(trainOn(x), [labelsOf([0, 0, 1, 1], 2)], { linalg });
    expect([...classDirection(probe!, { from: 0, to: 1 })]).toEqual([10, 4]);
    // The midpoint of the means (1, 0) and (11, 4) scores the same for both.
    const middle = await scoreProbe(probe!, matrix(1, 2, Float32Array.from([6, 2])), linalg);
    expect(middle.data[0]).toBeCloseTo(middle.data[1]!, 5);
  });

  it('predicts the same after the features are rotated, and after the examples are reordered', async () => {
    const problem = recorded('four-classes');
    const x = featuresOf(problem);
    const [plain] = await fitMassMean(trainOn(x), [labelsOf(problem.labels, 4)], { linalg });
    const before = await scoreProbe(plain!, x, linalg);
    const turned = await rotated(x);
    const [afterTurn] = await fitMassMean(trainOn(turned), [labelsOf(problem.labels, 4)], { linalg });
    const scale = Math.max(...before.data.map(Math.abs));
    expect(matrixGap(before, await scoreProbe(afterTurn!, turned, linalg))).toBeLessThan(1e-5 * scale);
    const order = seededRandom('order').permutation(x.rows);
    const shuffled = { role: 'fit' as const, rows: order, x: takeRows(x, order) };
    const [reordered] = await fitMassMean(shuffled, [labelsOf(problem.labels, 4)], { linalg });
    expect(matrixGap(before, await scoreProbe(reordered!, x, linalg))).toBeLessThan(1e-5 * scale);
  });

  it('gives many tasks at once exactly what it gives them one by one', async () => {
    const problem = recorded('four-classes');
    const train = trainOn(featuresOf(problem));
    const tasks = someTasks(problem.labels, 4);
    for (const whiten of [{}, { whiten: { shrinkage: 0.1 } }]) {
      const together = await fitMassMean(train, tasks, { linalg, ...whiten });
      for (const [t, task] of tasks.entries()) {
        expect(together[t]).toEqual((await fitMassMean(train, [task], { linalg, ...whiten }))[0]);
      }
    }
  });

  it('refuses a shrinkage outside 0 to 1, and whitening that nothing regularises', async () => {
    const x = matrix(
      4,
      8,
      Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)),
    );
    const fitWith = (shrinkage: number) =>
      fitMassMean(trainOn(x), [labelsOf([0, 0, 1, 1], 2)], { linalg, whiten: { shrinkage } });
    await expect(fitWith(1.5)).rejects.toMatchObject({ code: 'BAD_SETTING' });
    await expect(fitWith(0)).rejects.toMatchObject({ code: 'NOT_POSITIVE_DEFINITE' });
    expect(await fitWith(0.5)).toHaveLength(1);
  });
});

describe('labels', () => {
  const x = matrix(3, 2, Float32Array.from([1, 2, 3, 4, 5, 7]));

  it('are refused when a variable has one class among the fit rows, and the task is named', async () => {
    const tasks = [labelsOf([0, 1, 0], 2), labelsOf([1, -1, 1], 2)];
    await expect(fitRidge(trainOn(x), tasks, { penalty: 1, linalg })).rejects.toMatchObject({
      code: 'LABELS_ONE_CLASS',
      facts: { task: 1 },
      message: expect.stringContaining('task 1'),
    });
    await expect(fitMassMean(trainOn(x), [labelsOf([-1, -1, -1], 2)], { linalg })).rejects.toMatchObject({
      code: 'LABELS_ONE_CLASS',
    });
  });

  it('are refused when out of range, or when an example has none', async () => {
    for (const values of [
      [0, 1, 2],
      [0, 1, -2],
      [0, 1],
    ]) {
      await expect(fitRidge(trainOn(x), [labelsOf(values, 2)], { penalty: 1, linalg })).rejects.toMatchObject(
        {
          code: 'LABELS_INVALID',
        },
      );
    }
  });

  it('belong to examples, not to rows of the training matrix', async () => {
    const labels = labelsOf(
      [9, 9, 1, 0, 1].map((v) => (v === 9 ? -1 : v)),
      2,
    );
    const split = { role: 'fit' as const, rows: Int32Array.from([2, 3, 4]), x };
    expect(await fitMassMean(split, [labels], { linalg })).toEqual(
      await fitMassMean(trainOn(x), [labelsOf([1, 0, 1], 2)], { linalg }),
    );
  });

  it('of a class that never occurs are never predicted', async () => {
    const problem = recorded('binary');
    const features = featuresOf(problem);
    const labels = labelsOf(
      problem.labels.map((label) => label * 2),
      4,
    );
    for (const [probe] of [
      await fitRidge(trainOn(features), [labels], { penalty: 1, linalg }),
      await fitMassMean(trainOn(features), [labels], { linalg }),
    ]) {
      expect(new Set(await predictions(probe!, features))).toEqual(new Set([0, 2]));
      expect(probe!.bias[1]).toBe(Number.NEGATIVE_INFINITY);
    }
  });
});

describe('scores', () => {
  it('of many probes in one product are those of each alone', async () => {
    const problem = recorded('four-classes');
    const x = featuresOf(problem);
    const probes = await fitRidge(trainOn(x), someTasks(problem.labels, 4), { penalty: 1, linalg });
    const together = await scoreProbes(probes, x, linalg);
    for (const [i, probe] of probes.entries()) {
      expect(matrixGap(together[i]!, await scoreProbe(probe, x, linalg))).toBeLessThan(1e-5);
    }
  });

  it('that tie give the lowest class, and NaN is refused', () => {
    expect([...predict(matrix(2, 3, Float32Array.from([1, 2, 2, 0, 0, 0])))]).toEqual([1, 0]);
    expect(() => predict(matrix(1, 2, Float32Array.from([0, Number.NaN])))).toThrow(
      expect.objectContaining({ code: 'NON_FINITE' }),
    );
  });

  it('refuse rows of another width', async () => {
    const problem = recorded('binary');
    const [probe] = await fitMassMean(trainOn(featuresOf(problem)), [labelsOf(problem.labels, 2)], {
      linalg,
    });
    await expect(scoreProbe(probe!, matrix(2, 3), linalg)).rejects.toMatchObject({ code: 'MATRIX_SHAPE' });
  });
});

function someTasks(labels: readonly number[], classes: number): ClassLabels[] {
  const shuffled = seededRandom('labels').shuffled(labels);
  return [
    labelsOf(labels, classes),
    labelsOf(
      labels.map((label) => (label < 2 ? 0 : 1)),
      2,
    ),
    labelsOf(
      labels.map((label, i) => (i % 5 === 0 ? -1 : label)),
      classes,
    ),
    labelsOf(shuffled, classes),
    labelsOf(
      shuffled.map((label, i) => (i % 5 === 0 ? -1 : label)),
      classes,
    ),
  ];
}

async function rotated(x: Matrix): Promise<Matrix> {
  const random = seededRandom('rotation');
  const square = {
    rows: x.columns,
    columns: x.columns,
    data: Float64Array.from({ length: x.columns ** 2 }, () => random.normal()),
  };
  const turn = orthonormalColumns(square);
  return linalg.multiply(x, matrix(x.columns, x.columns, Float32Array.from(turn.data)));
}

function matrixGap(a: Matrix, b: Matrix): number {
  return tableGap([[...a.data]], [[...b.data]]);
}
