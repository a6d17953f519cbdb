/** @file model: rows into batches of one shape, so that nothing is ever padded; runs nothing. */
import type { CapturePlan } from '../core/activation-cache.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Encoded } from './encode.ts';

export type BatchLimits = {
  /** At least 1. */
  readonly maxRows: number;
  /** Rows times positions; a row that is longer alone gets a batch of its own. */
  readonly maxTokens: number;
};

/** What tells which rows can share a batch. */
export type RowShapes = Pick<Encoded, 'rows' | 'lengths' | 'shapeClass' | 'fixedBatch'> &
  Partial<Pick<Encoded, 'positionsIn'>>;

export type Batches = {
  /** Indices into the rows that were asked for, each exactly once; the rows of a batch have one shape. */
  readonly batches: readonly Int32Array[];
  readonly plan: CapturePlan;
};

/**
 * Groups rows of equal shape, in the order of each shape's first row and stable within it. `rows` (all by default) selects
 * and repeats encoded rows; batches then hold indices into `rows`. A batch size that the graph fixes is an upper limit.
 */
export function batchByLength(encoded: RowShapes, limits: BatchLimits, rows?: Int32Array): Batches {
  const count = rows?.length ?? encoded.rows;
  const byClass = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const shape = encoded.shapeClass[rows === undefined ? i : rows[i]!]!;
    const members = byClass.get(shape);
    if (members === undefined) byClass.set(shape, [i]);
    else members.push(i);
  }
  const batches: Int32Array[] = [];
  const lengths = workLengths(encoded);
  for (const members of byClass.values()) {
    const length = lengths[rows === undefined ? members[0]! : rows[members[0]!]!]!;
    const most = Math.min(limits.maxRows, Math.floor(limits.maxTokens / length), encoded.fixedBatch ?? count);
    const size = Math.max(1, most);
    for (let from = 0; from < members.length; from += size) {
      batches.push(Int32Array.from(members.slice(from, from + size)));
    }
  }
  const order = byClass.size <= 1 ? undefined : concatenated(batches, count);
  return { batches, plan: { order, batches: batches.map((batch) => batch.length) } };
}

/**
 * What a row costs, in positions: those of its arrays, or of the model's streams where these have more. An image has three channels and
 * hundreds of patches.
 */
function workLengths({ lengths, positionsIn }: RowShapes): Int32Array {
  if (positionsIn === undefined) return lengths;
  try {
    const [main, encoder] = [positionsIn('main'), positionsIn('encoder')];
    return lengths.map((length, row) => Math.max(length, main[row]!, encoder[row]!));
  } catch (error) {
    // What the graph does not tell is refused where a position is asked for.
    if (error instanceof MesascopeError) return lengths;
    throw error;
  }
}

/** Encoded rows to feed for one batch: as they are, or filled up with the last one to the batch size that the graph fixes. */
export function fedRows(encoded: Encoded, batch: Int32Array, rows?: Int32Array): Int32Array {
  const fed = new Int32Array(encoded.fixedBatch ?? batch.length);
  for (let i = 0; i < fed.length; i++) {
    const index = batch[Math.min(i, batch.length - 1)]!;
    fed[i] = rows === undefined ? index : rows[index]!;
  }
  return fed;
}

function concatenated(batches: readonly Int32Array[], count: number): Int32Array {
  const order = new Int32Array(count);
  let at = 0;
  for (const batch of batches) {
    order.set(batch, at);
    at += batch.length;
  }
  return order;
}
