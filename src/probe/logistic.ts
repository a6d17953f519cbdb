/** @file probe: logistic regression, binary and multinomial, for many variables at once; one batch of products a step. */

import { MesascopeError } from '../core/errors.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import type { Numbers } from '../linalg/cross-entropy.ts';
import { dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import type { ColumnMoments } from '../linalg/moments.ts';
import { type StandardRows, wideRows } from '../linalg/standard-rows.ts';
import { type DescentResult, type DescentState, minimiseTogether } from './descent.ts';
import { assembleProbe, type LinearProbe, type ProbeSettings } from './linear-probe.ts';
import {
  type LogisticTask,
  logisticObjective,
  logitsOf,
  startingPoint,
  weightsAt,
  whitenings,
} from './logistic-objective.ts';
import { type SharedTask, shareRows } from './shared-rows.ts';
import { checkPenalty } from './tasks.ts';

export type LogisticOptions = {
  readonly linalg: Linalg;
  /** 1 / C of scikit-learn's `LogisticRegression`: sum of log losses + penalty / 2 |w|^2. 0 or more; one for all tasks, or one per task. */
  readonly penalty: number | readonly number[];
  /** Give every feature unit spread on the fit rows, so that the penalty treats them alike. Default true. */
  readonly standardise?: boolean;
  /** Estimated relative excess of the objective over its minimum at which to stop. Default 1e-8. */
  readonly tolerance?: number;
  /** At most so many iterations in 32 bits, and again in 64. Default 500. */
  readonly maxIterations?: number;
};

/** How a fit ended. Anything but `converged` should be shown beside the probe's numbers. */
export type Convergence = {
  readonly state: DescentState;
  readonly iterations: number;
  /** Mean log loss + penalty / (2 rows) |w|^2, in nats per row. */
  readonly objective: number;
  /** Largest derivative of the objective by a weight or bias, in the fit's own (standardised) features. */
  readonly gradientNorm: number;
};

export type LogisticFit = { readonly probe: LinearProbe; readonly convergence: Convergence };

type LogisticSettings = Extract<ProbeSettings, { readonly kind: 'logistic' }>;

/** What holds for every task, and the penalty of each. */
type ResolvedOptions = Omit<LogisticSettings, 'penalty'> & { readonly penalties: readonly number[] };

/** Values that a batch of tasks may hold at once in targets, gradients and histories: 2^25, some 300 MB. */
const BATCH_VALUES = 2 ** 25;
/** Vectors that the minimiser keeps per task. */
const VECTORS_PER_TASK = 28;

/**
 * Fits logistic probes by L-BFGS, all tasks in the same two products a step (a label of -1 leaves a row out, so that folds go in
 * together), in 32 bits and, where rounding stops that short of the optimum, on in 64. Two classes: one weight vector
 * (class 0 scores 0, class 1 its logit). More: one per class, softmax. The bias is not penalised. The objective and its minimum
 * are those of scikit-learn's `LogisticRegression(C = 1 / penalty)`; softmax of the scores gives the probabilities.
 *
 * train.x [n, width]; one fit per task, in order, each with its own penalty where they differ; a class that is absent from the fit rows plays no part. Throws `NON_FINITE`,
 * `LABELS_INVALID`, `LABELS_ONE_CLASS`, `BAD_SETTING`. A fit that does not converge is returned, and says so.
 */
export async function fitLogistic(
  train: TrainSplit,
  tasks: readonly ClassLabels[],
  options: LogisticOptions,
): Promise<LogisticFit[]> {
  const settings = resolve(options, tasks.length);
  const fits: LogisticFit[] = new Array(tasks.length);
  for (const { z, moments, tasks: together } of shareRows(train, tasks, settings)) {
    const columns = await withWhitenings(together, z, settings, options.linalg);
    for (const batch of batchesOf(columns, z)) {
      await fitBatch({ z, moments, settings, linalg: options.linalg }, batch, fits);
    }
  }
  return fits;
}

function resolve(options: LogisticOptions, tasks: number): ResolvedOptions {
  const { penalty, standardise = true, tolerance = 1e-8, maxIterations = 500 } = options;
  const penalties = typeof penalty === 'number' ? new Array<number>(tasks).fill(penalty) : penalty;
  if (penalties.length !== tasks) {
    throw new MesascopeError('BAD_SETTING', `${penalties.length} penalties were given for ${tasks} tasks`);
  }
  penalties.forEach(checkPenalty);
  if (!(tolerance > 0) || !(Number.isInteger(maxIterations) && maxIterations > 0)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `a logistic fit needs a tolerance above 0 and a positive number of iterations, got ${tolerance} and ${maxIterations}`,
    );
  }
  return { kind: 'logistic', penalties, standardise, tolerance, maxIterations };
}

/** The tasks, each with its penalty and the coordinates in which it is minimised. */
async function withWhitenings(
  tasks: readonly SharedTask[],
  z: StandardRows,
  { penalties }: ResolvedOptions,
  linalg: Linalg,
): Promise<LogisticTask[]> {
  const columns: LogisticTask[] = [];
  for (const classes of ['two', 'more'] as const) {
    const alike = tasks.filter((task) => (task.present.length === 2) === (classes === 'two'));
    if (alike.length === 0) continue;
    const penaltyOf = (task: SharedTask): number => penalties[task.index]!;
    const rows = Math.min(...alike.map((task) => task.rows));
    const white = await whitenings(z, alike.map(penaltyOf), { linalg, classes, rows });
    for (const task of alike) {
      columns.push({ ...task, penalty: penaltyOf(task), white: white.get(penaltyOf(task))! });
    }
  }
  return columns;
}

/** Tasks with equally many classes, in parts that fit in memory. */
function batchesOf(tasks: readonly LogisticTask[], { x }: StandardRows): LogisticTask[][] {
  const byClasses = new Map<number, LogisticTask[]>();
  for (const task of tasks)
    byClasses.set(task.present.length, [...(byClasses.get(task.present.length) ?? []), task]);
  return [...byClasses.values()].flatMap((alike) => {
    const perTask = logitsOf(alike[0]!) * (4 * x.rows + 2 * VECTORS_PER_TASK * x.columns);
    const size = Math.max(1, Math.floor(BATCH_VALUES / perTask));
    return Array.from({ length: Math.ceil(alike.length / size) }, (_, part) =>
      alike.slice(part * size, (part + 1) * size),
    );
  });
}

type FitContext = {
  readonly z: StandardRows;
  readonly moments: ColumnMoments;
  readonly settings: ResolvedOptions;
  readonly linalg: Linalg;
};

/** How far rounding moves the loss, as a share of it, in either precision. */
const ROUNDING = { float32: 1e-7, float64: 1e-14 };

async function fitBatch(
  context: FitContext,
  batch: readonly LogisticTask[],
  fits: LogisticFit[],
): Promise<void> {
  const { z } = context;
  const starts = batch.map((task) => startingPoint(task, z.x.columns));
  const results = await minimise(context, z, batch, starts, ROUNDING.float32);
  // Where the classes are nearly separable and the penalty is weak, float32 rounding hides the way down; 64 bits find it.
  const stuck = Array.from(batch.keys()).filter((place) => results[place]!.state === 'stalled');
  if (stuck.length > 0) {
    const exact = await minimise(
      context,
      wideRows(z),
      stuck.map((place) => batch[place]!),
      stuck.map((place) => results[place]!.point),
      ROUNDING.float64,
    );
    stuck.forEach((place, i) => {
      results[place] = { ...exact[i]!, iterations: results[place]!.iterations + exact[i]!.iterations };
    });
  }
  for (const [place, task] of batch.entries()) fits[task.index] = fitOf(context, task, results[place]!);
}

/** Weights [logits * width] and biases [logits] of z, and how they were reached. */
type Minimum = DescentResult & { readonly weights: Numbers; readonly bias: Float64Array };

async function minimise<T extends Numbers>(
  { settings, linalg }: FitContext,
  z: StandardRows<T>,
  tasks: readonly LogisticTask[],
  starts: readonly Float64Array[],
  rounding: number,
): Promise<Minimum[]> {
  const problem = { z, tasks, linalg };
  const found = await minimiseTogether(starts, logisticObjective(problem), { ...settings, rounding });
  const weights = await weightsAt(
    problem,
    found.map(({ point }) => point),
  );
  return found.map((result, place) => ({ ...result, ...weights[place]! }));
}

function fitOf({ moments, settings }: FitContext, task: LogisticTask, result: Minimum): LogisticFit {
  const width = moments.mean.length;
  const classes = task.present.length;
  const logits = logitsOf(task);
  const weights = dense(classes, width);
  const bias = new Float64Array(classes);
  // Of two classes the first keeps weights and bias 0.
  weights.data.set(result.weights, (classes - logits) * width);
  bias.set(result.bias, classes - logits);
  const { kind, standardise, tolerance, maxIterations } = settings;
  const own: LogisticSettings = { kind, penalty: task.penalty, standardise, tolerance, maxIterations };
  return {
    probe: assembleProbe(task.labels, own, moments, { present: task.present, weights, bias }),
    convergence: {
      state: result.state,
      iterations: result.iterations,
      objective: result.value,
      gradientNorm: result.gradientNorm,
    },
  };
}
