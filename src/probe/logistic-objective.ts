/** @file probe: the penalised log loss of many logistic regressions, in coordinates where it is nearly round. */
import type { Matrix } from '../core/matrix.ts';
import type { CrossEntropyTargets } from '../linalg/cross-entropy.ts';
import { type Dense, plainProduct, toMatrix } from '../linalg/dense.ts';
import { cholesky, invertLower } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { mustBeFinite } from '../linalg/moments.ts';
import type { EvaluateTogether, Evaluation } from './descent.ts';
import type { FitTask } from './tasks.ts';

/**
 * Change of coordinates from the minimiser's point p to weights w = L^-T p, with L L^T = C / 4 + penalty / n I and C the covariance.
 * No logistic Hessian exceeds C / 4 + penalty / n I (Boehning and Lindsay 1988), so in p the curvature is at most 1 (at most 2
 * with more than two classes) whatever the features' correlations, and L-BFGS needs tens of rounds where it would need hundreds.
 */
export type Whitening = {
  /** L^-1 [width, width], or undefined when the weights are used as they are. */
  readonly inverse: { readonly wide: Dense; readonly rounded: Matrix } | undefined;
  /** Weights [logits * width] and biases [logits] at a point. */
  toWeights(
    point: Float64Array,
    logits: number,
  ): { readonly weights: Float64Array; readonly bias: Float64Array };
};

/** Above this width a factorisation costs seconds and is left out; the minimum is the same. */
const WHITEN_LIMIT = 1024;
/** Keeps L away from singular where the penalty does not; it bends the coordinates only, never the objective. */
const FLOOR = 1e-6;
/** Curvature by the bias is at most 1/4: bias = 2 p. */
const BIAS_SCALE = 2;

/** The whitening for centred rows z [n, width]. Throws `NON_FINITE`. */
export async function whitening(z: Matrix, penalty: number, linalg: Linalg): Promise<Whitening> {
  const width = z.columns;
  if (width > WHITEN_LIMIT) return makeWhitening(width, undefined);
  const gram = await linalg.gram(z);
  mustBeFinite(gram.data, 'the Gram matrix');
  const bound = gram.data.map((value) => value / (4 * z.rows));
  let trace = 0;
  for (let j = 0; j < width; j++) trace += bound[j * width + j]!;
  const floor = trace === 0 ? 1 : (FLOOR * trace) / width;
  for (let j = 0; j < width; j++) bound[j * width + j]! += penalty / z.rows + floor;
  const wide = invertLower(cholesky({ rows: width, columns: width, data: bound }).lower);
  return makeWhitening(width, { wide, rounded: toMatrix(wide) });
}

function makeWhitening(width: number, inverse: Whitening['inverse']): Whitening {
  return {
    inverse,
    toWeights(point, logits) {
      const raw = { rows: logits, columns: width, data: point.slice(0, logits * width) };
      return {
        weights: inverse === undefined ? raw.data : plainProduct(raw, inverse.wide).data,
        bias: point.slice(logits * width).map((value) => BIAS_SCALE * value),
      };
    },
  };
}

/** Logits of a task: two classes share one. */
export function logitsOf(task: FitTask): number {
  return task.present.length === 2 ? 1 : task.present.length;
}

/** No weights, and the biases that give each class its share of the rows: where a fit with an infinite penalty ends. */
export function startingPoint(task: FitTask, width: number): Float64Array {
  const logits = logitsOf(task);
  const shares = task.counts.map((count) => Math.log(count / task.values.length));
  const base = logits === 1 ? shares[0]! : shares.reduce((sum, share) => sum + share, 0) / logits;
  const point = new Float64Array(logits * (width + 1));
  for (let c = 0; c < logits; c++)
    point[logits * width + c] = (shares[shares.length - logits + c]! - base) / BIAS_SCALE;
  return point;
}

export type LogisticProblem = {
  /** Centred rows [n, width]. */
  readonly z: Matrix;
  readonly white: Whitening;
  /** All with equally many classes. */
  readonly tasks: readonly FitTask[];
  readonly penalty: number;
  readonly linalg: Linalg;
};

/** Tasks whose targets lie packed side by side; finished ones stay, unread, until they are a quarter. */
type Packed = { readonly indices: readonly number[]; readonly targets: CrossEntropyTargets };

/** Mean log loss + penalty / (2 n) |w|^2 of the tasks asked for, with gradients, by one batch of products. */
export function logisticObjective(problem: LogisticProblem): EvaluateTogether {
  const { z, tasks, penalty, white, linalg } = problem;
  const width = z.columns;
  const logits = logitsOf(tasks[0]!);
  let packed: Packed | undefined;
  return async (indices, points) => {
    if (packed === undefined || indices.length <= 0.75 * packed.indices.length) {
      packed = {
        indices,
        targets: targetsOf(
          z.rows,
          indices.map((index) => tasks[index]!),
        ),
      };
    }
    const placeOf = new Map(packed.indices.map((index, place) => [index, place]));
    const rows = packed.indices.length * logits;
    const coordinates = { rows, columns: width, data: new Float32Array(rows * width) };
    const bias = new Float32Array(rows);
    indices.forEach((index, i) => {
      const at = placeOf.get(index)! * logits;
      const point = points[i]!;
      coordinates.data.set(point.subarray(0, logits * width), at * width);
      for (let c = 0; c < logits; c++) bias[at + c] = BIAS_SCALE * point[logits * width + c]!;
    });
    const { inverse } = white;
    // [rows, width] x [width, width] -> [rows, width]
    const weights = inverse === undefined ? coordinates : await linalg.multiply(coordinates, inverse.rounded);
    const step = await linalg.crossEntropy({ x: z, weights, bias, targets: packed.targets });
    const slopes = penalisedGradient(weights, step.gradient, penalty, z.rows);
    // Gradient by p = gradient by w, times L^-T: [rows, width] x [width, width] -> [rows, width]
    const turned =
      inverse === undefined ? slopes : await linalg.multiply(slopes, inverse.rounded, { transposeB: true });
    return indices.map((index) => {
      const place = placeOf.get(index)!;
      const from = place * logits * width;
      const biasSlopes = step.biasGradient.subarray(place * logits, (place + 1) * logits);
      const mine = (data: Float32Array): Float32Array => data.subarray(from, from + logits * width);
      const value = (step.loss[place]! + (penalty / 2) * squareSum(mine(weights.data))) / z.rows;
      return evaluationOf(value, mine(slopes.data), mine(turned.data), biasSlopes, z.rows);
    });
  };
}

function penalisedGradient(weights: Matrix, gradient: Matrix, penalty: number, rows: number): Matrix {
  return { ...gradient, data: gradient.data.map((slope, i) => (slope + penalty * weights.data[i]!) / rows) };
}

function evaluationOf(
  value: number,
  slopes: Float32Array,
  turned: Float32Array,
  biasSlopes: Float64Array,
  rows: number,
): Evaluation {
  const gradient = new Float64Array(turned.length + biasSlopes.length);
  gradient.set(turned);
  let gradientNorm = 0;
  for (const slope of slopes) gradientNorm = Math.max(gradientNorm, Math.abs(slope));
  biasSlopes.forEach((slope, c) => {
    gradient[turned.length + c] = (BIAS_SCALE * slope) / rows;
    gradientNorm = Math.max(gradientNorm, Math.abs(slope) / rows);
  });
  return { value, gradient, gradientNorm };
}

function squareSum(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

function targetsOf(rows: number, tasks: readonly FitTask[]): CrossEntropyTargets {
  const classes = tasks[0]!.present.length;
  const columns = classes === 2 ? tasks.length : tasks.length * classes;
  const table = { rows, columns, data: new Float32Array(rows * columns) };
  tasks.forEach((task, t) => {
    const place = new Map(task.present.map((label, c) => [label, c]));
    for (let i = 0; i < rows; i++) {
      const c = place.get(task.values[i]!)!;
      if (classes === 2) table.data[i * columns + t] = c === 1 ? -1 : 1;
      else table.data[i * columns + t * classes + c] = 1;
    }
  });
  return classes === 2 ? { kind: 'binary', signs: table } : { kind: 'multinomial', classes, oneHot: table };
}
