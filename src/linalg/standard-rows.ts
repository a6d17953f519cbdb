/** @file linalg: rows centred and scaled by column without a copy of them, and the products over them; fits nothing. */

import type { Matrix } from '../core/matrix.ts';
import type { CrossEntropyInput, CrossEntropyStep, Numbers, Table } from './cross-entropy.ts';
import { type Dense, toDense } from './dense.ts';
import type { Linalg } from './linalg.ts';
import type { ColumnMoments } from './moments.ts';

/**
 * Stands for z [rows, width], z_ij = (x_ij - mean_j) factor_j. Writing z down costs more than all products over it in a sandbox where fresh memory is
 * slow (20,000 x 768: 65 to 250 ms for the pages, 35 ms for the numbers), so mean and factor are moved into weights and sums instead.
 */
export type StandardRows<T extends Numbers = Float32Array> = {
  readonly x: Table<T>;
  /** [width]: mean of each column of x. */
  readonly mean: Float64Array;
  /** [width]: 0 for a column that is constant, so that it can carry no weight. */
  readonly factor: Float64Array;
};

/** A mean so many deviations from zero costs a product as many units of rounding; beyond it z is written down. */
const MEAN_LIMIT = 2;
/** Products of raw values stay far from the ends of 32 bits while deviations (and the values of constant columns) are within this and its inverse. */
const UNIT_LIMIT = 1e6;

/** Rows of x, centred, and of unit spread where asked. x is kept, not copied, where products over it are as exact as over z. */
export function standardRows(
  x: Matrix,
  moments: ColumnMoments,
  { standardise }: { readonly standardise: boolean },
): StandardRows {
  const { mean } = moments;
  const factor = moments.deviation.map((deviation) => {
    if (deviation === 0) return 0;
    return standardise ? 1 / deviation : 1;
  });
  if (mean.every((value, j) => isGentle(value, moments.deviation[j]!))) return { x, mean, factor };
  const { rows, columns, data } = x;
  const z = new Float32Array(data.length);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) z[at] = (data[at]! - mean[j]!) * factor[j]!;
  }
  return {
    x: { rows, columns, data: z },
    mean: new Float64Array(columns),
    factor: factor.map((value) => (value === 0 ? 0 : 1)),
  };
}

function isGentle(mean: number, deviation: number): boolean {
  if (deviation === 0) return Math.abs(mean) <= UNIT_LIMIT;
  return Math.abs(mean) <= MEAN_LIMIT * deviation && deviation <= UNIT_LIMIT && deviation >= 1 / UNIT_LIMIT;
}

/** The same rows in 64 bits; copies. */
export function wideRows({ x, mean, factor }: StandardRows): StandardRows<Float64Array> {
  return { x: toDense(x), mean, factor };
}

/** z^T z [width, width], of which the lower triangle is meant; sums in 32 bits by blocks or in 64. Throws what `Linalg` throws. */
export async function standardGram(
  { x, mean, factor }: StandardRows,
  { linalg, bits }: { readonly linalg: Linalg; readonly bits: 32 | 64 },
): Promise<Dense> {
  const raw = bits === 64 ? await linalg.gram(x) : toDense(await linalg.multiply(x, x, { transposeA: true }));
  const width = x.columns;
  for (let i = 0, at = 0; i < width; i++) {
    const pull = x.rows * mean[i]!;
    for (let j = 0; j < width; j++, at++) {
      raw.data[at] = (raw.data[at]! - pull * mean[j]!) * factor[i]! * factor[j]!;
    }
  }
  return raw;
}

/** `Linalg.crossEntropy` with z for x: weights and gradient are those of z. Throws what it throws. */
export async function standardCrossEntropy<T extends Numbers>(
  { x, mean, factor }: StandardRows<T>,
  { weights, bias, targets }: Omit<CrossEntropyInput<T>, 'x'>,
  linalg: Linalg,
): Promise<CrossEntropyStep<T>> {
  const width = weights.columns;
  const raw = { ...weights, data: weights.data.slice() as T };
  const shifted = bias.slice() as T;
  for (let row = 0, at = 0; row < weights.rows; row++) {
    let shift = 0;
    for (let j = 0; j < width; j++, at++) {
      const weight = weights.data[at]! * factor[j]!;
      raw.data[at] = weight;
      shift += weight * mean[j]!;
    }
    shifted[row] = bias[row]! - shift;
  }
  const step = await linalg.crossEntropy({ x, weights: raw, bias: shifted, targets });
  const { data } = step.gradient;
  for (let row = 0, at = 0; row < weights.rows; row++) {
    const total = step.biasGradient[row]!;
    for (let j = 0; j < width; j++, at++) data[at] = (data[at]! - total * mean[j]!) * factor[j]!;
  }
  return step;
}
