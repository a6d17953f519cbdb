/** @file test of probe: linear discriminants against scikit-learn's recorded fits, and what must not change them. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { fitLda } from '../../src/probe/lda.ts';
import { type LinearProbe, predict, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitMassMean } from '../../src/probe/mass-mean.ts';
import {
  columnOf,
  featuresOf,
  labelsOf,
  recorded,
  recordedDiscriminants,
  relativeGap,
  rotatedBy,
  scaledBy,
  trainOn,
  withColumns,
} from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

type Shrinkage = 'ledoit-wolf' | number;
const SHRINKAGES: readonly Shrinkage[] = ['ledoit-wolf', 0.3, 0];

async function fitOne(x: Matrix, labels: ClassLabels, shrinkage: Shrinkage): Promise<LinearProbe> {
  const [fit] = await fitLda(trainOn(x), [labels], { linalg, shrinkage });
  return fit!.probe;
}

/** Scores of each row less that of its first class: what probabilities and predictions see. */
async function decisions(probe: LinearProbe, x: Matrix): Promise<Float64Array> {
  const { data } = await scoreProbe(probe, x, linalg);
  const { classes } = probe;
  return Float64Array.from(data, (value, at) => value - data[at - (at % classes)]!);
}

async function decisionsOf(x: Matrix, labels: ClassLabels, shrinkage: Shrinkage): Promise<Float64Array> {
  return decisions(await fitOne(x, labels, shrinkage), x);
}

describe('linear discriminants', () => {
  it("have scikit-learn's coefficients, intercepts and decision values, shrunk by Ledoit and Wolf, by a share, and not", async () => {
    for (const problem of recordedDiscriminants()) {
      const x = featuresOf(problem);
      const labels = labelsOf(problem.labels, problem.classes);
      for (const expected of problem.fits) {
        const shrinkage = expected.shrinkage === 'auto' ? 'ledoit-wolf' : expected.shrinkage;
        const probe = await fitOne(x, labels, shrinkage);
        const { classes, width, weights, bias } = probe;
        // scikit-learn's own differences between classes; of two classes it gives the difference.
        const rowGap = (c: number): number[] =>
          Array.from({ length: width }, (_, j) => weights.data[c * width + j]! - weights.data[j]!);
        const theirs =
          classes === 2
            ? expected.coefficients
            : expected.coefficients
                .slice(1)
                .map((row) => row.map((w, j) => w - expected.coefficients[0]![j]!));
        const theirIntercepts =
          classes === 2
            ? expected.intercept
            : expected.intercept.slice(1).map((b) => b - expected.intercept[0]!);
        for (let c = 1; c < classes; c++) {
          expect(relativeGap(rowGap(c), theirs[c - 1]!)).toBeLessThan(1e-6);
          expect(relativeGap([bias[c]! - bias[0]!], [theirIntercepts[c - 1]!])).toBeLessThan(1e-6);
        }
        const decision = expected.decision.flatMap((row) =>
          typeof row === 'number' ? [0, row] : row.map((value) => value - row[0]!),
        );
        expect(relativeGap(await decisions(probe, x), decision)).toBeLessThan(1e-6);
        expect([...predict(await scoreProbe(probe, x, linalg))]).toEqual(expected.predictions);
      }
    }
  });

  it('say how far each class was shrunk', async () => {
    const problem = recordedDiscriminants()[2]!;
    const labels = labelsOf(problem.labels, 3);
    const [shrunk] = await fitLda(trainOn(featuresOf(problem)), [labels], { linalg });
    expect(shrunk!.intensities).toHaveLength(3);
    for (const intensity of shrunk!.intensities) {
      expect(intensity).toBeGreaterThan(0.1);
      expect(intensity).toBeLessThanOrEqual(1);
    }
    const [fixed] = await fitLda(trainOn(featuresOf(problem)), [labels], { linalg, shrinkage: 0.3 });
    expect(fixed!.intensities).toEqual([0.3, 0.3, 0.3]);
  });

  it('are whitened mass-mean probes with class shares added, when shrunk by a share', async () => {
    const problem = recorded('four-classes');
    const x = featuresOf(problem);
    const labels = labelsOf(problem.labels, 4);
    const [whitened] = await fitMassMean(trainOn(x), [labels], { linalg, whiten: { shrinkage: 0.2 } });
    const probe = await fitOne(x, labels, 0.2);
    const share = (c: number): number => problem.labels.filter((label) => label === c).length / x.rows;
    const plain = await decisions(whitened!, x);
    const moved = plain.map((value, at) => value + Math.log(share(at % 4) / share(0)));
    expect(relativeGap(await decisions(probe, x), moved)).toBeLessThan(1e-4);
  });

  it('do not depend on the order of the examples', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.constantFrom(...SHRINKAGES),
        async (seed, shrinkage) => {
          const { x, labels } = small(seed);
          const order = seededRandom(seed).permutation(x.rows);
          const before = await fitOne(x, labels, shrinkage);
          const shuffled = { role: 'fit' as const, rows: order, x: takeRows(x, order) };
          const [after] = await fitLda(shuffled, [labels], { linalg, shrinkage });
          expect(relativeGap(await decisions(after!.probe, x), await decisions(before, x))).toBeLessThan(
            1e-4,
          );
        },
      ),
      { numRuns: 20 },
    );
  });

  it('do not change when the features are turned, unless the shrinkage looks at single features', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const { x, labels } = small(seed);
        const turned = rotatedBy(x, seed);
        for (const shrinkage of [0, 0.3]) {
          const before = await decisionsOf(x, labels, shrinkage);
          expect(relativeGap(await decisionsOf(turned, labels, shrinkage), before)).toBeLessThan(1e-4);
        }
      }),
      { numRuns: 15 },
    );
    const { x, labels } = small(1);
    const stretched = scaledBy(x, [1, 30, 1, 1, 5]);
    const before = await decisionsOf(stretched, labels, 'ledoit-wolf');
    expect(
      relativeGap(await decisionsOf(rotatedBy(stretched, 1), labels, 'ledoit-wolf'), before),
    ).toBeGreaterThan(1e-3);
  });

  it('do not depend on the unit of any feature, or of all, as documented for each shrinkage', async () => {
    // Powers of two, which scale 32-bit numbers without rounding.
    const unit = fc.integer({ min: -10, max: 10 }).map((power) => 2 ** power);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.array(unit, { minLength: 5, maxLength: 5 }),
        async (seed, units) => {
          const { x, labels } = small(seed);
          for (const shrinkage of SHRINKAGES) {
            const factors = shrinkage === 0.3 ? units.map(() => units[0]!) : units;
            const before = await decisionsOf(x, labels, shrinkage);
            expect(
              relativeGap(await decisionsOf(scaledBy(x, factors), labels, shrinkage), before),
            ).toBeLessThan(1e-6);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it('give a constant feature no weight and are not changed by it', async () => {
    const { x, labels } = small(3);
    const padded = withColumns(x, [new Float32Array(x.rows).fill(-41.7)]);
    for (const shrinkage of SHRINKAGES) {
      const probe = await fitOne(padded, labels, shrinkage);
      for (let c = 0; c < probe.classes; c++) expect(probe.weights.data[c * 6 + 5]).toBe(0);
      const before = await decisionsOf(x, labels, shrinkage);
      expect(relativeGap(await decisions(probe, padded), before)).toBeLessThan(1e-6);
    }
  });

  it('are not changed by a feature that repeats another, or adds two up, without shrinkage', async () => {
    const { x, labels } = small(4);
    const sum = columnOf(x, 0).map((value, i) => value + x.data[i * x.columns + 3]!);
    const before = await decisionsOf(x, labels, 0);
    for (const extra of [[columnOf(x, 2)], [sum], [columnOf(x, 1), columnOf(x, 1)]]) {
      expect(relativeGap(await decisionsOf(withColumns(x, extra), labels, 0), before)).toBeLessThan(1e-4);
    }
  });

  it('take a feature that is constant within a class at its overall spread, whatever its unit', async () => {
    const { x, labels } = small(5);
    const flag = Float32Array.from(labels.values, (label) => (label === 0 ? 1 : 0));
    const before = await decisionsOf(withColumns(x, [flag]), labels, 'ledoit-wolf');
    const other = await decisionsOf(
      withColumns(x, [flag.map((value) => 1000 * value)]),
      labels,
      'ledoit-wolf',
    );
    expect(relativeGap(other, before)).toBeLessThan(1e-4);
    // Without shrinkage nothing says how much such a feature is worth.
    await expect(decisionsOf(withColumns(x, [flag]), labels, 0)).rejects.toMatchObject({
      code: 'NOT_POSITIVE_DEFINITE',
    });
  });

  it('of many variables at once are those of each alone, also with rows left out and classes absent', async () => {
    const problem = recorded('four-classes');
    const train = trainOn(featuresOf(problem));
    const holed = problem.labels.map((label, i) => (i % 5 === 0 ? -1 : label));
    const tasks = [
      labelsOf(problem.labels, 4),
      labelsOf(
        problem.labels.map((label) => (label < 2 ? 1 : 3)),
        5,
      ),
      labelsOf(holed, 4),
    ];
    for (const shrinkage of SHRINKAGES) {
      const together = await fitLda(train, tasks, { linalg, shrinkage });
      for (const [t, task] of tasks.entries()) {
        expect(together[t]).toEqual((await fitLda(train, [task], { linalg, shrinkage }))[0]);
      }
      expect(new Set(predict(await scoreProbe(together[1]!.probe, train.x, linalg)))).toEqual(
        new Set([1, 3]),
      );
    }
  });

  it('shrink what a class of one row has, and refuse a shrinkage outside 0 to 1', async () => {
    const { x, labels } = small(6);
    const values = Int32Array.from(labels.values, (label, i) => (i === 0 ? 2 : Math.min(label, 1)));
    const lone = await decisionsOf(x, { ...labels, values }, 'ledoit-wolf');
    expect(lone.every(Number.isFinite)).toBe(true);
    for (const shrinkage of [-0.1, 1.1, Number.NaN]) {
      await expect(fitOne(x, labels, shrinkage)).rejects.toMatchObject({ code: 'BAD_SETTING' });
    }
  });
});

/** Three classes of unequal size in five correlated features. */
function small(seed: number): { readonly x: Matrix; readonly labels: ClassLabels } {
  const random = seededRandom(`lda/${seed}`);
  const rows = 60;
  const labels = Int32Array.from({ length: rows }, (_, i) => (i < 30 ? 0 : i < 50 ? 1 : 2));
  const means = Array.from({ length: 15 }, () => random.normal());
  const data = new Float32Array(rows * 5);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < 5; j++) {
      data[i * 5 + j] = random.normal() * (0.5 + j / 4) + means[labels[i]! * 5 + j]! + 2;
    }
  }
  // Turned, so that the features correlate; their spreads stay within a factor of three, whatever the seed.
  return { x: rotatedBy(matrix(rows, 5, data), seed), labels: labelsOf(labels, 3) };
}
