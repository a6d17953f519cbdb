/** @file capture: the arrays that one batch of edits is fed with: masks, values and bases; runs nothing. */
import type { Matrix } from '../core/matrix.ts';
import type { Encoded } from '../model/encode.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { EditInputs } from '../onnx/contract.ts';

/** A run whose shapes have been held against its setup. */
export type CheckedRun = {
  /** One per pass. */
  readonly encodings: readonly Encoded[];
  readonly inputRows: Int32Array;
  /** At least one; negative counts from the end of the row. */
  readonly positions: readonly number[];
  readonly values: readonly Matrix[];
  readonly bases: readonly (Matrix | undefined)[];
  readonly edited: readonly boolean[] | undefined;
  readonly maxTokens: number;
};

/**
 * Mask [rows, length, 1] true at the positions, value [rows, 1, width] broadcast over positions (or [rows, length, width] where several
 * have values of their own), basis [width, k]; a vector of two axes has [.., heads, head width] in place of [.., width], and a value without positions lacks that axis.
 */
export function addEditFeeds(
  feeds: Record<string, TensorValue>,
  inputs: EditInputs,
  of: {
    readonly checked: Pick<CheckedRun, 'values' | 'bases' | 'edited'>;
    readonly batch: Int32Array;
    readonly rows: number;
    /** Absolute positions; undefined: the value has no positions. */
    readonly at: readonly number[] | undefined;
    readonly length: number;
    readonly edit: number;
    readonly split: number | undefined;
  },
): void {
  const { checked, batch, rows, at, length, edit, split } = of;
  const perRow = at === undefined ? 1 : length;
  const mask = new Uint8Array(rows * perRow);
  for (let i = 0; i < batch.length; i++) {
    if (checked.edited !== undefined && checked.edited[batch[i]!] !== true) continue;
    for (const place of at ?? [0]) mask[i * perRow + place] = 1;
  }
  const places = at === undefined ? [rows] : [rows, length];
  feeds[inputs.mask] = {
    type: 'bool',
    dims: [...places, 1, ...(split === undefined ? [] : [1])],
    data: mask,
  };
  if (inputs.value !== undefined) {
    const { columns: stored, data } = checked.values[edit]!;
    const several = at !== undefined && at.length > 1 ? at : undefined;
    const columns = several === undefined ? stored : stored / several.length;
    const slots = several === undefined ? 1 : length;
    const value = new Float32Array(rows * slots * columns);
    for (let i = 0; i < batch.length; i++) {
      const from = batch[i]! * stored;
      for (const [k, place] of (several ?? [0]).entries()) {
        const own = data.subarray(from + k * columns, from + (k + 1) * columns);
        value.set(own, (i * slots + place) * columns);
      }
    }
    const vector = split === undefined ? [columns] : [columns / split, split];
    feeds[inputs.value] = {
      type: 'float32',
      dims: [...(at === undefined ? [rows] : [rows, slots]), ...vector],
      data: value,
    };
  }
  const basis = checked.bases[edit];
  if (inputs.basis !== undefined && basis !== undefined) {
    feeds[inputs.basis] = { type: 'float32', dims: [basis.rows, basis.columns], data: basis.data };
  }
}
