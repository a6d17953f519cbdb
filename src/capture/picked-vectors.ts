/** @file capture: vectors that were picked inside a graph, out of a batch and into rows; runs nothing. */
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { TensorValue } from '../model/runtime.ts';

/** Copies one of the `vectors` picked in each batch row of value [batch, vectors, width] to row `rows[i]` of `into`. Throws `MODEL_UNSUPPORTED`. */
export function copyVectors(
  value: TensorValue,
  copy: {
    readonly rows: Int32Array;
    readonly into: Matrix;
    readonly vector: number;
    readonly vectors: number;
  },
): void {
  const { rows, into, vector, vectors } = copy;
  const width = into.columns;
  if (value.type !== 'float32' && value.type !== 'float64') {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `an observed hook has type ${value.type}, not a float type`,
    );
  }
  for (let i = 0; i < rows.length; i++) {
    const from = (i * vectors + vector) * width;
    into.data.set(value.data.subarray(from, from + width), rows[i]! * width);
  }
}
