/** @file test of probe: LEACE against its authors' implementation, against what the theorem promises, and what must not change it. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { dense, plainProduct, toMatrix } from '../../src/linalg/dense.ts';
import { orthonormalColumns, symmetricEigen } from '../../src/linalg/factor.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { centeredCovariance, classMeans } from '../../src/linalg/moments.ts';
import { applyEraser, type Eraser, fitLeace, randomEraser, whitenRows } from '../../src/probe/leace.ts';
import { predict, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { fitRidge } from '../../src/probe/ridge.ts';
import {
  featuresOf,
  labelsOf,
  momentsOf,
  type Problem,
  recorded,
  standardisedWeights,
  trainOn,
} from './recorded.ts';

type RecordedEraser = Problem & { readonly erased: readonly number[]; readonly projection: readonly number[] };
const REFERENCE = JSON.parse(
  readFileSync(new URL('../fixtures/probe/leace.json', import.meta.url), 'utf8'),
) as Readonly<Record<'binary' | 'five-classes' | 'deficient' | 'wide', RecordedEraser>>;
const CASES = ['binary', 'five-classes', 'deficient', 'wide'] as const;

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const fit = (x: Matrix, labels: ClassLabels): Promise<Eraser> => fitLeace(trainOn(x), labels, { linalg });

async function erased(x: Matrix, labels: ClassLabels): Promise<Matrix> {
  return applyEraser(await fit(x, labels), x);
}

/** Largest difference of two matrices, in units of each column's spread in `scale`. */
function gap(a: Matrix, b: Matrix, scale: Matrix = b): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  const { deviation } = momentsOf(scale);
  let worst = 0;
  for (let i = 0; i < a.data.length; i++) {
    const unit = deviation[i % a.columns]! || 1;
    worst = Math.max(worst, Math.abs(a.data[i]! - b.data[i]!) / unit);
  }
  return worst;
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

/** Mean over rows of |a - b|^2 with the inner product `metric` [width, width]; the plain one when it is left out. */
function meanSquaredChange(a: Matrix, b: Matrix, metric?: readonly number[]): number {
  let sum = 0;
  const width = a.columns;
  for (let i = 0; i < a.rows; i++) {
    const change = Array.from({ length: width }, (_, j) => a.data[i * width + j]! - b.data[i * width + j]!);
    for (let j = 0; j < width; j++) {
      for (let l = 0; l < width; l++) {
        sum += change[j]! * change[l]! * (metric?.[j * width + l] ?? (metric === undefined && j === l ? 1 : 0));
      }
    }
  }
  return sum / a.rows;
}

/** Correlated features of unequal scale and mean; labels that move them; small enough for many property runs. */
function drawn(seed: number, { rows = 60, width = 5, classes = 3 } = {}): {
  readonly x: Matrix;
  readonly labels: ClassLabels;
} {
  const random = seededRandom(`leace/${seed}`);
  const mix = Array.from({ length: width * width }, () => random.normal());
  const scale = Array.from({ length: width }, () => Math.exp(2 * random.normal()));
  const shift = Array.from({ length: width }, () => 5 * random.normal());
  const means = Array.from({ length: classes * width }, () => random.normal());
  const values = Array.from({ length: rows }, (_, i) => (i < classes ? i : random.integer(classes)));
  const x = matrix(rows, width);
  for (const [i, label] of values.entries()) {
    const noise = Array.from({ length: width }, (_, j) => random.normal() + means[label * width + j]!);
    for (let j = 0; j < width; j++) {
      let value = shift[j]!;
      for (let l = 0; l < width; l++) value += noise[l]! * mix[l * width + j]!;
      x.data[i * width + j] = scale[j]! * value;
    }
  }
  return { x, labels: labelsOf(values, classes) };
}

/** Features rearranged: new column c is `from[c]` of the old ones, or the constant `value` where it is null. */
function columnsOf(x: Matrix, from: readonly (number | null)[], value = 2.5): Matrix {
  const out = matrix(x.rows, from.length);
  for (let i = 0; i < x.rows; i++) {
    for (const [c, j] of from.entries())
      out.data[i * from.length + c] = j === null ? value : x.data[i * x.columns + j]!;
  }
  return out;
}

describe('LEACE', () => {
  it("is the authors' eraser, also where features depend on one another or outnumber the rows", async () => {
    for (const name of CASES) {
      const problem = REFERENCE[name];
      const x = featuresOf(problem);
      const eraser = await fit(x, labelsOf(problem.labels, problem.classes));
      expect(eraser.rank).toBe(problem.classes - 1);
      const largest = Math.max(...problem.projection.map(Math.abs));
      const projection = projectionOf(eraser);
      for (const [at, value] of problem.projection.entries())
        expect(Math.abs(projection[at]! - value)).toBeLessThan(1e-6 * largest);
      const expected = matrix(problem.rows, problem.width, Float32Array.from(problem.erased));
      expect(gap(applyEraser(eraser, x), expected, x)).toBeLessThan(2e-6);
    }
  });

  it('leaves the classes one mean, and ridge and logistic probes no weight', async () => {
    for (const problem of [...CASES.map((name) => REFERENCE[name]), recorded('binary'), recorded('four-classes')]) {
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
      for (const probe of [ridge!, logistic!]) {
        const norm = Math.hypot(...standardisedWeights(probe.weights, spread).flat());
        expect(norm).toBeLessThan(1e-4);
        const before = (await fitRidge(trainOn(x), [labels], { penalty: 0.1, linalg }))[0]!;
        expect(Math.hypot(...standardisedWeights(before.weights, deviation).flat())).toBeGreaterThan(0.05);
        const said = predict(await scoreProbe(probe, left, linalg));
        expect(new Set(said).size).toBe(1);
      }
    }
  });

  it('erases a feature that is the label itself to its mean exactly, so that no rounding is left to read', async () => {
    const random = seededRandom('label as a feature');
    const values = Array.from({ length: 40 }, (_, i) => i % 2);
    const x = matrix(40, 3, Float32Array.from(values.flatMap((v) => [v - 0.5, v + random.normal(), random.normal()])));
    const labels = labelsOf(values, 2);
    const left = await erased(x, labels);
    for (let i = 0; i < 40; i++) expect(left.data[3 * i]).toBe(0);
  });

  it('moves the rows less than any other affine map that erases, in whatever inner product', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const { x, labels } = drawn(seed);
        const eraser = await fit(x, labels);
        const own = applyEraser(eraser, x);
        const random = seededRandom(`others/${seed}`);
        // Every map x - write' read'^T (x - mean) with read'^T write = 1 on the span of the class means erases as well; an orthogonal
        // projection away from them is the case read' = write (write^T write)^-1.
        const basis = orthonormalColumns(eraser.write);
        const plain: Eraser = { ...eraser, read: basis, write: basis };
        const covariance = await centeredCovariance(x, { linalg });
        const tilted = eraser.read.data.map((value) => value * (1 + 0.1 * random.normal()));
        const tilt = dense(x.columns, eraser.rank, tilted);
        // write (tilt^T write)^-1 tilt^T erases too: another oblique projection along the class means.
        const mixing = plainProduct(tilt, eraser.write, { transposeA: true });
        const inverse = inverseOf2(mixing.data);
        const other: Eraser = { ...eraser, read: tilt, write: plainProduct(eraser.write, inverse) };
        const weight = Array.from({ length: x.columns ** 2 }, () => random.normal());
        const square = plainProduct(dense(x.columns, x.columns, Float64Array.from(weight)), dense(x.columns, x.columns, Float64Array.from(weight)), { transposeA: true });
        // Distances in units of the rows' own spread, too: the inverse covariance is one inner product among others.
        const { values, vectors } = symmetricEigen(covariance.matrix);
        expect(values[0]).toBeGreaterThan(0);
        expect(vectors.rows).toBe(x.columns);
        for (const metric of [undefined, [...square.data]]) {
          const least = meanSquaredChange(own, x, metric);
          for (const rival of [plain, other]) {
            const left = applyEraser(rival, x);
            const { means } = classMeans(left, labels.values, labels.classes);
            expect(gap(toMatrix(means), repeated(eraser.mean, labels.classes), x)).toBeLessThan(1e-3);
            expect(meanSquaredChange(left, x, metric)).toBeGreaterThanOrEqual(least * (1 - 1e-5));
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});
