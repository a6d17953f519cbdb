/** @file probe: which rows and classes each fit uses; checks labels, and brings together the tasks that share their rows. */

import { MesascopeError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import type { Matrix } from '../core/matrix.ts';
import { takeRows } from '../core/matrix.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';

/** One variable to fit: its labels on the rows of its group. */
export type FitTask = {
  /** Place among the tasks handed in. */
  readonly index: number;
  readonly labels: ClassLabels;
  /** Per row of the group's x: the class. */
  readonly values: Int32Array;
  /** Classes that occur, rising, and the rows of each. */
  readonly present: readonly number[];
  readonly counts: readonly number[];
};

/** Tasks whose labels exist on the same rows. */
export type TaskGroup = {
  /** Rows of the training matrix in use, or `all`; equal keys mean equal rows. */
  readonly key: string;
  readonly rows: Int32Array;
  readonly tasks: readonly FitTask[];
};

/**
 * Sorts tasks by the fit rows on which they have a value (a label of -1 leaves the row out of that task).
 *
 * `tasks[t].values` is indexed by example; row i of the training matrix is example `train.rows[i]`.
 * Throws `LABELS_INVALID` (a label out of range, or an example without one), `LABELS_ONE_CLASS`, `MATRIX_SHAPE`.
 */
export function groupTasks(train: TrainSplit, tasks: readonly ClassLabels[]): TaskGroup[] {
  const { x, rows } = train;
  if (rows.length !== x.rows) {
    throw new MesascopeError('MATRIX_SHAPE', `${x.rows} fit rows stand for ${rows.length} examples`);
  }
  const groups = new Map<string, { readonly rows: Int32Array; readonly tasks: FitTask[] }>();
  tasks.forEach((labels, index) => {
    const values = valuesOnRows(rows, labels, index);
    const { key, count } = labelledRows(values);
    let group = groups.get(key);
    if (group === undefined) {
      group = { rows: rowsWithValue(values, count), tasks: [] };
      groups.set(key, group);
    }
    group.tasks.push(fitTask(labels, index, key === 'all' ? values : valuesAt(values, group.rows)));
  });
  return [...groups].map(([key, group]) => ({ key, ...group }));
}

function valuesAt(values: Int32Array, rows: Int32Array): Int32Array {
  const out = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i]!]!;
  return out;
}

/** The group's own rows of the training matrix; the matrix itself when the group uses all of them. */
export function rowsOfGroup(train: TrainSplit, group: TaskGroup): Matrix {
  return group.key === 'all' ? train.x : takeRows(train.x, group.rows);
}

/** Labels of the examples `rows`, in that order; `index` names the task in a message. Throws `LABELS_INVALID`. */
export function valuesOnRows(rows: Int32Array, labels: ClassLabels, index: number): Int32Array {
  const values = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const value = labels.values[rows[i]!];
    if (value === undefined || value < -1 || value >= labels.classes) {
      throw new MesascopeError(
        'LABELS_INVALID',
        `${nameOf(labels, index)}: example ${rows[i]} has the label ${value ?? 'nothing'}; ${labels.classes} classes were announced`,
        { facts: { task: index, example: rows[i], label: value ?? null, classes: labels.classes } },
      );
    }
    values[i] = value;
  }
  return values;
}

/** A name for the set of rows that have a value, and their number. */
function labelledRows(values: Int32Array): { readonly key: string; readonly count: number } {
  const bits = new Uint8Array(Math.ceil(values.length / 8));
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === -1) continue;
    bits[i >> 3]! |= 1 << (i & 7);
    count += 1;
  }
  return { key: count === values.length ? 'all' : sha256(bits), count };
}

function rowsWithValue(values: Int32Array, count: number): Int32Array {
  const used = new Int32Array(count);
  let next = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== -1) used[next++] = i;
  return used;
}

function fitTask(labels: ClassLabels, index: number, values: Int32Array): FitTask {
  const counts = new Int32Array(labels.classes);
  for (const value of values) counts[value]! += 1;
  const present = Array.from(counts.keys()).filter((c) => counts[c]! > 0);
  if (present.length < 2) {
    const seen =
      present.length === 0 ? 'no row has a value' : `every row is ${className(labels, present[0]!)}`;
    throw new MesascopeError(
      'LABELS_ONE_CLASS',
      `${nameOf(labels, index)}: among ${values.length} fit rows ${seen}`,
      {
        facts: { task: index, classes: labels.names, rows: values.length },
      },
    );
  }
  return { index, labels, values, present, counts: present.map((c) => counts[c]!) };
}

function className(labels: ClassLabels, label: number): string {
  return JSON.stringify(labels.names[label] ?? String(label));
}

function nameOf(labels: ClassLabels, index: number): string {
  const names = labels.names.slice(0, 4).map((name) => JSON.stringify(name));
  return `task ${index} (${names.join(', ')}${labels.names.length > 4 ? ', ...' : ''})`;
}

/** Throws `BAD_SETTING` unless `penalty` is a finite number, 0 or more. */
export function checkPenalty(penalty: number): void {
  if (!(Number.isFinite(penalty) && penalty >= 0)) {
    throw new MesascopeError('BAD_SETTING', `the penalty must be a number of 0 or more, got ${penalty}`);
  }
}
