/** @file pipeline: one probe of one goal at one hook, with what it reads on test rows, ready to be saved; makes no verdict. */
import { runForward } from '../capture/run-forward.ts';
import type { DataSet, GoalRole } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Sha256 } from '../core/hash.ts';
import type { Matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import type { Interval } from '../evidence/resample-interval.ts';
import { type Linalg, openLinalg } from '../linalg/linalg.ts';
import type { Model } from '../model/open-model.ts';
import type { SavedProbe } from '../probe/probe-file.ts';
import {
  fitGoalProbe,
  type GoalTask,
  goalsOf,
  goalTask,
  mustBeFitted,
  type ProbeRows,
  readGoal,
  whyUnfitted,
} from './goal-probes.ts';

export type FitRequest = {
  readonly dataSet: DataSet;
  readonly dataSha256: Sha256;
  readonly goal: string;
  readonly hook: string;
  /** Negative ones count from the end; the read-out of the data by default. */
  readonly position?: number;
  /** Of the split (default 0). */
  readonly seed?: number;
  /** Of this program, for the file. */
  readonly version: string;
};

export type FittedProbe = {
  readonly saved: SavedProbe;
  readonly goal: GoalRole;
  readonly position: number;
  /** Share of test rows read right. */
  readonly accuracy: Interval;
  /** Share of test rows that have the commonest value of the fit rows: what reading nothing would give. */
  readonly chance: number;
  /**
   * The same for the irrelevant variable, read in the same way (of state `undefined` where it does not vary); undefined where the data
   * have none, or where it is the goal.
   */
  readonly irrelevant: Interval | undefined;
  /** Which rows of the data were used, and how many on each side. */
  readonly set: ProbeRows;
  readonly rows: { readonly fit: number; readonly select: number; readonly test: number };
};

/**
 * Fits a ridge probe on half of the groups, at the penalty that reads a fifth of them best, and reads the rest. Rows in which the goals
 * come apart are used where these have three groups; else all but the held-out ones (`set` says which).
 *
 * Throws `BAD_SETTING` (no such goal), `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`, `POSITION_RANGE`, `SPLIT_TOO_FEW_GROUPS`, `LABELS_ONE_CLASS`,
 * and what running throws.
 */
export async function fitProbe(
  model: Model,
  request: FitRequest,
  control: RunControl = {},
): Promise<FittedProbe> {
  const { dataSet, hook, seed = 0, position = dataSet.readout } = request;
  const task = goalTask(dataSet, seed);
  const [goal] = goalsOf(task, [request.goal]);
  if (goal === undefined) throw new MesascopeError('BAD_SETTING', 'no goal is named');
  mustBeFitted(task, goal);
  const captured = await runForward(
    model,
    {
      inputs: Array.from(task.examples, (row) => dataSet.examples[row]!.input),
      mapping: dataSet.inputs,
      hooks: [hook],
      positions: [position],
      readout: position,
      choices: [],
    },
    control,
  );
  const x = captured.activations(hook, position);
  const linalg = await openLinalg();
  try {
    const context = { task, linalg };
    const probe = await fitGoalProbe(x, goal, context);
    const { fit, select, test } = task.split;
    return {
      goal,
      position,
      saved: {
        probe,
        origin: {
          hook,
          position,
          reads: goal,
          modelSha256: model.sha256,
          dataSha256: request.dataSha256,
          splitSeed: String(seed),
          version: request.version,
        },
      },
      accuracy: await readGoal(probe, x, goal, context),
      chance: commonest(task.labels[goal]!.values, fit.rows, test.rows),
      irrelevant: goal === 'irrelevant' ? undefined : await readIrrelevant(x, context),
      set: task.set,
      rows: { fit: fit.rows.length, select: select.rows.length, test: test.rows.length },
    };
  } finally {
    await linalg.close();
  }
}

/** A variable that cannot be read is no reason to lose the probe that was asked for. */
async function readIrrelevant(
  x: Matrix,
  context: { readonly task: GoalTask; readonly linalg: Linalg },
): Promise<Interval | undefined> {
  const { task } = context;
  if (task.labels.irrelevant === undefined) return undefined;
  const reason = whyUnfitted(task, 'irrelevant');
  if (reason !== undefined) return { state: 'undefined', reason };
  return readGoal(await fitGoalProbe(x, 'irrelevant', context), x, 'irrelevant', context);
}

/** Share of the test rows that have the commonest value among the fit rows. */
function commonest(values: Int32Array, fit: Int32Array, test: Int32Array): number {
  const counts = new Map<number, number>();
  for (const row of fit) if (values[row]! >= 0) counts.set(values[row]!, (counts.get(values[row]!) ?? 0) + 1);
  const [first] = [...counts].sort(([a, m], [b, n]) => n - m || a - b);
  const labelled = takeRowsOf(values, test).filter((value) => value >= 0);
  return labelled.length === 0
    ? 0
    : labelled.filter((value) => value === first?.[0]).length / labelled.length;
}

function takeRowsOf(values: Int32Array, rows: Int32Array): Int32Array {
  return rows.map((row) => values[row]!);
}
