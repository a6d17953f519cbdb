/** @file test of probe: small problems for the erasers, and how far two matrices lie apart. */
import { expect } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { labelsOf, momentsOf } from './recorded.ts';

/** Largest difference of two matrices, in units of each column's spread in `scale`. */
export function gap(a: Matrix, b: Matrix, scale: Matrix = b): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  const { deviation } = momentsOf(scale);
  let worst = 0;
  for (let i = 0; i < a.data.length; i++) {
    const unit = deviation[i % a.columns]! || 1;
    worst = Math.max(worst, Math.abs(a.data[i]! - b.data[i]!) / unit);
  }
  return worst;
}

/** `row` as every row of a matrix. */
export function repeated(row: ArrayLike<number>, rows: number): Matrix {
  return matrix(
    rows,
    row.length,
    Float32Array.from({ length: rows * row.length }, (_, at) => row[at % row.length]!),
  );
}

export const rowMatrix = (row: ArrayLike<number>): Matrix => repeated(row, 1);

/** Correlated features of unequal scale and mean; labels that move them; small enough for many property runs. */
export function drawn(
  seed: number,
  { rows = 60, width = 5, classes = 3 } = {},
): {
  readonly x: Matrix;
  readonly labels: ClassLabels;
} {
  const random = seededRandom(`leace/${seed}`);
  const mix = Array.from(
    { length: width * width },
    (_, at) => (at % (width + 1) === 0 ? 1 : 0) + 0.3 * random.normal(),
  );
  const scale = Array.from({ length: width }, () => Math.exp(random.normal()));
  const shift = Array.from({ length: width }, () => 3 * random.normal());
  const means = Array.from({ length: classes * width }, () => random.normal());
  const values = Array.from({ length: rows }, (_, i) => (i < classes ? i : random.integer(classes)));
  const x = matrix(rows, width);
  for (const [i, label] of values.entries()) {
    const noise = Array.from({ length: width }, (_, j) => random.normal() + means[label * width + j]!);
    for (let j = 0; j < width; j++) {
      let value = shift[j]!;
      for (let l = 0; l < width; l++) value += noise[l]! * mix[l * width + j]!;
      x.data[i * width + j] = scale[j]! * value;
    }
  }
  return { x, labels: labelsOf(values, classes) };
}

/** Features rearranged: new column c is `from[c]` of the old ones, or the constant `value` where it is null. */
export function columnsOf(x: Matrix, from: readonly (number | null)[], value = 2.5): Matrix {
  const out = matrix(x.rows, from.length);
  for (let i = 0; i < x.rows; i++) {
    for (const [c, j] of from.entries())
      out.data[i * from.length + c] = j === null ? value : x.data[i * x.columns + j]!;
  }
  return out;
}
