/** @file test of probe: the small problems recorded by test/fixtures/probe/make.py, in the project's types. */
import { readFileSync } from 'node:fs';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels, SplitData, SplitRole, TrainSplit } from '../../src/core/split.ts';
import { dense, plainProduct, toMatrix } from '../../src/linalg/dense.ts';
import { orthonormalColumns } from '../../src/linalg/factor.ts';

/** One fit of scikit-learn's: coefficients [classes or 1, width]. */
export type RecordedFit = {
  readonly penalty: number;
  readonly coefficients: readonly (readonly number[])[];
  readonly intercept: readonly number[];
  readonly predictions: readonly number[];
};
export type RecordedLogistic = RecordedFit & { readonly objective: number };

export type Problem = {
  readonly rows: number;
  readonly width: number;
  readonly classes: number;
  readonly x: readonly number[];
  readonly labels: readonly number[];
};

/** More features than rows. */
export type SeparableRecord = Problem & { readonly logistic: readonly RecordedLogistic[] };

export type Recorded = SeparableRecord & {
  readonly logistic_raw: readonly RecordedLogistic[];
  readonly ridge: readonly RecordedFit[];
  readonly ridge_raw: readonly RecordedFit[];
  readonly nearest_centroid: readonly number[];
  readonly discriminant: readonly { readonly shrinkage: number; readonly predictions: readonly number[] }[];
};

export function recorded(name: 'binary' | 'four-classes'): Recorded {
  return readFixture(name) as Recorded;
}

export function recordedSeparable(): SeparableRecord {
  return readFixture('separable') as SeparableRecord;
}

/** One discriminant of scikit-learn's: coefficients [classes or 1, width]; decision values [n] of two classes, [n, classes] of more. */
export type RecordedDiscriminant = {
  readonly shrinkage: 'auto' | number;
  readonly coefficients: readonly (readonly number[])[];
  readonly intercept: readonly number[];
  readonly decision: readonly number[] | readonly (readonly number[])[];
  readonly predictions: readonly number[];
};
export type RecordedLedoitWolf = {
  readonly intensity: number;
  readonly covariance: readonly (readonly number[])[];
};
export type DiscriminantRecord = Problem & {
  readonly fits: readonly RecordedDiscriminant[];
  readonly ledoit_wolf_raw: RecordedLedoitWolf;
  readonly ledoit_wolf: RecordedLedoitWolf;
};

export function recordedDiscriminants(): readonly DiscriminantRecord[] {
  return (readFixture('discriminants') as { readonly problems: readonly DiscriminantRecord[] }).problems;
}

/** Fitted on the first 80 of 160 rows, penalty chosen on the next 40, read on the last 40. */
export type RecordedRegression = {
  readonly penalty: number;
  readonly coefficients: readonly number[];
  readonly intercept: number;
  readonly select_mean_squared_error: number;
  readonly test_predictions: readonly number[];
  readonly test_r_squared: number;
  readonly test_spearman: number;
};
export type RegressionRecord = {
  readonly rows: number;
  readonly width: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly standardised: readonly RecordedRegression[];
  readonly raw: readonly RecordedRegression[];
};

export function recordedRegression(): RegressionRecord {
  return readFixture('regression') as RegressionRecord;
}

/** Fitted on the first 120 of 200 rows, read on the other 80. */
export type PathRecord = Problem & {
  readonly path: readonly {
    readonly penalty: number;
    readonly select_log_loss: number;
    readonly select_balanced_accuracy: number;
  }[];
};

export function recordedPaths(): readonly PathRecord[] {
  return (readFixture('path') as { readonly problems: readonly PathRecord[] }).problems;
}

/** Label 1: the first half of the pair lies in the hidden direction from the second. */
export type ContrastRecord = {
  readonly pairs: number;
  readonly width: number;
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly labels: readonly number[];
  readonly pairs_direction: readonly number[];
  readonly pairs_shares: readonly [number, number];
  readonly search_direction: readonly number[];
  readonly search_shares: readonly [number, number];
  readonly search_projection: readonly number[];
  readonly search_centred_direction: readonly number[];
  readonly search_centred_projection: readonly number[];
};

export function recordedContrast(): ContrastRecord {
  return readFixture('contrast') as ContrastRecord;
}

function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/probe/${name}.json`, import.meta.url), 'utf8'));
}

/** All rows of x as the fit side. */
export function trainOn(x: Matrix): TrainSplit {
  return { role: 'fit', rows: Int32Array.from({ length: x.rows }, (_, i) => i), x };
}

export function featuresOf(problem: Problem): Matrix {
  return matrix(problem.rows, problem.width, Float32Array.from(problem.x));
}

export function labelsOf(values: ArrayLike<number>, classes: number): ClassLabels {
  return {
    classes,
    values: Int32Array.from(values),
    names: Array.from({ length: classes }, (_, c) => `class ${c}`),
  };
}

/** Some rows of x as one side of a split, standing for the examples of those numbers. */
export function sideWith<R extends SplitRole>(x: Matrix, role: R, rows: ArrayLike<number>): SplitData<R> {
  return { role, rows: Int32Array.from(rows), x: takeRows(x, rows) };
}

/** from, from + 1, ..., end - 1. */
export function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, i) => from + i);
}

/** x with more columns; `columns[k][i]` is the value of row i in the k-th of them. */
export function withColumns(x: Matrix, columns: readonly ArrayLike<number>[]): Matrix {
  const wider = matrix(x.rows, x.columns + columns.length);
  for (let i = 0; i < x.rows; i++) {
    wider.data.set(x.data.subarray(i * x.columns, (i + 1) * x.columns), i * wider.columns);
    columns.forEach((column, k) => {
      wider.data[i * wider.columns + x.columns + k] = column[i]!;
    });
  }
  return wider;
}

export function columnOf(x: Matrix, j: number): Float32Array {
  return Float32Array.from({ length: x.rows }, (_, i) => x.data[i * x.columns + j]!);
}

/** x R with R a random orthogonal matrix. */
export function rotatedBy(x: Matrix, seed: number | string): Matrix {
  const random = seededRandom(`rotation/${seed}`);
  const width = x.columns;
  const turn = orthonormalColumns(
    dense(
      width,
      width,
      Float64Array.from({ length: width * width }, () => random.normal()),
    ),
  );
  return toMatrix(plainProduct(x, turn));
}

/** x with column j multiplied by `factors[j]`. */
export function scaledBy(x: Matrix, factors: ArrayLike<number>): Matrix {
  return { ...x, data: x.data.map((value, at) => value * factors[at % x.columns]!) };
}

/** Largest absolute difference of two lists, as a share of the largest size in the second. */
export function relativeGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [worst, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  return a.length === b.length ? worst / size : Number.POSITIVE_INFINITY;
}

/** Mean and population standard deviation of each column, as the fixture's script standardises. */
export function momentsOf(x: Matrix): { readonly mean: number[]; readonly deviation: number[] } {
  const columns = Array.from({ length: x.columns }, (_, j) => j);
  const mean = columns.map((j) => {
    let sum = 0;
    for (let i = 0; i < x.rows; i++) sum += x.data[i * x.columns + j]!;
    return sum / x.rows;
  });
  const deviation = columns.map((j) => {
    let sum = 0;
    for (let i = 0; i < x.rows; i++) sum += (x.data[i * x.columns + j]! - mean[j]!) ** 2;
    return Math.sqrt(sum / x.rows);
  });
  return { mean, deviation };
}

/** The probe's weights in standardised coordinates: W_std = W * deviation; [classes][width]. */
export function standardisedWeights(weights: Matrix, deviation: readonly number[]): number[][] {
  return Array.from({ length: weights.rows }, (_, c) =>
    deviation.map((spread, j) => weights.data[c * weights.columns + j]! * spread),
  );
}

/** Largest absolute difference of two tables of one shape. */
export function tableGap(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  let worst = 0;
  a.forEach((row, i) => {
    row.forEach((value, j) => {
      worst = Math.max(worst, Math.abs(value - b[i]![j]!));
    });
  });
  return worst;
}
