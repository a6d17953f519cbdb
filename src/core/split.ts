/** @file core: which rows may be used for what, as types, so that test rows cannot reach a fit by accident. */
import type { Matrix } from './matrix.ts';
import { takeRows } from './matrix.ts';

/** fit: probe weights. select: site, penalty, sign, threshold. test: the numbers that are reported. */
export type SplitRole = 'fit' | 'select' | 'test';

/** Indices into one data set; a group lies on one side only. */
export type SplitRows<R extends SplitRole> = { readonly role: R; readonly rows: Int32Array };
export type GroupSplit = {
  readonly fit: SplitRows<'fit'>;
  readonly select: SplitRows<'select'>;
  readonly test: SplitRows<'test'>;
};

/** Activations of one side: x is [rows.length, width], row i belongs to example `rows[i]`. */
export type SplitData<R extends SplitRole> = {
  readonly role: R;
  readonly rows: Int32Array;
  readonly x: Matrix;
};
export type TrainSplit = SplitData<'fit'>;
export type SelectSplit = SplitData<'select'>;
export type TestSplit = SplitData<'test'>;

/** The rows of `all` [examples, width] that one side may see; copies them. */
export function sideOf<R extends SplitRole>(all: Matrix, side: SplitRows<R>): SplitData<R> {
  return { role: side.role, rows: side.rows, x: takeRows(all, side.rows) };
}

/** Class labels of every example: `values[i]` in [0, classes), or -1 where the variable has no value. */
export type ClassLabels = {
  readonly classes: number;
  readonly values: Int32Array;
  readonly names: readonly string[];
};
