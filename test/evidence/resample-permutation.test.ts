/** @file test: permutation, maximum-statistic and swap tests: exact small cases, twins, and calibration under the null. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { maxStatisticTest } from '../../src/evidence/resample-max-statistic.ts';
import {
  permutationPValue,
  permutationTest,
  summariseNull,
} from '../../src/evidence/resample-permutation.ts';
import { type SwapResult, swapTest, swapTestRatio, whySwapIsOpen } from '../../src/evidence/resample-swap.ts';

/** Largest gap between the sample's distribution function and the uniform one on (0, 1). */
function distanceFromUniform(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(...sorted.map((p, i) => Math.max((i + 1) / sorted.length - p, p - i / sorted.length)));
}

/**
 * What every calibration below must satisfy over `runs` seeds: the Kolmogorov-Smirnov distance under its critical value at .001
 * (1.95 / sqrt(runs), plus one step of the grid that (b + 1) / (M + 1) lies on), and rejections at .05 within 3.29 binomial standard
 * errors. A sound test would fail each of the two for one seed in a thousand.
 */
function expectUniform(pValues: readonly number[], step: number): void {
  const runs = pValues.length;
  expect(distanceFromUniform(pValues)).toBeLessThan(1.95 / Math.sqrt(runs) + step);
  const rejected = pValues.filter((p) => p <= 0.05).length / runs;
  expect(Math.abs(rejected - 0.05)).toBeLessThan(3.29 * Math.sqrt((0.05 * 0.95) / runs));
}

function measuredOf(result: SwapResult): Extract<SwapResult, { state: 'measured' }> {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result;
}

describe('the p-value of a permutation test', () => {
  it('counts the observed arrangement: 19 draws below give 1/20, and it is never 0', () => {
    const values = Float64Array.from({ length: 19 }, (_, i) => i);
    expect(permutationPValue({ observed: 100, values, alternative: 'greater' })).toBe(1 / 20);
    expect(permutationPValue({ observed: 100, values, alternative: 'less' })).toBe(1);
    expect(permutationPValue({ observed: 100, values, alternative: 'two-sided' })).toBe(2 / 20);
    expect(permutationPValue({ observed: 9, values, alternative: 'two-sided' })).toBe(1);
  });

  it('takes equal sums that differ in their last bits for equal', () => {
    const values = Float64Array.of(0.1 + 0.2);
    expect(permutationPValue({ observed: 0.3, values, alternative: 'less' })).toBe(1);
    expect(permutationPValue({ observed: 0.3 + 1e-9, values, alternative: 'less' })).toBe(1);
    expect(permutationPValue({ observed: 0.3 - 1e-9, values, alternative: 'less' })).toBe(1 / 2);
  });

  it('counts draws without a value against the claim', () => {
    let draw = 0;
    const result = permutationTest({
      observed: 10,
      draws: 99,
      random: seededRandom(1),
      draw: () => (++draw <= 9 ? undefined : 0),
    });
    expect(result).toMatchObject({ pValue: 0.1, undefinedDraws: 9, draws: 99 });
    expect(result.null).toMatchObject({ draws: 90, mean: 0, sd: 0 });
    expect(() => permutationTest({ observed: Number.NaN, random: seededRandom(1), draw: () => 0 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });

  it('summarises its null', () => {
    const summary = summariseNull(Float64Array.from({ length: 101 }, (_, i) => 100 - i));
    expect(summary).toMatchObject({
      mean: expect.closeTo(50, 10),
      median: 50,
      q025: 2.5,
      q95: 95,
      q975: 97.5,
      min: 0,
      max: 100,
    });
    expect(summary!.sd).toBeCloseTo(Math.sqrt((101 * 102) / 12), 10);
    expect(summariseNull(new Float64Array(0))).toBeUndefined();
  });

  it('is uniform under the null (two-sample difference of means, both one- and two-sided)', () => {
    const pValues = { greater: [] as number[], 'two-sided': [] as number[] };
    for (let run = 0; run < 400; run++) {
      const random = seededRandom(`uniform/${run}`);
      const values = Float64Array.from({ length: 24 }, () => random.normal());
      const difference = (order: Int32Array): number => {
        let sum = 0;
        for (let i = 0; i < 24; i++) sum += i < 12 ? values[order[i]!]! : -values[order[i]!]!;
        return sum / 12;
      };
      const observed = difference(Int32Array.from({ length: 24 }, (_, i) => i));
      for (const alternative of ['greater', 'two-sided'] as const) {
        const draw = (stream: Random): number => difference(stream.permutation(24));
        pValues[alternative].push(permutationTest({ observed, draws: 99, random, alternative, draw }).pValue);
      }
    }
    expectUniform(pValues.greater, 0.01);
    expectUniform(pValues['two-sided'], 0.02);
  });
});

describe('the maximum-statistic test', () => {
  it('equals its twin: the share of draws whose largest value over all sites reaches the site', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), fc.boolean(), (seed, sites, studentize) => {
        const random = seededRandom(seed);
        const draws = 39;
        const table = Array.from({ length: draws }, () =>
          Float64Array.from({ length: sites }, (_, s) => (s + 1) * random.normal()),
        );
        const observed = Array.from({ length: sites }, (_, s) => (s + 1) * 2 * random.normal());
        const result = maxStatisticTest({ observed, draws, studentize, random, draw: (_, i) => table[i]! });
        const scaled = (value: number, s: number): number => {
          if (!studentize) return value;
          const all = [observed[s]!, ...table.map((row) => row[s]!)];
          const mean = all.reduce((sum, v) => sum + v, 0) / all.length;
          return (
            (value - mean) / Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (all.length - 1))
          );
        };
        const maxima = table.map((row) => Math.max(...Array.from(row, scaled)));
        result.adjusted.forEach((p, s) => {
          const reached = maxima.filter((value) => value >= scaled(observed[s]!, s)).length;
          expect(p).toEqual({ state: 'measured', value: (reached + 1) / (draws + 1) });
          const own = table.filter((row) => row[s]! >= observed[s]!).length;
          expect(result.unadjusted[s]).toEqual({ state: 'measured', value: (own + 1) / (draws + 1) });
          if (!studentize) expect(own).toBeLessThanOrEqual(reached);
        });
        expect(result.maximum!.max).toBeCloseTo(Math.max(...maxima), 10);
        const standing = observed.map(scaled);
        expect(result.best!.site).toBe(standing.indexOf(Math.max(...standing)));
      }),
      { seed: 10, numRuns: 60 },
    );
  });

  it('holds the chance of any false discovery over 10 dependent sites at its level, and is not needlessly shy', () => {
    for (const studentize of [false, true]) {
      const smallest: number[] = [];
      for (let run = 0; run < 400; run++) {
        const random = seededRandom(`sites/${run}`);
        // Sites of unequal noise that share half their variance.
        const sitesOnce = (stream: Random): Float64Array => {
          const shared = stream.normal();
          return Float64Array.from({ length: 10 }, (_, s) => (1 + s / 3) * (shared + stream.normal()));
        };
        const result = maxStatisticTest({
          observed: [...sitesOnce(random)],
          draws: 99,
          studentize,
          random,
          draw: sitesOnce,
        });
        smallest.push(result.best!.pValue);
      }
      expectUniform(smallest, 0.01);
    }
  });

  it('leaves a site without a value out, and counts draws without one against every site', () => {
    const random = seededRandom(1);
    const result = maxStatisticTest({
      observed: [5, undefined, 1],
      draws: 19,
      random,
      draw: (_, i) => Float64Array.of(i === 0 ? Number.NaN : 0, 1000, 0),
    });
    expect(result.adjusted).toEqual([
      { state: 'measured', value: 2 / 20 },
      { state: 'undefined', reason: 'the statistic does not exist at this site' },
      { state: 'measured', value: 2 / 20 },
    ]);
    expect(result).toMatchObject({ undefinedDraws: 1, best: { site: 0, observed: 5 } });
    expect(
      maxStatisticTest({ observed: [], draws: 1, random, draw: () => new Float64Array(0) }).best,
    ).toBeUndefined();
    expect(() =>
      maxStatisticTest({ observed: [1], draws: 1, random, draw: () => new Float64Array(2) }),
    ).toThrow(expect.objectContaining({ code: 'MATRIX_SHAPE' }));
    expect(() =>
      maxStatisticTest({ observed: [Number.NaN], draws: 1, random, draw: () => new Float64Array(1) }),
    ).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  });

  it('gives a site whose null never varies no chance to win when studentised', () => {
    const random = seededRandom(2);
    const result = maxStatisticTest({
      observed: [1, 3],
      draws: 99,
      studentize: true,
      random,
      draw: (stream) => Float64Array.of(1, stream.normal()),
    });
    expect(result.best!.site).toBe(1);
    expect(result.adjusted[0]).toMatchObject({ state: 'measured' });
    if (result.adjusted[0]!.state === 'measured') expect(result.adjusted[0]!.value).toBeGreaterThan(0.3);
  });
});

describe('the swap test', () => {
  it("comes near the exact p = .053 of Fisher's 15 pairs of Darwin's maize (Design of Experiments, section 21)", () => {
    // Differences of heights in eighths of an inch, crossed minus self-fertilised; 863 of the 32,768 sign patterns reach 314.
    const differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
    expect(differences.reduce((sum, value) => sum + value, 0)).toBe(314);
    let reached = 0;
    for (let pattern = 0; pattern < 2 ** 15; pattern++) {
      let sum = 0;
      for (let i = 0; i < 15; i++) sum += (pattern >> i) & 1 ? differences[i]! : -differences[i]!;
      if (sum >= 314) reached++;
    }
    expect(reached).toBe(863);
    const result = measuredOf(
      swapTest({
        values: Float64Array.from(differences),
        groups: Int32Array.from(differences.keys()),
        draws: 9999,
        alternative: 'two-sided',
        random: seededRandom('maize'),
      }),
    );
    expect(result.observed).toBeCloseTo(314 / 15, 12);
    // Exact two-sided p = 1726 / 32768 = .0527; 3.29 Monte Carlo standard errors (of a doubled tail) are .0106.
    expect(Math.abs(result.pValue - 1726 / 32768)).toBeLessThan(0.0106);
    expect(result.null!.mean).toBeCloseTo(0, 0);
  });

  it('turns whole groups: copies of rows add no evidence', () => {
    const groups = Int32Array.from({ length: 50 }, (_, i) => Math.floor(i / 10));
    const result = measuredOf(
      swapTest({ values: new Float64Array(50).fill(1), groups, draws: 999, random: seededRandom(1) }),
    );
    // Five coins: p is near 1/32 however many rows there are.
    expect(result.effectiveGroups).toBe(5);
    expect(result.pValue).toBeGreaterThan(0.012);
    expect(result.pValue).toBeLessThan(0.06);
  });

  it('is uniform under the null when rows of a group are alike, which one coin per row is not', () => {
    const grouped: number[] = [];
    const rowwise: number[] = [];
    for (let run = 0; run < 400; run++) {
      const random = seededRandom(`swap/${run}`);
      const groups = Int32Array.from({ length: 60 }, (_, i) => Math.floor(i / 4));
      const shifts = Float64Array.from({ length: 15 }, () => random.normal());
      const values = Float64Array.from(groups, (g) => shifts[g]! + 0.3 * random.normal());
      grouped.push(measuredOf(swapTest({ values, groups, draws: 99, random })).pValue);
      const rows = Int32Array.from(groups.keys());
      rowwise.push(measuredOf(swapTest({ values, groups: rows, draws: 99, random })).pValue);
    }
    expectUniform(grouped, 0.01);
    expect(rowwise.filter((p) => p <= 0.05).length / 400).toBeGreaterThan(0.12);
  });

  it('of a ratio equals the swap written out on its sums', () => {
    const random = seededRandom('ratio');
    const groups = Int32Array.from({ length: 40 }, () => random.integer(12));
    const plus = Float64Array.from(groups, () => random.integer(2));
    const minus = Float64Array.from(groups, (_, i) => (plus[i] === 1 ? 0 : random.integer(2)));
    const total = (list: Float64Array): number => list.reduce((sum, value) => sum + value, 0);
    const result = measuredOf(swapTestRatio({ plus, minus, groups, draws: 500, random: seededRandom(1) }));
    const rho = (total(plus) - total(minus)) / (total(plus) + total(minus));
    expect(result.observed).toBeCloseTo(rho, 12);
    for (const value of result.values) expect(Math.abs(value)).toBeLessThanOrEqual(1);
    const turned = measuredOf(
      swapTestRatio({
        plus: minus,
        minus: plus,
        groups,
        draws: 500,
        alternative: 'less',
        random: seededRandom(1),
      }),
    );
    expect(turned.observed).toBeCloseTo(-rho, 12);
    // The same coins on exchanged labels give mirrored draws, so the mirrored test has the same p.
    expect(turned.pValue).toBe(result.pValue);
  });

  it.each([
    ['greater', 4, 5],
    ['two-sided', 5, 6],
  ] as const)(
    'can reject at .05 (%s) with %i groups that move something: no; with %i: yes',
    (alternative, few, enough) => {
      const groups = Int32Array.from({ length: 40 }, (_, i) => i);
      const open = (moving: number, draws = 999): string | undefined => {
        const values = Float64Array.from(groups, (group) => (group < moving ? 1 : 0));
        return whySwapIsOpen(swapTest({ values, groups, draws, alternative, random: seededRandom(1) }), 0.05);
      };
      // 2^-4 = .063 and 2^-5 = .031; twice that for two sides.
      expect(open(few)).toMatch(new RegExp(`in ${few} groups, too few for a p of 0.05`));
      expect(open(enough)).toBeUndefined();
      expect(open(40, 18)).toMatch(/18 swaps are too few/);
      expect(whySwapIsOpen({ state: 'undefined', reason: 'there is no row' }, 0.05)).toBe('there is no row');
    },
  );

  it('is undefined without rows or when neither label is ever chosen', () => {
    const random = seededRandom(1);
    const none = { values: new Float64Array(0), groups: new Int32Array(0), random };
    expect(swapTest(none)).toMatchObject({ state: 'undefined' });
    const zero = new Float64Array(3);
    expect(swapTestRatio({ plus: zero, minus: zero, groups: Int32Array.of(0, 1, 2), random })).toMatchObject({
      state: 'undefined',
    });
    expect(() => swapTest({ values: zero, groups: Int32Array.of(0), random })).toThrow(
      expect.objectContaining({ code: 'MATRIX_SHAPE' }),
    );
  });
});
