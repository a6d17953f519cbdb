/** @file onnx: the values of a stored tensor as a typed array; allocates by the bytes that are there, never by dims. */
import { MesascopeError } from '../core/errors.ts';
import { bfloat16ToFloat32, halfToFloat32 } from '../core/half.ts';
import type { ModelIndex, TensorView } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { TENSOR } from './fields.ts';
import { corrupt, readVarintExact, viewOf, WIRE, WireCursor } from './wire-read.ts';

export type TensorValues =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

export type TensorContents = {
  readonly dims: readonly number[];
  /** ONNX TensorProto.DataType of the file; float16 and bfloat16 arrive as Float32Array, bool as Uint8Array. */
  readonly dataType: number;
  readonly data: TensorValues;
};

/** Bytes [offset, offset + length) of the weight file at `location`, or undefined when there is none. */
export type ExternalReader = (part: {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}) => Uint8Array | undefined;

/** Bytes per value of each data type, by TensorProto.DataType; absent: strings, complex numbers, types under 8 bits. */
const BYTES: Readonly<Record<number, number>> = {
  1: 4, // FLOAT
  2: 1, // UINT8
  3: 1, // INT8
  4: 2, // UINT16
  5: 2, // INT16
  6: 4, // INT32
  7: 8, // INT64
  9: 1, // BOOL
  10: 2, // FLOAT16
  11: 8, // DOUBLE
  12: 4, // UINT32
  13: 8, // UINT64
  16: 2, // BFLOAT16
};

/** Bytes that one value of this data type takes, or undefined for types that are not handled. */
export function bytesPerValue(dataType: number): number | undefined {
  return BYTES[dataType];
}

/** Number of values that `dims` states: 1 for a scalar. Infinity where the product is beyond exact integers. */
export function valueCount(dims: readonly number[]): number {
  let count = 1;
  for (const size of dims) count *= size;
  // A zero beside a huge size is zero in ONNX whatever the order.
  if (dims.includes(0)) return 0;
  return Number.isSafeInteger(count) ? count : Number.POSITIVE_INFINITY;
}

/**
 * The values of `tensor`, copied out: raw bytes at any alignment, one-by-one fields packed or not, or external bytes.
 *
 * Throws `MODEL_CORRUPT` when the bytes do not fit the stated dims, `MODEL_UNSUPPORTED` for strings, complex numbers and
 * types under 8 bits, `EXTERNAL_DATA_MISSING` when `external` is missing or gives too few bytes.
 */
export function readTensor(
  index: ModelIndex,
  tensor: TensorView,
  options: { readonly external?: ExternalReader } = {},
): TensorContents {
  const { dims, dataType } = tensor;
  const size = BYTES[dataType];
  if (size === undefined) {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `tensor ${JSON.stringify(tensor.name)} has data type ${dataType}, which is not handled`,
      { facts: { name: tensor.name, dataType } },
    );
  }
  const bits =
    tensor.data.kind === 'typed'
      ? typedBits(index, tensor, size)
      : new Uint8Array(storedBytes(index, tensor, options.external));
  if (bits.length !== valueCount(dims) * size) {
    throw corrupt(
      `tensor ${JSON.stringify(tensor.name)} of [${dims.join(', ')}] holds ${bits.length} bytes`,
      tensor.range.start,
    );
  }
  return { dims, dataType, data: interpret(bits, dataType) };
}

/**
 * The bytes of a tensor that keeps raw or external bytes, as a view (empty for a tensor without data).
 *
 * Throws `EXTERNAL_DATA_MISSING` and, for a tensor stored value by value, `INTERNAL`.
 */
export function storedBytes(
  index: ModelIndex,
  tensor: TensorView,
  external: ExternalReader | undefined,
): Uint8Array {
  const { data } = tensor;
  switch (data.kind) {
    case 'raw':
      return index.bytes.subarray(data.range.start, data.range.end);
    case 'empty':
      return new Uint8Array(0);
    case 'external': {
      const { location, offset } = data;
      const length = data.length ?? valueCount(tensor.dims) * (BYTES[tensor.dataType] ?? 1);
      const bytes = external?.({ location, offset, length });
      if (bytes === undefined || bytes.length !== length) {
        throw new MesascopeError(
          'EXTERNAL_DATA_MISSING',
          `tensor ${JSON.stringify(tensor.name)} lies in ${JSON.stringify(location)} (${length} bytes from ${offset}), ${
            bytes === undefined ? 'which was not given' : `of which ${bytes.length} bytes could be read`
          }`,
          { facts: { name: tensor.name, location, offset, length } },
        );
      }
      return bytes;
    }
    case 'typed':
      throw new MesascopeError('INTERNAL', 'a tensor stored value by value has no raw bytes');
  }
}

/** Values stored one by one, gathered as the bits that raw_data would hold (TensorProto's comments say which field). */
function typedBits(index: ModelIndex, tensor: TensorView, size: number): Uint8Array {
  const expected = valueCount(tensor.dims);
  const available = tensor.range.end - tensor.range.start;
  // A stored value takes at least one byte, so a larger count is a lie, caught before anything is allocated.
  if (expected > available) {
    throw corrupt(
      `tensor ${JSON.stringify(tensor.name)} states more values than it has bytes`,
      tensor.range.start,
    );
  }
  const field = typedFieldOf(tensor.dataType);
  const bits = new Uint8Array(expected * size);
  const out = viewOf(bits);
  let count = 0;
  const putBits = (value: bigint): void => {
    if (count < expected) {
      const at = count * size;
      if (size === 8) out.setBigInt64(at, value, true);
      else {
        const low = Number(BigInt.asUintN(32, value));
        if (size === 4) out.setUint32(at, low, true);
        else if (size === 2) out.setUint16(at, low & 0xffff, true);
        else out.setUint8(at, low & 0xff);
      }
    }
    count++;
  };
  const cursor = new WireCursor(index.bytes, tensor.range);
  while (cursor.next()) {
    if (cursor.field !== field) continue;
    if (field === TENSOR.floatData || field === TENSOR.doubleData) {
      const length = cursor.end - cursor.start;
      if (cursor.wire === WIRE.varint || length % size !== 0) {
        throw corrupt(`tensor ${JSON.stringify(tensor.name)} has values of a broken length`, cursor.start);
      }
      if (count + length / size <= expected) {
        bits.set(index.bytes.subarray(cursor.start, cursor.end), count * size);
      }
      count += length / size;
    } else {
      for (let at = cursor.start; at < cursor.end; ) {
        const { value, next } = readVarintExact(index.bytes, at, cursor.end);
        putBits(value);
        at = next;
      }
    }
  }
  if (count !== expected) {
    throw corrupt(
      `tensor ${JSON.stringify(tensor.name)} of [${tensor.dims.join(', ')}] holds ${count} values`,
      tensor.range.start,
    );
  }
  return bits;
}

/** Which field holds the values of a data type, by the comments of TensorProto in onnx.proto. */
export function typedFieldOf(dataType: number): number {
  switch (dataType) {
    case DATA_TYPE.float32:
      return TENSOR.floatData;
    case DATA_TYPE.float64:
      return TENSOR.doubleData;
    case DATA_TYPE.int64:
      return TENSOR.int64Data;
    case 12: // UINT32
    case 13: // UINT64
      return TENSOR.uint64Data;
    default:
      return TENSOR.int32Data;
  }
}

/** `bits` starts at offset 0 of a buffer of its own, so every view is aligned. */
function interpret(bits: Uint8Array, dataType: number): TensorValues {
  const { buffer } = bits;
  switch (dataType) {
    case DATA_TYPE.float32:
      return new Float32Array(buffer);
    case DATA_TYPE.float64:
      return new Float64Array(buffer);
    case DATA_TYPE.float16:
      return halfToFloat32(new Uint16Array(buffer));
    case DATA_TYPE.bfloat16:
      return bfloat16ToFloat32(new Uint16Array(buffer));
    case DATA_TYPE.int64:
      return new BigInt64Array(buffer);
    case DATA_TYPE.int32:
      return new Int32Array(buffer);
    case DATA_TYPE.int8:
      return new Int8Array(buffer);
    case 4:
      return new Uint16Array(buffer);
    case 5:
      return new Int16Array(buffer);
    case 12:
      return new Uint32Array(buffer);
    case 13:
      return new BigUint64Array(buffer);
    default: // uint8 and bool
      return bits;
  }
}
