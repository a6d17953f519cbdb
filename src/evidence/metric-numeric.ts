/** @file evidence: how well numbers are predicted, in units of their variance and in ranks; for goals that are numbers. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { requireRows, requireWeights } from './metric-arguments.ts';

export type NumericOptions = {
  readonly predicted: Float64Array | Float32Array;
  /** True values; a row with NaN has none and is left out. */
  readonly values: Float64Array | Float32Array;
  /** Per row; default 1 each. */
  readonly weights?: Float64Array;
};

/** Rows with a value and a weight, or why the comparison cannot be made. */
function comparable({ predicted, values, weights }: NumericOptions): readonly number[] | string {
  requireRows(values.length, predicted.length, 'predictions');
  requireRows(values.length, weights?.length, 'weights');
  requireWeights(weights);
  const rows: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!) || (weights?.[i] ?? 1) === 0) continue;
    if (!Number.isFinite(values[i]!)) return `the value of row ${i} is not finite`;
    if (!Number.isFinite(predicted[i]!)) return `the prediction of row ${i} is not a finite number`;
    rows.push(i);
  }
  return rows.length < 2 ? `${rows.length} rows with a value are too few` : rows;
}

/**
 * R squared, at most 1: 1 - sum of (value - prediction)^2 / sum of (value - mean)^2, all weighted. 0 is as good as the mean of these very
 * rows, and below 0 worse; unlike a squared correlation it counts a wrong scale or offset. Undefined with fewer than two
 * values, or when they do not vary. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function rSquared(options: NumericOptions): Measured {
  const rows = comparable(options);
  if (typeof rows === 'string') return undefinedBecause(rows);
  const { predicted, values, weights } = options;
  let mass = 0;
  let mean = 0;
  for (const i of rows) {
    const weight = weights?.[i] ?? 1;
    mass += weight;
    mean += (weight / mass) * (values[i]! - mean);
  }
  let residual = 0;
  let total = 0;
  for (const i of rows) {
    const weight = weights?.[i] ?? 1;
    residual += weight * (values[i]! - predicted[i]!) ** 2;
    total += weight * (values[i]! - mean) ** 2;
  }
  return total > 0 ? measured(1 - residual / total) : undefinedBecause('the values do not vary');
}

/**
 * Spearman's rank correlation, -1 to 1: Pearson's correlation of mid-ranks (equal numbers share the mean of their ranks). A weight counts a row
 * that often, in the ranks too, so that integer weights equal repeated rows. Undefined with fewer than two values, or when
 * either side does not vary. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function spearman(options: NumericOptions): Measured {
  const rows = comparable(options);
  if (typeof rows === 'string') return undefinedBecause(rows);
  const { predicted, values, weights } = options;
  const mass = Float64Array.from(rows, (i) => weights?.[i] ?? 1);
  const a = midRanks(
    Float64Array.from(rows, (i) => predicted[i]!),
    mass,
  );
  const b = midRanks(
    Float64Array.from(rows, (i) => values[i]!),
    mass,
  );
  // Mid-ranks counted from 0 have the mean total / 2, tied or not.
  const middle = mass.reduce((sum, weight) => sum + weight, 0) / 2;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let k = 0; k < mass.length; k++) {
    const x = a[k]! - middle;
    const y = b[k]! - middle;
    ab += mass[k]! * x * y;
    aa += mass[k]! * x * x;
    bb += mass[k]! * y * y;
  }
  const floor = 1e-12 * middle ** 3;
  if (!(bb > floor)) return undefinedBecause('the values do not vary');
  if (!(aa > floor)) return undefinedBecause('the predictions do not vary');
  return measured(Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb))));
}

/** Mass below a number plus half of the mass at it, per row. */
function midRanks(numbers: Float64Array, mass: Float64Array): Float64Array {
  const order = Int32Array.from(numbers.keys()).sort((a, b) => numbers[a]! - numbers[b]!);
  const ranks = new Float64Array(numbers.length);
  let below = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    let here = 0;
    for (; end < order.length && numbers[order[end]!] === numbers[order[start]!]; end++)
      here += mass[order[end]!]!;
    for (let k = start; k < end; k++) ranks[order[k]!] = below + here / 2;
    below += here;
    start = end;
  }
  return ranks;
}
