/** @file onnx: walks protobuf wire format by byte ranges; checks every length against its container; knows no ONNX. */
import { MesascopeError } from '../core/errors.ts';
import type { ByteRange } from './contract.ts';

export const WIRE = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;

/** A 64-bit varint takes at most ten bytes (protobuf encoding guide). */
const MAX_VARINT_BYTES = 10;

const strict = new TextDecoder('utf-8', { fatal: true });
const lenient = new TextDecoder('utf-8');

/** The error for a damaged file: what was found and where. */
export function corrupt(seen: string, offset: number): MesascopeError {
  return new MesascopeError('MODEL_CORRUPT', `${seen} (at byte ${offset})`, { facts: { offset } });
}

/** The error for a stated size or count beyond a limit. */
export function overLimit(what: string, limit: number): MesascopeError {
  return new MesascopeError('MODEL_LIMIT', `the file holds ${what} than the limit of ${limit}`, {
    facts: { limit },
  });
}

/**
 * Steps through the fields of one message.
 *
 * `next` moves to the next field and sets `field`, `wire`, `tagStart` (the field's first byte) and the payload's range
 * [`start`, `end`); it never leaves the message's own range. Every method throws `MODEL_CORRUPT` on damaged bytes.
 */
export class WireCursor {
  readonly bytes: Uint8Array;
  field = 0;
  wire = 0;
  tagStart = 0;
  start = 0;
  end = 0;
  #at: number;
  readonly #limit: number;

  constructor(bytes: Uint8Array, range: ByteRange) {
    this.bytes = bytes;
    this.#at = range.start;
    this.#limit = range.end;
  }

  next(): boolean {
    if (this.#at >= this.#limit) return false;
    this.tagStart = this.#at;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.field === 0 || tag > 0xffffffff) throw corrupt('a field with an impossible tag', this.tagStart);
    switch (this.wire) {
      case WIRE.varint:
        this.start = this.#at;
        this.#varint();
        this.end = this.#at;
        return true;
      case WIRE.fixed64:
        this.#payload(8);
        return true;
      case WIRE.length:
        this.#payload(this.#varint());
        return true;
      case WIRE.fixed32:
        this.#payload(4);
        return true;
      default:
        // 3 and 4 are groups, which no ONNX message has; 6 and 7 do not exist.
        throw corrupt(`a field of unknown wire type ${this.wire}`, this.tagStart);
    }
  }

  /** Whether this is field `field` with a length-delimited payload; a known number of another wire type is unknown. */
  isLength(field: number): boolean {
    return this.field === field && this.wire === WIRE.length;
  }

  isVarint(field: number): boolean {
    return this.field === field && this.wire === WIRE.varint;
  }

  get range(): ByteRange {
    return { start: this.start, end: this.end };
  }

  /** A varint payload as a signed 64-bit number (rounded beyond 2^53). */
  int(): number {
    return readVarint(this.bytes, this.start, this.end).value;
  }

  float32(): number {
    return viewOf(this.bytes).getFloat32(this.start, true);
  }

  /** The payload as text; names that are not UTF-8 cannot be told apart once decoded, so they are refused. */
  text(maxBytes: number): string {
    if (this.end - this.start > maxBytes) throw overLimit('a longer name', maxBytes);
    try {
      return strict.decode(this.bytes.subarray(this.start, this.end));
    } catch {
      throw corrupt('a name that is not UTF-8', this.start);
    }
  }

  #payload(length: number): void {
    if (length > this.#limit - this.#at) {
      throw corrupt(`a field of ${length} bytes where ${this.#limit - this.#at} are left`, this.tagStart);
    }
    this.start = this.#at;
    this.end = this.#at + length;
    this.#at = this.end;
  }

  /** Unsigned; above 2^53 the value is rounded, which is far beyond any length or tag that is accepted. */
  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (this.#at >= this.#limit) throw corrupt('a number that is cut short', this.#at);
      const byte = this.bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw corrupt('a number of more than ten bytes', this.#at);
  }
}

/** The signed 64-bit varint at `start` and where it ends. Throws `MODEL_CORRUPT` when it does not end before `end`. */
export function readVarint(bytes: Uint8Array, start: number, end: number): { value: number; next: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; at < end && at < start + MAX_VARINT_BYTES; at++) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      // Past 49 bits the sum above may round, and the tenth byte carries the sign.
      return at - start < 7
        ? { value, next: at + 1 }
        : { value: Number(wide(bytes, start, at)), next: at + 1 };
    }
    scale *= 0x80;
  }
  throw corrupt('a number that is cut short', start);
}

/** As `readVarint`, exact. */
export function readVarintExact(
  bytes: Uint8Array,
  start: number,
  end: number,
): { value: bigint; next: number } {
  const { next } = readVarint(bytes, start, end);
  return { value: wide(bytes, start, next - 1), next };
}

function wide(bytes: Uint8Array, start: number, last: number): bigint {
  let value = 0n;
  for (let at = last; at >= start; at--) value = (value << 7n) | BigInt(bytes[at]! & 0x7f);
  return BigInt.asIntN(64, value);
}

/** Text for people (documentation, metadata); bytes that are not UTF-8 become replacement characters. */
export function lenientText(bytes: Uint8Array, range: ByteRange, maxBytes: number): string {
  return lenient.decode(bytes.subarray(range.start, Math.min(range.end, range.start + maxBytes)));
}

/** A view for reading fixed-size numbers at any offset. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Appends the values of a repeated integer field, packed or not, at most `most` in all. */
export function pushInts(cursor: WireCursor, into: number[], most: { count: number; what: string }): void {
  if (cursor.wire === WIRE.varint) into.push(cursor.int());
  else if (cursor.wire === WIRE.length) {
    for (let at = cursor.start; at < cursor.end; ) {
      const { value, next } = readVarint(cursor.bytes, at, cursor.end);
      into.push(value);
      if (into.length > most.count) throw overLimit(`more ${most.what}`, most.count);
      at = next;
    }
  }
  if (into.length > most.count) throw overLimit(`more ${most.what}`, most.count);
}

/** Appends the values of a repeated float field, packed or not. */
export function pushFloats(cursor: WireCursor, into: number[]): void {
  const view = viewOf(cursor.bytes);
  if (cursor.wire !== WIRE.fixed32 && cursor.wire !== WIRE.length) return;
  if ((cursor.end - cursor.start) % 4 !== 0) throw corrupt('packed floats of a broken length', cursor.start);
  for (let at = cursor.start; at < cursor.end; at += 4) into.push(view.getFloat32(at, true));
}
