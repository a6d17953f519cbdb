/** @file linalg: the inverse of a Cholesky factor in 32-bit products, for changes of coordinates that need not be exact. */

import { type Dense, dense, toDense, toMatrix } from './dense.ts';
import { cholesky, invertLower } from './factor.ts';
import type { Linalg } from './linalg.ts';

/** Below this size plain loops in 64 bits are as fast as products with their copies. */
const BASE_SIZE = 96;

/**
 * W = L^-1 [n, n], lower triangular, with a = L L^T within rounding of 32 bits; only the lower triangle of a is read. Halves at a time:
 * of [[A, B^T], [B, C]] with W_1 for A, P = B W_1^T and W_2 for C - P P^T the inverse is [[W_1, 0], [-W_2 P W_1, W_2]]
 * (Golub and Van Loan 2013, section 4.2.9). A size of 768 takes a fifth of the time of `invertLower(cholesky(a).lower)`.
 *
 * The smallest eigenvalue of a must lie well above 1e-6 of its mean diagonal. Throws `NON_FINITE`, `MATRIX_SHAPE`, `NOT_POSITIVE_DEFINITE`.
 */
export async function quickInverseFactor(a: Dense, { linalg }: { readonly linalg: Linalg }): Promise<Dense> {
  const n = a.rows;
  if (n <= BASE_SIZE || n !== a.columns) return invertLower(cholesky(a).lower);
  const half = n >> 1;
  const first = await quickInverseFactor(block(a, [0, half], [0, half]), { linalg });
  const firstRounded = toMatrix(first);
  const below = toMatrix(block(a, [half, n], [0, half]));
  const panel = await linalg.multiply(below, firstRounded, { transposeB: true });
  const taken = await linalg.multiply(panel, panel, { transposeB: true });
  const rest = block(a, [half, n], [half, n]);
  for (let i = 0; i < rest.data.length; i++) rest.data[i]! -= taken.data[i]!;
  const second = await quickInverseFactor(rest, { linalg });
  const carried = await linalg.multiply(panel, firstRounded);
  const corner = toDense(await linalg.multiply(toMatrix(second), carried));
  const out = dense(n, n);
  for (let i = 0; i < half; i++) out.data.set(first.data.subarray(i * half, (i + 1) * half), i * n);
  for (let i = half; i < n; i++) {
    const row = i - half;
    for (let j = 0; j < half; j++) out.data[i * n + j] = -corner.data[row * half + j]!;
    out.data.set(second.data.subarray(row * (n - half), (row + 1) * (n - half)), i * n + half);
  }
  return out;
}

type Range = readonly [number, number];

/** Rows and columns from the first number of a range up to the second, copied. */
function block(a: Dense, [top, bottom]: Range, [left, right]: Range): Dense {
  const out = dense(bottom - top, right - left);
  for (let i = top; i < bottom; i++) {
    out.data.set(a.data.subarray(i * a.columns + left, i * a.columns + right), (i - top) * out.columns);
  }
  return out;
}
