/** @file linalg: loss and gradient of many logistic regressions that share their examples, in two products a step. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Session, TensorValue } from '../runtime/contract.ts';
import type { ProductGraph } from './product-graphs.ts';

/**
 * What the examples should come out as, for `tasks` problems at once.
 *
 * `binary`: one logit per task; `signs` [rows, tasks] is -1 for class 1, +1 for class 0, and 0 to leave the example out of that
 * task. `multinomial`: `classes` logits per task; `oneHot` [rows, tasks * classes] has a 1 at the class, and a task's part of
 * a row is all 0 to leave the example out.
 */
export type CrossEntropyTargets =
  | { readonly kind: 'binary'; readonly signs: Matrix }
  | { readonly kind: 'multinomial'; readonly classes: number; readonly oneHot: Matrix };

/** Numbers of either precision; a step computes in the precision of its x. */
export type Numbers = Float32Array | Float64Array;

/** `Matrix` or `Dense`. */
export type Table<T extends Numbers> = { readonly rows: number; readonly columns: number; readonly data: T };

export type CrossEntropyInput<T extends Numbers> = {
  /** [rows, width]. */
  readonly x: Table<T>;
  /** [logits, width]: one row per logit, task by task. */
  readonly weights: Table<T>;
  /** [logits]. */
  readonly bias: T;
  readonly targets: CrossEntropyTargets;
};

export type CrossEntropyStep<T extends Numbers> = {
  /** [tasks]: sum over the examples of -log p(class), in nats. */
  readonly loss: Float64Array;
  /** [logits, width]: derivative of the loss by each weight. */
  readonly gradient: Table<T>;
  /** [logits]: derivative by each bias. */
  readonly biasGradient: Float64Array;
};

/** Number of problems that the targets describe. */
export function taskCount(targets: CrossEntropyTargets): number {
  return targets.kind === 'binary' ? targets.signs.columns : targets.oneHot.columns / targets.classes;
}

/** Throws `MATRIX_SHAPE` unless all parts of `input` fit together. */
function checkShapes<T extends Numbers>({ x, weights, bias, targets }: CrossEntropyInput<T>): void {
  const given = targets.kind === 'binary' ? targets.signs : targets.oneHot;
  const fits =
    given.rows === x.rows &&
    weights.columns === x.columns &&
    weights.rows === given.columns &&
    bias.length === given.columns &&
    Number.isInteger(taskCount(targets));
  if (fits) return;
  throw new MesascopeError(
    'MATRIX_SHAPE',
    `examples [${x.rows}, ${x.columns}], weights [${weights.rows}, ${weights.columns}], ${bias.length} biases and targets ` +
      `[${given.rows}, ${given.columns}] do not fit together`,
  );
}

/** The graph that a step needs. */
export function stepGraph<T extends Numbers>({ x, targets }: CrossEntropyInput<T>): ProductGraph {
  return `${targets.kind}-step-${x.data instanceof Float32Array ? 'float32' : 'float64'}`;
}

/**
 * Targets that one pass through the graph holds at most. Its dozen intermediate tables then stay in the processor's cache: at 20,000 rows and
 * 200 tasks a step in one pass took twice as long, most of it in fresh memory.
 */
const PASS_VALUES = 2 ** 19;
const LEAST_PASS_ROWS = 256;

/** Runs one step in `session`, which holds the graph named by `stepGraph`; sums over passes are in 64 bits. Throws `MATRIX_SHAPE`, `RUN_FAILED`. */
export async function crossEntropyStep<T extends Numbers>(
  session: Session,
  input: CrossEntropyInput<T>,
): Promise<CrossEntropyStep<T>> {
  checkShapes(input);
  const { x, weights } = input;
  const step = Math.max(LEAST_PASS_ROWS, Math.floor(PASS_VALUES / weights.rows));
  if (x.rows <= step) return onePass(session, input);
  const loss = new Float64Array(taskCount(input.targets));
  const gradient = new Float64Array(weights.data.length);
  const biasGradient = new Float64Array(weights.rows);
  for (let from = 0; from < x.rows; from += step) {
    const part = await onePass(session, {
      ...input,
      x: someRows(x, from, step),
      targets: someTargets(input.targets, from, step),
    });
    addTo(loss, part.loss);
    addTo(gradient, part.gradient.data);
    addTo(biasGradient, part.biasGradient);
  }
  const data = (weights.data instanceof Float32Array ? Float32Array.from(gradient) : gradient) as T;
  return { loss, gradient: { rows: weights.rows, columns: weights.columns, data }, biasGradient };
}

function someTargets(targets: CrossEntropyTargets, from: number, count: number): CrossEntropyTargets {
  return targets.kind === 'binary'
    ? { ...targets, signs: someRows(targets.signs, from, count) }
    : { ...targets, oneHot: someRows(targets.oneHot, from, count) };
}

/** At most `count` rows from row `from` on, sharing memory. */
function someRows<T extends Numbers>(
  { rows, columns, data }: Table<T>,
  from: number,
  count: number,
): Table<T> {
  const end = Math.min(rows, from + count);
  return { rows: end - from, columns, data: data.subarray(from * columns, end * columns) as T };
}

function addTo(sum: Float64Array, part: Numbers): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}

async function onePass<T extends Numbers>(
  session: Session,
  { x, weights, bias, targets }: CrossEntropyInput<T>,
): Promise<CrossEntropyStep<T>> {
  const feeds: Record<string, TensorValue> = {
    x: tensorOf(x),
    weights: tensorOf(weights),
    bias: numbersAsTensor(bias, [bias.length]),
  };
  if (targets.kind === 'binary') feeds.signs = tensorOf(targets.signs);
  else {
    feeds.one_hot = tensorOf(targets.oneHot);
    const shape = [x.rows, taskCount(targets), targets.classes].map(BigInt);
    feeds.shape = { type: 'int64', dims: [3], data: BigInt64Array.from(shape) };
  }
  const { loss, gradient, bias_gradient } = await session.run(feeds);
  return {
    loss: float64Of(loss),
    gradient: { rows: weights.rows, columns: weights.columns, data: numbersLike(weights.data, gradient) },
    biasGradient: float64Of(bias_gradient),
  };
}

/** The values of an output that has the precision of `like`. Throws `INTERNAL` when it has another. */
function numbersLike<T extends Numbers>(like: T, value: TensorValue | undefined): T {
  return (like instanceof Float32Array ? float32Of(value) : float64Of(value)) as T;
}

function numbersAsTensor(data: Numbers, dims: readonly number[]): TensorValue {
  return data instanceof Float32Array ? { type: 'float32', dims, data } : { type: 'float64', dims, data };
}

/** A matrix as a runtime value, sharing memory. */
export function tensorOf(source: Table<Numbers>): TensorValue {
  return numbersAsTensor(source.data, [source.rows, source.columns]);
}

/** The values of a float32 output. Throws `INTERNAL` on another type. */
export function float32Of(value: TensorValue | undefined): Float32Array {
  if (value?.type === 'float32') return value.data;
  throw new MesascopeError('INTERNAL', `expected a float32 output, got ${value?.type ?? 'none'}`);
}

/** The values of a float64 output. Throws `INTERNAL` on another type. */
export function float64Of(value: TensorValue | undefined): Float64Array {
  if (value?.type === 'float64') return value.data;
  throw new MesascopeError('INTERNAL', `expected a float64 output, got ${value?.type ?? 'none'}`);
}
