/** @file probe: the convex problems behind an ensemble, a temperature for one table of scores and weights for many; it scores no probe. */

import type { Matrix } from '../core/matrix.ts';
import { dense } from '../linalg/dense.ts';
import { cholesky, choleskySolve } from '../linalg/factor.ts';

/** Mean log loss in nats of softmax(sum_m weights[m] tables[m]); tables [n, classes], `targets[i]` in [0, classes). */
export function poolLogLoss(
  tables: readonly Matrix[],
  weights: ArrayLike<number>,
  targets: Int32Array,
): number {
  return poolAt(tables, weights, targets, false).loss / targets.length;
}

/** Sum of the log losses with slopes by the weights, and curvature [members, members] where it is asked for. */
type Pooled = { readonly loss: number; readonly gradient: Float64Array; readonly hessian: Float64Array };

/**
 * With p = softmax(sum_m w_m s_m) in a row, d loss / d w_m = E_p[s_m] - s_m(target), and the second derivative by w_m and w_k is the
 * covariance of s_m and s_k under p.
 */
function poolAt(
  tables: readonly Matrix[],
  weights: ArrayLike<number>,
  targets: Int32Array,
  curvature: boolean,
): Pooled {
  const members = tables.length;
  const { columns: classes } = tables[0]!;
  const gradient = new Float64Array(members);
  const hessian = new Float64Array(members * members);
  const p = new Float64Array(classes);
  const gaps = new Float64Array(members * classes);
  let loss = 0;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i]!;
    loss += rowLoss(tables, weights, i, target, p);
    for (let m = 0; m < members; m++) {
      const row = tables[m]!.data.subarray(i * classes, (i + 1) * classes);
      let mean = 0;
      for (let c = 0; c < classes; c++) mean += p[c]! * row[c]!;
      gradient[m]! += mean - row[target]!;
      for (let c = 0; c < classes; c++) gaps[m * classes + c] = row[c]! - mean;
    }
    if (curvature) addCovariance(hessian, gaps, p, members);
  }
  return { loss, gradient, hessian };
}

/** -log p(target) of row i; leaves the probabilities in p. */
function rowLoss(
  tables: readonly Matrix[],
  weights: ArrayLike<number>,
  i: number,
  target: number,
  p: Float64Array,
): number {
  const classes = p.length;
  p.fill(0);
  for (let m = 0; m < tables.length; m++) {
    const weight = weights[m]!;
    const { data } = tables[m]!;
    for (let c = 0; c < classes; c++) p[c]! += weight * data[i * classes + c]!;
  }
  let highest = Number.NEGATIVE_INFINITY;
  for (const score of p) highest = Math.max(highest, score);
  const own = p[target]!;
  let total = 0;
  for (let c = 0; c < classes; c++) {
    p[c] = Math.exp(p[c]! - highest);
    total += p[c]!;
  }
  for (let c = 0; c < classes; c++) p[c]! /= total;
  return highest + Math.log(total) - own;
}

function addCovariance(hessian: Float64Array, gaps: Float64Array, p: Float64Array, members: number): void {
  const classes = p.length;
  for (let m = 0; m < members; m++) {
    for (let k = 0; k <= m; k++) {
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += p[c]! * gaps[m * classes + c]! * gaps[k * classes + c]!;
      hessian[m * members + k]! += sum;
      if (k < m) hessian[k * members + m]! += sum;
    }
  }
}

/** Scores are multiplied by at most this and at least 1 / this; separable rows would ask for infinity. */
const MAX_FACTOR = 1e3;
const BISECTIONS = 60;

/**
 * The factor on scores [n, classes] that makes their log loss least (1 / the temperature of Guo et al. 2017), between 1e-3 and 1e3 of one over
 * their root mean square about the row mean: scores that say nothing get the least. The loss is convex in it, so its slope is bisected.
 */
export function temperatureOf(scores: Matrix, targets: Int32Array): number {
  const size = spreadOf(scores);
  if (size === 0) return 1;
  const slope = (factor: number): number => poolAt([scores], [factor], targets, false).gradient[0]!;
  let [low, high] = [1 / (MAX_FACTOR * size), MAX_FACTOR / size];
  if (slope(low) >= 0) return low;
  if (slope(high) <= 0) return high;
  for (let round = 0; round < BISECTIONS; round++) {
    const middle = Math.sqrt(low * high);
    if (slope(middle) > 0) high = middle;
    else low = middle;
  }
  return Math.sqrt(low * high);
}

function spreadOf({ rows, columns, data }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    const mean = row.reduce((total, value) => total + value, 0) / columns;
    for (const value of row) sum += (value - mean) ** 2;
  }
  return Math.sqrt(sum / (rows * columns));
}

const MAX_STEPS = 100;
const MAX_HALVINGS = 40;
const SUFFICIENT_DECREASE = 1e-4;
/** Largest slope along a weight that may still move, per row, at which to stop. */
const FLAT = 1e-9;

/**
 * Weights of 0 or more that minimise sum of log losses + penalty / 2 sum_m (w_m - 1/members)^2, by Newton's method on the weights that are free
 * to move (projected Newton, Bertsekas 1982). tables [n, classes] each; penalty above 0, so that there is one minimum.
 */
export function poolWeights(
  tables: readonly Matrix[],
  targets: Int32Array,
  { penalty }: { readonly penalty: number },
): Float64Array {
  const members = tables.length;
  const prior = 1 / members;
  let weights = new Float64Array(members).fill(prior);
  const penaltyAt = (w: Float64Array): number =>
    (penalty / 2) * w.reduce((sum, weight) => sum + (weight - prior) ** 2, 0);
  for (let step = 0; step < MAX_STEPS; step++) {
    const { loss, gradient, hessian } = poolAt(tables, weights, targets, true);
    const value = loss + penaltyAt(weights);
    for (let m = 0; m < members; m++) {
      gradient[m]! += penalty * (weights[m]! - prior);
      hessian[m * members + m]! += penalty;
    }
    const free = Array.from(weights.keys()).filter((m) => weights[m]! > 0 || gradient[m]! < 0);
    const steepest = free.reduce((most, m) => Math.max(most, Math.abs(gradient[m]!)), 0);
    if (steepest <= FLAT * targets.length) break;
    const riseAt = (trial: Float64Array): number =>
      poolAt(tables, trial, targets, false).loss + penaltyAt(trial) - value;
    // Cut off at 0, a Newton move of several weights may lead up; a move down each slope by itself cannot.
    const next =
      lineSearch(weights, newtonMove(gradient, hessian, free), gradient, riseAt) ??
      lineSearch(weights, slopeMove(gradient, hessian, free), gradient, riseAt);
    if (next === undefined) break;
    weights = next;
  }
  return weights;
}

/** -H^-1 g over the free weights, 0 elsewhere. */
function newtonMove(gradient: Float64Array, hessian: Float64Array, free: readonly number[]): Float64Array {
  const members = gradient.length;
  const inner = dense(
    free.length,
    free.length,
    Float64Array.from(free.flatMap((m) => free.map((k) => hessian[m * members + k]!))),
  );
  const right = dense(
    free.length,
    1,
    Float64Array.from(free, (m) => -gradient[m]!),
  );
  const solved = choleskySolve(cholesky(inner), right);
  const move = new Float64Array(members);
  free.forEach((m, at) => {
    move[m] = solved.data[at]!;
  });
  return move;
}

/** -g / diagonal of H over the free weights, 0 elsewhere. */
function slopeMove(gradient: Float64Array, hessian: Float64Array, free: readonly number[]): Float64Array {
  const members = gradient.length;
  const move = new Float64Array(members);
  for (const m of free) move[m] = -gradient[m]! / hessian[m * members + m]!;
  return move;
}

/** The first of weights + move, + move / 2, ..., cut off at 0, that lowers the value enough; undefined when rounding hides any decrease. */
function lineSearch(
  weights: Float64Array,
  move: Float64Array,
  gradient: Float64Array,
  riseAt: (trial: Float64Array) => number,
): Float64Array<ArrayBuffer> | undefined {
  for (let halving = 0; halving < MAX_HALVINGS; halving++) {
    const stride = 2 ** -halving;
    const trial = Float64Array.from(weights, (weight, m) => Math.max(0, weight + stride * move[m]!));
    const promised = trial.reduce((sum, weight, m) => sum + gradient[m]! * (weight - weights[m]!), 0);
    if (promised < 0 && riseAt(trial) <= SUFFICIENT_DECREASE * promised) return trial;
  }
  return undefined;
}
