/** @file test of probe: the small problems recorded by test/fixtures/probe/make.py, in the project's types. */
import { readFileSync } from 'node:fs';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import type { ClassLabels, TrainSplit } from '../../src/core/split.ts';

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
