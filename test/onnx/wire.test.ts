/** @file onnx test: protobuf wire format against published encodings and against protobufjs. */
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { readVarintExact, WireCursor } from '../../src/onnx/wire-read.ts';
import { MessageWriter } from '../../src/onnx/wire-write.ts';

const all = (bytes: Uint8Array): { start: number; end: number } => ({ start: 0, end: bytes.length });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('written messages', () => {
  it('are the bytes of the protobuf encoding guide', () => {
    // https://protobuf.dev/programming-guides/encoding/: a = 150 is 08 96 01; b = "testing" is 12 07 74..67; -2 takes ten bytes.
    expect(hex(new MessageWriter().varint(1, 150).finish())).toBe('089601');
    expect(hex(new MessageWriter().string(2, 'testing').finish())).toBe('120774657374696e67');
    expect(hex(new MessageWriter().varint(1, -2).finish())).toBe('08feffffffffffffffff01');
    const inner = new MessageWriter().varint(1, 150);
    expect(hex(new MessageWriter().message(3, inner).finish())).toBe('1a03089601');
  });

  it('are read alike by protobufjs, whatever the integers', () => {
    const { root } = protobuf.parse(
      'syntax = "proto2"; message M { repeated int64 v = 1 [packed = false]; }',
    );
    const type = root.lookupType('M');
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 20 }),
        (values) => {
          const writer = new MessageWriter();
          for (const value of values) writer.varint(1, value);
          const read = type.toObject(type.decode(writer.finish()), { longs: String, arrays: true }) as {
            v: string[];
          };
          expect(read.v).toEqual(values.map(String));
        },
      ),
    );
  });

  it('hold copied ranges and nested messages as if written at once', () => {
    const source = new MessageWriter().varint(1, 7).string(2, 'abc').varint(3, 9).finish();
    const middle = { start: 2, end: 7 };
    const copied = new MessageWriter()
      .copy(source, { start: 0, end: 2 })
      .copy(source, middle)
      .copy(source, { start: 7, end: source.length });
    expect(copied.length).toBe(source.length);
    expect(hex(copied.finish())).toBe(hex(source));
    const nested = new MessageWriter().message(5, new MessageWriter().copy(source, middle).varint(4, 300));
    expect(hex(nested.varint(6, 1).finish())).toBe('2a08120361626320ac023001');
  });
});

describe('a walk over fields', () => {
  it('gives back every integer that was written, exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = new MessageWriter().varint(1, value).finish();
        const cursor = new WireCursor(bytes, all(bytes));
        expect(cursor.next()).toBe(true);
        expect(readVarintExact(bytes, cursor.start, cursor.end).value).toBe(value);
        expect(cursor.int()).toBe(Number(value));
        expect(cursor.next()).toBe(false);
      }),
    );
  });

  it.each([
    ['a length beyond the message', '0a05616263'],
    ['a length of 2^63', '0affffffffffffffff7f'],
    ['a tag cut short', '80'],
    ['a varint of eleven bytes', '08ffffffffffffffffffff01'],
    ['field number zero', '0001'],
    ['a field number beyond 2^29', '8080808080807f00'],
    ['a group', '0b'],
    ['wire type 7', '0f00'],
    ['four bytes where three are left', '0d000000'],
  ])('refuses %s', (_, text) => {
    const bytes = new Uint8Array(Buffer.from(text, 'hex'));
    const cursor = new WireCursor(bytes, all(bytes));
    expect(() => {
      while (cursor.next());
    }).toThrow(expect.objectContaining({ code: 'MODEL_CORRUPT' }));
  });

  it('never leaves its range, and ends in a field or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(63), fc.nat(63), (bytes, a, b) => {
        const range = { start: Math.min(a, b, bytes.length), end: Math.min(Math.max(a, b), bytes.length) };
        const cursor = new WireCursor(bytes, range);
        try {
          while (cursor.next()) {
            expect(cursor.start).toBeGreaterThan(range.start);
            expect(cursor.end).toBeLessThanOrEqual(range.end);
            expect(cursor.start).toBeLessThanOrEqual(cursor.end);
          }
        } catch (cause) {
          expect(cause).toBeInstanceOf(MesascopeError);
        }
      }),
    );
  });
});
