/** @file model: the key-value caches of a decoder: which output carries on which input; runs nothing. */
import { MesascopeError } from '../core/errors.ts';
import { float32ToHalf } from '../core/half.ts';
import type { TensorValue } from '../runtime/contract.ts';
import { cacheNames } from './cache-names.ts';
import type { Model } from './open-model.ts';

/** An output whose value is fed to the input in the next step. */
export type CachePair = { readonly input: string; readonly output: string };

/**
 * The caches of a model, in the order of its inputs; none where its graph takes none, where an input has no output of its own to go
 * on from, or where the graph as it is run does not read them (a merged decoder, whose branch without caches is read in the place of its
 * If): such a graph is run anew on the whole row at each step.
 */
export function cachePairs(model: Model): readonly CachePair[] {
  const names = cacheNames(model.index);
  const pairs = model.inputs
    .filter(({ role }) => role === 'cache' || role === 'filled-cache')
    .map(({ name }) => ({ input: name, output: names.outputOf(name) }));
  const whole = pairs.every(
    (pair): pair is CachePair => pair.output !== undefined && names.isRead(pair.input),
  );
  return whole ? pairs : [];
}

/** A cache as its input takes it: 16-bit ones arrive as float32. */
export function cacheFor(model: Model, input: string, cache: TensorValue): TensorValue {
  const half = model.inputs.find(({ name }) => name === input)?.type === 'float16';
  return half && cache.type === 'float32'
    ? { type: 'float16', dims: cache.dims, data: float32ToHalf(cache.data) }
    : cache;
}

/** The named rows of a cache [batch, heads, past, width], in that order. Throws `MODEL_UNSUPPORTED` when it is not of a float type. */
export function cacheRows(cache: TensorValue, rows: Int32Array): TensorValue {
  const [batch = 0, ...rest] = cache.dims;
  const size = rest.reduce((product, dim) => product * dim, 1);
  if (cache.type !== 'float32' && cache.type !== 'float64')
    throw new MesascopeError('MODEL_UNSUPPORTED', `a cache has type ${cache.type}, not a float type`);
  if (rows.length === batch && rows.every((row, i) => row === i)) return cache;
  const dims = [rows.length, ...rest];
  const picked = <T extends Float32Array | Float64Array>(from: T, to: T): T => {
    for (const [i, row] of rows.entries()) to.set(from.subarray(row * size, (row + 1) * size), i * size);
    return to;
  };
  return cache.type === 'float32'
    ? { type: 'float32', dims, data: picked(cache.data, new Float32Array(rows.length * size)) }
    : { type: 'float64', dims, data: picked(cache.data, new Float64Array(rows.length * size)) };
}
