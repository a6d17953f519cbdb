/** @file evidence: fits an eraser to what labels explain beyond chance, so that noise in the class means is not erased with it. */
import type { Matrix } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { type Dense, dense, plainProduct } from '../linalg/dense.ts';
import { symmetricEigen } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type Eraser, leaceWithin, whitened, whitenRows } from '../probe/leace.ts';
import { CRITERIA } from './criteria.ts';
import { planGroupExchange } from './resample-label-permutation.ts';

export type EraserFit = {
  /** Values of the fit rows at one hook, [n, width]. */
  readonly x: Matrix;
  /** Class per row; none is -1. */
  readonly values: Int32Array;
  readonly classes: number;
  /** Group per row. */
  readonly groups: Int32Array;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

/**
 * LEACE within the directions whose canonical correlation with the labels exceeds what permuted labels reach (parallel analysis, Horn 1965;
 * the largest correlation under the null for every direction, which errs towards erasing fewer). Without the cut-off an eraser of 25 classes
 * fitted on 700 rows of 64 features takes out 24 directions whatever the labels are, 24 of them noise where nothing is coded.
 *
 * Where the labels can be arranged in too few ways for such a cut, everything is erased. Throws `NON_FINITE`, `MATRIX_SHAPE`.
 */
export async function fitEraser({ x, values, classes, alpha, ...rest }: EraserFit): Promise<Eraser> {
  const whitening = await whitenRows(x, rest);
  if (whitening.rank === 0) return leaceWithin(whitening, x, { values, classes });
  const exchange = planGroupExchange(rest);
  if (exchange.labellings(values) * alpha < 1 - 1e-12) return leaceWithin(whitening, x, { values, classes });
  const rows = whitened(whitening, x);
  const largest = Float64Array.from({ length: CRITERIA.erasureRankPermutations }, () => {
    const source = exchange.draw(rest.random);
    const permuted = values.map((_, i) => values[source[i]!]!);
    return largestCorrelation(rows, permuted, classes);
  }).sort();
  // Directions that more than `allowed` draws reach have a p above alpha.
  const allowed = Math.max(0, Math.floor(alpha * (CRITERIA.erasureRankPermutations + 1) * (1 + 1e-12)) - 1);
  const edge = largest[CRITERIA.erasureRankPermutations - 1 - allowed]!;
  return leaceWithin(whitening, x, { values, classes, tolerance: edge });
}

/** Largest canonical correlation of whitened rows [n, rank] and one-hot labels, 0 to 1. */
export function largestCorrelation(rows: Dense, values: Int32Array, classes: number): number {
  const { columns, data } = rows;
  const counts = new Float64Array(classes);
  const sums = dense(classes, columns);
  for (let i = 0; i < values.length; i++) {
    const label = values[i]!;
    counts[label]! += 1;
    for (let k = 0; k < columns; k++) sums.data[label * columns + k]! += data[i * columns + k]!;
  }
  for (let c = 0; c < classes; c++) {
    const scale = counts[c] === 0 ? 0 : 1 / Math.sqrt(counts[c]! * values.length);
    for (let k = 0; k < columns; k++) sums.data[c * columns + k]! *= scale;
  }
  // The smaller of the two Gram matrices has the same largest eigenvalue.
  const side = classes < columns ? { transposeB: true } : { transposeA: true };
  return Math.sqrt(Math.max(0, symmetricEigen(plainProduct(sums, sums, side)).values[0]!));
}
