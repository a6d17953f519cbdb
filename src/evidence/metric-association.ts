/** @file evidence: how strongly two categorical variables go together; counts only. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { requireRows } from './metric-arguments.ts';

export type AssociationOptions = {
  /** Bergsma's (2013) correction: under independence the plain V of a large table from few rows is far above 0. Default false. */
  readonly biasCorrected?: boolean;
};

/**
 * Cramer's V of two label columns, in [0, 1]: sqrt(phi^2 / min(r - 1, c - 1)), phi^2 = chi^2 / n (Cramer 1946). Corrected:
 * phi^2 - (r - 1)(c - 1)/(n - 1), not below 0, over min(r', c') - 1 with r' = r - (r - 1)^2/(n - 1) (Bergsma 2013, J. Korean
 * Stat. Soc. 42, 323-328). Rows where either label is negative are left out; r and c count the values that occur. Undefined
 * when one variable does not vary. Throws `MATRIX_SHAPE`.
 */
export function cramersV(a: Int32Array, b: Int32Array, options: AssociationOptions = {}): Measured {
  requireRows(a.length, b.length, 'labels of the other variable');
  const rows = new Map<number, number>();
  const columns = new Map<number, number>();
  const cells = new Map<number, Map<number, number>>();
  let n = 0;
  for (let i = 0; i < a.length; i++) {
    const left = a[i]!;
    const right = b[i]!;
    if (left < 0 || right < 0) continue;
    n++;
    rows.set(left, (rows.get(left) ?? 0) + 1);
    columns.set(right, (columns.get(right) ?? 0) + 1);
    const line = cells.get(left) ?? new Map<number, number>();
    line.set(right, (line.get(right) ?? 0) + 1);
    cells.set(left, line);
  }
  const r = rows.size;
  const c = columns.size;
  if (r < 2 || c < 2)
    return undefinedBecause(n === 0 ? 'no row has both labels' : 'one variable does not vary');
  // chi^2 / n = sum of count^2 / (row total x column total) - 1; empty cells drop out of that form.
  let phi2 = -1;
  for (const [left, line] of cells) {
    for (const [right, count] of line) phi2 += (count * count) / (rows.get(left)! * columns.get(right)!);
  }
  phi2 = Math.max(0, phi2);
  if (!(options.biasCorrected ?? false)) return measured(Math.min(1, Math.sqrt(phi2 / (Math.min(r, c) - 1))));
  const corrected = Math.max(0, phi2 - ((r - 1) * (c - 1)) / (n - 1));
  const side = Math.min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1;
  if (!(side > 0)) return undefinedBecause(`${n} rows are too few for a ${r} by ${c} table`);
  return measured(Math.min(1, Math.sqrt(corrected / side)));
}
