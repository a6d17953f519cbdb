/** @file evidence: the directions along which a variable's classes differ, as an orthonormal basis. */
import type { Matrix } from '../core/matrix.ts';
import { type Dense, dense } from '../linalg/dense.ts';
import { symmetricEigen } from '../linalg/factor.ts';
import { classSums } from '../linalg/moments.ts';

/** Share of the largest spread below which a direction counts as flat. */
const SPREAD_FLOOR = 1e-9;

/**
 * Orthonormal basis of the `rank` directions in which the class means spread most: leading eigenvectors of the
 * between-class scatter sum_c n_c (mu_c - mu)(mu_c - mu)^T. [width, rank], fewer columns where the class means span fewer, none where they
 * do not differ; the mass-mean direction when there are two classes.
 *
 * @param x [n, width]
 * @param labels class of each row, -1 to leave it out
 */
export function classMeanBases(
  x: Matrix,
  labels: Int32Array,
  classes: number,
  ranks: readonly number[],
): Dense[] {
  const width = x.columns;
  const { sums, counts } = classSums(x, labels, classes);
  const mean = new Float64Array(width);
  let total = 0;
  for (let c = 0; c < classes; c++) {
    total += counts[c]!;
    for (let j = 0; j < width; j++) mean[j]! += sums.data[c * width + j]!;
  }
  for (let j = 0; j < width; j++) mean[j]! /= Math.max(1, total);
  const scatter = dense(width, width);
  const offset = new Float64Array(width);
  for (let c = 0; c < classes; c++) {
    const count = counts[c]!;
    if (count === 0) continue;
    for (let j = 0; j < width; j++) offset[j] = sums.data[c * width + j]! / count - mean[j]!;
    for (let i = 0; i < width; i++) {
      const scaled = (count * offset[i]!) / total;
      for (let j = 0; j < width; j++) scatter.data[i * width + j]! += scaled * offset[j]!;
    }
  }
  const { values, vectors } = symmetricEigen(scatter);
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
  // Directions in which the class means do not differ carry nothing and would be noise.
  const largest = Math.max(0, ...values);
  const spread = values.filter((value) => value > SPREAD_FLOOR * largest).length;
  return ranks.map((rank) => {
    const kept = Math.min(rank, spread);
    const basis = dense(width, kept);
    for (let k = 0; k < kept; k++) {
      for (let j = 0; j < width; j++) basis.data[j * kept + k] = vectors.data[j * width + order[k]!]!;
    }
    return basis;
  });
}
