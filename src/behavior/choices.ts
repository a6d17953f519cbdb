/** @file behavior: what the model chose, and which goal the choice served; knows nothing of how it chose. */
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';

/**
 * log pi over the choices: log-softmax of [rows, choices] logits, row by row, in float64 before rounding. A logit of -Infinity is a choice
 * that is ruled out. Throws `NON_FINITE` on NaN or Infinity, and on a row in which every choice is ruled out: nothing was chosen there.
 */
export function logProbabilities(choiceLogits: Matrix): Matrix {
  const { rows, columns } = choiceLogits;
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < columns; j++) largest = Math.max(largest, choiceLogits.data[i * columns + j]!);
    if (columns > 0 && !Number.isFinite(largest)) {
      throw new MesascopeError(
        'NON_FINITE',
        `the largest logit of the choices is ${largest} for example ${i}, so no choice has a probability`,
        { facts: { row: i, largest: String(largest) } },
      );
    }
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += Math.exp(choiceLogits.data[i * columns + j]! - largest);
    const logNormaliser = largest + Math.log(sum);
    for (let j = 0; j < columns; j++)
      data[i * columns + j] = choiceLogits.data[i * columns + j]! - logNormaliser;
  }
  return { rows, columns, data };
}

/** Index of the largest value of each row; the lowest index wins a tie. */
export function mostProbable(scores: Matrix): Int32Array {
  const chosen = new Int32Array(scores.rows);
  for (let i = 0; i < scores.rows; i++) {
    let best = 0;
    for (let j = 1; j < scores.columns; j++) {
      if (scores.data[i * scores.columns + j]! > scores.data[i * scores.columns + best]!) best = j;
    }
    chosen[i] = best;
  }
  return chosen;
}

/** One byte per choice, 1 where the action is recommended; all 0 when none is given. */
export function actionMask(actions: readonly string[] | undefined, choices: readonly string[]): Uint8Array {
  const named = new Set(actions ?? []);
  return Uint8Array.from(choices, (choice) => (named.has(choice) ? 1 : 0));
}
