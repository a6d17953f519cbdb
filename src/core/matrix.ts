/** @file core: a view of rows by columns over one typed array; holds no arithmetic (that is linalg's). */
import { MesascopeError } from './errors.ts';

/** Row-major matrix: element (i, j) is `data[i * columns + j]`; `data.length === rows * columns`. */
export type Matrix = {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
};

/** Wraps `data` as [rows, columns] without copying. Throws `MATRIX_SHAPE` when the length does not fit. */
export function matrix(
  rows: number,
  columns: number,
  data: Float32Array = new Float32Array(rows * columns),
): Matrix {
  if (data.length !== rows * columns) {
    throw new MesascopeError(
      'MATRIX_SHAPE',
      `a [${rows}, ${columns}] matrix needs ${rows * columns} values, got ${data.length}`,
      {
        facts: { rows, columns, length: data.length },
      },
    );
  }
  return { rows, columns, data };
}

/** A new [indices.length, columns] matrix of the named rows, in that order. Throws `MATRIX_SHAPE` on a row out of range. */
export function takeRows(source: Matrix, indices: ArrayLike<number>): Matrix {
  const { columns } = source;
  const data = new Float32Array(indices.length * columns);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    if (!(row >= 0 && row < source.rows)) {
      throw new MesascopeError('MATRIX_SHAPE', `row ${row} is outside a matrix of ${source.rows} rows`, {
        facts: { row, rows: source.rows },
      });
    }
    data.set(source.data.subarray(row * columns, (row + 1) * columns), i * columns);
  }
  return { rows: indices.length, columns, data };
}

/** View of row `i`, sharing memory: [columns]. */
export function rowOf(source: Matrix, i: number): Float32Array {
  return source.data.subarray(i * source.columns, (i + 1) * source.columns);
}
