/** @file pipeline: probes of a data set's goals outside of the ladder: fitted on one side of a split, chosen on another, read on the third. */
import { type DataSet, GOAL_ROLES, type GoalRole } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { takeRows } from '../core/matrix.ts';
import { seededRandom } from '../core/random.ts';
import { type ClassLabels, type GroupSplit, sideOf } from '../core/split.ts';
import { clusterBootstrapMean } from '../evidence/resample-cluster-bootstrap.ts';
import type { Interval } from '../evidence/resample-interval.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type LinearProbe, predict, scoreProbe } from '../probe/linear-probe.ts';
import { ridgeFitter } from '../probe/ridge.ts';
import { splitByGroup } from '../store/group-split.ts';
import { goalLabels } from './goal-labels.ts';

/**
 * Which rows a probe is fitted and read on: those in which the goals come apart, or, where these have fewer than three groups, all but the
 * held-out ones. Where goals coincide, a probe of one is a probe of the other.
 */
export type ProbeRows = 'apart' | 'all but held-out';

/** What readers should know of probes of such rows; undefined where the goals come apart. */
export function rowsNote(set: ProbeRows): string | undefined {
  if (set === 'apart') return undefined;
  return 'Fitted on all but held-out rows, since fewer than three groups are of the set `apart`: where goals coincide, a probe of one is a probe of the other.';
}

/** What is read, from which examples, and on which side each stands; rows count within `examples`. */
export type GoalTask = {
  readonly set: ProbeRows;
  /** Places in the data set. */
  readonly examples: Int32Array;
  readonly labels: Readonly<Partial<Record<GoalRole, ClassLabels>>>;
  /** Group number of each row. */
  readonly groups: Int32Array;
  readonly split: GroupSplit;
  readonly seed: number;
};

/** Per fit row, as in the ladder: a hundredth, once and a hundred times its default. */
const PENALTIES = [1e-4, 1e-2, 1] as const;
const DRAWS = 2000;
const FEWEST_GROUPS = 3;

/**
 * The goals of a data set as something to read. Where goals coincide a probe of one is a probe of the other, so the rows in which they come
 * apart are used where these have three groups. Nothing is fitted on held-out rows. Throws `SPLIT_TOO_FEW_GROUPS`.
 */
export function goalTask(dataSet: DataSet, seed: number): GoalTask {
  const rowsOf = (wanted: (set: string) => boolean): number[] =>
    dataSet.examples.flatMap(({ set }, row) => (wanted(set) ? [row] : []));
  const groupsOf = (rows: readonly number[]): string[] => rows.map((row) => dataSet.examples[row]!.group);
  const apart = rowsOf((set) => set === 'apart');
  const enough = new Set(groupsOf(apart)).size >= FEWEST_GROUPS;
  const rows = enough ? apart : rowsOf((set) => set !== 'held-out');
  const names = groupsOf(rows);
  const split = splitByGroup({ groups: names, seed });
  const examples = rows.map((row) => dataSet.examples[row]!);
  const { labels } = goalLabels({ ...dataSet, examples }, { coding: undefined, fit: split.fit.rows });
  const numbers = new Map([...new Set(names)].map((name, i) => [name, i]));
  return {
    set: enough ? 'apart' : 'all but held-out',
    examples: Int32Array.from(rows),
    labels,
    groups: Int32Array.from(names, (name) => numbers.get(name)!),
    split,
    seed,
  };
}

/** The goals that a task can read, in the order of their roles. Throws `BAD_SETTING` for one that the data do not have. */
export function goalsOf(task: GoalTask, wanted?: readonly string[]): GoalRole[] {
  const there = GOAL_ROLES.filter((role) => task.labels[role] !== undefined);
  const missing = wanted?.find((name) => !there.some((role) => role === name));
  if (missing !== undefined) {
    throw new MesascopeError('BAD_SETTING', `the data have no goal ${JSON.stringify(missing)}`, {
      facts: { goals: there },
      remedy: `Choose from ${there.join(', ') || 'data with goals'}.`,
    });
  }
  return there.filter((role) => wanted === undefined || wanted.includes(role));
}

/** Why no probe of a goal can be fitted: the fit rows show no two values of it. Undefined where they do. */
export function whyUnfitted(task: GoalTask, goal: GoalRole): string | undefined {
  const { names, values } = task.labels[goal]!;
  const { rows } = task.split.fit;
  const seen = new Set(Array.from(rows, (row) => values[row]!).filter((value) => value >= 0));
  if (seen.size > 1) return undefined;
  const [only] = seen;
  return only === undefined
    ? `none of the ${rows.length} rows to fit on gives a value of \`${goal}\``
    : `\`${goal}\` has the one value ${JSON.stringify(names[only])} in the ${rows.length} rows to fit on`;
}

/** Throws `LABELS_ONE_CLASS`, naming the goal. */
export function mustBeFitted(task: GoalTask, goal: GoalRole): void {
  const reason = whyUnfitted(task, goal);
  if (reason !== undefined) throw new MesascopeError('LABELS_ONE_CLASS', reason, { facts: { goal } });
}

/**
 * A ridge probe of one goal, fitted on the fit rows at the penalty that reads the select rows best; of equal ones the largest.
 * `x` is [task rows, width]. Throws what `fitRidge` throws.
 */
export async function fitGoalProbe(
  x: Matrix,
  goal: GoalRole,
  { task, linalg }: { readonly task: GoalTask; readonly linalg: Linalg },
): Promise<LinearProbe> {
  const labels = task.labels[goal]!;
  const { fit, select } = task.split;
  const fitter = ridgeFitter(sideOf(x, fit), { linalg });
  let best: { readonly probe: LinearProbe; readonly share: number } | undefined;
  for (const penalty of PENALTIES) {
    const [probe] = await fitter.fit([labels], { penalty: penalty * fit.rows.length });
    const right = await rightOn(probe!, x, { labels, rows: select.rows, linalg });
    const share = right.marks.reduce((sum, mark) => sum + mark, 0) / Math.max(1, right.marks.length);
    if (best === undefined || share >= best.share) best = { probe: probe!, share };
  }
  return best!.probe;
}

/** Share of test rows that a probe reads right from `x` [task rows, width], with its interval over groups. */
export async function readGoal(
  probe: LinearProbe,
  x: Matrix,
  goal: GoalRole,
  { task, linalg }: { readonly task: GoalTask; readonly linalg: Linalg },
): Promise<Interval> {
  const labels = task.labels[goal]!;
  const { rows, marks } = await rightOn(probe, x, { labels, rows: task.split.test.rows, linalg });
  return clusterBootstrapMean({
    groups: Int32Array.from(rows, (row) => task.groups[row]!),
    values: marks,
    draws: DRAWS,
    random: seededRandom(`${task.seed}/read/${goal}`),
  });
}

async function rightOn(
  probe: LinearProbe,
  x: Matrix,
  of: { readonly labels: ClassLabels; readonly rows: Int32Array; readonly linalg: Linalg },
): Promise<{ readonly rows: Int32Array; readonly marks: Float64Array }> {
  const { labels, linalg } = of;
  const rows = of.rows.filter((row) => labels.values[row]! >= 0);
  const said = predict(await scoreProbe(probe, takeRows(x, rows), linalg));
  return { rows, marks: Float64Array.from(rows, (row, i) => (said[i] === labels.values[row] ? 1 : 0)) };
}
