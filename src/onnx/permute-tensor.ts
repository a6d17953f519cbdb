/** @file onnx: puts the values of one stored tensor in random order, in place, however the file stores them. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { ByteRange, TensorView } from './contract.ts';
import { TENSOR } from './fields.ts';
import { bytesPerValue, typedFieldOf, valueCount } from './read-tensor.ts';
import { corrupt, readVarint, WIRE, WireCursor } from './wire-read.ts';

/**
 * Permutes the values of `tensor` within `bytes`, where its ranges point; every other byte stays.
 *
 * Throws `MODEL_CORRUPT` when the values do not fit the dims, `MODEL_UNSUPPORTED` for external data and for 16-bit values
 * stored as integers in more than one piece.
 */
export function permuteTensor(bytes: Uint8Array, tensor: TensorView, random: Random): void {
  const unit = bytesPerValue(tensor.dataType)!;
  const { data } = tensor;
  switch (data.kind) {
    case 'empty':
      mustHold(tensor, 0);
      break;
    case 'raw':
      mustHold(tensor, (data.range.end - data.range.start) / unit);
      permuteRun(bytes, data.range, { unit, random });
      break;
    case 'typed': {
      const field = typedFieldOf(tensor.dataType);
      if (field === TENSOR.int32Data) permuteVarints(bytes, tensor, random);
      else permuteSpread(bytes, tensor, { field, unit, random });
      break;
    }
    case 'external':
      throw new MesascopeError(
        'MODEL_UNSUPPORTED',
        `tensor ${JSON.stringify(tensor.name)} lies in another file`,
      );
  }
}

function mustHold(tensor: TensorView, count: number): void {
  if (count === valueCount(tensor.dims)) return;
  throw corrupt(
    `tensor ${JSON.stringify(tensor.name)} of [${tensor.dims.join(', ')}] holds ${count} values`,
    tensor.range.start,
  );
}

type Run = { readonly unit: number; readonly random: Random };

/** One contiguous run of fixed-size values. The bits are moved as integers: a float could lose a NaN's payload. */
function permuteRun(bytes: Uint8Array, range: ByteRange, { unit, random }: Run): void {
  const { buffer } = bytes.slice(range.start, range.end);
  if (unit === 2) shuffle(new Uint16Array(buffer), random);
  else if (unit === 4) shuffle(new Uint32Array(buffer), random);
  else shuffle(new BigUint64Array(buffer), random);
  bytes.set(new Uint8Array(buffer), range.start);
}

/** Fisher-Yates over the values themselves: no index array beside a large tensor. */
function shuffle<T>(values: { readonly length: number; [i: number]: T }, random: Random): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const held = values[i]!;
    values[i] = values[j]!;
    values[j] = held;
  }
}

/** Fixed-size values in any number of packed or single fields: gathered, permuted, put back. */
function permuteSpread(
  bytes: Uint8Array,
  tensor: TensorView,
  { field, unit, random }: Run & { readonly field: number },
): void {
  const pieces: ByteRange[] = [];
  let length = 0;
  const cursor = new WireCursor(bytes, tensor.range);
  while (cursor.next()) {
    if (cursor.field !== field || cursor.wire === WIRE.varint) continue;
    pieces.push(cursor.range);
    length += cursor.end - cursor.start;
  }
  mustHold(tensor, length / unit);
  const all = new Uint8Array(length);
  let at = 0;
  for (const { start, end } of pieces) {
    all.set(bytes.subarray(start, end), at);
    at += end - start;
  }
  permuteRun(all, { start: 0, end: length }, { unit, random });
  at = 0;
  for (const { start, end } of pieces) {
    bytes.set(all.subarray(at, at + end - start), start);
    at += end - start;
  }
}

/** 16-bit floats as varints of one or more bytes: within one packed field, any order takes the same room. */
function permuteVarints(bytes: Uint8Array, tensor: TensorView, random: Random): void {
  let packed: ByteRange | undefined;
  const cursor = new WireCursor(bytes, tensor.range);
  while (cursor.next()) {
    if (cursor.field !== TENSOR.int32Data) continue;
    if (packed !== undefined || cursor.wire !== WIRE.length) {
      throw new MesascopeError(
        'MODEL_UNSUPPORTED',
        `tensor ${JSON.stringify(tensor.name)} stores 16-bit values one by one in several pieces`,
      );
    }
    packed = cursor.range;
  }
  const values: Uint8Array[] = [];
  for (let at = packed?.start ?? 0; packed !== undefined && at < packed.end; ) {
    const { next } = readVarint(bytes, at, packed.end);
    values.push(bytes.slice(at, next));
    at = next;
  }
  mustHold(tensor, values.length);
  let at = packed?.start ?? 0;
  for (const value of random.shuffled(values)) {
    bytes.set(value, at);
    at += value.length;
  }
}
