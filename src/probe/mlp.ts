/** @file probe: a small network with one hidden layer, as a control of capacity: what it reads beyond a linear probe is there, but not linearly. */

import { MesascopeError } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type ColumnMoments, columnMoments, standardised } from '../linalg/moments.ts';
import { type DescentState, type Evaluation, minimiseTogether } from './descent.ts';
import { checkPenalty, type FitTask, groupTasks, rowsOfGroup } from './tasks.ts';

export type MlpOptions = {
  readonly linalg: Linalg;
  /** Draws the first weights; the same one gives the same fit. */
  readonly random: Random;
  /** Hidden units, tanh. Default 32. */
  readonly hidden?: number;
  /** Weight of |w|^2 / 2 against the summed log loss; biases are not penalised. Default 1. */
  readonly penalty?: number;
  /** Default 200. */
  readonly maxIterations?: number;
};

/** Not a linear probe: it has no direction to push along. */
export type MlpProbe = {
  readonly classes: number;
  readonly classNames: readonly string[];
  /** Classes that occurred among the fit rows; the others are never predicted. */
  readonly present: readonly number[];
  readonly moments: ColumnMoments;
  /** [hidden, width], [hidden], [present, hidden], [present], one after the other. */
  readonly parameters: Float64Array;
  readonly hidden: number;
  readonly state: DescentState;
  readonly iterations: number;
  /** Mean log loss + penalty / (2 rows) |w|^2, in nats per row. */
  readonly objective: number;
};

type Shape = { readonly width: number; readonly hidden: number; readonly outputs: number };

/**
 * Fits one network per task on standardised features: softmax(W2 tanh(W1 z + b1) + b2), by L-BFGS from seeded weights (uniform, Glorot and
 * Bengio 2010). The objective is that of scikit-learn's `MLPClassifier(solver='lbfgs', alpha=penalty)` up to a factor of one half of
 * the penalty. It is not convex: another seed may end elsewhere. Throws `LABELS_INVALID`, `LABELS_ONE_CLASS`, `BAD_SETTING`, `NON_FINITE`.
 */
export async function fitMlp(
  train: TrainSplit,
  tasks: readonly ClassLabels[],
  options: MlpOptions,
): Promise<MlpProbe[]> {
  const { linalg, random, hidden = 32, penalty = 1, maxIterations = 200 } = options;
  checkPenalty(penalty);
  if (!(Number.isInteger(hidden) && hidden >= 1 && hidden <= 4096))
    throw new MesascopeError('BAD_SETTING', `a probe has 1 to 4096 hidden units, got ${hidden}`);
  const probes: MlpProbe[] = new Array(tasks.length);
  for (const group of groupTasks(train, tasks)) {
    const x = rowsOfGroup(train, group);
    const moments = columnMoments(x);
    const z = standardised(x, moments);
    const shapes = group.tasks.map(
      ({ present }): Shape => ({ width: x.columns, hidden, outputs: present.length }),
    );
    const starts = group.tasks.map(({ index }, t) => startOf(shapes[t]!, random.fork(`mlp/${index}`)));
    const results = await minimiseTogether(
      starts,
      (indices, points) =>
        Promise.all(
          indices.map((t, i) =>
            evaluate({ z, task: group.tasks[t]!, shape: shapes[t]!, penalty, linalg }, points[i]!),
          ),
        ),
      { tolerance: 1e-6, maxIterations, rounding: 1e-6 },
    );
    for (const [t, { index, labels, present }] of group.tasks.entries()) {
      const { point, state, iterations, value } = results[t]!;
      probes[index] = {
        classes: labels.classes,
        classNames: labels.names,
        present,
        moments,
        parameters: point,
        hidden,
        state,
        iterations,
        objective: value,
      };
    }
  }
  return probes;
}

/** Scores of x [n, width]: [n, classes], log odds up to a constant per row; a class that never occurred scores -Infinity. */
export async function scoreMlp(probe: MlpProbe, x: Matrix, linalg: Linalg): Promise<Matrix> {
  const { moments, hidden, present, classes, parameters } = probe;
  if (x.columns !== moments.mean.length)
    throw new MesascopeError(
      'MATRIX_SHAPE',
      `a probe of width ${moments.mean.length} cannot score rows of ${x.columns}`,
    );
  const shape: Shape = { width: x.columns, hidden, outputs: present.length };
  const { scores } = await forward(standardised(x, moments), shape, parameters, linalg);
  const result = matrix(x.rows, classes, new Float32Array(x.rows * classes).fill(Number.NEGATIVE_INFINITY));
  for (let i = 0; i < x.rows; i++)
    for (const [k, label] of present.entries())
      result.data[i * classes + label] = scores[i * present.length + k]!;
  return result;
}

function offsets({ width, hidden, outputs }: Shape): {
  readonly b1: number;
  readonly w2: number;
  readonly b2: number;
  readonly end: number;
} {
  const b1 = hidden * width;
  const w2 = b1 + hidden;
  const b2 = w2 + outputs * hidden;
  return { b1, w2, b2, end: b2 + outputs };
}

function startOf(shape: Shape, random: Random): Float64Array {
  const { width, hidden, outputs } = shape;
  const { b1, w2, b2, end } = offsets(shape);
  const point = new Float64Array(end);
  const first = Math.sqrt(6 / (width + hidden));
  const second = Math.sqrt(6 / (hidden + outputs));
  for (let i = 0; i < b1; i++) point[i] = first * (2 * random.uniform() - 1);
  for (let i = w2; i < b2; i++) point[i] = second * (2 * random.uniform() - 1);
  return point;
}

/** Hidden values [n, hidden] and scores [n, outputs]. */
async function forward(
  z: Matrix,
  shape: Shape,
  point: Float64Array,
  linalg: Linalg,
): Promise<{ readonly units: Float64Array; readonly scores: Float64Array }> {
  const { width, hidden, outputs } = shape;
  const { b1, w2, b2 } = offsets(shape);
  const weights: Matrix = { rows: hidden, columns: width, data: Float32Array.from(point.subarray(0, b1)) };
  // [n, width] x [width, hidden] -> [n, hidden]
  const sums = await linalg.multiply(z, weights, { transposeB: true });
  const units = new Float64Array(z.rows * hidden);
  const scores = new Float64Array(z.rows * outputs);
  for (let i = 0; i < z.rows; i++) {
    for (let h = 0; h < hidden; h++)
      units[i * hidden + h] = Math.tanh(sums.data[i * hidden + h]! + point[b1 + h]!);
    for (let k = 0; k < outputs; k++) {
      let sum = point[b2 + k]!;
      for (let h = 0; h < hidden; h++) sum += point[w2 + k * hidden + h]! * units[i * hidden + h]!;
      scores[i * outputs + k] = sum;
    }
  }
  return { units, scores };
}

/** Value and gradient; the gradient is held against finite differences in the tests. */
export async function evaluate(
  problem: {
    readonly z: Matrix;
    readonly task: Pick<FitTask, 'values' | 'present'>;
    readonly shape: Shape;
    readonly penalty: number;
    readonly linalg: Linalg;
  },
  point: Float64Array,
): Promise<Evaluation> {
  const { z, task, shape, penalty, linalg } = problem;
  const { width, hidden, outputs } = shape;
  const { b1, w2, b2, end } = offsets(shape);
  const n = z.rows;
  const { units, scores } = await forward(z, shape, point, linalg);
  const gradient = new Float64Array(end);
  const back = matrix(n, hidden);
  const placeOf = new Map(task.present.map((label, k) => [label, k]));
  const odds = new Float64Array(outputs);
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const label = placeOf.get(task.values[i]!)!;
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < outputs; k++) top = Math.max(top, scores[i * outputs + k]!);
    let total = 0;
    for (let k = 0; k < outputs; k++) {
      odds[k] = Math.exp(scores[i * outputs + k]! - top);
      total += odds[k]!;
    }
    loss += Math.log(total) - (scores[i * outputs + label]! - top);
    for (let k = 0; k < outputs; k++) {
      // d loss / d score of class k
      const slope = (odds[k]! / total - (k === label ? 1 : 0)) / n;
      gradient[b2 + k]! += slope;
      for (let h = 0; h < hidden; h++) {
        gradient[w2 + k * hidden + h]! += slope * units[i * hidden + h]!;
        back.data[i * hidden + h]! += slope * point[w2 + k * hidden + h]!;
      }
    }
    for (let h = 0; h < hidden; h++) {
      const unit = units[i * hidden + h]!;
      const slope = back.data[i * hidden + h]! * (1 - unit * unit);
      back.data[i * hidden + h] = slope;
      gradient[b1 + h]! += slope;
    }
  }
  // [hidden, n] x [n, width] -> [hidden, width]
  const first = await linalg.multiply(back, z, { transposeA: true });
  for (let i = 0; i < hidden * width; i++) gradient[i]! += first.data[i]!;
  let squares = 0;
  const penalise = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      squares += point[i]! * point[i]!;
      gradient[i]! += (penalty / n) * point[i]!;
    }
  };
  penalise(0, b1);
  penalise(w2, b2);
  return {
    value: loss / n + (penalty / (2 * n)) * squares,
    gradient,
    gradientNorm: gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    // Not convex: nothing bounds what lies below.
    excessBound: undefined,
  };
}
