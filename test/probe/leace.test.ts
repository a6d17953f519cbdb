/** @file test of probe: LEACE against its authors' implementation, against what the theorem promises, and what must not change it. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { type Dense, dense, plainProduct, toMatrix } from '../../src/linalg/dense.ts';
import { orthonormalColumns } from '../../src/linalg/factor.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { classMeans } from '../../src/linalg/moments.ts';
import { applyEraser, type Eraser, fitLeace } from '../../src/probe/leace.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { fitRidge } from '../../src/probe/ridge.ts';
import { columnsOf, drawn, gap, repeated } from './erasure-problems.ts';
import {
  featuresOf,
  labelsOf,
  momentsOf,
  type Problem,
  recorded,
  standardisedWeights,
  trainOn,
} from './recorded.ts';

type RecordedEraser = Problem & {
  readonly erased: readonly number[];
  readonly projection: readonly number[];
};
const REFERENCE = JSON.parse(
  readFileSync(new URL('../fixtures/probe/leace.json', import.meta.url), 'utf8'),
) as Readonly<Record<'binary' | 'five-classes' | 'deficient' | 'wide', RecordedEraser>>;
const CASES = ['binary', 'five-classes', 'deficient', 'wide'] as const;

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const eraserOf = (x: Matrix, labels: ClassLabels): Promise<Eraser> =>
  fitLeace(trainOn(x), labels, { linalg });

async function erased(x: Matrix, labels: ClassLabels): Promise<Matrix> {
  return applyEraser(await eraserOf(x, labels), x);
}

/** I - write read^T, [width, width]. */
function projectionOf({ width, rank, read, write }: Eraser): number[] {
  return Array.from({ length: width * width }, (_, at) => {
    const i = Math.floor(at / width);
    const j = at % width;
    let value = i === j ? 1 : 0;
    for (let k = 0; k < rank; k++) value -= write.data[i * rank + k]! * read.data[j * rank + k]!;
    return value;
  });
}

/** Mean over rows of (a - b)^T M (a - b), M the inner product [width, width]. */
function meanSquaredChange(a: Matrix, b: Matrix, metric: Dense): number {
  const width = a.columns;
  const change = dense(
    a.rows,
    width,
    Float64Array.from(a.data, (value, at) => value - b.data[at]!),
  );
  const turned = plainProduct(change, metric);
  return turned.data.reduce((sum, value, at) => sum + value * change.data[at]!, 0) / a.rows;
}

function identity(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
}

/** [a | b]. */
function beside(a: Dense, b: Dense): Dense {
  const columns = a.columns + b.columns;
  const out = dense(a.rows, columns);
  for (let i = 0; i < a.rows; i++) {
    out.data.set(a.data.subarray(i * a.columns, (i + 1) * a.columns), i * columns);
    out.data.set(b.data.subarray(i * b.columns, (i + 1) * b.columns), i * columns + a.columns);
  }
  return out;
}

describe('LEACE', () => {
  it("is the authors' eraser, also where features depend on one another or outnumber the rows", async () => {
    for (const name of CASES) {
      const problem = REFERENCE[name];
      const x = featuresOf(problem);
      const eraser = await eraserOf(x, labelsOf(problem.labels, problem.classes));
      expect(eraser.rank).toBe(problem.classes - 1);
      const largest = Math.max(...problem.projection.map(Math.abs));
      const projection = projectionOf(eraser);
      for (const [at, value] of problem.projection.entries())
        expect(Math.abs(projection[at]! - value)).toBeLessThan(1e-6 * largest);
      const expected = matrix(problem.rows, problem.width, Float32Array.from(problem.erased));
      expect(gap(applyEraser(eraser, x), expected, x)).toBeLessThan(1e-6);
    }
  });

  it('leaves the classes one mean, and ridge and logistic probes no weight', async () => {
    for (const problem of [
      ...CASES.map((name) => REFERENCE[name]),
      recorded('binary'),
      recorded('four-classes'),
    ]) {
      const x = featuresOf(problem);
      const labels = labelsOf(problem.labels, problem.classes);
      const left = await erased(x, labels);
      const { mean, deviation } = momentsOf(x);
      const { means } = classMeans(left, labels.values, labels.classes);
      for (let c = 0; c < labels.classes; c++) {
        for (let j = 0; j < x.columns; j++) {
          const off = Math.abs(means.data[c * x.columns + j]! - mean[j]!);
          expect(off).toBeLessThanOrEqual(1e-6 * (deviation[j]! || 1));
        }
      }
      const spread = momentsOf(left).deviation;
      const [ridge] = await fitRidge(trainOn(left), [labels], { penalty: 0.1, linalg });
      const [logistic] = await fitLogistic(trainOn(left), [labels], { penalty: 0.1, linalg });
      for (const probe of [ridge!, logistic!.probe]) {
        const norm = Math.hypot(...standardisedWeights(probe.weights, spread).flat());
        expect(norm).toBeLessThan(1e-4);
        const before = (await fitRidge(trainOn(x), [labels], { penalty: 0.1, linalg }))[0]!;
        expect(Math.hypot(...standardisedWeights(before.weights, deviation).flat())).toBeGreaterThan(0.05);
      }
    }
  });

  it('erases a feature that is the label itself to its mean exactly, so that no rounding is left to read', async () => {
    const random = seededRandom('label as a feature');
    const values = Array.from({ length: 40 }, (_, i) => i % 2);
    const x = matrix(
      40,
      3,
      Float32Array.from(values.flatMap((v) => [v - 0.5, v + random.normal(), random.normal()])),
    );
    const labels = labelsOf(values, 2);
    const left = await erased(x, labels);
    for (let i = 0; i < 40; i++) expect(left.data[3 * i]).toBe(0);
  });

  it('moves the rows less than the plain projection and other affine maps that erase, in whatever inner product', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const { x, labels } = drawn(seed);
        const { width, rank, ...eraser } = { ...(await eraserOf(x, labels)) };
        const random = seededRandom(`others/${seed}`);
        const basis = orthonormalColumns(eraser.write);
        const projection: Eraser = { ...eraser, width, rank, read: basis, write: basis };
        // Adding any B (I - Q Q^T), Q the span of the class means, leaves their differences erased.
        const outside = plainProduct(basis, basis, { transposeB: true }).data.map(
          (value, at) => (at % (width + 1) === 0 ? 1 : 0) - value,
        );
        const tilt = Float64Array.from(outside, () => 0.1 * random.normal());
        const other: Eraser = {
          width,
          rank: rank + width,
          mean: eraser.mean,
          read: beside(eraser.read, dense(width, width, outside)),
          write: beside(eraser.write, dense(width, width, tilt)),
        };
        const root = dense(
          width,
          width,
          Float64Array.from(outside, () => random.normal()),
        );
        const anyMetric = plainProduct(root, root, { transposeA: true });
        const own = applyEraser({ width, rank, ...eraser }, x);
        for (const metric of [dense(width, width, identity(width)), anyMetric]) {
          const least = meanSquaredChange(own, x, metric);
          for (const rival of [projection, other]) {
            const left = applyEraser(rival, x);
            const { means } = classMeans(left, labels.values, labels.classes);
            expect(gap(toMatrix(means), repeated(eraser.mean, labels.classes), x)).toBeLessThan(1e-3);
            expect(meanSquaredChange(left, x, metric)).toBeGreaterThan(least);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('changes nothing the second time', async () => {
    for (const name of CASES) {
      const problem = REFERENCE[name];
      const x = featuresOf(problem);
      const labels = labelsOf(problem.labels, problem.classes);
      const eraser = await eraserOf(x, labels);
      const once = applyEraser(eraser, x);
      expect(gap(applyEraser(eraser, once), once, x)).toBeLessThan(1e-5);
      expect(gap(await erased(once, labels), once, x)).toBeLessThan(1e-5);
    }
  });

  it('turns, stretches and shifts with the features', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const { x, labels } = drawn(seed);
        const random = seededRandom(`affine/${seed}`);
        const { columns: width } = x;
        const square = Float64Array.from({ length: width * width }, () => random.normal());
        const turn = orthonormalColumns(dense(width, width, square));
        const stretch = turn.data.map((value, at) => value * Math.exp((at % width) - 2));
        // In units of each feature's stretch: a mean far above the spread would test 32-bit rounding.
        const shift = Float64Array.from({ length: width }, (_, j) => random.normal() * Math.exp(j - 2));
        const mapped = (source: Matrix): Matrix => {
          const out = toMatrix(plainProduct(source, dense(width, width, stretch)));
          out.data.forEach((value, at) => {
            out.data[at] = value + shift[at % width]!;
          });
          return out;
        };
        const after = mapped(await erased(x, labels));
        expect(gap(await erased(mapped(x), labels), after, mapped(x))).toBeLessThan(1e-3);
      }),
      { numRuns: 40 },
    );
  });

  it('is not changed by constant or duplicated features, by the order of rows, or by the names of classes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.array(fc.oneof(fc.constant(null), fc.nat({ max: 4 })), { minLength: 1, maxLength: 4 }),
        async (seed, added) => {
          const { x, labels } = drawn(seed);
          const plain = await erased(x, labels);
          const from = [0, 1, 2, 3, 4, ...added];
          expect(
            gap(await erased(columnsOf(x, from), labels), columnsOf(plain, from), columnsOf(x, from)),
          ).toBeLessThan(1e-4);
          const order = seededRandom(`order/${seed}`).permutation(x.rows);
          const moved = labelsOf(
            Array.from(order, (row) => labels.values[row]!),
            labels.classes,
          );
          expect(gap(await erased(takeRows(x, order), moved), takeRows(plain, order), x)).toBeLessThan(1e-4);
          const renamed = labelsOf(
            labels.values.map((value) => (value + 1) % 3),
            4,
          );
          expect(gap(await erased(x, renamed), plain, x)).toBeLessThan(1e-4);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('learns nothing from rows without a label, and erases from them all the same', async () => {
    const { x, labels } = drawn(11);
    const some = Int32Array.from({ length: 40 }, (_, i) => i);
    const partial = { ...labels, values: labels.values.map((value, i) => (i < 40 ? value : -1)) };
    const few = await fitLeace({ role: 'fit', rows: some, x: takeRows(x, some) }, labels, { linalg });
    const all = await eraserOf(x, partial);
    expect(projectionOf(all)).toEqual(projectionOf(few));
    expect(applyEraser(all, x)).toEqual(applyEraser(few, x));
  });

  it('leaves activations alone in which nothing varies or the classes agree', async () => {
    const labels = labelsOf([0, 1, 0, 1], 2);
    const constant = matrix(4, 2, Float32Array.of(1, 2, 1, 2, 1, 2, 1, 2));
    const alike = matrix(4, 2, Float32Array.of(1, 0, 1, 0, -1, 3, -1, 3));
    for (const x of [constant, alike]) {
      const eraser = await eraserOf(x, labels);
      expect(eraser.rank).toBe(0);
      expect(applyEraser(eraser, x)).toEqual(x);
    }
  });

  it('refuses labels of one class, numbers that are none, a wrong width and a tolerance out of range', async () => {
    const { x, labels } = drawn(3);
    const one = labelsOf(new Array(x.rows).fill(1), 3);
    await expect(eraserOf(x, one)).rejects.toMatchObject({ code: 'LABELS_ONE_CLASS' });
    const broken = matrix(x.rows, x.columns, Float32Array.from(x.data));
    broken.data[7] = Number.NaN;
    await expect(eraserOf(broken, labels)).rejects.toMatchObject({ code: 'NON_FINITE' });
    const eraser = await eraserOf(x, labels);
    expect(() => applyEraser(eraser, columnsOf(x, [0, 1]))).toThrow(/width 5 cannot change rows of 2/);
    await expect(fitLeace(trainOn(x), labels, { linalg, tolerance: 1 })).rejects.toMatchObject({
      code: 'BAD_SETTING',
    });
  });
});
