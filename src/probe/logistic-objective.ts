/** @file probe: the penalised log loss of many logistic regressions, in coordinates where it is nearly round. */
import type { Matrix } from '../core/matrix.ts';
import type { CrossEntropyTargets, Numbers, Table } from '../linalg/cross-entropy.ts';
import { type Dense, plainProduct, toMatrix } from '../linalg/dense.ts';
import { cholesky, invertLower } from '../linalg/factor.ts';
import { quickInverseFactor } from '../linalg/inverse-factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { mustBeFinite } from '../linalg/moments.ts';
import { type StandardRows, standardCrossEntropy, standardGram } from '../linalg/standard-rows.ts';
import type { EvaluateTogether, Evaluation } from './descent.ts';
import type { SharedTask } from './shared-rows.ts';
import type { FitTask } from './tasks.ts';

/**
 * Change of coordinates from the minimiser's point p to weights w = L^-T p, with L L^T = C / 4 + penalty / n I and C the covariance.
 * No logistic Hessian exceeds C / 4 + penalty / n I (Boehning and Lindsay 1988), so in p the curvature is at most 1 (at most 2
 * with more than two classes) whatever the features' correlations, and L-BFGS needs tens of rounds where it would need hundreds.
 */
export type Whitening = {
  /** L^-1 [width, width], or undefined when the weights are used as they are. */
  readonly inverse: { readonly wide: Dense; readonly rounded: Matrix } | undefined;
};

/** Above this width a factorisation costs seconds and is left out; the minimum is the same. */
const WHITEN_LIMIT = 1024;
/**
 * Least share of the mean curvature bound that is added to its diagonal; it bends the coordinates only, never the objective. With two classes
 * it keeps L away from singular. With more, the bound is far above the curvature where classes are told apart well, and following it closely
 * costs more than it gains: at a penalty of 0.01, 25 classes of 700 rows of width 64 took 1,156 rounds at 1e-6 and 441 at 5e-3, against 21
 * and 74 for 6 classes of 3,000 rows of width 128 that overlap.
 */
const FLOOR = { two: 1e-6, more: 5e-3 };
/**
 * A Gram matrix summed in 32 bits is off by about 3e-6 of its mean diagonal (20,000 rows of width 768); where what is added to the diagonal
 * is less than this share of it, the sum is made again in 64 bits. It costs three times as much.
 */
const ROUNDED_LIMIT = 1e-4;
/** Curvature by the bias is at most 1/4: bias = 2 p. */
const BIAS_SCALE = 2;

/** Penalties within this factor share a whitening: a factorisation costs more than the rounds that a slightly wrong one adds. */
const SHARED_FACTOR = 100;

/** The whitening for each penalty and standard rows z [n, width], from one Gram matrix; a task uses about `rows` of them. Throws `NON_FINITE`. */
export async function whitenings(
  z: StandardRows,
  penalties: readonly number[],
  {
    linalg,
    classes,
    rows,
  }: { readonly linalg: Linalg; readonly classes: 'two' | 'more'; readonly rows: number },
): Promise<ReadonlyMap<number, Whitening>> {
  const distinct = [...new Set(penalties)].sort((a, b) => a - b);
  if (z.x.columns > WHITEN_LIMIT) {
    const plain = { inverse: undefined };
    return new Map(distinct.map((penalty) => [penalty, plain]));
  }
  const floor = FLOOR[classes];
  const bound = await curvatureBound(z, { linalg, floor, added: distinct[0]! / rows });
  const found = new Map<number, Whitening>();
  for (let from = 0; from < distinct.length; ) {
    const lowest = distinct[from]!;
    const alike = distinct.filter((penalty) => penalty >= lowest && penalty <= SHARED_FACTOR * lowest);
    const highest = alike.at(-1)!;
    const middle = highest === lowest ? lowest : Math.sqrt(lowest * highest);
    const shared = await whitening(bound, { added: middle / rows, floor, linalg });
    for (const penalty of alike) found.set(penalty, shared);
    from += alike.length;
  }
  return found;
}

/** C / 4 [width, width], of which the lower triangle is meant, and whether its sums, and its factor, need 64 bits. */
type CurvatureBound = { readonly matrix: Dense; readonly bits: 32 | 64 };

async function curvatureBound(
  z: StandardRows,
  { linalg, floor, added }: { readonly linalg: Linalg; readonly floor: number; readonly added: number },
): Promise<CurvatureBound> {
  const part = 1 / (4 * z.x.rows);
  const quick = await standardGram(z, { linalg, bits: 32 });
  const bits = floor + added / (part * meanDiagonal(quick)) < ROUNDED_LIMIT ? 64 : 32;
  const gram = bits === 64 ? await standardGram(z, { linalg, bits }) : quick;
  mustBeFinite(gram.data, 'the Gram matrix');
  return { matrix: { ...gram, data: gram.data.map((value) => value * part) }, bits };
}

function meanDiagonal({ rows, data }: Dense): number {
  let trace = 0;
  for (let j = 0; j < rows; j++) trace += data[j * rows + j]!;
  return trace / rows;
}

async function whitening(
  { matrix, bits }: CurvatureBound,
  { added, floor, linalg }: { readonly added: number; readonly floor: number; readonly linalg: Linalg },
): Promise<Whitening> {
  const width = matrix.rows;
  const data = Float64Array.from(matrix.data);
  const mean = meanDiagonal(matrix);
  const more = added + (mean === 0 ? 1 : floor * mean);
  for (let j = 0; j < width; j++) data[j * width + j]! += more;
  const raised = { ...matrix, data };
  const wide =
    bits === 64 ? invertLower(cholesky(raised).lower) : await quickInverseFactor(raised, { linalg });
  return { inverse: { wide, rounded: toMatrix(wide) } };
}

/** Logits of a task: two classes share one. */
export function logitsOf(task: FitTask): number {
  return task.present.length === 2 ? 1 : task.present.length;
}

/** No weights, and the biases that give each class its share of the rows: where a fit with an infinite penalty ends. */
export function startingPoint(task: FitTask, width: number): Float64Array {
  const logits = logitsOf(task);
  const total = task.counts.reduce((sum, count) => sum + count, 0);
  const shares = task.counts.map((count) => Math.log(count / total));
  const base = logits === 1 ? shares[0]! : shares.reduce((sum, share) => sum + share, 0) / logits;
  const point = new Float64Array(logits * (width + 1));
  for (let c = 0; c < logits; c++)
    point[logits * width + c] = (shares[shares.length - logits + c]! - base) / BIAS_SCALE;
  return point;
}

/** One variable under one penalty: a column of the products, or one per class. */
export type LogisticTask = SharedTask & { readonly penalty: number; readonly white: Whitening };

export type LogisticProblem<T extends Numbers> = {
  /** Standard rows [n, width]; the objective is computed in their precision. */
  readonly z: StandardRows<T>;
  /** All with equally many classes. */
  readonly tasks: readonly LogisticTask[];
  readonly linalg: Linalg;
};

/** Tasks whose targets lie packed side by side; finished ones stay, unread, until they are a quarter. */
type Packed = {
  readonly indices: readonly number[];
  readonly targets: CrossEntropyTargets;
  /** Places by whitening; all tasks of one penalty are turned in one product. */
  readonly places: ReadonlyMap<Whitening, readonly number[]>;
};

/** Mean log loss + penalty / (2 n) |w|^2 of the tasks asked for, each with its penalty, with gradients, by one batch of products. */
export function logisticObjective<T extends Numbers>(problem: LogisticProblem<T>): EvaluateTogether {
  const { z, tasks, linalg } = problem;
  const { rows: total, columns: width, data } = z.x;
  const logits = logitsOf(tasks[0]!);
  const zeros = (length: number): T => zerosLike(data, length);
  let packed: Packed | undefined;
  return async (indices, points) => {
    if (packed === undefined || indices.length <= 0.75 * packed.indices.length) {
      const kept = indices.map((index) => tasks[index]!);
      packed = { indices, targets: targetsOf(total, kept), places: placesByWhitening(kept) };
    }
    const placeOf = new Map(packed.indices.map((index, place) => [index, place]));
    const rows = packed.indices.length * logits;
    const coordinates = { rows, columns: width, data: zeros(rows * width) };
    const bias = zeros(rows);
    indices.forEach((index, i) => {
      const at = placeOf.get(index)! * logits;
      const point = points[i]!;
      coordinates.data.set(point.subarray(0, logits * width), at * width);
      for (let c = 0; c < logits; c++) bias[at + c] = BIAS_SCALE * point[logits * width + c]!;
    });
    const weights = await turnEach(coordinates, packed.places, false, linalg);
    const step = await standardCrossEntropy(z, { weights, bias, targets: packed.targets }, linalg);
    const slopes = { ...weights, data: zeros(rows * width) };
    packed.indices.forEach((index, place) => {
      const { penalty, rows, spread } = tasks[index]!;
      const from = place * logits * width;
      for (let i = 0; i < logits * width; i++) {
        const unit = spread?.[i % width] ?? 1;
        const pull = penalty * unit * unit * weights.data[from + i]!;
        slopes.data[from + i] = (step.gradient.data[from + i]! + pull) / rows;
      }
    });
    // Gradient by p = gradient by w, times L^-T.
    const turned = await turnEach(slopes, packed.places, true, linalg);
    return indices.map((index) => {
      const place = placeOf.get(index)!;
      const [from, end] = [place * logits * width, (place + 1) * logits * width];
      return evaluationOf({
        loss: step.loss[place]!,
        weights: weights.data.subarray(from, end),
        slopes: slopes.data.subarray(from, end),
        turned: turned.data.subarray(from, end),
        biasSlopes: step.biasGradient.subarray(place * logits, (place + 1) * logits),
        task: tasks[index]!,
      });
    });
  };
}

/** Weights [logits * width] and biases [logits] of each task at its point, in the precision of the objective. */
export async function weightsAt<T extends Numbers>(
  { z, tasks, linalg }: LogisticProblem<T>,
  points: readonly Float64Array[],
): Promise<{ readonly weights: Numbers; readonly bias: Float64Array }[]> {
  if (tasks.length === 0) return [];
  const { columns, data: like } = z.x;
  const length = logitsOf(tasks[0]!) * columns;
  const rows = (tasks.length * length) / columns;
  const coordinates = { rows, columns, data: zerosLike(like, tasks.length * length) };
  points.forEach((point, t) => {
    coordinates.data.set(point.subarray(0, length), t * length);
  });
  const { data } = await turnEach(coordinates, placesByWhitening(tasks), false, linalg);
  return points.map((point, t) => ({
    weights: data.subarray(t * length, (t + 1) * length),
    bias: point.slice(length).map((value) => BIAS_SCALE * value),
  }));
}

function zerosLike<T extends Numbers>(like: T, length: number): T {
  return (like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)) as T;
}

function placesByWhitening(tasks: readonly LogisticTask[]): Map<Whitening, number[]> {
  const places = new Map<Whitening, number[]>();
  tasks.forEach(({ white }, place) => {
    const held = places.get(white);
    if (held === undefined) places.set(white, [place]);
    else held.push(place);
  });
  return places;
}

/** `turn` for rows [places * logits, width] of which each place has its own whitening. */
async function turnEach<T extends Numbers>(
  source: Table<T>,
  placesOf: Packed['places'],
  transposeB: boolean,
  linalg: Linalg,
): Promise<Table<T>> {
  if (placesOf.size === 1) return turn(source, [...placesOf.keys()][0]!, transposeB, linalg);
  const total = [...placesOf.values()].reduce((sum, places) => sum + places.length, 0);
  const length = source.data.length / total;
  const out = { ...source, data: zerosLike(source.data, source.data.length) };
  for (const [white, places] of placesOf) {
    const part = zerosLike(source.data, places.length * length);
    places.forEach((place, i) => {
      part.set(source.data.subarray(place * length, (place + 1) * length), i * length);
    });
    const rows = part.length / source.columns;
    const turned = await turn({ rows, columns: source.columns, data: part }, white, transposeB, linalg);
    places.forEach((place, i) => {
      out.data.set(turned.data.subarray(i * length, (i + 1) * length), place * length);
    });
  }
  return out;
}

/** [rows, width] x L^-1 (or its transpose) [width, width] -> [rows, width], in the precision of the rows. */
async function turn<T extends Numbers>(
  source: Table<T>,
  { inverse }: Whitening,
  transposeB: boolean,
  linalg: Linalg,
): Promise<Table<T>> {
  if (inverse === undefined) return source;
  const { rows, columns, data } = source;
  const product =
    data instanceof Float32Array
      ? await linalg.multiply({ rows, columns, data }, inverse.rounded, { transposeB })
      : plainProduct({ rows, columns, data }, inverse.wide, { transposeB });
  return product as Table<T>;
}

type TaskValues = {
  readonly loss: number;
  readonly weights: Numbers;
  readonly slopes: Numbers;
  readonly turned: Numbers;
  readonly biasSlopes: Float64Array;
  readonly task: LogisticTask;
};

function evaluationOf({ loss, weights, slopes, turned, biasSlopes, task }: TaskValues): Evaluation {
  const { penalty, rows, spread } = task;
  const gradient = new Float64Array(turned.length + biasSlopes.length);
  gradient.set(turned);
  // Weights and slopes in the units of the task's own rows, in which its penalty counts.
  let [squares, slopeSquares, gradientNorm] = [0, 0, 0];
  for (let i = 0; i < weights.length; i++) {
    const unit = spread === undefined ? 1 : spread[i % spread.length]!;
    const slope = slopes[i]! / unit;
    squares += (weights[i]! * unit) ** 2;
    slopeSquares += slope * slope;
    gradientNorm = Math.max(gradientNorm, Math.abs(slope));
  }
  biasSlopes.forEach((slope, c) => {
    gradient[turned.length + c] = (BIAS_SCALE * slope) / rows;
    gradientNorm = Math.max(gradientNorm, Math.abs(slope) / rows);
  });
  return {
    value: (loss + (penalty / 2) * squares) / rows,
    gradient,
    gradientNorm,
    // The objective curves by penalty / n at least along every weight: f - min f <= |slope|^2 / (2 penalty / n).
    excessBound: penalty === 0 ? undefined : (rows * slopeSquares) / (2 * penalty),
  };
}

const TARGET_BLOCK = 64;

function targetsOf(rows: number, tasks: readonly FitTask[]): CrossEntropyTargets {
  const classes = tasks[0]!.present.length;
  const columns = classes === 2 ? tasks.length : tasks.length * classes;
  const table = { rows, columns, data: new Float32Array(rows * columns) };
  const places = tasks.map((task) => {
    const place = new Int32Array(task.labels.classes);
    task.present.forEach((label, c) => {
      place[label] = c;
    });
    return place;
  });
  // A block of rows at a time, task by task: the block of the table and of the labels stay in the processor's cache.
  for (let from = 0; from < rows; from += TARGET_BLOCK) {
    const end = Math.min(rows, from + TARGET_BLOCK);
    for (const [t, { values }] of tasks.entries()) {
      const place = places[t]!;
      for (let i = from; i < end; i++) {
        const label = values[i]!;
        if (label === -1) continue;
        const c = place[label]!;
        if (classes === 2) table.data[i * columns + t] = c === 1 ? -1 : 1;
        else table.data[i * columns + t * classes + c] = 1;
      }
    }
  }
  return classes === 2 ? { kind: 'binary', signs: table } : { kind: 'multinomial', classes, oneHot: table };
}
