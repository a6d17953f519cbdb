/** @file probe: least-squares concept erasure, the smallest affine edit after which no linear probe can read a variable; it runs no network. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import { type Dense, dense, plainProduct } from '../linalg/dense.ts';
import { firstColumns, orthonormalColumns, svd, symmetricEigen } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { classSums, columnMoments, mustBeFinite, standardised } from '../linalg/moments.ts';
import { groupTasks, rowsOfGroup } from './tasks.ts';

/** The affine map r(x) = x - write read^T (x - mean), in the activations' own units. */
export type Eraser = {
  readonly width: number;
  /** Directions erased: at most one fewer than the classes; 0 changes nothing. */
  readonly rank: number;
  /** What is read off x - mean, [width, rank]. */
  readonly read: Dense;
  /** Where it is taken out, [width, rank]; read^T write is the identity, so erasing twice is erasing once. */
  readonly write: Dense;
  readonly mean: Float64Array;
};

export type LeaceOptions = {
  readonly linalg: Linalg;
  /** Canonical correlations of activations and labels at or below this count as none: 0 to 1. Default 1e-7, the resolution of 32-bit activations. */
  readonly tolerance?: number;
};

const TOLERANCE = 1e-7;

/**
 * Coordinates in which the fit rows have unit covariance, in both directions: y = read^T (x - mean), x - mean = write y within the
 * directions that vary. read and write are [width, rank].
 */
export type Whitening = {
  readonly width: number;
  readonly rank: number;
  readonly mean: Float64Array;
  readonly read: Dense;
  readonly write: Dense;
};

/**
 * LEACE (Belrose et al. 2023, "LEACE: Perfect linear concept erasure in closed form", theorems 4.2 and 4.3): among all affine maps after
 * which the classes of the fit rows have one mean, which is when no linear probe with any convex loss does better than a constant (theorem
 * 3.1), the one that moves the rows least in mean squared length, whatever inner product measures it.
 *
 * r(x) = x - W^+ P W (x - mean), with W a whitening of the fit rows and P the orthogonal projection onto the columns of W Cov(x, one-hot
 * labels). Any W with W^T W = Cov(x)^+ gives the same map, since whitenings differ by a rotation and P turns with it.
 *
 * train.x [n, width]; rows whose label is -1 are left out. Throws `NON_FINITE`, `LABELS_INVALID`, `LABELS_ONE_CLASS`, `MATRIX_SHAPE`,
 * `BAD_SETTING`.
 */
export async function fitLeace(
  train: TrainSplit,
  labels: ClassLabels,
  { linalg, tolerance = TOLERANCE }: LeaceOptions,
): Promise<Eraser> {
  if (!(tolerance >= 0 && tolerance < 1)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `the tolerance is a correlation, 0 or more and below 1, got ${tolerance}`,
    );
  }
  const group = groupTasks(train, [labels])[0]!;
  const x = rowsOfGroup(train, group);
  const whitening = await whitenRows(x, { linalg });
  return leaceWithin(whitening, x, { values: group.tasks[0]!.values, classes: labels.classes, tolerance });
}

/**
 * `fitLeace` for rows that are whitened already: x [n, width] the rows that `whitening` was made of, `values[i]` the class of row i, none of
 * them -1. Throws `MATRIX_SHAPE`.
 */
export function leaceWithin(
  whitening: Whitening,
  x: Matrix,
  {
    values,
    classes,
    tolerance = TOLERANCE,
    most = Number.POSITIVE_INFINITY,
  }: {
    readonly values: Int32Array;
    readonly classes: number;
    readonly tolerance?: number;
    /** Directions to erase at most, those of the largest correlations first. */
    readonly most?: number;
  },
): Eraser {
  if (whitening.rank === 0) return eraserWithin(whitening, dense(0, 0));
  const cross = crossCovariance(x, whitening.mean, values, classes);
  // [rank, width] x [width, classes] -> [rank, classes]; the singular values are the canonical correlations.
  const { left, values: correlations } = svd(plainProduct(whitening.read, cross, { transposeA: true }));
  const found = correlations.filter((value) => value > tolerance).length;
  // The one-hot columns add up to a constant, so one correlation is zero; rounding may hide it.
  return eraserWithin(whitening, firstColumns(left, Math.min(found, cross.columns - 1, most)));
}

/**
 * Cov(x, one-hot labels), [width, classes that occur], each class divided by the root of its share: the column space is the same, and in
 * whitened coordinates the singular values have no unit.
 */
function crossCovariance(x: Matrix, mean: Float64Array, values: Int32Array, classes: number): Dense {
  const { rows, columns: width } = x;
  const { sums, counts } = classSums(x, values, classes);
  const present = Array.from(counts.keys()).filter((label) => counts[label]! > 0);
  const cross = dense(width, present.length);
  present.forEach((label, c) => {
    const count = counts[label]!;
    for (let j = 0; j < width; j++) {
      const offset = sums.data[label * width + j]! - count * mean[j]!;
      cross.data[j * cross.columns + c] = offset / Math.sqrt(count * rows);
    }
  });
  return cross;
}

/** Rows of x [n, width] in whitened coordinates, [n, whitening.rank]; unit covariance on the rows the whitening was made of. */
export function whitened(whitening: Whitening, x: Matrix): Dense {
  const { rank, read, mean, width } = whitening;
  const out = dense(x.rows, rank);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < width; j++) {
      const gap = x.data[i * width + j]! - mean[j]!;
      for (let k = 0; k < rank; k++) out.data[i * rank + k]! += gap * read.data[j * rank + k]!;
    }
  }
  return out;
}

/**
 * Whitening of the rows of x [n, width], from features of unit spread, so that the scale of a feature does not decide whether it counts as
 * varying: eigenvalues at or below width x 2^-52 of the largest are rounding, the rule of the authors' implementation (concept-erasure
 * 0.2.4, `LeaceFitter.eraser`). Throws `NON_FINITE`, and `MATRIX_SHAPE` without rows.
 */
export async function whitenRows(x: Matrix, { linalg }: { readonly linalg: Linalg }): Promise<Whitening> {
  const moments = columnMoments(x);
  const z = standardised(x, moments);
  const { rows, columns: width } = z;
  const gram = await linalg.gram(z);
  mustBeFinite(gram.data, 'the Gram matrix');
  const { values, vectors } = symmetricEigen(
    dense(
      width,
      width,
      gram.data.map((value) => value / rows),
    ),
  );
  const floor = Math.max(0, values[0] ?? 0) * width * Number.EPSILON;
  const rank = values.filter((value) => value > floor).length;
  const read = dense(width, rank);
  const write = dense(width, rank);
  for (let j = 0; j < width; j++) {
    const deviation = moments.deviation[j]!;
    if (deviation === 0) continue;
    for (let k = 0; k < rank; k++) {
      const root = Math.sqrt(values[k]!);
      const vector = vectors.data[j * width + k]!;
      read.data[j * rank + k] = vector / (root * deviation);
      write.data[j * rank + k] = vector * root * deviation;
    }
  }
  return {
    width,
    rank,
    mean: moments.mean,
    write,
    read: rank === width || rank === 0 ? read : withinSpan(read, write),
  };
}

/**
 * Each column of `read` projected onto the span of `write`. It reads the same from the fit rows; what a new row holds outside the directions
 * in which they vary is then left alone, as by the Moore-Penrose inverse, whatever the scale of the features.
 */
function withinSpan(read: Dense, write: Dense): Dense {
  const span = svd(write).left;
  return plainProduct(span, plainProduct(span, read, { transposeA: true }));
}

/** The eraser of the whitened directions `directions`, orthonormal columns [whitening.rank, k]. */
function eraserWithin(whitening: Whitening, directions: Dense): Eraser {
  const { width, mean } = whitening;
  const rank = directions.columns;
  if (rank === 0) return { width, rank, read: dense(width, 0), write: dense(width, 0), mean };
  return {
    width,
    rank,
    mean,
    read: plainProduct(whitening.read, directions),
    write: plainProduct(whitening.write, directions),
  };
}

/**
 * The rule of `fitLeace` for a concept made of chance: `rank` whitened directions, uniformly distributed. What it takes out spans draws
 * from a normal distribution with the covariance of the rows, so it is the covariance-matched control of an eraser of that rank. With
 * `outside`, an eraser fitted within the same whitening, its directions are left alone, and where too few others vary, fewer are erased.
 * Throws `RANK_DEFICIENT` when the rows vary in fewer directions than `rank`.
 */
export function randomEraser(
  whitening: Whitening,
  { rank, random, outside }: { readonly rank: number; readonly random: Random; readonly outside?: Eraser },
): Eraser {
  if (rank > whitening.rank) {
    throw new MesascopeError(
      'RANK_DEFICIENT',
      `${rank} directions cannot be erased from rows that vary in ${whitening.rank}`,
      { facts: { rank, varying: whitening.rank, width: whitening.width } },
    );
  }
  const drawn = dense(whitening.rank, Math.min(rank, whitening.rank - (outside?.rank ?? 0)));
  if (drawn.columns === 0) return eraserWithin(whitening, dense(0, 0));
  for (let i = 0; i < drawn.data.length; i++) drawn.data[i] = random.normal();
  if (outside !== undefined && outside.rank > 0) {
    // Whitened, the eraser's directions are orthonormal columns U: read^T write of the whitening and the eraser.
    const own = plainProduct(whitening.read, outside.write, { transposeA: true });
    const inside = plainProduct(own, plainProduct(own, drawn, { transposeA: true }));
    for (let i = 0; i < drawn.data.length; i++) drawn.data[i]! -= inside.data[i]!;
  }
  return eraserWithin(whitening, orthonormalColumns(drawn));
}

/** What is left of a value below this share of the terms it is made of is the rounding of 32-bit activations. */
const ROUNDING = 2 ** -24;

/**
 * r(x) of every row of x [n, width]: [n, width], summed in 64 bits. A value of which the eraser leaves no more than rounding becomes the
 * mean exactly, so that a probe that standardises its features cannot read the rounding. Throws `MATRIX_SHAPE`.
 */
export function applyEraser(eraser: Eraser, x: Matrix): Matrix {
  const { width, rank, read, write, mean } = eraser;
  if (x.columns !== width) {
    throw new MesascopeError(
      'MATRIX_SHAPE',
      `an eraser of width ${width} cannot change rows of ${x.columns}`,
    );
  }
  const data = Float32Array.from(x.data);
  if (rank === 0) return { rows: x.rows, columns: width, data };
  const found = new Float64Array(rank);
  for (let i = 0; i < x.rows; i++) {
    const at = i * width;
    found.fill(0);
    for (let j = 0; j < width; j++) {
      const gap = x.data[at + j]! - mean[j]!;
      for (let k = 0; k < rank; k++) found[k]! += gap * read.data[j * rank + k]!;
    }
    for (let j = 0; j < width; j++) {
      const gap = x.data[at + j]! - mean[j]!;
      let left = gap;
      let size = Math.abs(gap);
      for (let k = 0; k < rank; k++) {
        const part = write.data[j * rank + k]! * found[k]!;
        left -= part;
        size += Math.abs(part);
      }
      data[at + j] = mean[j]! + (Math.abs(left) <= ROUNDING * size ? 0 : left);
    }
  }
  return { rows: x.rows, columns: width, data };
}
