/** @file capture: the arithmetic of direct logit attribution: a norm held at its scale, and shares of a sum; runs nothing. */
import { type Matrix, matrix } from '../core/matrix.ts';

/** norm(x) = gain * (x - mean(x)) / scale(x) + bias; without `centred` nothing is subtracted (RMSNorm). */
export type FinalNorm = {
  readonly centred: boolean;
  /** [width]. */
  readonly gain: Float64Array;
  /** [width]. */
  readonly bias: Float64Array;
};

/** head(y) = y W^T + b on the choices. */
export type LinearHead = {
  /** W, [choices, width] row-major. */
  readonly weights: Float64Array;
  /** b, [choices]. */
  readonly bias: Float64Array;
};

/** Largest error, as a share of the largest value, at which something counts as linear. */
export const LINEAR_TOLERANCE = 1e-4;

/**
 * What a norm does, from what it gives for zero (`atZero`, [width]) and for some points of large spread (x and y, [points, width]):
 * LayerNorm (Ba et al. 2016, arXiv:1607.06450, eq. 4) or RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4), whichever
 * fits. The spread has to be so large that the epsilon under the root is nothing beside it. Undefined where neither fits to `LINEAR_TOLERANCE`.
 */
export function normFrom(atZero: ArrayLike<number>, x: Matrix, y: Matrix): FinalNorm | undefined {
  const bias = Float64Array.from(atZero);
  const fits = [true, false].map((centred) => fittedNorm({ centred, bias, x, y }));
  const best = fits[0]!.error <= fits[1]!.error ? fits[0]! : fits[1]!;
  return best.error <= LINEAR_TOLERANCE ? best.norm : undefined;
}

function fittedNorm(given: {
  readonly centred: boolean;
  readonly bias: Float64Array;
  readonly x: Matrix;
  readonly y: Matrix;
}): { readonly norm: FinalNorm; readonly error: number } {
  const { centred, bias, x, y } = given;
  const width = x.columns;
  const units = new Float64Array(x.data.length);
  for (let row = 0; row < x.rows; row++) {
    const values = centredRow(x.data.subarray(row * width, (row + 1) * width), centred);
    let squares = 0;
    for (const value of values) squares += value * value;
    const scale = Math.sqrt(squares / width);
    for (let j = 0; j < width; j++) units[row * width + j] = values[j]! / scale;
  }
  // Least squares per feature: y - bias = gain * unit.
  const gain = Float64Array.from({ length: width }, (_, j) => {
    let products = 0;
    let squares = 0;
    for (let at = j; at < units.length; at += width) {
      products += units[at]! * (y.data[at]! - bias[j]!);
      squares += units[at]! ** 2;
    }
    return squares === 0 ? 0 : products / squares;
  });
  let worst = 0;
  let largest = 0;
  for (let at = 0; at < units.length; at++) {
    const j = at % width;
    const wanted = y.data[at]! - bias[j]!;
    worst = worseOf(worst, Math.abs(wanted - gain[j]! * units[at]!));
    largest = Math.max(largest, Math.abs(wanted));
  }
  return { norm: { centred, gain, bias }, error: largest === 0 ? worst : worst / largest };
}

/** A row with its mean subtracted, or as it is. */
function centredRow(row: ArrayLike<number>, centred: boolean): Float64Array {
  const values = Float64Array.from(row);
  if (!centred) return values;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

/** The larger one; NaN is larger than everything, so that an error which is NaN at one place stays NaN to the end. */
export function worseOf(a: number, b: number): number {
  return Number.isNaN(a) || b <= a ? a : b;
}

/**
 * The scale at which the norm took each row: the one that lays norm(x) best upon y, [rows]; and the largest error that is left, as a share
 * of the largest value of y. No epsilon has to be known. `x` and `y` are [rows, width]; without a norm the scale is 1.
 */
export function rowScales(
  norm: FinalNorm | undefined,
  x: Matrix,
  y: Matrix,
): { readonly scales: Float64Array; readonly error: number } {
  const scales = new Float64Array(x.rows).fill(1);
  if (norm === undefined) return { scales, error: 0 };
  const width = x.columns;
  let worst = 0;
  let largest = 0;
  for (let row = 0; row < x.rows; row++) {
    const values = centredRow(x.data.subarray(row * width, (row + 1) * width), norm.centred);
    const seen = Float64Array.from({ length: width }, (_, j) => y.data[row * width + j]! - norm.bias[j]!);
    let squares = 0;
    let products = 0;
    for (let j = 0; j < width; j++) {
      const term = norm.gain[j]! * values[j]!;
      squares += term * term;
      products += term * seen[j]!;
    }
    scales[row] = squares === 0 ? 1 : squares / products;
    for (let j = 0; j < width; j++) {
      worst = worseOf(worst, Math.abs(seen[j]! - (norm.gain[j]! * values[j]!) / scales[row]!));
      largest = Math.max(largest, Math.abs(seen[j]!));
    }
  }
  return { scales, error: largest === 0 ? worst : worst / largest };
}

/**
 * Directions in the stream, [choices, width]: the product of one with a part of the stream, over the row's scale, is the part's share of that choice's
 * logit. The gain is folded in, and where the norm subtracts the mean so does the direction.
 */
export function streamDirections(head: LinearHead, norm: FinalNorm | undefined, width: number): Float64Array {
  const directions = Float64Array.from(head.weights);
  if (norm === undefined) return directions;
  for (let from = 0; from < directions.length; from += width) {
    let mean = 0;
    for (let j = 0; j < width; j++) {
      directions[from + j]! *= norm.gain[j]!;
      mean += directions[from + j]! / width;
    }
    if (norm.centred) for (let j = 0; j < width; j++) directions[from + j]! -= mean;
  }
  return directions;
}

/** Shares of a part of the stream, [rows, width], in the logits of the choices: [rows, choices]. */
export function shareOf(part: Matrix, directions: Float64Array, scales: Float64Array): Matrix {
  const { rows, columns: width } = part;
  const choices = directions.length / width;
  const shares = matrix(rows, choices);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < choices; c++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += directions[c * width + j]! * part.data[row * width + j]!;
      shares.data[row * choices + c] = sum / scales[row]!;
    }
  }
  return shares;
}

/** What every row gets whatever its stream: the norm's bias through the head, and the head's own, [choices]. */
export function constantShare(head: LinearHead, norm: FinalNorm | undefined): Float64Array {
  const width = head.weights.length / head.bias.length;
  return head.bias.map((own, c) => {
    if (norm === undefined) return own;
    let sum = own;
    for (let j = 0; j < width; j++) sum += head.weights[c * width + j]! * norm.bias[j]!;
    return sum;
  });
}

/**
 * How far sums of shares are from what they should add up to, as a share of the largest difference between two choices of one row (of
 * the largest value, where there is one choice): what is common to all choices decides nothing.
 */
export function sumError(shares: readonly Matrix[], logits: Matrix): number {
  const { rows, columns, data } = logits;
  let worst = 0;
  let largest = 0;
  for (let row = 0; row < rows; row++) {
    const sums = Float64Array.from({ length: columns }, (_, c) =>
      shares.reduce((sum, share) => sum + share.data[row * columns + c]!, 0),
    );
    const from = row * columns;
    for (let c = 0; c < columns; c++) {
      const [sum, logit] =
        columns === 1 ? [sums[0]!, data[from]!] : [sums[c]! - sums[0]!, data[from + c]! - data[from]!];
      worst = worseOf(worst, Math.abs(sum - logit));
      largest = Math.max(largest, Math.abs(logit));
    }
  }
  return largest === 0 ? worst : worst / largest;
}
