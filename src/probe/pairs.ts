/** @file probe: rows that come in pairs, such as a statement and its negation; it fits nothing. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { SplitData, SplitRole } from '../core/split.ts';

/** Row i of `first` and row i of `second` are one pair; both lie on one side of the split. */
export type PairedRows<R extends SplitRole> = {
  readonly first: SplitData<R>;
  readonly second: SplitData<R>;
};

/** Throws `MATRIX_SHAPE` unless both halves have equally many rows, one example each, and one width. */
export function checkPairs({ first, second }: PairedRows<SplitRole>): void {
  const fits =
    first.x.rows === second.x.rows &&
    first.x.columns === second.x.columns &&
    first.rows.length === first.x.rows &&
    second.rows.length === second.x.rows;
  if (fits) return;
  throw new MesascopeError(
    'MATRIX_SHAPE',
    `pairs of [${first.x.rows}, ${first.x.columns}] for ${first.rows.length} examples and ` +
      `[${second.x.rows}, ${second.x.columns}] for ${second.rows.length} do not fit together`,
  );
}

/**
 * Both halves side by side, [pairs, 2 width], as a side of its own whose row i stands for the first example of pair i: what a probe of
 * pairs scores. Throws `MATRIX_SHAPE`.
 */
export function joinPairs<R extends SplitRole>(pairs: PairedRows<R>): SplitData<R> {
  checkPairs(pairs);
  const { first, second } = pairs;
  const { rows, columns: width } = first.x;
  const data = new Float32Array(rows * 2 * width);
  for (let i = 0; i < rows; i++) {
    data.set(first.x.data.subarray(i * width, (i + 1) * width), 2 * i * width);
    data.set(second.x.data.subarray(i * width, (i + 1) * width), (2 * i + 1) * width);
  }
  return { role: first.role, rows: first.rows, x: { rows, columns: 2 * width, data } };
}

/** first - second, [pairs, width]. Throws `MATRIX_SHAPE`. */
export function pairDifferences(pairs: PairedRows<SplitRole>): Matrix {
  checkPairs(pairs);
  const { first, second } = pairs;
  return { ...first.x, data: first.x.data.map((value, at) => value - second.x.data[at]!) };
}
