/** @file probe: linear discriminant analysis, its covariance shrunk by the closed form of Ledoit and Wolf; it chooses nothing by hand. */

import { MesascopeError } from '../core/errors.ts';
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import { type Dense, dense, plainProduct, transposed } from '../linalg/dense.ts';
import { cholesky, choleskySolve, symmetricEigen } from '../linalg/factor.ts';
import { ledoitWolf, shrunk } from '../linalg/ledoit-wolf.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type ColumnMoments, classMeans, columnMoments, standardised } from '../linalg/moments.ts';
import { assembleProbe, type LinearProbe } from './linear-probe.ts';
import { type FitTask, groupTasks, rowsOfGroup } from './tasks.ts';

export type LdaOptions = {
  readonly linalg: Linalg;
  /** `ledoit-wolf` (default), or the share of the target in [0, 1]; 0 is plain discriminant analysis. */
  readonly shrinkage?: 'ledoit-wolf' | number;
};

export type LdaFit = {
  readonly probe: LinearProbe;
  /** Per class that occurs, by rising class: the share of the target in its covariance. */
  readonly intensities: readonly number[];
};

/**
 * Fits linear discriminants (Fisher 1936): score_c(x) = mu_c^T C^-1 x - mu_c^T C^-1 mu_c / 2 + log(share of class c), whose softmax is the
 * probability of the class if classes are normal with one covariance C. C is the sum over the classes of share x that class's
 * covariance (divided by its rows), each shrunk on its own: by `ledoit-wolf` in features of unit spread within the class, which is
 * scikit-learn's `LinearDiscriminantAnalysis(solver='lsqr', shrinkage='auto')`; by a number in the features as they are, its `shrinkage=s`.
 *
 * Scores differ from its by a constant per row, which no probability or prediction sees. Two departures, where its answer depends on the
 * unit or on useless features: a feature that is constant among the fit rows is left out, and one that is constant within a class
 * gets its spread over all fit rows there (scikit-learn gives it 1 unit). Without shrinkage, dependent features are solved by
 * the pseudo-inverse as there, but classes that differ where nothing varies within them are refused: any score fits them.
 *
 * Invariances: `ledoit-wolf` to the unit of each feature; a number to turning all features, and to one common unit; 0 to every
 * invertible linear map. train.x [n, width]; one fit per task, in order. Throws `NON_FINITE`, `LABELS_INVALID`, `LABELS_ONE_CLASS`,
 * `BAD_SETTING`, `NOT_POSITIVE_DEFINITE`.
 */
export async function fitLda(
  train: TrainSplit,
  tasks: readonly ClassLabels[],
  { linalg, shrinkage = 'ledoit-wolf' }: LdaOptions,
): Promise<LdaFit[]> {
  if (shrinkage !== 'ledoit-wolf' && !(shrinkage >= 0 && shrinkage <= 1)) {
    throw new MesascopeError('BAD_SETTING', `the shrinkage must lie in [0, 1], got ${shrinkage}`);
  }
  const fits: LdaFit[] = new Array(tasks.length);
  for (const group of groupTasks(train, tasks)) {
    const space = spaceOf(rowsOfGroup(train, group));
    const total = shrinkage === 'ledoit-wolf' ? undefined : await linalg.gram(space.z);
    for (const task of group.tasks) {
      const means = presentMeans(space.z, task);
      const { covariance, intensities } =
        total === undefined
          ? await shrunkByClass(space.z, task, linalg)
          : shrunkTogether(withinClasses(total, means, task), task, space, shrinkage as number);
      const directions = shrinkage === 0 ? solveBySpectrum(covariance, means) : solve(covariance, means);
      const probe = assemble(task, space, { means, directions }, shrinkage);
      fits[task.index] = { probe, intensities };
    }
  }
  return fits;
}

/** The features that vary, in unit spread over the fit rows; columns of z belong to `columns` of the activations. */
type Space = {
  readonly z: Matrix;
  readonly columns: readonly number[];
  /** Per column of z: one unit of it in the activations' own. */
  readonly spread: Float64Array;
  readonly moments: ColumnMoments;
};

function spaceOf(x: Matrix): Space {
  const moments = columnMoments(x);
  const columns = Array.from(moments.deviation.keys()).filter((j) => moments.deviation[j]! > 0);
  const all = standardised(x, moments);
  const data = new Float32Array(x.rows * columns.length);
  for (let i = 0; i < x.rows; i++) {
    for (let k = 0; k < columns.length; k++)
      data[i * columns.length + k] = all.data[i * x.columns + columns[k]!]!;
  }
  return {
    z: { rows: x.rows, columns: columns.length, data },
    columns,
    spread: Float64Array.from(columns, (j) => moments.deviation[j]!),
    moments,
  };
}

/** Means of the classes that occur, [present, width]. */
function presentMeans(z: Matrix, task: FitTask): Dense {
  const { means } = classMeans(z, task.values, task.labels.classes);
  const out = dense(task.present.length, z.columns);
  task.present.forEach((label, row) => {
    out.data.set(means.data.subarray(label * z.columns, (label + 1) * z.columns), row * z.columns);
  });
  return out;
}

/** Within classes, in units of z; `intensities` as in `LdaFit`. */
type PooledCovariance = { readonly covariance: Dense; readonly intensities: readonly number[] };

/** The pooled covariance, every class shrunk in features of unit spread within it. */
async function shrunkByClass(z: Matrix, task: FitTask, linalg: Linalg): Promise<PooledCovariance> {
  const width = z.columns;
  const covariance = dense(width, width);
  const intensities: number[] = [];
  for (const [c, label] of task.present.entries()) {
    const rows = Array.from(task.values.keys()).filter((i) => task.values[i] === label);
    const own = takeRows(z, rows);
    const moments = columnMoments(own);
    const found = await ledoitWolf(standardised(own, moments), { linalg });
    const scale = moments.deviation.map((deviation) => (deviation === 0 ? 1 : deviation));
    const share = task.counts[c]! / z.rows;
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) {
        covariance.data[i * width + j]! +=
          share * scale[i]! * found.covariance.data[i * width + j]! * scale[j]!;
      }
    }
    intensities.push(found.intensity);
  }
  return { covariance, intensities };
}

/** (Z^T Z - sum_c n_c mu_c mu_c^T) / n, in units of z; Z is centred. */
function withinClasses(total: Dense, means: Dense, task: FitTask): Dense {
  const width = total.rows;
  const rows = task.values.length;
  const data = total.data.map((value) => value / rows);
  task.counts.forEach((count, c) => {
    for (let i = 0; i < width; i++) {
      const scaled = (count / rows) * means.data[c * width + i]!;
      for (let j = 0; j < width; j++) data[i * width + j]! -= scaled * means.data[c * width + j]!;
    }
  });
  return dense(width, width, data);
}

/** Shrinks in the activations' own units, and gives the result in units of z again. */
function shrunkTogether(
  covariance: Dense,
  task: FitTask,
  { spread }: Space,
  shrinkage: number,
): PooledCovariance {
  const width = covariance.rows;
  const intensities = task.present.map(() => shrinkage);
  if (shrinkage === 0) return { covariance, intensities };
  const scaled = (source: Dense, scale: Float64Array): Dense => {
    const data = source.data.map((value, at) => value * scale[Math.floor(at / width)]! * scale[at % width]!);
    return dense(width, width, data);
  };
  const own = shrunk(scaled(covariance, spread), shrinkage);
  return {
    covariance: scaled(
      own,
      spread.map((unit) => 1 / unit),
    ),
    intensities,
  };
}

/** Directions with less than this share of the largest variance within classes count as having none: 32-bit features resolve no less. */
const NO_SPREAD = 1e-12;
/** Class means may lie so many standard deviations of a feature apart along a direction without spread: rounding. */
const NO_GAP = 1e-4;

/** means C^-1, [present, width]. Throws `NOT_POSITIVE_DEFINITE`. */
function solve(covariance: Dense, means: Dense): Dense {
  if (covariance.rows === 0) return dense(means.rows, 0);
  return transposed(choleskySolve(cholesky(covariance), transposed(means)));
}

/** means C^+, [present, width], for means about 0. Throws `NOT_POSITIVE_DEFINITE` where they differ along a direction that C lacks. */
function solveBySpectrum(covariance: Dense, means: Dense): Dense {
  const width = covariance.rows;
  if (width === 0) return dense(means.rows, 0);
  const { values, vectors } = symmetricEigen(covariance);
  const floor = Math.max(0, values[0]!) * NO_SPREAD;
  // [present, width] x [width, width] -> [present, width]: the means along each direction.
  const along = plainProduct(means, vectors);
  for (let at = 0; at < along.data.length; at++) {
    const spread = values[at % width]!;
    if (spread > floor) along.data[at]! /= spread;
    else if (Math.abs(along.data[at]!) <= NO_GAP) along.data[at] = 0;
    else {
      throw new MesascopeError(
        'NOT_POSITIVE_DEFINITE',
        'the classes differ along a direction in which nothing varies within them, so any score fits',
        { facts: { width, spread }, remedy: 'Use shrinkage or more examples.' },
      );
    }
  }
  return plainProduct(along, vectors, { transposeB: true });
}

function assemble(
  task: FitTask,
  { columns, moments }: Space,
  { means, directions }: { readonly means: Dense; readonly directions: Dense },
  shrinkage: 'ledoit-wolf' | number,
): LinearProbe {
  const width = moments.mean.length;
  const weights = dense(means.rows, width);
  const bias = new Float64Array(means.rows);
  for (let c = 0; c < means.rows; c++) {
    bias[c] = Math.log(task.counts[c]! / task.values.length);
    columns.forEach((j, k) => {
      const at = c * columns.length + k;
      weights.data[c * width + j] = directions.data[at]!;
      bias[c]! -= (means.data[at]! * directions.data[at]!) / 2;
    });
  }
  const fitted = { present: task.present, weights, bias };
  return assembleProbe(task.labels, { kind: 'discriminant', shrinkage }, moments, fitted);
}
