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
