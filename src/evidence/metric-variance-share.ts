/** @file evidence: the share of activation variance that a variable's class means explain; no test and no resampling of its own. */
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { requireLabels, requireRows, requireWeights } from './metric-arguments.ts';

/** Sums of squares are traces: summed over the columns of x. */
export type VarianceShare = {
  /** Between-class over total sum of squares, in [0, 1]; k classes without effect reach about (k - 1)/(n - 1). */
  readonly etaSquared: Measured;
  /** Corrected for that; at most 1, and below 0 about as often as above where there is no effect. */
  readonly omegaSquared: Measured;
  readonly between: number;
  readonly within: number;
  readonly total: number;
  /** Sum of weights of the labelled rows. */
  readonly rows: number;
  readonly classesPresent: number;
};

/**
 * x minus its weighted mean over labelled rows, in f64: [rows, columns]; unlabelled rows stay 0. Subtracting the first labelled row before
 * taking the mean makes a constant column exactly 0 rather than rounding noise, whose eta^2 would be meaningless.
 */
export function centredRows(x: Matrix, labels: Int32Array, weights: Float64Array | undefined): Float64Array {
  const { rows, columns, data } = x;
  const centred = new Float64Array(rows * columns);
  const first = labels.findIndex((label) => label >= 0);
  if (first < 0) return centred;
  const mean = new Float64Array(columns);
  let mass = 0;
  for (let i = 0; i < rows; i++) {
    if (labels[i]! < 0) continue;
    const weight = weights?.[i] ?? 1;
    mass += weight;
    for (let j = 0; j < columns; j++) {
      const value = data[i * columns + j]! - data[first * columns + j]!;
      centred[i * columns + j] = value;
      mean[j] = mean[j]! + weight * value;
    }
  }
  if (mass === 0) return centred;
  for (let i = 0; i < rows; i++) {
    if (labels[i]! < 0) continue;
    for (let j = 0; j < columns; j++) centred[i * columns + j] = centred[i * columns + j]! - mean[j]! / mass;
  }
  return centred;
}

/** Throws `MATRIX_SHAPE` or `BAD_SETTING` unless x, labels and weights fit together and are finite. */
export function requireVarianceInput(
  x: Matrix,
  labels: Int32Array,
  classes: number,
  weights: Float64Array | undefined,
): void {
  requireRows(x.rows, labels.length, 'labels');
  requireRows(x.rows, weights?.length, 'weights');
  requireWeights(weights);
  requireLabels(labels, classes);
  for (const value of x.data) {
    if (!Number.isFinite(value)) {
      throw new MesascopeError(
        'BAD_SETTING',
        'an activation is not a finite number; its variance has no meaning',
      );
    }
  }
}

/** Assembles both shares from sums of squares: omega^2 = (SSB - (k - 1) MSW) / (SST + MSW), MSW = SSW / (n - k). */
export function shareOf(between: number, total: number, rows: number, classesPresent: number): VarianceShare {
  const within = Math.max(0, total - between);
  const sums = { between, within, total, rows, classesPresent };
  if (classesPresent < 2) {
    const none = undefinedBecause('fewer than two classes occur');
    return { etaSquared: none, omegaSquared: none, ...sums };
  }
  if (!(total > 0)) {
    const none = undefinedBecause('the activations do not vary');
    return { etaSquared: none, omegaSquared: none, ...sums };
  }
  const meanWithin = within / (rows - classesPresent);
  const omegaSquared =
    rows > classesPresent
      ? measured((between - (classesPresent - 1) * meanWithin) / (total + meanWithin))
      : undefinedBecause('there are not more rows than classes');
  return { etaSquared: measured(Math.min(1, between / total)), omegaSquared, ...sums };
}

/**
 * Share of the variance of `x` [rows, columns] that the class means of `labels` explain: eta^2 = SSB / SST (Fisher 1925; the trace
 * form for several columns) and omega^2 (Hays 1963), which subtracts what classes without effect explain by chance. Neither changes
 * when x is shifted, scaled or rotated. Weights count as frequencies. Rows with label -1 are left out. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function varianceShare(
  x: Matrix,
  labels: Int32Array,
  classes: number,
  weights?: Float64Array,
): VarianceShare {
  requireVarianceInput(x, labels, classes, weights);
  const { columns } = x;
  const centred = centredRows(x, labels, weights);
  const mass = new Float64Array(classes);
  const sums = new Float64Array(classes * columns); // [classes, columns]
  let rows = 0;
  let total = 0;
  for (let i = 0; i < x.rows; i++) {
    const label = labels[i]!;
    if (label < 0) continue;
    const weight = weights?.[i] ?? 1;
    rows += weight;
    mass[label] = mass[label]! + weight;
    for (let j = 0; j < columns; j++) {
      const value = centred[i * columns + j]!;
      sums[label * columns + j] = sums[label * columns + j]! + weight * value;
      total += weight * value * value;
    }
  }
  let between = 0;
  let present = 0;
  for (let c = 0; c < classes; c++) {
    if (!(mass[c]! > 0)) continue;
    present++;
    for (let j = 0; j < columns; j++) between += sums[c * columns + j]! ** 2 / mass[c]!;
  }
  return shareOf(between, total, rows, present);
}
