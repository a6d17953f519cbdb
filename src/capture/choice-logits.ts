/** @file capture: the logits of the choices at the read-out, picked inside the graph as far as it allows. */
import { MesascopeError } from '../core/errors.ts';
import type { Model } from '../model/open-model.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { ValueInfo } from '../onnx/contract.ts';

export type ChoiceOutput = { readonly value: string; readonly positions: boolean };

/**
 * The model's first output, and whether it has a position axis ([batch, position, choices] against [batch, choices]).
 * Throws `MODEL_UNSUPPORTED` on any other declared rank, or none.
 */
export function choiceOutput(model: Model): ChoiceOutput {
  const output: ValueInfo | undefined = model.index.outputs[0];
  const hook = model.hooks.hooks.find((one) => one.state === 'available' && one.value === output?.name);
  const rank = output?.shape?.length ?? (hook?.state === 'available' ? hook.axes.length : undefined);
  if (output === undefined || (rank !== 2 && rank !== 3)) {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `the first output of ${model.name}, ${JSON.stringify(output?.name ?? '')}, is declared with ${rank === undefined ? 'no shape' : `${rank} axes`}; choices need [batch, choices] or [batch, position, choices]`,
    );
  }
  return { value: output.name, positions: rank === 3 };
}

/**
 * Copies the choices' columns of one batch into `into` [rows, choices]. `logits` is [batch, ..., columns] with one vector
 * per row; batch row i goes to row `rows[i]`. Throws `CHOICE_RANGE`, `MODEL_UNSUPPORTED` when it is not float32.
 */
export function copyChoices(
  logits: TensorValue,
  copy: {
    readonly choices: readonly number[];
    readonly rows: Int32Array;
    readonly into: Float32Array;
    /** Vectors per batch row, of which the first one is copied; default 1. */
    readonly vectors?: number;
    /** Where the probability of all choices together goes, by the same rows. */
    readonly mass?: Float64Array;
  },
): void {
  const { choices, rows, into, vectors = 1, mass } = copy;
  const columns = logits.dims.at(-1) ?? 0;
  if (logits.type !== 'float32' && logits.type !== 'float64') {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `the first output has type ${logits.type}, not a float type`,
    );
  }
  for (const choice of choices) {
    if (!(Number.isInteger(choice) && choice >= 0 && choice < columns)) {
      throw new MesascopeError(
        'CHOICE_RANGE',
        `choice index ${choice} is outside the ${columns} columns of the first output`,
        {
          facts: { choice, columns },
        },
      );
    }
  }
  for (let i = 0; i < rows.length; i++) {
    for (let c = 0; c < choices.length; c++) {
      into[rows[i]! * choices.length + c] = logits.data[i * vectors * columns + choices[c]!]!;
    }
    if (mass !== undefined) mass[rows[i]!] = massOf(logits.data, i * vectors * columns, columns, choices);
  }
}

/** Softmax over one vector of logits, summed over the choices; 0 to 1. */
function massOf(
  logits: Float32Array | Float64Array,
  from: number,
  columns: number,
  choices: readonly number[],
): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = from; j < from + columns; j++) largest = Math.max(largest, logits[j]!);
  let all = 0;
  for (let j = from; j < from + columns; j++) all += Math.exp(logits[j]! - largest);
  let chosen = 0;
  for (const choice of new Set(choices)) chosen += Math.exp(logits[from + choice]! - largest);
  return chosen / all;
}
