/** @file model: reads a large model file without its weights; finds where they lie, and understands nothing else of it. */
import { closeSync, openSync, readSync } from 'node:fs';
import { refuseOtherFormats } from '../onnx/other-formats.ts';

/** Field numbers of onnx.proto3 on the way to a weight: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data. */
const WAY = [7, 5, 9] as const;
const WIRE = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;
/** Read at a time: a tensor's name and dims need far less, and what is read beyond them takes memory. */
const WINDOW_BYTES = 4096;

/** Initializers whose raw data are at least this long are left out. */
const LEFT_OUT_BYTES: number = 1 << 16;

/**
 * The bytes of a model file with zeros in place of the raw data of large initializers. The array is as long as the file, but
 * the system gives it memory only where something was read: a 2 GiB file costs what its graph costs.
 *
 * A file that does not read like a model is read whole; the index says what is wrong with it. Throws what node:fs and, before that,
 * `refuseOtherFormats` throw.
 */
export function readStructure(path: string, size: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const reader = new SparseReader(file, size);
    if (!readMessage(reader, { start: 0, end: size, depth: 0 })) {
      refuseOtherFormats(reader.bytes.subarray(0, WINDOW_BYTES), size);
      reader.want(0, size);
    }
    return reader.bytes;
  } finally {
    closeSync(file);
  }
}

/** A file's bytes, read into place as they are wanted. */
class SparseReader {
  readonly bytes: Uint8Array;
  readonly #file: number;
  /** The last range read. */
  #start = 0;
  #end = 0;

  constructor(file: number, size: number) {
    this.#file = file;
    this.bytes = new Uint8Array(size);
  }

  /** Makes bytes [start, end) available, and some that follow when little is asked for. */
  want(start: number, end: number): void {
    if (start >= this.#start && end <= this.#end) return;
    const until = Math.min(this.bytes.length, Math.max(end, start + WINDOW_BYTES));
    this.#start = start;
    this.#end = until;
    for (let at = start; at < until; ) {
      const got = readSync(this.#file, this.bytes, at, Math.min(until - at, 1 << 30), at);
      if (got === 0) return;
      at += got;
    }
  }

  /** The varint at `at` (protobuf encoding guide, "Base 128 Varints"); undefined when it does not end before `end`. */
  varint(at: number, end: number): { readonly value: number; readonly end: number } | undefined {
    const last = Math.min(at + 10, end);
    this.want(at, last);
    let value = 0;
    for (let i = at; i < last; i++) {
      const byte = this.bytes[i]!;
      value += (byte & 0x7f) * 2 ** (7 * (i - at));
      if (byte < 0x80) return { value, end: i + 1 };
    }
    return undefined;
  }
}

/** Reads one message but for the weights in it; false when it is not well formed. */
function readMessage(
  reader: SparseReader,
  message: { readonly start: number; readonly end: number; readonly depth: number },
): boolean {
  const { end, depth } = message;
  let at = message.start;
  while (at < end) {
    const tag = reader.varint(at, end);
    if (tag === undefined) return false;
    const number = Math.floor(tag.value / 8);
    switch (tag.value % 8) {
      case WIRE.varint: {
        const value = reader.varint(tag.end, end);
        if (value === undefined) return false;
        at = value.end;
        break;
      }
      case WIRE.fixed64:
      case WIRE.fixed32:
        at = tag.end + (tag.value % 8 === WIRE.fixed64 ? 8 : 4);
        if (at > end) return false;
        reader.want(tag.end, at);
        break;
      case WIRE.length: {
        const length = reader.varint(tag.end, end);
        if (length === undefined || length.end + length.value > end) return false;
        at = length.end + length.value;
        const onTheWay = number === WAY[depth];
        if (onTheWay && depth < WAY.length - 1) {
          if (!readMessage(reader, { start: length.end, end: at, depth: depth + 1 })) return false;
        } else if (!onTheWay || length.value < LEFT_OUT_BYTES) reader.want(length.end, at);
        break;
      }
      default:
        return false;
    }
  }
  return true;
}
