/** @file model: plain arrays as the tensors that a graph's inputs take; checks nothing. */
import { float32ToHalf } from '../core/half.ts';
import type { TensorValue } from '../runtime/contract.ts';
import { cacheDims, type DescribedInput, type InputPlan, type InputType } from './input-roles.ts';

/** What a step that is fed the new positions alone goes on from: how many came before, and their keys and values by input. */
export type Past = { readonly length: number; readonly caches: ReadonlyMap<string, TensorValue> };

const NO_PAST: Past = { length: 0, caches: new Map() };

/** Feeds for every input that the data need not give; `lengthOf` tells how many positions an input has after those of `past` (none by default). */
export function derivedFeeds(
  plan: InputPlan,
  batch: number,
  lengthOf: (input: DescribedInput) => number,
  past: Past = NO_PAST,
): Record<string, TensorValue> {
  const feeds: Record<string, TensorValue> = {};
  for (const input of plan.derived) {
    const length = lengthOf(input);
    const grid = new Int32Array(batch * length);
    switch (input.role) {
      case 'attention-mask': {
        const total = past.length + length;
        feeds[input.name] = numbers(input.type, [batch, total], new Int32Array(batch * total).fill(1));
        break;
      }
      case 'token-types':
        feeds[input.name] = integers(input.type, [batch, length], grid);
        break;
      case 'positions': {
        const flat = input.shape?.length === 1;
        const size = flat ? length : grid.length;
        for (let i = 0; i < size; i++) grid[i] = past.length + (i % length);
        feeds[input.name] = integers(input.type, flat ? [length] : [batch, length], grid.subarray(0, size));
        break;
      }
      case 'decoder-tokens':
        feeds[input.name] = integers(input.type, [batch, 1], new Int32Array(batch).fill(plan.decoderStart));
        break;
      case 'cache':
        feeds[input.name] =
          past.caches.get(input.name) ??
          numbers(input.type, cacheDims(input.shape, batch)!, new Int32Array(0));
        break;
      default:
        feeds[input.name] = { type: 'bool', dims: [1], data: Uint8Array.of(past.length === 0 ? 0 : 1) };
    }
  }
  return feeds;
}

/** For hashes: the token that starts a decoder stands in no row, and the numbers depend on it. */
export function decoderStartIn({ derived, decoderStart }: InputPlan): readonly string[] {
  return derived.some(({ role }) => role === 'decoder-tokens') ? [`decoder start: ${decoderStart}\n`] : [];
}

/**
 * Positions of an input that goes with another: `encoder_attention_mask` with the encoder's states, `decoder_attention_mask` with the
 * decoder's tokens, any other with the tokens, where a row gives them; `length` where it does not. `sizes` are the first axes of what a row gives.
 */
export function derivedLength(
  plan: Pick<InputPlan, 'derived'>,
  length: number,
  sizes: ReadonlyMap<DescribedInput, number> = new Map(),
): (input: DescribedInput) => number {
  const sizeWhere = (matches: (input: DescribedInput) => boolean): number | undefined =>
    [...sizes].find(([input]) => matches(input))?.[1];
  const tokens = sizeWhere(({ role }) => role === 'tokens') ?? length;
  const decoder =
    sizeWhere(({ role }) => role === 'decoder-tokens') ??
    (plan.derived.some(({ role }) => role === 'decoder-tokens') ? 1 : tokens);
  return ({ name }) =>
    name.startsWith('encoder_')
      ? (sizeWhere((input) => input.name.startsWith('encoder_')) ?? tokens)
      : name.startsWith('decoder_')
        ? decoder
        : tokens;
}

/** Whole numbers of at most 31 bits as int64 or int32. */
export function integers(
  type: InputType | undefined,
  dims: readonly number[],
  data: Int32Array,
): TensorValue {
  if (type === 'int32') return { type, dims, data };
  // The low halves of little-endian int64 values; making a BigInt per token would cost more than a small model's run.
  const wide = new BigInt64Array(data.length);
  const halves = new Int32Array(wide.buffer);
  for (let i = 0; i < data.length; i++) halves[2 * i] = data[i]!;
  return { type: 'int64', dims, data: wide };
}

/** Numbers as the element type of an input. */
export function numbers(
  type: InputType | undefined,
  dims: readonly number[],
  data: Int32Array | Float64Array,
): TensorValue {
  switch (type) {
    case 'float64':
      return { type, dims, data: Float64Array.from(data) };
    case 'float16':
      return { type, dims, data: float32ToHalf(Float32Array.from(data)) };
    case 'int64':
      return { type, dims, data: BigInt64Array.from(data, (value) => BigInt(Math.trunc(value))) };
    case 'int32':
      return { type, dims, data: Int32Array.from(data) };
    case 'bool':
      return { type, dims, data: Uint8Array.from(data, (value) => (value === 0 ? 0 : 1)) };
    case 'uint8':
      return { type, dims, data: Uint8Array.from(data) };
    default:
      return { type: 'float32', dims, data: Float32Array.from(data) };
  }
}
