/** @file test of linalg: means, covariances and draws against the definitions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { covarianceMatchedBasis, samplerOfCovariance } from '../../src/linalg/covariance-sampler.ts';
import { plainProduct } from '../../src/linalg/dense.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import {
  centeredCovariance,
  centred,
  classMeans,
  classSums,
  columnMoments,
  standardised,
} from '../../src/linalg/moments.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

/** Rows with correlated features of unequal spread, [rows, 6], rank 4. */
function correlated(rows: number): Matrix {
  const random = seededRandom('correlated');
  const x = matrix(rows, 6);
  for (let i = 0; i < rows; i++) {
    const [a, b, c, d] = [random.normal(), random.normal(), random.normal(), random.normal()];
    x.data.set([100 + 3 * a, a + b, -2 * b, 0.1 * c, 5 * d, 7], i * 6);
  }
  return x;
}

describe('column moments', () => {
  it('are the known mean and population deviation', () => {
    const { mean, deviation } = columnMoments(matrix(4, 2, Float32Array.from([2, 5, 4, 5, 4, 5, 6, 5])));
    expect([...mean]).toEqual([4, 5]);
    expect(deviation[0]).toBeCloseTo(Math.SQRT2, 14);
    expect(deviation[1]).toBe(0);
  });

  it('keep a small spread beside a large mean', () => {
    const { deviation } = columnMoments(matrix(4, 1, Float32Array.from([10000, 10001, 10000, 10001])));
    expect(deviation[0]).toBeCloseTo(0.5, 12);
  });

  it('count a column that varies by rounding alone as constant, so that its noise is not blown up', () => {
    const value = Math.fround(0.1);
    const next = Math.fround(value * (1 + 2 ** -23));
    const x = matrix(4, 1, Float32Array.from([value, next, value, value]));
    expect(columnMoments(x).deviation[0]).toBe(0);
    expect(standardised(x, columnMoments(x)).data.every((entry) => entry === 0)).toBe(true);
  });

  it('of standardised rows are 0 and 1, of centred rows 0 and what they were', () => {
    const x = correlated(50);
    const moments = columnMoments(x);
    const [z, c] = [columnMoments(standardised(x, moments)), columnMoments(centred(x, moments.mean))];
    for (let j = 0; j < 6; j++) {
      expect(z.mean[j]).toBeCloseTo(0, 6);
      expect(z.deviation[j]).toBeCloseTo(j === 5 ? 0 : 1, 6);
      expect(c.mean[j]).toBeCloseTo(0, 6);
      expect(c.deviation[j]).toBeCloseTo(moments.deviation[j]!, 6);
    }
  });

  it('refuse infinity, and a matrix without rows', () => {
    const bad = matrix(2, 1, Float32Array.from([1, Number.POSITIVE_INFINITY]));
    expect(() => columnMoments(bad)).toThrow(expect.objectContaining({ code: 'NON_FINITE' }));
    expect(() => columnMoments(matrix(0, 3))).toThrow(expect.objectContaining({ code: 'MATRIX_SHAPE' }));
  });
});

describe('class sums and means', () => {
  const x = matrix(4, 2, Float32Array.from([1, 2, 3, 4, 5, 6, 100, 100]));

  it('add up the rows of each class, leave out -1, and give an empty class zeros', () => {
    const { sums, counts } = classSums(x, [1, 0, 1, -1], 3);
    expect([...sums.data]).toEqual([3, 4, 6, 8, 0, 0]);
    expect([...counts]).toEqual([1, 2, 0]);
    expect([...classMeans(x, [1, 0, 1, -1], 3).means.data]).toEqual([3, 4, 3, 4, 0, 0]);
  });

  it('refuse too few labels', () => {
    expect(() => classSums(x, [0, 1], 2)).toThrow(expect.objectContaining({ code: 'MATRIX_SHAPE' }));
  });
});

describe('covariance', () => {
  it('is the mean product of deviations, divided by rows less one', async () => {
    const x = correlated(40);
    const { mean, matrix: found } = await centeredCovariance(x, { linalg });
    for (let a = 0; a < 6; a++) {
      for (let b = 0; b < 6; b++) {
        let sum = 0;
        for (let i = 0; i < 40; i++) sum += (x.data[i * 6 + a]! - mean[a]!) * (x.data[i * 6 + b]! - mean[b]!);
        expect(found.data[a * 6 + b]).toBeCloseTo(sum / 39, 4);
      }
    }
  });

  it('needs two rows', async () => {
    await expect(centeredCovariance(matrix(1, 3), { linalg })).rejects.toMatchObject({
      code: 'MATRIX_SHAPE',
    });
  });
});

describe('draws from a covariance', () => {
  it('have that covariance', async () => {
    const covariance = await centeredCovariance(correlated(200), { linalg });
    const sampler = samplerOfCovariance(covariance);
    const count = 20000;
    const draws = sampler.draw({ count, random: seededRandom('draws') });
    const found = plainProduct(draws, draws, { transposeB: true });
    const of = (i: number, j: number): number => covariance.matrix.data[i * 6 + j]!;
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < 6; j++) {
        // Standard error of a sample covariance: sqrt((s_ii s_jj + s_ij^2) / count). At 5 of them a false alarm has p < 1e-4 over all.
        const error = Math.sqrt((of(i, i) * of(j, j) + of(i, j) ** 2) / count);
        expect(Math.abs(found.data[i * 6 + j]! / count - of(i, j))).toBeLessThan(5 * error + 2e-5);
      }
    }
  });

  it('know how many directions really vary', async () => {
    const covariance = await centeredCovariance(correlated(200), { linalg });
    expect(samplerOfCovariance(covariance).rank).toBe(4);
    expect(samplerOfCovariance(await centeredCovariance(correlated(3), { linalg })).rank).toBe(2);
  });

  it('span an orthonormal basis within the directions that vary, the same for the same seed', async () => {
    const covariance = await centeredCovariance(correlated(200), { linalg });
    const basis = covarianceMatchedBasis({ covariance, k: 3, random: seededRandom(1) });
    const inner = plainProduct(basis, basis, { transposeA: true });
    inner.data.forEach((value, i) => {
      expect(value).toBeCloseTo(i % 4 === 0 ? 1 : 0, 10);
    });
    // Feature 5 is constant.
    for (let c = 0; c < 3; c++) expect(Math.abs(basis.data[5 * 3 + c]!)).toBeLessThan(1e-3);
    expect(covarianceMatchedBasis({ covariance, k: 3, random: seededRandom(1) })).toEqual(basis);
    expect(covarianceMatchedBasis({ covariance, k: 3, random: seededRandom(2) })).not.toEqual(basis);
  });

  it('refuse a subspace larger than what varies, and rows that do not vary at all', async () => {
    const covariance = await centeredCovariance(correlated(200), { linalg });
    expect(() => covarianceMatchedBasis({ covariance, k: 5, random: seededRandom(1) })).toThrow(
      expect.objectContaining({ code: 'RANK_DEFICIENT' }),
    );
    const still = await centeredCovariance(matrix(4, 3), { linalg });
    expect(() => samplerOfCovariance(still)).toThrow(expect.objectContaining({ code: 'RANK_DEFICIENT' }));
  });
});
