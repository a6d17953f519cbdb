/** @file evidence: what the arguments of a statistical kernel must satisfy; computes nothing. */
import { MesascopeError } from '../core/errors.ts';

/** Throws `MATRIX_SHAPE` unless `length` rows came with `other` of `what`. */
export function requireRows(length: number, other: number | undefined, what: string): void {
  if (other !== undefined && other !== length) {
    throw new MesascopeError('MATRIX_SHAPE', `${length} rows came with ${other} ${what}`, {
      facts: { rows: length, [what]: other },
    });
  }
}

/** Throws `BAD_SETTING` on a weight that is negative or not finite. */
export function requireWeights(weights: Float64Array | undefined): void {
  for (const weight of weights ?? []) {
    if (!(weight >= 0 && Number.isFinite(weight))) {
      throw new MesascopeError('BAD_SETTING', `a weight is finite and not negative, got ${weight}`);
    }
  }
}

/** Throws `BAD_SETTING` on a label outside -1 .. classes - 1. */
export function requireLabels(labels: Int32Array, classes: number): void {
  for (const label of labels) {
    if (label < -1 || label >= classes) {
      throw new MesascopeError('BAD_SETTING', `label ${label} is outside ${classes} classes`, {
        facts: { label, classes },
      });
    }
  }
}

/**
 * Rows in use by rising score, equal ones by row, or why they cannot be ranked. `positives[i]` is 1 (positive), 0 (negative) or -1 (left
 * out). Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function ranked(
  scores: Float64Array | Float32Array,
  positives: ArrayLike<number>,
  weights: Float64Array | undefined,
): number[] | string {
  requireRows(scores.length, positives.length, 'labels');
  requireRows(scores.length, weights?.length, 'weights');
  requireWeights(weights);
  const order: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    const kind = positives[i]!;
    if (kind !== 1 && kind !== 0 && kind !== -1) {
      throw new MesascopeError(
        'BAD_SETTING',
        `a row is positive (1), negative (0) or left out (-1), got ${kind}`,
      );
    }
    if (kind === -1) continue;
    if (Number.isNaN(scores[i]!)) return `the score of row ${i} is not a number`;
    order.push(i);
  }
  return order.sort((a, b) => scores[a]! - scores[b]! || a - b);
}
