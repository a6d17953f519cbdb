/** @file test of linalg: products over standard rows, kept as they are or written down, equal those over z made by hand; quick inverse factors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { CrossEntropyTargets } from '../../src/linalg/cross-entropy.ts';
import { type Dense, dense, plainProduct, toDense } from '../../src/linalg/dense.ts';
import { cholesky, invertLower } from '../../src/linalg/factor.ts';
import { quickInverseFactor } from '../../src/linalg/inverse-factor.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { columnMoments, standardised } from '../../src/linalg/moments.ts';
import {
  standardCrossEntropy,
  standardGram,
  standardRows,
  wideRows,
} from '../../src/linalg/standard-rows.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg();
});
afterAll(() => linalg.close());

const ROWS = 700;
const WIDTH = 24;

/** Columns of spread 0.5 to 4 about `mean` deviations from zero; column 3 is constant. */
function table(mean: number): Matrix {
  const random = seededRandom(`standard rows ${mean}`);
  const data = Float32Array.from({ length: ROWS * WIDTH }, (_, at) => {
    const column = at % WIDTH;
    const spread = 0.5 + (3.5 * column) / WIDTH;
    return column === 3 ? 7 : spread * (random.normal() + mean);
  });
  return { rows: ROWS, columns: WIDTH, data };
}

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

describe.each([
  { name: 'near zero, kept as it is', mean: 1, copied: false },
  { name: 'far from zero, written down', mean: 30, copied: true },
])('standard rows of a table $name', ({ mean, copied }) => {
  const x = table(mean);
  const moments = columnMoments(x);
  const z = toDense(standardised(x, moments));
  const rows = standardRows(x, moments, { standardise: true });

  it('copies the table only where its means are far from zero', () => {
    expect(rows.x.data === x.data).toBe(!copied);
  });

  it.each([32, 64] as const)('give the Gram matrix of z in %i bits', async (bits) => {
    const gram = await standardGram(rows, { linalg, bits });
    const wanted = plainProduct(z, z, { transposeA: true });
    expect(largestGap(gram.data, wanted.data) / ROWS).toBeLessThan(copied || bits === 32 ? 1e-5 : 1e-7);
  });

  it.each(['float32', 'float64'] as const)('give loss and gradients of z in %s', async (precision) => {
    const random = seededRandom('targets');
    const weights = dense(
      2,
      WIDTH,
      Float64Array.from({ length: 2 * WIDTH }, () => random.normal()),
    );
    const bias = Float64Array.of(0.3, -0.2);
    const signs = {
      rows: ROWS,
      columns: 2,
      data: Float32Array.from({ length: 2 * ROWS }, () => Math.floor(3 * random.uniform()) - 1),
    };
    const targets: CrossEntropyTargets = { kind: 'binary', signs };
    const wanted = await linalg.crossEntropy({ x: z, weights, bias, targets });
    const found =
      precision === 'float64'
        ? await standardCrossEntropy(wideRows(rows), { weights, bias, targets }, linalg)
        : await standardCrossEntropy(
            rows,
            {
              weights: { ...weights, data: Float32Array.from(weights.data) },
              bias: Float32Array.from(bias),
              targets,
            },
            linalg,
          );
    expect(largestGap(found.loss, wanted.loss) / ROWS).toBeLessThan(1e-5);
    expect(largestGap(found.gradient.data, wanted.gradient.data) / ROWS).toBeLessThan(1e-5);
    expect(largestGap(found.biasGradient, wanted.biasGradient) / ROWS).toBeLessThan(1e-5);
    expect(found.gradient.data[3]).toBe(0);
  });
});

describe('the quick inverse of a Cholesky factor', () => {
  function definite(n: number): Dense {
    const random = seededRandom(`definite ${n}`);
    const x = dense(
      2 * n,
      n,
      Float64Array.from({ length: 2 * n * n }, () => random.normal()),
    );
    const gram = plainProduct(x, x, { transposeA: true });
    return { ...gram, data: gram.data.map((value) => value / (2 * n)) };
  }

  it.each([1, 5, 96, 97, 193, 300])('equals the exact one at size %i within 32 bits', async (n) => {
    const a = definite(n);
    const quick = await quickInverseFactor(a, { linalg });
    const exact = invertLower(cholesky(a).lower);
    expect(largestGap(quick.data, exact.data)).toBeLessThan(n <= 96 ? 1e-15 : 2e-5);
    const whitened = plainProduct(plainProduct(quick, a), quick, { transposeB: true });
    const gap = largestGap(
      whitened.data,
      whitened.data.map((_, at) => (at % (n + 1) === 0 ? 1 : 0)),
    );
    expect(gap).toBeLessThan(2e-5);
  });

  it('refuses a matrix that has no factor, and one that is not square', async () => {
    const flat = dense(200, 200, new Float64Array(200 * 200).fill(1));
    await expect(quickInverseFactor(flat, { linalg })).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_POSITIVE_DEFINITE' }),
    );
    await expect(quickInverseFactor(dense(200, 150), { linalg })).rejects.toThrow(
      expect.objectContaining({ code: 'MATRIX_SHAPE' }),
    );
  });
});
