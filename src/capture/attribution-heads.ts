/** @file capture: what each attention head adds to the stream, through the model's own output projection; judges nothing. */
import { type Matrix, matrix } from '../core/matrix.ts';
import type { Model } from '../model/open-model.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { LINEAR_TOLERANCE, worseOf } from './attribution-parts.ts';
import type { StreamPart } from './attribution-stream.ts';
import { withPart } from './part-of-model.ts';
import { type ShapeRow, vectorsThrough } from './part-vectors.ts';

export type HeadVector = {
  readonly name: string;
  readonly kind: 'head' | 'attention';
  readonly head?: number;
  /** [rows, width]. */
  readonly vector: Matrix;
};

/**
 * Each head's values alone through the output projection, less what the projection gives for none (its bias), which comes last as
 * `blocks.{i}.attn_bias`. A reason where the projection is not linear in the heads. `values`: z, [rows, heads * head width];
 * `vector`: what attention added, [rows, width], which the vectors must add up to.
 */
export async function headVectors(
  model: Model,
  of: {
    readonly z: HookPoint;
    readonly part: StreamPart;
    readonly vector: Matrix;
    readonly values: Matrix;
    readonly row: ShapeRow;
  },
): Promise<{ readonly vectors: readonly HeadVector[] } | { readonly reason: string }> {
  const { z, part, vector, values, row } = of;
  const headWidth = z.width!;
  const { rows, columns } = values;
  const heads = columns / headWidth;
  const alone = matrix(1 + rows * heads, columns);
  // Row 0 stays zero: the bias.
  for (let i = 0; i < rows; i++) {
    for (let h = 0; h < heads; h++) {
      const from = i * columns + h * headWidth;
      const own = values.data.subarray(from, from + headWidth);
      alone.data.set(own, (1 + i * heads + h) * columns + h * headWidth);
    }
  }
  const projection = {
    given: [z.value],
    output: { value: part.projected!.value, positions: true },
    optimization: 'basic',
  } as const;
  const seen = await withPart(model, projection, (run) =>
    vectorsThrough(run, row, { vectors: alone, axes: [heads, headWidth] }),
  );
  if (seen === undefined) return { reason: 'what attention adds does not depend on z as one value' };
  const width = vector.columns;
  const prefix = part.name.slice(0, part.name.lastIndexOf('.'));
  const bias = matrix(rows, width);
  for (let i = 0; i < bias.data.length; i++) bias.data[i] = seen.data[i % width]!;
  const each = Array.from({ length: heads }, (_, h): HeadVector => {
    const own = matrix(rows, width);
    for (let i = 0; i < rows; i++) {
      const from = (1 + i * heads + h) * width;
      for (let j = 0; j < width; j++) own.data[i * width + j] = seen.data[from + j]! - seen.data[j]!;
    }
    return { name: `${prefix}.head.${h}`, kind: 'head', head: h, vector: own };
  });
  const vectors: HeadVector[] = [...each, { name: `${prefix}.attn_bias`, kind: 'attention', vector: bias }];
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < vector.data.length; i++) {
    let sum = 0;
    for (const { vector: one } of vectors) sum += one.data[i]!;
    worst = worseOf(worst, Math.abs(sum - vector.data[i]!));
    largest = Math.max(largest, Math.abs(vector.data[i]!));
  }
  if (!(worst <= LINEAR_TOLERANCE * largest)) {
    return {
      reason: `the heads add up to what attention adds only to ${(worst / largest).toPrecision(2)} of its largest value`,
    };
  }
  return { vectors };
}
