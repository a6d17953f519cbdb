/** @file linalg: loss and gradient of many logistic regressions that share their examples, in two products a step. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Session, TensorValue } from '../runtime/contract.ts';

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

export type CrossEntropyInput = {
  /** [rows, width]. */
  readonly x: Matrix;
  /** [logits, width]: one row per logit, task by task. */
  readonly weights: Matrix;
  /** [logits]. */
  readonly bias: Float32Array;
  readonly targets: CrossEntropyTargets;
};

export type CrossEntropyStep = {
  /** [tasks]: sum over the examples of -log p(class), in nats. */
  readonly loss: Float64Array;
  /** [logits, width]: derivative of the loss by each weight. */
  readonly gradient: Matrix;
  /** [logits]: derivative by each bias. */
  readonly biasGradient: Float64Array;
};

/** Number of problems that the targets describe. */
export function taskCount(targets: CrossEntropyTargets): number {
  return targets.kind === 'binary' ? targets.signs.columns : targets.oneHot.columns / targets.classes;
}

/** Throws `MATRIX_SHAPE` unless all parts of `input` fit together. */
function checkShapes({ x, weights, bias, targets }: CrossEntropyInput): void {
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

/** Runs one step in `session`, which holds the graph of the targets' kind. Throws `MATRIX_SHAPE`, `RUN_FAILED`. */
export async function crossEntropyStep(
  session: Session,
  input: CrossEntropyInput,
): Promise<CrossEntropyStep> {
  checkShapes(input);
  const { x, weights, bias, targets } = input;
  const feeds: Record<string, TensorValue> = {
    x: tensorOf(x),
    weights: tensorOf(weights),
    bias: { type: 'float32', dims: [bias.length], data: bias },
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
    gradient: { rows: weights.rows, columns: weights.columns, data: float32Of(gradient) },
    biasGradient: float64Of(bias_gradient),
  };
}

/** A matrix as a runtime value, sharing memory. */
export function tensorOf(source: Matrix): TensorValue {
  return { type: 'float32', dims: [source.rows, source.columns], data: source.data };
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
