/** @file test of probe: the minimiser on functions whose minimum is known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EvaluateTogether, minimiseTogether } from '../../src/probe/descent.ts';

/** sum_j curvature_j (x_j - minimum_j)^2 / 2 + floor. */
type Bowl = {
  readonly minimum: readonly number[];
  readonly curvature: readonly number[];
  readonly floor: number;
};

function bowls(list: readonly Bowl[], rounds: number[][] = []): EvaluateTogether {
  return async (indices, points) => {
    rounds.push([...indices]);
    return indices.map((index, i) => {
      const { minimum, curvature, floor } = list[index]!;
      const gradient = points[i]!.map((value, j) => curvature[j]! * (value - minimum[j]!));
      const value = points[i]!.reduce(
        (sum, v, j) => sum + (curvature[j]! * (v - minimum[j]!) ** 2) / 2,
        floor,
      );
      return { value, gradient, gradientNorm: Math.max(...gradient.map(Math.abs)), excessBound: undefined };
    });
  };
}

const options = { tolerance: 1e-10, maxIterations: 200, rounding: 1e-14 };

describe('minimiseTogether', () => {
  it('finds the minimum of any bowl', async () => {
    const bowl = fc.integer({ min: 1, max: 6 }).chain((n) =>
      fc.record({
        minimum: fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: n, maxLength: n }),
        curvature: fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: n, maxLength: n }),
        floor: fc.double({ min: 0.1, max: 10, noNaN: true }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bowl, { minLength: 1, maxLength: 4 }), async (list) => {
        const starts = list.map(({ minimum }) => new Float64Array(minimum.length));
        const results = await minimiseTogether(starts, bowls(list), options);
        results.forEach(({ value, state }, i) => {
          expect(state).toBe('converged');
          expect(value / list[i]!.floor - 1).toBeLessThan(1e-7);
        });
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  it('takes each function the way it goes alone, and asks no more about those that are done', async () => {
    const list = [
      { minimum: [1], curvature: [1], floor: 1 },
      { minimum: [1, 2, 3, 4], curvature: [0.01, 0.3, 1, 7], floor: 1 },
    ];
    const rounds: number[][] = [];
    const starts = list.map(({ minimum }) => new Float64Array(minimum.length));
    const together = await minimiseTogether(starts, bowls(list, rounds), options);
    for (const [i, start] of starts.entries()) {
      const [alone] = await minimiseTogether([start], bowls([list[i]!]), options);
      expect(together[i]).toEqual(alone);
    }
    expect(rounds[0]).toEqual([0, 1]);
    expect(rounds.at(-1)).toEqual([1]);
  });

  it('says that it stopped early when the iterations run out', async () => {
    const list = [{ minimum: [3, 3], curvature: [0.001, 5], floor: 1 }];
    const [result] = await minimiseTogether([new Float64Array(2)], bowls(list), {
      ...options,
      maxIterations: 2,
    });
    expect(result).toMatchObject({ state: 'iteration-limit', iterations: 2 });
  });

  it('says that it stalled when no step along the gradient helps', async () => {
    // A gradient of the wrong sign: whatever the step, the value rises.
    const uphill: EvaluateTogether = async (_, points) =>
      points.map((point) => ({
        value: 1 + Math.abs(point[0]!),
        gradient: Float64Array.of(-1),
        gradientNorm: 1,
        excessBound: undefined,
      }));
    const [result] = await minimiseTogether([Float64Array.of(0)], uphill, {
      ...options,
      maxIterations: 50,
    });
    expect(result!.state).toBe('stalled');
    expect(result!.point[0]).toBeLessThan(1e-6);
  });

  it('never accepts NaN', async () => {
    // Defined up to 1 only, where the value is lowest: the first step from 0 lands at 3, outside.
    const cliff: EvaluateTogether = async (_, points) =>
      points.map((point) => {
        const x = point[0]!;
        return x > 1
          ? {
              value: Number.NaN,
              gradient: Float64Array.of(Number.NaN),
              gradientNorm: Number.NaN,
              excessBound: undefined,
            }
          : {
              value: (x - 0.9) ** 2 + 1,
              gradient: Float64Array.of(x === 0 ? -3 : 2 * (x - 0.9)),
              gradientNorm: 1,
              excessBound: undefined,
            };
      });
    const [result] = await minimiseTogether([Float64Array.of(0)], cliff, options);
    expect(result!.point[0]).toBeCloseTo(0.9, 3);
  });

  it('goes on past a small estimate while the proven bound on the excess is large', async () => {
    // Very flat at the start, so that the first estimate is far too small: a bowl behind a plateau.
    const list = [{ minimum: [1000], curvature: [1e-9], floor: 1 }];
    const plain = bowls(list);
    const bounded: EvaluateTogether = async (indices, points) =>
      (await plain(indices, points)).map((found) => ({ ...found, excessBound: found.value - 1 }));
    const loose = { ...options, tolerance: 1e-11 };
    const [unaware] = await minimiseTogether([Float64Array.of(0)], plain, loose);
    const [aware] = await minimiseTogether([Float64Array.of(0)], bounded, loose);
    expect(unaware!.iterations).toBe(0);
    expect(aware!.value - 1).toBeLessThan(1e-8);
  });
});
