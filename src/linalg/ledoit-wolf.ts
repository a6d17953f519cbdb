/** @file linalg: how far a covariance is to be shrunk towards a multiple of the identity when rows are few; it inverts nothing. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { type Dense, dense } from './dense.ts';
import type { Linalg } from './linalg.ts';
import { centred, columnMoments, mustBeFinite } from './moments.ts';

export type LedoitWolf = {
  /** Share of the target in the estimate, 0 to 1. */
  readonly intensity: number;
  /** (1 - intensity) S + intensity tr(S)/width I, [width, width], with S = Z^T Z / rows about the mean. */
  readonly covariance: Dense;
};

/**
 * The estimate of Ledoit and Wolf 2004 ("A well-conditioned estimator for large-dimensional covariance matrices", Journal of
 * Multivariate Analysis 88), their closed form: with |A|^2 the sum of squared entries divided by the width, m = tr(S)/width,
 * d^2 = |S - m I|^2 and b^2 = min(d^2, mean over the rows of |x x^T - S|^2 / rows), the intensity is b^2 / d^2. It minimises the expected
 * squared distance to the true covariance as rows and width grow, without any choice to be made.
 *
 * The mean of |x x^T - S|^2 is (mean of (x . x)^2 - sum of S_ij^2) / width, so one Gram matrix is all that is needed. A feature's unit
 * matters; turning the features does not. x [rows, width]; products in 64 bits. Throws `MATRIX_SHAPE` without rows, `NON_FINITE`.
 */
export async function ledoitWolf(x: Matrix, { linalg }: { readonly linalg: Linalg }): Promise<LedoitWolf> {
  const z = centred(x, columnMoments(x).mean);
  const gram = await linalg.gram(z);
  mustBeFinite(gram.data, 'the covariance');
  const covariance = gram.data.map((value) => value / z.rows);
  let quartic = 0;
  for (let i = 0; i < z.rows; i++) {
    let square = 0;
    for (let j = 0; j < z.columns; j++) square += z.data[i * z.columns + j]! ** 2;
    quartic += square * square;
  }
  const intensity = intensityOf(covariance, z.columns, quartic / z.rows, z.rows);
  return { intensity, covariance: shrunk(dense(z.columns, z.columns, covariance), intensity) };
}

/** `quartic`: mean over the rows of (x . x)^2. */
function intensityOf(covariance: Float64Array, width: number, quartic: number, rows: number): number {
  // One feature is its own target.
  if (width < 2) return 0;
  let trace = 0;
  let squares = 0;
  for (let i = 0; i < width; i++) trace += covariance[i * width + i]!;
  for (const value of covariance) squares += value * value;
  const distance = Math.max(0, squares - (trace * trace) / width);
  const error = Math.min(distance, Math.max(0, quartic - squares) / rows);
  return error === 0 ? 0 : error / distance;
}

/** (1 - share) S + share tr(S)/width I, [width, width]; share in [0, 1]. Throws `MATRIX_SHAPE`, `BAD_SETTING`. */
export function shrunk(covariance: Dense, share: number): Dense {
  const { rows: width, columns } = covariance;
  if (width !== columns) {
    throw new MesascopeError('MATRIX_SHAPE', `a square matrix is needed, got [${width}, ${columns}]`);
  }
  if (!(share >= 0 && share <= 1)) {
    throw new MesascopeError('BAD_SETTING', `the shrinkage must lie in [0, 1], got ${share}`);
  }
  let trace = 0;
  for (let i = 0; i < width; i++) trace += covariance.data[i * width + i]!;
  const data = covariance.data.map((value) => (1 - share) * value);
  for (let i = 0; i < width; i++) data[i * width + i]! += (share * trace) / width;
  return dense(width, width, data);
}
