/** @file probe: lays tasks that are fitted on different rows (folds) over one standardised table, so that they share its products. */

import { type Matrix, takeRows } from '../core/matrix.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import { type ColumnMoments, columnMoments } from '../linalg/moments.ts';
import { type StandardRows, standardRows } from '../linalg/standard-rows.ts';
import { type FitTask, groupTasks, rowsOfGroup, type TaskGroup } from './tasks.ts';

/** A task on a table that may have rows it does not use: their value is -1. */
export type SharedTask = FitTask & {
  /** Rows of the table that the task uses. */
  readonly rows: number;
  /** [width]: standard deviation of each feature on the task's own rows, in units of z; undefined where it is the table's own unit. */
  readonly spread: Float64Array | undefined;
};

/** Tasks, and the standard rows z [n, width] that all of them read. */
export type SharedRows = {
  readonly z: StandardRows;
  readonly moments: ColumnMoments;
  readonly tasks: readonly SharedTask[];
};

/** A task that uses less of the table than this would pay for more rows than it reads. */
const LEAST_USE = 0.5;
/** A feature whose spread on a task's rows is this many times off the table's would bend the shared coordinates too far. */
const SPREAD_RANGE = 4;

/**
 * Sorts tasks into tables. Tasks on the same rows share a table of exactly those rows, in their own units. Tasks on different rows that
 * each use at least half of all (folds) share one table in its units, and carry the spread of their own rows for the penalty, so that
 * the minimum of each is the one it has alone.
 *
 * Throws what `groupTasks` throws, and `NON_FINITE`.
 */
export function shareRows(
  train: TrainSplit,
  tasks: readonly ClassLabels[],
  { standardise }: { readonly standardise: boolean },
): SharedRows[] {
  const groups = groupTasks(train, tasks);
  const wide = groups.filter(({ rows }) => rows.length >= LEAST_USE * train.x.rows);
  if (wide.length < 2) return groups.map((group) => alone(train, group, standardise));
  const { shared, unlike } = overlaid(train, wide, standardise);
  const own = groups.filter((group) => !wide.includes(group) || unlike.includes(group));
  const apart = own.map((group) => alone(train, group, standardise));
  return shared === undefined ? apart : [shared, ...apart];
}

function alone(train: TrainSplit, group: TaskGroup, standardise: boolean): SharedRows {
  const table = tableOf(rowsOfGroup(train, group), standardise);
  return {
    ...table,
    tasks: group.tasks.map((task) => ({ ...task, rows: table.z.x.rows, spread: undefined })),
  };
}

function tableOf(x: Matrix, standardise: boolean): Omit<SharedRows, 'tasks'> {
  const moments = columnMoments(x);
  const z = standardRows(x, moments, { standardise });
  if (standardise) return { z, moments };
  const plain = moments.deviation.map((deviation) => (deviation === 0 ? 0 : 1));
  return { z, moments: { mean: moments.mean, deviation: plain } };
}

/** One table for all `groups`; those whose features are spread too differently on their own rows come back as `unlike`. */
function overlaid(
  train: TrainSplit,
  groups: readonly TaskGroup[],
  standardise: boolean,
): { readonly shared: SharedRows | undefined; readonly unlike: readonly TaskGroup[] } {
  const uses = groups.map(({ rows }) => usedRows(rows, train.x.rows));
  const union = Int32Array.from(train.rows.keys()).filter((i) => uses.some((used) => used[i] === 1));
  const { z, moments } = tableOf(
    union.length === train.x.rows ? train.x : takeRows(train.x, union),
    standardise,
  );
  const within = uses.map((used) => Uint8Array.from(union, (i) => used[i]!));
  const spreads = standardise ? spreadsOf(z, within, moments) : undefined;
  const unlike = groups.filter((_, g) => spreads?.[g]?.some(isFarOff) === true);
  const alike = groups.filter((group) => !unlike.includes(group));
  if (alike.length < 2) return { shared: undefined, unlike: groups };
  const tasks = alike.flatMap((group) => {
    const g = groups.indexOf(group);
    return group.tasks.map(
      (task): SharedTask => ({
        ...task,
        values: spreadOut(task.values, within[g]!),
        rows: group.rows.length,
        spread: spreads?.[g],
      }),
    );
  });
  return { shared: { z, moments, tasks }, unlike };
}

function usedRows(rows: Int32Array, total: number): Uint8Array {
  const used = new Uint8Array(total);
  for (const row of rows) used[row] = 1;
  return used;
}

/** Values of the used rows, in order, with -1 between them for the rows that are not. */
function spreadOut(values: Int32Array, used: Uint8Array): Int32Array {
  const out = new Int32Array(used.length).fill(-1);
  let next = 0;
  for (let i = 0; i < used.length; i++) if (used[i] === 1) out[i] = values[next++]!;
  return out;
}

function isFarOff(spread: number): boolean {
  return !(spread >= 1 / SPREAD_RANGE && spread <= SPREAD_RANGE);
}

/** Per group, [width]: the standard deviation of z on its rows; 1 for a feature that is constant on the whole table. */
function spreadsOf(
  { x, mean, factor }: StandardRows,
  within: readonly Uint8Array[],
  { deviation }: ColumnMoments,
): Float64Array[] {
  const width = x.columns;
  // Rows that the same groups use are summed once: with k folds one pass over the table in place of k.
  const parts = new Map<string, { readonly groups: readonly number[]; readonly rows: number[] }>();
  for (let i = 0; i < x.rows; i++) {
    let key = '';
    for (const used of within) key += used[i];
    let part = parts.get(key);
    if (part === undefined) {
      part = { groups: Array.from(within.keys()).filter((g) => within[g]![i] === 1), rows: [] };
      parts.set(key, part);
    }
    part.rows.push(i);
  }
  const sums = within.map(() => ({
    rows: 0,
    first: new Float64Array(width),
    second: new Float64Array(width),
  }));
  for (const { groups, rows } of parts.values()) {
    const [first, second] = powerSums(x, rows, mean);
    for (const g of groups) {
      const sum = sums[g]!;
      sum.rows += rows.length;
      for (let j = 0; j < width; j++) {
        sum.first[j]! += first[j]!;
        sum.second[j]! += second[j]!;
      }
    }
  }
  return sums.map(({ rows, first, second }) =>
    Float64Array.from(first, (sum, j) =>
      deviation[j] === 0 ? 1 : factor[j]! * Math.sqrt(Math.max(0, second[j]! / rows - (sum / rows) ** 2)),
    ),
  );
}

/** Sums of x - mean and of its squares, by column, over `rows`. */
function powerSums(
  { columns, data }: Matrix,
  rows: readonly number[],
  mean: Float64Array,
): readonly [Float64Array, Float64Array] {
  const first = new Float64Array(columns);
  const second = new Float64Array(columns);
  for (const i of rows) {
    for (let j = 0, at = i * columns; j < columns; j++, at++) {
      const value = data[at]! - mean[j]!;
      first[j]! += value;
      second[j]! += value * value;
    }
  }
  return [first, second];
}
