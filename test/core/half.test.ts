/** @file core: float32 to binary16 and back, over all 65,536 halves and the points between them. */
import { describe, expect, it } from 'vitest';
import { float32ToHalf, halfToFloat32 } from '../../src/core/half.ts';

const ALL = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
/** The next float32 above or below a positive one. */
function neighbour(value: number, step: 1 | -1): number {
  const word = new Uint32Array(Float32Array.of(value).buffer);
  word[0] = word[0]! + step;
  return new Float32Array(word.buffer)[0]!;
}

describe('float16', () => {
  it('gives every half back as it was, NaN aside, which stays NaN', () => {
    const back = float32ToHalf(halfToFloat32(ALL));
    for (const bits of ALL) {
      const noNumber = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
      if (noNumber) expect((back[bits]! & 0x7c00) === 0x7c00 && (back[bits]! & 0x3ff) !== 0).toBe(true);
      else expect(back[bits]).toBe(bits);
    }
  });

  it('rounds to the nearest half everywhere, and a tie to the even one, in both signs', () => {
    // A half has 11 significant bits, so the point midway between two neighbours has 12 and is a float32.
    const halves = halfToFloat32(ALL.subarray(0, 0x7c00));
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (halves[bits]! + halves[bits + 1]!) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const [tie, below, above, negative] = float32ToHalf(
        Float32Array.of(middle, neighbour(middle, -1), neighbour(middle, 1), -middle),
      );
      if (tie !== even || below !== bits || above !== bits + 1 || negative !== (even | 0x8000)) {
        expect([bits, tie, below, above, negative]).toEqual([bits, even, bits, bits + 1, even | 0x8000]);
      }
    }
  });

  it('has 65504 as its largest number: half a step more is infinity', () => {
    const bits = float32ToHalf(Float32Array.of(65504, neighbour(65520, -1), 65520, -65520, 1e30, -0, 1e-30));
    expect([...bits]).toEqual([0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x8000, 0]);
  });
});
