/** @file capture: sends vectors of one's own through a part of a model, to learn what it does to them; interprets nothing. */
import type { ModelInput } from '../core/data-set.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import { type Encoded, encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import { positionFeed } from './capture-sites.ts';
import type { PartRun } from './part-of-model.ts';

/** A row that stands for any: parts of a model that work position by position need one only for its shapes. */
export type ShapeRow = { readonly encoded: Encoded; readonly length: number };

/** Rows times positions in one run. */
const MAX_TOKENS = 4096;
/** Numbers that one run gives, 64 MiB: all unit vectors through the unembedding of a large vocabulary are gigabytes. */
const MAX_NUMBERS = 2 ** 24;

/** One token where the graph takes rows of any length, so that a vocabulary is not computed at every position; else the first input. */
export function shapeRow(
  model: Model,
  inputs: readonly ModelInput[],
  mapping: Readonly<Record<string, string>>,
): ShapeRow {
  const first = inputs[0]!;
  const fixed = model.inputs.find(({ role }) => role === 'tokens')?.shape?.[1];
  const short = first.kind === 'tokens' && typeof fixed !== 'number';
  const encoded = encode(model, [short ? { ...first, tokens: first.tokens.slice(0, 1) } : first], mapping);
  return { encoded, length: encoded.positionsIn('main')[0]! };
}

/**
 * What a part with one given value gives for each of `vectors` [n, width], standing at every position of a row: the value
 * that comes out at the row's last position, [n, columns]. `axes`: how the vector lies in the given value. `columns`: those
 * of the output that are kept; all by default.
 */
export async function vectorsThrough(
  run: PartRun,
  { encoded, length }: ShapeRow,
  through: {
    readonly vectors: Matrix;
    readonly axes: readonly number[];
    readonly columns?: readonly number[];
  },
): Promise<Matrix> {
  const { vectors, axes, columns } = through;
  const width = vectors.columns;
  // Not every graph says how wide its output is: the first vector, alone, shows it.
  let most = encoded.fixedBatch ?? 1;
  let result: Matrix | undefined;
  for (let from = 0, count = 0; from < vectors.rows; from += count) {
    count = Math.min(most, vectors.rows - from);
    const fed = encoded.fixedBatch ?? count;
    const data = new Float32Array(fed * length * width);
    for (let i = 0; i < count; i++) {
      const vector = vectors.data.subarray((from + i) * width, (from + i + 1) * width);
      for (let at = 0; at < length; at++) data.set(vector, (i * length + at) * width);
    }
    const given = { type: 'float32', dims: [fed, length, ...axes], data } as const;
    const output = await run(encoded.feeds(new Int32Array(fed)), [given], positionFeed(fed, [length - 1]));
    const wide = output.dims.slice(1).reduce((product, size) => product * size, 1);
    // What is picked at one position may have been computed at all of them.
    const tokens = Math.min(MAX_TOKENS, MAX_NUMBERS / Math.max(1, wide));
    most = encoded.fixedBatch ?? Math.max(1, Math.floor(tokens / length));
    const kept = columns ?? Array.from({ length: wide }, (_, j) => j);
    result ??= matrix(vectors.rows, kept.length);
    for (let i = 0; i < count; i++) {
      for (const [k, column] of kept.entries()) {
        result.data[(from + i) * kept.length + k] = Number(output.data[i * wide + column]);
      }
    }
  }
  return result ?? matrix(0, columns?.length ?? 0);
}
