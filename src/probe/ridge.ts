/** @file probe: ridge regression on one-hot targets; one factorisation serves every task and class on the same rows. */

import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import { type Dense, dense } from '../linalg/dense.ts';
import { type Cholesky, cholesky, choleskySolve } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import {
  type ColumnMoments,
  centred,
  classSums,
  columnMoments,
  mustBeFinite,
  standardised,
} from '../linalg/moments.ts';
import { assembleProbe, type LinearProbe } from './linear-probe.ts';
import { checkPenalty, type FitTask, groupTasks, rowsOfGroup, type TaskGroup } from './tasks.ts';

export type RidgeOptions = {
  readonly linalg: Linalg;
  /** Added to the diagonal of the sum of squares (scikit-learn's `alpha`); 0 or more. */
  readonly penalty: number;
  /** Give every feature unit spread on the fit rows, so that the penalty treats them alike. Default true. */
  readonly standardise?: boolean;
};

/** Fits ridge probes on one training matrix, keeping its Gram matrix and factors for the next call. */
export type RidgeFitter = {
  fit(tasks: readonly ClassLabels[], options: { readonly penalty: number }): Promise<LinearProbe[]>;
};

/** What depends on the rows alone. */
type RidgeSystem = {
  readonly z: Matrix;
  readonly moments: ColumnMoments;
  readonly gram: Dense;
  readonly factors: Map<number, Cholesky>;
};

/**
 * Fits ridge probes: per class, minimises sum (y - w.z - b)^2 + penalty |w|^2 with y the one-hot target and b not penalised
 * (Hoerl and Kennard 1970; the objective of scikit-learn's `Ridge`). The class with the highest score is the prediction.
 *
 * train.x [n, width]; one probe per task, in order. Throws `NON_FINITE`, `LABELS_INVALID`, `LABELS_ONE_CLASS`, `BAD_SETTING`, and
 * `NOT_POSITIVE_DEFINITE` when the penalty is too small for dependent features.
 */
export async function fitRidge(
  train: TrainSplit,
  tasks: readonly ClassLabels[],
  options: RidgeOptions,
): Promise<LinearProbe[]> {
  return ridgeFitter(train, options).fit(tasks, options);
}

/** A fitter for many calls on the same rows (penalties, permuted labels): only the first pays for the Gram matrix. */
export function ridgeFitter(train: TrainSplit, options: Omit<RidgeOptions, 'penalty'>): RidgeFitter {
  const { linalg, standardise = true } = options;
  const systems = new Map<string, RidgeSystem>();
  return {
    async fit(tasks, { penalty }) {
      checkPenalty(penalty);
      const probes: LinearProbe[] = new Array(tasks.length);
      for (const group of groupTasks(train, tasks)) {
        let system = systems.get(group.key);
        if (system === undefined) {
          system = await prepare(rowsOfGroup(train, group), linalg, standardise);
          systems.set(group.key, system);
        }
        solveGroup(system, group, { kind: 'ridge', penalty, standardise }, probes);
      }
      return probes;
    },
  };
}

async function prepare(x: Matrix, linalg: Linalg, standardise: boolean): Promise<RidgeSystem> {
  const found = columnMoments(x);
  const moments = standardise
    ? found
    : { mean: found.mean, deviation: found.deviation.map((d) => (d === 0 ? 0 : 1)) };
  const z = standardise ? standardised(x, moments) : centred(x, found.mean);
  const gram = await linalg.gram(z);
  mustBeFinite(gram.data, 'the Gram matrix');
  return { z, moments, gram, factors: new Map() };
}

function factorFor(system: RidgeSystem, penalty: number): Cholesky {
  let factor = system.factors.get(penalty);
  if (factor === undefined) {
    const width = system.gram.rows;
    const shifted = dense(width, width, Float64Array.from(system.gram.data));
    for (let j = 0; j < width; j++) {
      // A constant feature has a zero row: any pivot gives it the weight 0, also where the penalty is 0.
      shifted.data[j * width + j]! += system.moments.deviation[j] === 0 ? 1 : penalty;
    }
    factor = cholesky(shifted);
    system.factors.set(penalty, factor);
  }
  return factor;
}

function solveGroup(
  system: RidgeSystem,
  group: TaskGroup,
  settings: { readonly kind: 'ridge'; readonly penalty: number; readonly standardise: boolean },
  probes: LinearProbe[],
): void {
  const { z, moments } = system;
  const columns = group.tasks.reduce((sum, task) => sum + task.present.length, 0);
  const right = dense(z.columns, columns);
  let at = 0;
  for (const task of group.tasks) at = addTargets(z, task, right, at);
  // [width, width]^-1 x [width, columns] -> [width, columns]
  const solution = choleskySolve(factorFor(system, settings.penalty), right);
  let from = 0;
  for (const task of group.tasks) {
    const weights = dense(task.present.length, z.columns);
    task.present.forEach((_, row) => {
      for (let j = 0; j < z.columns; j++) {
        weights.data[row * z.columns + j] = solution.data[j * columns + from + row]!;
      }
    });
    // The features are centred, so the intercept is the mean of the target.
    const bias = Float64Array.from(task.counts, (count) => count / z.rows);
    probes[task.index] = assembleProbe(task.labels, settings, moments, {
      present: task.present,
      weights,
      bias,
    });
    from += task.present.length;
  }
}

/** Writes Z^T y for each class that occurs, a column each; Z is centred, so y need not be. One-hot y: sums by class. */
function addTargets(z: Matrix, task: FitTask, right: Dense, at: number): number {
  const { sums } = classSums(z, task.values, task.labels.classes);
  task.present.forEach((label, column) => {
    for (let j = 0; j < z.columns; j++) {
      right.data[j * right.columns + at + column] = sums.data[label * z.columns + j]!;
    }
  });
  return at + task.present.length;
}
