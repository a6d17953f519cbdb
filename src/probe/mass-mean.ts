/** @file probe: nearest class mean, plain or whitened by the within-class covariance. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import { type Dense, transposed } from '../linalg/dense.ts';
import { cholesky, choleskySolve } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centred, classMeans, columnMoments } from '../linalg/moments.ts';
import { assembleProbe, type FittedScores, type LinearProbe } from './linear-probe.ts';
import { type FitTask, groupTasks, rowsOfGroup, type TaskGroup } from './tasks.ts';

export type MassMeanOptions = {
  readonly linalg: Linalg;
  /**
   * Measure distance by the within-class covariance, shrunk towards a multiple of the identity by this share in [0, 1]; this is
   * linear discriminant analysis with equal priors. Left out: Euclidean distance.
   */
  readonly whiten?: { readonly shrinkage: number };
};

/**
 * Fits mass-mean probes (Marks and Tegmark 2024, "The Geometry of Truth"): score_c(x) = (mu_c - m) . (x - m) - |mu_c - m|^2 / 2, with
 * mu_c a class mean and m the mean of the fit rows, so that the highest score is the nearest mean. With two classes the
 * score difference is along the difference of the means. No penalty, no standardisation.
 *
 * train.x [n, width]; one probe per task, in order. Throws `NON_FINITE`, `LABELS_INVALID`, `LABELS_ONE_CLASS`,
 * `NOT_POSITIVE_DEFINITE` (whitening without shrinkage and with too few rows), `BAD_SETTING`.
 */
export async function fitMassMean(
  train: TrainSplit,
  tasks: readonly ClassLabels[],
  options: MassMeanOptions,
): Promise<LinearProbe[]> {
  const shrinkage = options.whiten?.shrinkage;
  if (shrinkage !== undefined && !(shrinkage >= 0 && shrinkage <= 1)) {
    throw new MesascopeError('BAD_SETTING', `the shrinkage must lie in [0, 1], got ${shrinkage}`);
  }
  const probes: LinearProbe[] = new Array(tasks.length);
  for (const group of groupTasks(train, tasks)) {
    await fitGroup(rowsOfGroup(train, group), group, shrinkage, options.linalg, probes);
  }
  return probes;
}

async function fitGroup(
  x: Matrix,
  group: TaskGroup,
  shrinkage: number | undefined,
  linalg: Linalg,
  probes: LinearProbe[],
): Promise<void> {
  const { mean } = columnMoments(x);
  const moments = { mean, deviation: new Float64Array(x.columns).fill(1) };
  const z = centred(x, mean);
  const total = shrinkage === undefined ? undefined : await linalg.gram(z);
  for (const task of group.tasks) {
    const means = presentMeans(z, task);
    const weights =
      total === undefined ? means : whitened(means, withinClass(total, means, task, shrinkage!));
    const bias = new Float64Array(means.rows);
    for (let c = 0; c < means.rows; c++) {
      for (let j = 0; j < z.columns; j++) {
        const at = c * z.columns + j;
        bias[c]! -= (means.data[at]! * weights.data[at]!) / 2;
      }
    }
    const fitted: FittedScores = { present: task.present, weights, bias };
    probes[task.index] = assembleProbe(task.labels, { kind: 'mass-mean', shrinkage }, moments, fitted);
  }
}

/** Means of the classes that occur, [present, width]. */
function presentMeans(z: Matrix, task: FitTask): Dense {
  const { means } = classMeans(z, task.values, task.labels.classes);
  const data = new Float64Array(task.present.length * z.columns);
  task.present.forEach((label, row) => {
    data.set(means.data.subarray(label * z.columns, (label + 1) * z.columns), row * z.columns);
  });
  return { rows: task.present.length, columns: z.columns, data };
}

/** (1 - s) S + s tr(S)/width I, with S = (Z^T Z - sum_c n_c mu_c mu_c^T) / n the covariance within classes. */
function withinClass(total: Dense, means: Dense, task: FitTask, shrinkage: number): Dense {
  const width = total.rows;
  const data = Float64Array.from(total.data);
  for (let c = 0; c < means.rows; c++) {
    for (let i = 0; i < width; i++) {
      const scaled = task.counts[c]! * means.data[c * width + i]!;
      for (let j = 0; j < width; j++) data[i * width + j]! -= scaled * means.data[c * width + j]!;
    }
  }
  let trace = 0;
  for (let i = 0; i < width; i++) trace += data[i * width + i]! / task.values.length;
  for (let i = 0; i < data.length; i++) data[i]! *= (1 - shrinkage) / task.values.length;
  for (let i = 0; i < width; i++) data[i * width + i]! += (shrinkage * trace) / width;
  return { rows: width, columns: width, data };
}

/** means S^-1, [present, width]. */
function whitened(means: Dense, covariance: Dense): Dense {
  return transposed(choleskySolve(cholesky(covariance), transposed(means)));
}
