/** @file evidence: L8's scores per example, as calibrated log-odds of a value in a probe's reading; judges nothing. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { ClassLabels } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type LinearProbe, predict, scoreProbe } from '../probe/linear-probe.ts';
import { pickInts } from './columns.ts';
import type { CalibrationTable } from './figures.ts';
import { calibrationTable } from './metric-calibration.ts';

/** What a probe says of some rows, and what each row's value is; class -1 or a class the probe never met counts for nothing. */
export type ScoredRows = { readonly scores: Matrix; readonly values: Int32Array };

/** A probe with the factor that turns its scores into logits. */
export type Calibrated = {
  readonly probe: LinearProbe;
  /** 1 / temperature. */
  readonly sharpness: number;
};

/** Sharpness below this, in units of 1 / spread of the scores, is as good as none: every class is then equally likely. */
const LEAST_SHARPNESS = 1e-3;
const MOST_DOUBLINGS = 60;
const BISECTIONS = 60;

/**
 * The factor b > 0 by which scores are multiplied so that softmax(b x scores) fits the values best: temperature scaling (Guo et al. 2017),
 * convex in b, by bisection of the derivative of the log-loss. As in Platt (1999) the true class is counted as (n + 1) / (n + 2),
 * so that scores which separate the rows perfectly do not make the probe infinitely sure. 1 without rows or with scores that do not vary.
 */
export function fitSharpness(parts: readonly ScoredRows[]): number {
  const rows = parts.flatMap(({ scores, values }) =>
    Array.from(values, (value, i) => ({ scores: finiteScores(scores, i), own: scoreOf(scores, i, value) })),
  );
  const used = rows.filter(
    (row): row is typeof row & { own: number } => row.own !== undefined && row.scores.length >= 2,
  );
  const certain = (used.length + 1) / (used.length + 2);
  let spread = 0;
  for (const { scores } of used) {
    const mean = meanOf(scores);
    spread += meanOf(scores.map((score) => (score - mean) ** 2)) / used.length;
  }
  if (used.length === 0 || !(spread > 0)) return 1;
  const unit = 1 / Math.sqrt(spread);
  /** Rises with b: expected score under softmax(b x scores) minus the score of the (smoothed) true class. */
  const derivative = (b: number): number => {
    let sum = 0;
    for (const { scores, own } of used) {
      const highest = Math.max(...scores);
      let mass = 0;
      let expected = 0;
      let all = 0;
      for (const score of scores) {
        const p = Math.exp(b * (score - highest));
        mass += p;
        expected += p * score;
        all += score;
      }
      const rest = (all - own) / (scores.length - 1);
      sum += expected / mass - certain * own - (1 - certain) * rest;
    }
    return sum;
  };
  let low = LEAST_SHARPNESS * unit;
  if (derivative(low) >= 0) return low;
  let high = unit;
  for (let i = 0; i < MOST_DOUBLINGS && derivative(high) < 0; i++) high *= 2;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (derivative(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Scores of `probe` on `rows` of x, with each row's value. */
export async function scoredRows(request: {
  readonly probe: LinearProbe;
  readonly x: Matrix;
  readonly rows: Int32Array;
  readonly labels: ClassLabels;
  readonly linalg: Linalg;
}): Promise<ScoredRows> {
  const { probe, x, rows, labels, linalg } = request;
  const scores = await scoreProbe(probe, takeRows(x, rows), linalg);
  return { scores, values: pickInts(labels.values, rows) };
}

/**
 * Log-odds of the value `a` against the value `b` in row `i`, in nats; undefined when the probe never met one of them. They do not depend
 * on what the probe says of other values.
 */
export function oddsBetween(
  scores: Matrix,
  i: number,
  { a, b, sharpness }: { readonly a: number; readonly b: number; readonly sharpness: number },
): number | undefined {
  const first = scoreOf(scores, i, a);
  const second = scoreOf(scores, i, b);
  return first === undefined || second === undefined ? undefined : sharpness * (first - second);
}

/** Log-odds of the value `a` against all others together in row `i`, in nats; undefined when the probe never met it or knows no other. */
export function oddsOf(
  scores: Matrix,
  i: number,
  { a, sharpness }: { readonly a: number; readonly sharpness: number },
): number | undefined {
  const own = scoreOf(scores, i, a);
  if (own === undefined) return undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < scores.columns; c++)
    if (c !== a) highest = Math.max(highest, scores.data[i * scores.columns + c]!);
  if (!Number.isFinite(highest)) return undefined;
  let others = 0;
  for (let c = 0; c < scores.columns; c++)
    if (c !== a) others += Math.exp(sharpness * (scores.data[i * scores.columns + c]! - highest));
  return sharpness * (own - highest) - Math.log(others);
}

/** How often the value that a probe names, with the probability that it states for it, is the row's value. */
export function reliability(
  { scores, values }: ScoredRows,
  sharpness: number,
  named: { readonly id: string; readonly label: string },
): CalibrationTable {
  const best = predict(scores);
  const stated = Float64Array.from(best, (a, i) => {
    const odds = oddsOf(scores, i, { a, sharpness });
    return odds === undefined ? 1 : 1 / (1 + Math.exp(-odds));
  });
  const outcomes = Int8Array.from(best, (a, i) => (values[i]! < 0 ? -1 : a === values[i] ? 1 : 0));
  return calibrationTable({ ...named, stated, outcomes });
}

function scoreOf(scores: Matrix, i: number, value: number): number | undefined {
  if (value < 0 || value >= scores.columns) return undefined;
  const score = scores.data[i * scores.columns + value]!;
  return Number.isFinite(score) ? score : undefined;
}

function finiteScores({ data, columns }: Matrix, i: number): number[] {
  return Array.from(data.subarray(i * columns, (i + 1) * columns)).filter((score) => Number.isFinite(score));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
