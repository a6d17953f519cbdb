/** @file onnx: reads where a stored tensor lies and what it states about itself; its values stay untouched. */
import type { ByteRange, ReadLimits, TensorView } from './contract.ts';
import { checkExternalLocation } from './external-location.ts';
import { LOCATION_EXTERNAL, STRING_ENTRY, TENSOR } from './fields.ts';
import { corrupt, pushInts, WIRE, WireCursor } from './wire-read.ts';

/** Fields that hold values one by one, as opposed to raw bytes. */
const TYPED_FIELDS: readonly number[] = [
  TENSOR.floatData,
  TENSOR.int32Data,
  TENSOR.stringData,
  TENSOR.int64Data,
  TENSOR.doubleData,
  TENSOR.uint64Data,
];

/** The TensorProto at `range`. Throws `MODEL_CORRUPT`, `MODEL_LIMIT` and `EXTERNAL_DATA_PATH`. */
export function readTensorView(bytes: Uint8Array, range: ByteRange, limits: ReadLimits): TensorView {
  const cursor = new WireCursor(bytes, range);
  const dims: number[] = [];
  const external: Record<string, string> = Object.create(null);
  let name = '';
  let dataType = 0;
  let raw: ByteRange | undefined;
  let typedField: number | undefined;
  let isExternal = false;
  while (cursor.next()) {
    if (cursor.field === TENSOR.dims) {
      pushInts(cursor, dims, { count: limits.maxRank, what: 'dimensions in one tensor' });
    } else if (cursor.isVarint(TENSOR.dataType)) dataType = cursor.int();
    else if (cursor.isLength(TENSOR.name)) name = cursor.text(limits.maxNameBytes);
    else if (cursor.isLength(TENSOR.rawData)) raw = cursor.range;
    else if (cursor.isVarint(TENSOR.dataLocation)) isExternal = cursor.int() === LOCATION_EXTERNAL;
    else if (cursor.isLength(TENSOR.externalData)) {
      const { key, value } = readStringEntry(bytes, cursor.range, limits.maxNameBytes);
      external[key] = value;
    } else if (TYPED_FIELDS.includes(cursor.field)) typedField = cursor.field;
  }
  for (const size of dims) {
    if (!(size >= 0 && Number.isSafeInteger(size))) {
      throw corrupt(`tensor ${JSON.stringify(name)} has a dimension of ${size}`, range.start);
    }
  }
  return { name, dims, dataType, range, data: dataOf() };

  function dataOf(): TensorView['data'] {
    if (isExternal) {
      const { location = '' } = external;
      checkExternalLocation(location);
      return {
        kind: 'external',
        location,
        offset: byteCount(external.offset, range.start) ?? 0,
        length: byteCount(external.length, range.start),
      };
    }
    if (raw !== undefined) return { kind: 'raw', range: raw };
    return typedField === undefined ? { kind: 'empty' } : { kind: 'typed', field: typedField };
  }
}

function byteCount(text: string | undefined, offset: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw corrupt(`an external tensor with the offset or length ${JSON.stringify(text)}`, offset);
  }
  return value;
}

/** A StringStringEntryProto; a missing part is the empty string. */
export function readStringEntry(
  bytes: Uint8Array,
  range: ByteRange,
  maxBytes: number,
): { key: string; value: string } {
  const cursor = new WireCursor(bytes, range);
  let key = '';
  let value = '';
  while (cursor.next()) {
    if (cursor.wire !== WIRE.length) continue;
    if (cursor.field === STRING_ENTRY.key) key = cursor.text(maxBytes);
    else if (cursor.field === STRING_ENTRY.value) value = cursor.text(maxBytes);
  }
  return { key, value };
}
