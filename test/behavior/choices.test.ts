/** @file test: log-probabilities of the choices against their definition, ties, ruled-out choices and rows without any. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionMask, logProbabilities, mostProbable } from '../../src/behavior/choices.ts';
import { matrix } from '../../src/core/matrix.ts';

const logits = (rows: number, columns: number): fc.Arbitrary<Float32Array> =>
  fc.float32Array({
    minLength: rows * columns,
    maxLength: rows * columns,
    min: -80,
    max: 80,
    noNaN: true,
  });

describe('log-probabilities', () => {
  it('are a log-softmax: they add up to one, keep differences, and do not see a shift of the row', () => {
    fc.assert(
      fc.property(logits(3, 4), fc.float({ min: -50, max: 50, noNaN: true }), (data, shift) => {
        const plain = logProbabilities(matrix(3, 4, data));
        const moved = logProbabilities(
          matrix(
            3,
            4,
            data.map((value) => value + shift),
          ),
        );
        for (let i = 0; i < 3; i++) {
          const row = plain.data.subarray(i * 4, i * 4 + 4);
          expect(row.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 4);
          for (let j = 0; j < 4; j++) {
            expect(row[j]! - row[0]!).toBeCloseTo(data[i * 4 + j]! - data[i * 4]!, 3);
            expect(moved.data[i * 4 + j]!).toBeCloseTo(row[j]!, 3);
          }
        }
      }),
      { seed: 21, numRuns: 50 },
    );
  });

  it('have the closed form for two choices, also where a plain exponential overflows', () => {
    // log(1 / (1 + e^-2)) = -0.126928..., log(1 / (1 + e^2)) = -2.126928...
    const { data } = logProbabilities(matrix(2, 2, Float32Array.of(1, -1, 1001, 999)));
    for (const i of [0, 2]) {
      expect(data[i]).toBeCloseTo(-0.126928, 5);
      expect(data[i + 1]).toBeCloseTo(-2.126928, 5);
    }
  });

  it('give a ruled-out choice no probability and leave the others as they would be without it', () => {
    const { data } = logProbabilities(matrix(1, 3, Float32Array.of(0, Number.NEGATIVE_INFINITY, 0)));
    expect(data[1]).toBe(Number.NEGATIVE_INFINITY);
    expect(data[0]).toBeCloseTo(Math.log(0.5), 6);
  });

  it.each([
    ['NaN', Number.NaN, 0],
    ['infinity', Number.POSITIVE_INFINITY, 0],
    ['no choice left', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('refuse %s, and name the row', (_, first, second) => {
    expect(() => logProbabilities(matrix(2, 2, Float32Array.of(0, 0, first, second)))).toThrow(
      expect.objectContaining({ code: 'NON_FINITE', facts: expect.objectContaining({ row: 1 }) }),
    );
  });
});

describe('the most probable choice', () => {
  it('is the first of equal ones, whatever lies behind it', () => {
    expect([...mostProbable(matrix(3, 3, Float32Array.of(1, 1, 1, 0, 2, 2, -3, -4, -3)))]).toEqual([0, 1, 0]);
  });

  it('does not change under log-softmax', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: -30, max: 30 }), { minLength: 5, maxLength: 5 }),
        (row) => {
          const scores = matrix(1, 5, Float32Array.from(row));
          expect([...mostProbable(logProbabilities(scores))]).toEqual([...mostProbable(scores)]);
        },
      ),
      { seed: 22, numRuns: 50 },
    );
  });
});

describe('a mask of actions', () => {
  it('marks what is recommended and nothing when there is no recommendation', () => {
    const choices = ['up', 'down', 'left'];
    expect([...actionMask(['left', 'up'], choices)]).toEqual([1, 0, 1]);
    expect([...actionMask([], choices)]).toEqual([0, 0, 0]);
    expect([...actionMask(undefined, choices)]).toEqual([0, 0, 0]);
  });
});
