/** @file onnx: writes protobuf wire format, copying byte ranges of other files without decoding them; knows no ONNX. */
import type { ByteRange } from './contract.ts';

const WIRE_VARINT = 0;
const WIRE_FIXED32 = 5;
const WIRE_LENGTH = 2;

const encoder = new TextEncoder();

/**
 * One protobuf message under construction. Nested messages and copied ranges are kept as views until `finish`, so that
 * a file's weights are copied once, into the final array, however deep they lie.
 */
export class MessageWriter {
  #chunks: Uint8Array[] = [];
  #pending: number[] = [];
  #length = 0;

  /** Bytes written so far, the message's own tag and length excluded. */
  get length(): number {
    return this.#length;
  }

  /** A varint field; negative numbers are written as the ten bytes that int64 takes. */
  varint(field: number, value: number | bigint): this {
    this.#tag(field, WIRE_VARINT);
    this.#raw(value);
    return this;
  }

  /** A fixed32 field holding an IEEE 754 single. */
  float(field: number, value: number): this {
    this.#tag(field, WIRE_FIXED32);
    const four = new Uint8Array(4);
    new DataView(four.buffer).setFloat32(0, value, true);
    return this.#push(four);
  }

  string(field: number, text: string): this {
    return this.bytes(field, encoder.encode(text));
  }

  /** A length-delimited field; `payload` must not change before `finish`. */
  bytes(field: number, payload: Uint8Array): this {
    this.#tag(field, WIRE_LENGTH);
    this.#raw(payload.length);
    return this.#push(payload);
  }

  /** A nested message; `child` must not change afterwards. */
  message(field: number, child: MessageWriter): this {
    this.#tag(field, WIRE_LENGTH);
    this.#raw(child.length);
    child.#flush();
    this.#flush();
    for (const chunk of child.#chunks) this.#chunks.push(chunk);
    this.#length += child.length;
    return this;
  }

  /** Copies whole fields from another file, tags included. Neighbouring ranges of one file become one copy. */
  copy(source: Uint8Array, range: ByteRange): this {
    if (range.end <= range.start) return this;
    this.#flush();
    const last = this.#chunks.at(-1);
    const joins =
      last !== undefined &&
      last.buffer === source.buffer &&
      last.byteOffset + last.length === source.byteOffset + range.start;
    if (joins) {
      this.#chunks[this.#chunks.length - 1] = new Uint8Array(
        last.buffer,
        last.byteOffset,
        last.length + range.end - range.start,
      );
      this.#length += range.end - range.start;
      return this;
    }
    return this.#push(source.subarray(range.start, range.end));
  }

  /** The message in pieces, in order; copied ranges are views of where they come from. */
  chunks(): readonly Uint8Array[] {
    this.#flush();
    return this.#chunks;
  }

  /** The message as one new array. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#flush();
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  #tag(field: number, wire: number): void {
    this.#raw(field * 8 + wire);
  }

  #raw(value: number | bigint): void {
    const before = this.#pending.length;
    if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) {
      let rest = value;
      while (rest > 0x7f) {
        this.#pending.push((rest % 0x80) | 0x80);
        rest = Math.floor(rest / 0x80);
      }
      this.#pending.push(rest);
    } else {
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 0x7fn) {
        this.#pending.push(Number(rest & 0x7fn) | 0x80);
        rest >>= 7n;
      }
      this.#pending.push(Number(rest));
    }
    this.#length += this.#pending.length - before;
  }

  #push(chunk: Uint8Array): this {
    this.#flush();
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#chunks.push(Uint8Array.from(this.#pending));
    this.#pending = [];
  }
}
