/** @file capture test: the norm that attribution holds at its scale: recognised, read off what came out, and linear in its parts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  normFrom,
  rowScales,
  shareOf,
  streamDirections,
  sumError,
} from '../../src/capture/attribution-parts.ts';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { largestDifference } from '../onnx/hooks-fixtures.ts';

describe('a norm held at its scale', () => {
  const random = seededRandom('norms');
  const width = 12;
  const draw = (rows: number, scale: number, offset = 0): Matrix =>
    matrix(
      rows,
      width,
      Float32Array.from({ length: rows * width }, () => scale * (random.normal() + offset)),
    );
  const gain = draw(1, 1).data;
  const bias = draw(1, 1).data;

  function normed(x: Matrix, centred: boolean, epsilon = 1e-5): Matrix {
    const data = new Float32Array(x.data.length);
    for (let row = 0; row < x.rows; row++) {
      const values = Array.from(x.data.subarray(row * width, (row + 1) * width));
      const mean = centred ? values.reduce((sum, value) => sum + value, 0) / width : 0;
      const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      for (const [j, value] of values.entries()) {
        data[row * width + j] =
          (gain[j]! * (value - mean)) / Math.sqrt(square + epsilon) + (centred ? bias[j]! : 0);
      }
    }
    return matrix(x.rows, width, data);
  }

  it.each([
    ['LayerNorm', true],
    ['RMSNorm', false],
  ])('is recognised as %s, with its gain and bias', (_, centred) => {
    const points = draw(4, 100, 0.5);
    const norm = normFrom(normed(matrix(1, width), centred).data, points, normed(points, centred))!;
    expect(norm.centred).toBe(centred);
    expect(largestDifference(norm.gain, gain)).toBeLessThan(1e-5);
    expect(largestDifference(norm.bias, centred ? bias : new Float32Array(width))).toBe(0);
    // A large epsilon does not have to be known: the scale is read off what came out.
    const x = draw(6, 0.1);
    const { scales, error } = rowScales(norm, x, normed(x, centred, 0.01));
    expect(error).toBeLessThan(1e-5);
    for (let row = 0; row < 6; row++) {
      const values = Array.from(x.data.subarray(row * width, (row + 1) * width));
      const mean = centred ? values.reduce((sum, value) => sum + value, 0) / width : 0;
      const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      expect(scales[row]).toBeCloseTo(Math.sqrt(square + 0.01), 5);
    }
  });

  it('is not taken for one where it is none', () => {
    const points = draw(4, 100, 0.5);
    const bent = matrix(4, width, points.data.map(Math.tanh));
    expect(normFrom(new Float32Array(width), points, bent)).toBeUndefined();
    const broken = matrix(
      4,
      width,
      points.data.map(() => Number.NaN),
    );
    expect(normFrom(new Float32Array(width).fill(Number.NaN), points, broken)).toBeUndefined();
  });

  it('is no good where one number is NaN, be it the first', () => {
    const norm = { centred: true, gain: Float64Array.from(gain), bias: Float64Array.from(bias) };
    const x = draw(3, 1);
    const y = normed(x, true);
    expect(rowScales(norm, x, y).error).toBeLessThan(1e-3);
    x.data[0] = Number.NaN;
    expect(rowScales(norm, x, y).error).toBeNaN();
    const logits = matrix(2, 2, Float32Array.of(1, 2, 3, 5));
    const share = matrix(2, 2, Float32Array.of(1, 2, 3, 5));
    expect(sumError([share], logits)).toBe(0);
    share.data[0] = Number.NaN;
    expect(sumError([share], logits)).toBeNaN();
  });

  it('gives shares that add up however a stream is cut into parts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.boolean(), (pieces, centred) => {
        const parts = Array.from({ length: pieces }, () => draw(3, 1));
        const sum = matrix(
          3,
          width,
          Float32Array.from({ length: 3 * width }, (_, i) =>
            parts.reduce((total, { data }) => total + data[i]!, 0),
          ),
        );
        const norm = { centred, gain: Float64Array.from(gain), bias: Float64Array.from(bias) };
        const head = { weights: Float64Array.from(draw(2, 1).data), bias: Float64Array.of(0, 0) };
        const directions = streamDirections(
          { ...head, weights: Float64Array.from({ length: 2 * width }, () => random.normal()) },
          norm,
          width,
        );
        const scales = Float64Array.of(0.5, 1, 2);
        const whole = shareOf(sum, directions, scales);
        const shares = parts.map((part) => shareOf(part, directions, scales));
        for (const [i, value] of whole.data.entries()) {
          const added = shares.reduce((total, { data }) => total + data[i]!, 0);
          expect(Math.abs(added - value)).toBeLessThan(1e-4);
        }
      }),
      { numRuns: 40 },
    );
  });
});
