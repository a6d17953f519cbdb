/** @file linalg: small matrices of 64-bit numbers and plain loops over them; no session, no decomposition. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';

/** Row-major 64-bit matrix for sums, systems and factors: element (i, j) is `data[i * columns + j]`. */
export type Dense = { readonly rows: number; readonly columns: number; readonly data: Float64Array };

/** Wraps `data` as [rows, columns] without copying; zeros when it is left out. Throws `MATRIX_SHAPE`. */
export function dense(
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): Dense {
  if (data.length !== rows * columns) {
    throw new MesascopeError(
      'MATRIX_SHAPE',
      `a [${rows}, ${columns}] matrix needs ${rows * columns} values, got ${data.length}`,
      { facts: { rows, columns, length: data.length } },
    );
  }
  return { rows, columns, data };
}

/** The same values in 64 bits. */
export function toDense(source: Matrix): Dense {
  return { rows: source.rows, columns: source.columns, data: Float64Array.from(source.data) };
}

/** The same values rounded to 32 bits. */
export function toMatrix(source: Dense): Matrix {
  return { rows: source.rows, columns: source.columns, data: Float32Array.from(source.data) };
}

/** [rows, columns] -> [columns, rows]. */
export function transposed(source: Dense): Dense {
  const { rows, columns, data } = source;
  const turned = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j]!;
  }
  return { rows: columns, columns: rows, data: turned };
}

/** Element strides of op(source), where op transposes or not: (i, j) lies at `i * row + j * column`. */
type Strides = { readonly row: number; readonly column: number };

function stridesOf(columns: number, transpose: boolean): Strides {
  return transpose ? { row: 1, column: columns } : { row: columns, column: 1 };
}

/** A product's sizes: op(a) is [rows, inner], op(b) is [inner, columns]. */
export type ProductShape = { readonly rows: number; readonly inner: number; readonly columns: number };

export type TransposeOptions = { readonly transposeA?: boolean; readonly transposeB?: boolean };

type Shaped = { readonly rows: number; readonly columns: number };

/** Sizes of op(a) op(b). Throws `MATRIX_SHAPE` when the inner sizes differ. */
export function productShape(a: Shaped, b: Shaped, options: TransposeOptions = {}): ProductShape {
  const [rows, inner] = options.transposeA === true ? [a.columns, a.rows] : [a.rows, a.columns];
  const [innerB, columns] = options.transposeB === true ? [b.columns, b.rows] : [b.rows, b.columns];
  if (inner !== innerB) {
    throw new MesascopeError(
      'MATRIX_SHAPE',
      `cannot multiply [${rows}, ${inner}] by [${innerB}, ${columns}]`,
      { facts: { rows, inner, innerB, columns } },
    );
  }
  return { rows, inner, columns };
}

/** op(a) op(b) by plain loops with 64-bit sums, whatever the precision of the operands. Throws `MATRIX_SHAPE`. */
export function plainProduct(a: Matrix | Dense, b: Matrix | Dense, options: TransposeOptions = {}): Dense {
  const { rows, inner, columns } = productShape(a, b, options);
  const left = stridesOf(a.columns, options.transposeA === true);
  const right = stridesOf(b.columns, options.transposeB === true);
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const at = i * columns;
    for (let l = 0; l < inner; l++) {
      const value = a.data[i * left.row + l * left.column]!;
      const from = l * right.row;
      for (let j = 0; j < columns; j++) data[at + j]! += value * b.data[from + j * right.column]!;
    }
  }
  return { rows, columns, data };
}
