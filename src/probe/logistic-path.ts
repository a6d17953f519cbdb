/** @file probe: logistic regression over a path of penalties, the penalty chosen on the select side; it never sees the test side. */

import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels, SelectSplit, TrainSplit } from '../core/split.ts';
import { predict, scoreProbes } from './linear-probe.ts';
import { type Convergence, fitLogistic, type LogisticFit, type LogisticOptions } from './logistic.ts';
import { checkPath, liesAtEdge, lowestWithTies } from './penalty-choice.ts';
import { valuesOnRows } from './tasks.ts';

/** Iterations that the weakest penalties may take where classes are nearly separable (796 were seen at 25 classes, width 64). */
const MAX_ITERATIONS = 2000;

export type LogisticPathOptions = Omit<LogisticOptions, 'penalty'> & {
  /** Rising, at least one; default `LOGISTIC_PENALTIES`. */
  readonly penalties?: readonly number[];
};

/** A row of the path's table. */
export type LogisticPathPoint = {
  readonly penalty: number;
  /** Mean over the select rows in use of -log p(class), in nats. */
  readonly selectLogLoss: number;
  /** Mean over the classes of the share of their select rows that are predicted right, 0 to 1. */
  readonly selectBalancedAccuracy: number;
  readonly convergence: Convergence;
  readonly chosen: boolean;
};

/** `undefined`: no select row has a value of a class that was fitted, so there is nothing to choose by. */
export type LogisticPath =
  | {
      readonly state: 'chosen';
      readonly penalty: number;
      readonly fit: LogisticFit;
      /** By rising penalty. */
      readonly table: readonly LogisticPathPoint[];
      /** The choice is the first or last of several penalties: a better one may lie outside. */
      readonly atEdge: boolean;
      /** Select rows in use, and those left out because their class does not occur among the fit rows. */
      readonly selectRows: number;
      readonly unseenRows: number;
    }
  | { readonly state: 'undefined'; readonly reason: string };

/** By decades; standardised features make them comparable between sites. */
export const LOGISTIC_PENALTIES: readonly number[] = [1e-2, 1e-1, 1, 10, 100, 1e3, 1e4];

/**
 * Fits every task under every penalty (all of them columns of the same products) on the fit rows and keeps the penalty with the
 * lowest mean log loss on the select rows; of equal ones (within 1e-6) the largest.
 *
 * fit.x [n, width], select.x [m, width]; one path per task, in order. Scaling a feature changes nothing when `standardise` is left on.
 * Throws what `fitLogistic` throws, `BAD_SETTING` on penalties that do not rise, and `MATRIX_SHAPE`.
 */
export async function fitLogisticPath(
  sides: { readonly fit: TrainSplit; readonly select: SelectSplit },
  tasks: readonly ClassLabels[],
  options: LogisticPathOptions,
): Promise<LogisticPath[]> {
  const { fit, select } = sides;
  const { penalties = LOGISTIC_PENALTIES, ...others } = options;
  checkPath(penalties);
  const labels = tasks.map((task, index) => valuesOnRows(select.rows, task, index));
  // Task by task, each under all penalties.
  const fits = await fitLogistic(
    fit,
    tasks.flatMap((task) => penalties.map(() => task)),
    { maxIterations: MAX_ITERATIONS, ...others, penalty: tasks.flatMap(() => penalties) },
  );
  const scores = await scoreProbes(
    fits.map(({ probe }) => probe),
    select.x,
    options.linalg,
  );
  return tasks.map((_, t) => {
    const [from, end] = [t * penalties.length, (t + 1) * penalties.length];
    return choose(fits.slice(from, end), scores.slice(from, end), labels[t]!, penalties);
  });
}

function choose(
  fits: readonly LogisticFit[],
  scores: readonly Matrix[],
  labels: Int32Array,
  penalties: readonly number[],
): LogisticPath {
  const { bias } = fits[0]!.probe;
  const valued = Array.from(labels.keys()).filter((i) => labels[i] !== -1);
  const used = valued.filter((i) => Number.isFinite(bias[labels[i]!]));
  if (used.length === 0) {
    return {
      state: 'undefined',
      reason: `none of ${labels.length} select rows has a value of a class that occurs among the fit rows`,
    };
  }
  const losses = scores.map((table) => meanLogLoss(table, labels, used));
  const best = lowestWithTies(losses);
  return {
    state: 'chosen',
    penalty: penalties[best]!,
    fit: fits[best]!,
    table: penalties.map((penalty, k) => ({
      penalty,
      selectLogLoss: losses[k]!,
      selectBalancedAccuracy: balancedAccuracy(scores[k]!, labels, used),
      convergence: fits[k]!.convergence,
      chosen: k === best,
    })),
    atEdge: liesAtEdge(best, penalties.length),
    selectRows: used.length,
    unseenRows: valued.length - used.length,
  };
}

/** Mean of -log softmax(scores)[label] over `rows`, in nats. */
export function meanLogLoss(scores: Matrix, labels: Int32Array, rows: readonly number[]): number {
  let sum = 0;
  for (const i of rows) {
    const row = scores.data.subarray(i * scores.columns, (i + 1) * scores.columns);
    let highest = Number.NEGATIVE_INFINITY;
    for (const score of row) highest = Math.max(highest, score);
    let total = 0;
    for (const score of row) total += Math.exp(score - highest);
    sum += highest + Math.log(total) - row[labels[i]!]!;
  }
  return sum / rows.length;
}

/** Mean over the classes that occur in `rows` of the share predicted right, 0 to 1. */
function balancedAccuracy(scores: Matrix, labels: Int32Array, rows: readonly number[]): number {
  const predicted = predict(scores);
  const right = new Float64Array(scores.columns);
  const counts = new Float64Array(scores.columns);
  for (const i of rows) {
    counts[labels[i]!]! += 1;
    if (predicted[i] === labels[i]) right[labels[i]!]! += 1;
  }
  const present = Array.from(counts.keys()).filter((c) => counts[c]! > 0);
  return present.reduce((sum, c) => sum + right[c]! / counts[c]!, 0) / present.length;
}
