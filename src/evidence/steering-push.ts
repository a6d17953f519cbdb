/** @file evidence: adds vectors to hidden states and runs the rest of the network, many directions in few runs; judges nothing. */
import { type Matrix, matrix, takeRows } from '../core/matrix.ts';
import type { Dense } from '../linalg/dense.ts';
import type { CausalInputs } from './causal-side.ts';

/** Rows in one run of the model. */
const ROWS_PER_RUN = 8192;

/** A hook at one position, or at several whose states are laid side by side, [rows, positions x width]. */
export type Place = { readonly hook: string; readonly position: number | readonly number[] };

/** States of all examples at a place. */
export function statesAt(inputs: Pick<CausalInputs, 'activations'>, { hook, position }: Place): Matrix {
  if (typeof position === 'number') return inputs.activations({ hook, position });
  const parts = position.map((one) => inputs.activations({ hook, position: one }));
  const { rows, columns } = parts[0]!;
  const joined = matrix(rows, parts.length * columns);
  for (const [p, { data }] of parts.entries()) {
    for (let i = 0; i < rows; i++)
      joined.data.set(data.subarray(i * columns, (i + 1) * columns), (i * parts.length + p) * columns);
  }
  return joined;
}

/** Vectors to add to the states of the same bases, [bases, width], each times its dose. */
export type Push = { readonly directions: Dense; readonly dose: number };

/** Hidden states after a push, [bases, width]. */
export function pushedStates(states: Matrix, { directions, dose }: Push): Matrix {
  return {
    ...states,
    data: states.data.map((value, i) => value + dose * directions.data[i]!),
  };
}

/** log pi over the choices after each push, [bases, choices] each. Throws what `runIntervened` throws. */
export async function pushMany(
  inputs: CausalInputs,
  site: Place,
  bases: Int32Array,
  pushes: Iterable<Push>,
): Promise<Matrix[]> {
  const count = bases.length;
  const states = takeRows(statesAt(inputs, site), bases);
  const results: Matrix[] = [];
  let block: Matrix[] = [];
  const flush = async (): Promise<void> => {
    if (block.length === 0) return;
    const rows = new Int32Array(block.length * count);
    const values = matrix(rows.length, states.columns);
    for (const [b, pushed] of block.entries()) {
      rows.set(bases, b * count);
      values.data.set(pushed.data, b * count * states.columns);
    }
    const after = await inputs.runIntervened({
      hooks: [site.hook],
      position: site.position,
      rows,
      values: [values],
    });
    const size = count * after.columns;
    for (let b = 0; b < block.length; b++)
      results.push(matrix(count, after.columns, after.data.subarray(b * size, (b + 1) * size)));
    block = [];
  };
  for (const push of pushes) {
    block.push(pushedStates(states, push));
    if ((block.length + 1) * count > ROWS_PER_RUN) await flush();
  }
  await flush();
  return results;
}
