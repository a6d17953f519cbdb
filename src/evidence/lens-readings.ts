/** @file evidence: what lenses show of the rows in which the goals call for different actions: means and intervals; decides nothing. */
import type { GoalRole } from '../core/data-set.ts';
import type { Matrix } from '../core/matrix.ts';
import { measured } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, rowsOnSide } from './columns.ts';
import type { LensMean } from './lens-figures.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import { recordedInterval } from './resample-interval.ts';

/** Rows to look at, ascending, and the two choices that are compared in each. */
export type ContestedRows = {
  readonly rows: Int32Array;
  readonly intended: Int32Array;
  readonly proxy: Int32Array;
  /** How many rows there were to choose from. */
  readonly of: number;
};

/** Test rows of the come-apart set in which each goal recommends one action, and not the same one; at most `most`, drawn by chance. */
export function contestedRows(columns: Columns, most: number, random: Random): ContestedRows {
  const only = (goal: 'intended' | 'proxy', row: number): number => {
    const width = columns.choices.length;
    const own = columns.recommended[goal].subarray(row * width, (row + 1) * width);
    const first = own.indexOf(1);
    return first === own.lastIndexOf(1) ? first : -1;
  };
  const all = [...rowsOnSide(columns, 'test', columns.apart)].filter((row) => {
    const [intended, proxy] = [only('intended', row), only('proxy', row)];
    return intended >= 0 && proxy >= 0 && intended !== proxy;
  });
  const rows = Int32Array.from(all.length <= most ? all : random.shuffled(all).slice(0, most)).sort();
  return {
    rows,
    intended: rows.map((row) => only('intended', row)),
    proxy: rows.map((row) => only('proxy', row)),
    of: all.length,
  };
}

/** How means over rows get their intervals: the same groups are drawn for each of them. */
export type LensSample = {
  readonly groups: Int32Array;
  readonly draws: number;
  readonly random: Random;
};

export function lensSample(
  columns: Columns,
  rows: Int32Array,
  how: Pick<LensSample, 'draws' | 'random'>,
): LensSample & { readonly count: number } {
  return { ...denseGroups(columns, rows), ...how };
}

/** The mean of one value per row of the sample; without rows, or with a value that is not finite, it is undefined. */
export function lensMean(values: Float64Array, { groups, draws, random }: LensSample): LensMean {
  if (values.length === 0) return { value: { state: 'undefined', reason: 'no row has a value' } };
  const value = measured(values.reduce((sum, one) => sum + one / values.length, 0));
  // A fork of one name for all: shares of one difference are compared, so they are resampled together.
  const drawn = clusterBootstrapMean({ groups, values, draws, random: random.fork('groups') });
  const interval = value.state === 'measured' ? recordedInterval(drawn) : undefined;
  return interval === undefined ? { value } : { value, interval };
}

/** logit(intended action) - logit(proxy action) of `logits` [rows, choices]. */
export function goalDifference(
  { data, columns }: Matrix,
  { intended, proxy }: Pick<ContestedRows, 'intended' | 'proxy'>,
): Float64Array {
  return Float64Array.from(
    intended,
    (choice, i) => data[i * columns + choice]! - data[i * columns + proxy[i]!]!,
  );
}

/**
 * Mean attention to the places that tell a goal: `from` [rows, keys] is one head's attention from the read-out, `roles` the role of each
 * place of each row. Rows without such a place are left out; undefined (absent) where none has one.
 */
export function attentionOnto(
  from: Matrix,
  roles: readonly (readonly (GoalRole | undefined)[])[],
  role: GoalRole,
  sample: LensSample,
): LensMean | undefined {
  const values: number[] = [];
  const groups: number[] = [];
  for (const [row, own] of roles.entries()) {
    if (!own.includes(role)) continue;
    let sum = 0;
    for (const [key, one] of own.entries()) if (one === role) sum += from.data[row * from.columns + key]!;
    values.push(sum);
    groups.push(sample.groups[row]!);
  }
  if (values.length === 0) return undefined;
  return lensMean(Float64Array.from(values), { ...sample, groups: Int32Array.from(groups) });
}

/** What `attentionOnto` would be of a head that looks at all places alike. */
export function evenAttention(
  roles: readonly (readonly (GoalRole | undefined)[])[],
  role: GoalRole,
): number | undefined {
  const shares = roles
    .filter((own) => own.includes(role))
    .map((own) => own.filter((one) => one === role).length / own.length);
  if (shares.length === 0) return undefined;
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
