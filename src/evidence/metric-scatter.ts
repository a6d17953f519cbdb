/** @file evidence: how far single values scatter, and how much of that the groups share; for planning, tests nothing. */
import { requireRows } from './metric-arguments.ts';

export type Scatter =
  | { readonly state: 'measured'; readonly sd: number; readonly correlation: number }
  | { readonly state: 'undefined'; readonly reason: string };

/**
 * Standard deviation of single values, and the correlation of two of one group (analysis of variance: Fisher 1925; unequal groups
 * as in Donner 1986), to plan with: take them from rows that will not be reported. The correlation is 0 where the estimate is below, and
 * 1 (the worst case) where every group has one row. Undefined below two groups. Throws `MATRIX_SHAPE`.
 */
export function scatterOf(values: Float64Array, groups: Int32Array): Scatter {
  requireRows(values.length, groups.length, 'groups');
  const sums = new Map<number, { rows: number; sum: number }>();
  for (let i = 0; i < values.length; i++) {
    const one = sums.get(groups[i]!) ?? { rows: 0, sum: 0 };
    sums.set(groups[i]!, one);
    one.rows++;
    one.sum += values[i]!;
  }
  const k = sums.size;
  const n = values.length;
  if (k < 2) return { state: 'undefined', reason: 'fewer than two groups have no scatter between them' };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  let within = 0;
  for (let i = 0; i < n; i++) {
    const { rows, sum } = sums.get(groups[i]!)!;
    within += (values[i]! - sum / rows) ** 2;
  }
  let between = 0;
  let sizeSquares = 0;
  for (const { rows, sum } of sums.values()) {
    between += rows * (sum / rows - mean) ** 2;
    sizeSquares += rows * rows;
  }
  if (n === k) return { state: 'measured', sd: Math.sqrt(between / (n - 1)), correlation: 1 };
  const size = (n - sizeSquares / n) / (k - 1);
  const msWithin = within / (n - k);
  const component = Math.max(0, (between / (k - 1) - msWithin) / size);
  const total = component + msWithin;
  return { state: 'measured', sd: Math.sqrt(total), correlation: total === 0 ? 1 : component / total };
}
