/** @file test of linalg: factorisations multiply back to what they came from, and refuse what has none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { type Dense, dense, plainProduct, transposed } from '../../src/linalg/dense.ts';
import {
  cholesky,
  choleskySolve,
  invertLower,
  orthonormalColumns,
  svd,
  symmetricEigen,
} from '../../src/linalg/factor.ts';

function normal(seed: number, rows: number, columns: number): Dense {
  const random = seededRandom(seed);
  return dense(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

/** X^T X + I. */
function definite(seed: number, n: number): Dense {
  const x = normal(seed, n, n);
  const gram = plainProduct(x, x, { transposeA: true });
  for (let i = 0; i < n; i++) gram.data[i * n + i]! += 1;
  return gram;
}

function identity(n: number): Dense {
  return dense(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
  );
}

function diagonal(values: Float64Array): Dense {
  const n = values.length;
  const out = dense(n, n);
  values.forEach((value, i) => {
    out.data[i * n + i] = value;
  });
  return out;
}

function gap(a: Dense, b: Dense): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  return a.data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b.data[i]!)), 0);
}

const size = fc.integer({ min: 1, max: 12 });
const seeds = fc.nat();

describe('cholesky', () => {
  it('gives L with L L^T = a, solves a x = b, and inverts L', () => {
    fc.assert(
      fc.property(size, size, seeds, (n, k, seed) => {
        const a = definite(seed, n);
        const factor = cholesky(a);
        const scale = Math.max(...a.data);
        expect(gap(plainProduct(factor.lower, factor.lower, { transposeB: true }), a)).toBeLessThan(
          1e-12 * scale,
        );
        const b = normal(seed + 1, n, k);
        expect(gap(plainProduct(a, choleskySolve(factor, b)), b)).toBeLessThan(1e-10 * scale);
        expect(gap(plainProduct(factor.lower, invertLower(factor.lower)), identity(n))).toBeLessThan(
          1e-10 * scale,
        );
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('knows the factor of a textbook matrix', () => {
    // The worked example of Wikipedia's article "Cholesky decomposition".
    const a = dense(3, 3, Float64Array.from([4, 12, -16, 12, 37, -43, -16, -43, 98]));
    expect([...cholesky(a).lower.data]).toEqual([2, 0, 0, 6, 1, 0, -8, 5, 3]);
  });

  it('refuses dependent rows, also where rounding hides them, and NaN, which ml-matrix would take', () => {
    const x = normal(3, 20, 5);
    for (let i = 0; i < 20; i++) x.data[i * 5 + 4] = x.data[i * 5]! / 3 + x.data[i * 5 + 1]! / 7;
    const singular = plainProduct(x, x, { transposeA: true });
    expect(() => cholesky(singular)).toThrow(expect.objectContaining({ code: 'NOT_POSITIVE_DEFINITE' }));
    expect(() => cholesky(dense(1, 1, Float64Array.of(-1)))).toThrow(
      expect.objectContaining({ code: 'NOT_POSITIVE_DEFINITE' }),
    );
    expect(() => cholesky(dense(1, 1, Float64Array.of(Number.NaN)))).toThrow(
      expect.objectContaining({ code: 'NON_FINITE' }),
    );
    expect(() => cholesky(dense(2, 1))).toThrow(expect.objectContaining({ code: 'MATRIX_SHAPE' }));
    expect(() => choleskySolve(cholesky(identity(2)), dense(3, 1))).toThrow(
      expect.objectContaining({ code: 'MATRIX_SHAPE' }),
    );
  });
});

describe('symmetricEigen', () => {
  it('gives falling values and orthonormal vectors with V diag V^T = a', () => {
    fc.assert(
      fc.property(size, seeds, (n, seed) => {
        const a = definite(seed, n);
        const { values, vectors } = symmetricEigen(a);
        expect([...values]).toEqual([...values].sort((x, y) => y - x));
        const back = plainProduct(plainProduct(vectors, diagonal(values)), transposed(vectors));
        expect(gap(back, a)).toBeLessThan(1e-11 * values[0]!);
        expect(gap(plainProduct(vectors, vectors, { transposeA: true }), identity(n))).toBeLessThan(1e-12);
      }),
      { numRuns: 50, seed: 2 },
    );
  });

  it('knows [[2, 1], [1, 2]] and refuses infinity', () => {
    const { values } = symmetricEigen(dense(2, 2, Float64Array.from([2, 1, 1, 2])));
    expect(values[0]).toBeCloseTo(3, 12);
    expect(values[1]).toBeCloseTo(1, 12);
    expect(() => symmetricEigen(dense(1, 1, Float64Array.of(Number.POSITIVE_INFINITY)))).toThrow(
      expect.objectContaining({ code: 'NON_FINITE' }),
    );
  });
});

describe('svd', () => {
  it('gives U diag V^T = a with orthonormal columns, for tall, wide and square matrices', () => {
    fc.assert(
      fc.property(size, size, seeds, (rows, columns, seed) => {
        const a = normal(seed, rows, columns);
        const { left, values, right } = svd(a);
        const r = Math.min(rows, columns);
        expect([left.columns, values.length, right.columns]).toEqual([r, r, r]);
        expect(
          gap(plainProduct(plainProduct(left, diagonal(values)), right, { transposeB: true }), a),
        ).toBeLessThan(1e-11);
        expect(gap(plainProduct(left, left, { transposeA: true }), identity(r))).toBeLessThan(1e-11);
        expect(gap(plainProduct(right, right, { transposeA: true }), identity(r))).toBeLessThan(1e-11);
      }),
      { numRuns: 50, seed: 3 },
    );
  });
});

describe('orthonormalColumns', () => {
  it('spans the same columns, each turned towards its own', () => {
    fc.assert(
      fc.property(size, seeds, (n, seed) => {
        const k = Math.max(1, n >> 1);
        const a = normal(seed, n, k);
        const q = orthonormalColumns(a);
        expect(gap(plainProduct(q, q, { transposeA: true }), identity(k))).toBeLessThan(1e-12);
        const inside = plainProduct(q, a, { transposeA: true });
        expect(gap(plainProduct(q, inside), a)).toBeLessThan(1e-11);
        for (let j = 0; j < k; j++) expect(inside.data[j * k + j]).toBeGreaterThan(0);
      }),
      { numRuns: 50, seed: 4 },
    );
  });

  it('refuses dependent columns and more columns than dimensions', () => {
    const twice = dense(3, 2, Float64Array.from([1, 2, 1, 2, 1, 2]));
    expect(() => orthonormalColumns(twice)).toThrow(expect.objectContaining({ code: 'RANK_DEFICIENT' }));
    expect(() => orthonormalColumns(normal(1, 2, 3))).toThrow(
      expect.objectContaining({ code: 'RANK_DEFICIENT' }),
    );
    expect(orthonormalColumns(dense(3, 0)).columns).toBe(0);
  });
});
