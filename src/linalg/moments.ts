/** @file linalg: means, spreads, class sums and covariance of the rows of a matrix; sums in 64 bits. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Dense } from './dense.ts';
import type { Linalg } from './linalg.ts';

/** Per column: `mean`, and `deviation` = sqrt(sum of squares about the mean / rows), the population form. */
export type ColumnMoments = { readonly mean: Float64Array; readonly deviation: Float64Array };

/**
 * 8e-31. Weights on standardised features are divided by the spread to become weights on the features, and 32 bits end at 2^128; below 2^-126 the
 * values themselves lose digits. No activation varies by so little, and one that did would have no part in what a model computes in 32 bits.
 */
export const LEAST_SPREAD: number = 2 ** -100;

/**
 * Mean and standard deviation of each column of x [rows, width], in two passes so that a large mean does not swallow a small
 * spread. A column whose spread is below what 32-bit rounding of its values explains, or below `LEAST_SPREAD`, counts as constant: deviation 0.
 * Throws `NON_FINITE`, and `MATRIX_SHAPE` when there are no rows.
 */
export function columnMoments(x: Matrix): ColumnMoments {
  const { rows, columns, data } = x;
  if (rows === 0) throw new MesascopeError('MATRIX_SHAPE', 'no rows to take a mean of');
  const mean = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) mean[j]! += data[at]!;
  }
  for (let j = 0; j < columns; j++) mean[j]! /= rows;
  mustBeFinite(mean, 'a column of the matrix');
  const deviation = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) {
      const gap = data[at]! - mean[j]!;
      deviation[j]! += gap * gap;
    }
  }
  for (let j = 0; j < columns; j++) {
    const spread = Math.sqrt(deviation[j]! / rows);
    deviation[j] = spread <= Math.max(Math.abs(mean[j]!) * 2 ** -23, LEAST_SPREAD) ? 0 : spread;
  }
  return { mean, deviation };
}

/** Throws `NON_FINITE`, naming `what` and the first bad index. */
export function mustBeFinite(values: Float32Array | Float64Array, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new MesascopeError('NON_FINITE', `${what} holds ${values[i]} (index ${i})`, {
        facts: { index: i, value: String(values[i]) },
      });
    }
  }
}

/** x - mean, row by row: [rows, width] -> [rows, width], a copy. */
export function centred(x: Matrix, mean: Float64Array): Matrix {
  const { rows, columns, data } = x;
  const out = new Float32Array(data.length);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) out[at] = data[at]! - mean[j]!;
  }
  return { rows, columns, data: out };
}

/** (x - mean) / deviation, row by row, a copy; a column of deviation 0 becomes 0, so that it can carry no weight. */
export function standardised(x: Matrix, moments: ColumnMoments): Matrix {
  const { rows, columns, data } = x;
  const { mean } = moments;
  const factor = moments.deviation.map((deviation) => (deviation === 0 ? 0 : 1 / deviation));
  const out = new Float32Array(data.length);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) out[at] = (data[at]! - mean[j]!) * factor[j]!;
  }
  return { rows, columns, data: out };
}

/** Sums of the rows of each class, and how many rows each class has. */
export type ClassSums = { readonly sums: Dense; readonly counts: Int32Array };

/** Adds up the rows of x [rows, width] by label: sums [classes, width]. A label of -1 leaves its row out. */
export function classSums(x: Matrix, labels: ArrayLike<number>, classes: number): ClassSums {
  const { rows, columns, data } = x;
  if (labels.length !== rows) {
    throw new MesascopeError('MATRIX_SHAPE', `${rows} rows but ${labels.length} labels`, {
      facts: { rows, labels: labels.length },
    });
  }
  const sums = new Float64Array(classes * columns);
  const counts = new Int32Array(classes);
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    if (label < 0) continue;
    counts[label]! += 1;
    const at = label * columns;
    const from = i * columns;
    for (let j = 0; j < columns; j++) sums[at + j]! += data[from + j]!;
  }
  return { sums: { rows: classes, columns, data: sums }, counts };
}

/** Mean row of each class, [classes, width], and the class sizes; a class without rows has a zero row and count 0. */
export function classMeans(
  x: Matrix,
  labels: ArrayLike<number>,
  classes: number,
): { readonly means: Dense; readonly counts: Int32Array } {
  const { sums, counts } = classSums(x, labels, classes);
  for (let c = 0; c < classes; c++) {
    const share = counts[c] === 0 ? 0 : 1 / counts[c]!;
    for (let j = 0; j < x.columns; j++) sums.data[c * x.columns + j]! *= share;
  }
  return { means: sums, counts };
}

/** Covariance of some rows about their mean: `matrix` [width, width], divided by rows - 1. */
export type Covariance = { readonly mean: Float64Array; readonly matrix: Dense; readonly rows: number };

/** Covariance of the rows of x [rows, width], products in 64 bits. Throws `MATRIX_SHAPE` below two rows, `NON_FINITE`. */
export async function centeredCovariance(
  x: Matrix,
  { linalg }: { readonly linalg: Linalg },
): Promise<Covariance> {
  if (x.rows < 2) {
    throw new MesascopeError('MATRIX_SHAPE', `a covariance needs at least two rows, got ${x.rows}`);
  }
  const { mean } = columnMoments(x);
  const gram = await linalg.gram(centred(x, mean));
  mustBeFinite(gram.data, 'the covariance');
  const data = gram.data.map((value) => value / (x.rows - 1));
  return { mean, matrix: { rows: gram.rows, columns: gram.columns, data }, rows: x.rows };
}
