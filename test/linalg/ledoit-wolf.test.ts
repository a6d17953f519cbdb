/** @file test of linalg: shrinkage against scikit-learn's recorded estimates and against the definition. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { dense } from '../../src/linalg/dense.ts';
import { ledoitWolf, shrunk } from '../../src/linalg/ledoit-wolf.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { columnMoments, standardised } from '../../src/linalg/moments.ts';
import { featuresOf, recordedDiscriminants, relativeGap, rotatedBy } from '../probe/recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

it("finds scikit-learn's intensity and covariance, raw and in unit spread, also with few rows", async () => {
  for (const problem of recordedDiscriminants()) {
    const x = featuresOf(problem);
    for (const [rows, expected] of [
      [x, problem.ledoit_wolf_raw],
      [standardised(x, columnMoments(x)), problem.ledoit_wolf],
    ] as const) {
      const { intensity, covariance } = await ledoitWolf(rows, { linalg });
      expect(Math.abs(intensity / expected.intensity - 1)).toBeLessThan(1e-6);
      expect(relativeGap(covariance.data, expected.covariance.flat())).toBeLessThan(1e-6);
    }
  }
});

it('is the share that the definition gives, term by term', async () => {
  const x = normals(12, 4, 'definition');
  const { intensity } = await ledoitWolf(x, { linalg });
  expect(intensity).toBeCloseTo(byDefinition(x), 6);
});

it('does not change when the features are turned, the rows reordered or all numbers multiplied by one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 2, max: 20 }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      async (seed, rows, factor) => {
        const x = normals(rows, 5, seed);
        const { intensity } = await ledoitWolf(x, { linalg });
        expect(intensity).toBeGreaterThanOrEqual(0);
        expect(intensity).toBeLessThanOrEqual(1);
        const order = seededRandom(seed).permutation(rows);
        const data = Float32Array.from(
          x.data,
          (_, at) => x.data[order[Math.floor(at / 5)]! * 5 + (at % 5)]! * factor,
        );
        for (const other of [rotatedBy(x, seed), matrix(rows, 5, data)]) {
          expect((await ledoitWolf(other, { linalg })).intensity).toBeCloseTo(intensity, 4);
        }
      },
    ),
    { numRuns: 30 },
  );
});

it('goes to 0 with many rows when the truth is no multiple of the identity, and near 1 when it is one and rows are few', async () => {
  const few = normals(20, 6, 'few');
  const many = normals(20_000, 6, 'many');
  const stretch = (x: Matrix): Matrix => ({ ...x, data: x.data.map((value, at) => value * (1 + (at % 6))) });
  expect((await ledoitWolf(stretch(few), { linalg })).intensity).toBeGreaterThan(0.02);
  expect((await ledoitWolf(stretch(many), { linalg })).intensity).toBeLessThan(0.001);
  expect((await ledoitWolf(normals(60, 200, 'wide'), { linalg })).intensity).toBeGreaterThan(0.9);
});

it('shrinks nothing where there is one feature, one row, or no spread at all', async () => {
  for (const x of [normals(9, 1, 'one'), normals(1, 3, 'row'), matrix(4, 3, new Float32Array(12).fill(7))]) {
    expect((await ledoitWolf(x, { linalg })).intensity).toBe(0);
  }
});

it('refuses a share outside 0 to 1, a matrix that is not square, and NaN', async () => {
  const square = dense(2, 2, Float64Array.of(1, 0, 0, 3));
  expect([...shrunk(square, 0.5).data]).toEqual([1.5, 0, 0, 2.5]);
  expect(() => shrunk(square, 1.1)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  expect(() => shrunk(dense(1, 2), 0.1)).toThrow(expect.objectContaining({ code: 'MATRIX_SHAPE' }));
  const broken = matrix(2, 1, Float32Array.of(1, Number.NaN));
  await expect(ledoitWolf(broken, { linalg })).rejects.toMatchObject({ code: 'NON_FINITE' });
});

function normals(rows: number, columns: number, seed: number | string): Matrix {
  const random = seededRandom(`ledoit-wolf/${seed}`);
  return matrix(
    rows,
    columns,
    Float32Array.from({ length: rows * columns }, () => random.normal()),
  );
}

/** b^2 / d^2 of Ledoit and Wolf 2004, section 3.2, from the outer product of every row. */
function byDefinition(x: Matrix): number {
  const { rows, columns: width } = x;
  const { mean } = columnMoments(x);
  const outer = Array.from({ length: rows }, (_, i) =>
    Float64Array.from({ length: width * width }, (_, at) => {
      const [j, k] = [Math.floor(at / width), at % width];
      return (x.data[i * width + j]! - mean[j]!) * (x.data[i * width + k]! - mean[k]!);
    }),
  );
  const s = outer[0]!.map((_, at) => outer.reduce((sum, one) => sum + one[at]!, 0) / rows);
  const norm = (gaps: Float64Array): number => gaps.reduce((sum, gap) => sum + gap * gap, 0) / width;
  const m = Array.from({ length: width }, (_, j) => s[j * width + j]!).reduce((a, b) => a + b) / width;
  const distance = norm(s.map((value, at) => value - (at % (width + 1) === 0 ? m : 0)));
  const error = outer.reduce((sum, one) => sum + norm(one.map((value, at) => value - s[at]!)), 0) / rows ** 2;
  return Math.min(error, distance) / distance;
}
