/** @file test: smallest effects against closed forms, scipy and simulation with the tool's own tests. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { scatterOf } from '../../src/evidence/metric-scatter.ts';
import {
  largestScatterShownZero,
  smallestContrast,
  smallestEquivalenceMargin,
  smallestMeanEffect,
} from '../../src/evidence/power.ts';
import { criticalCount, smallestShare } from '../../src/evidence/power-share.ts';
import {
  contrastScenario,
  findRate,
  marginScenario,
  meanScenario,
  type Scenario,
  scatterScenario,
  shareScenario,
} from '../calibration/power-simulation.ts';
import reference from '../fixtures/evidence/metrics.json' with { type: 'json' };

function numberOf(result: Measured): number {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

const groupsOf = (groups: number, perGroup = 1): number[] => new Array<number>(groups).fill(perGroup);

describe('the smallest mean effect', () => {
  it('is 2.8 standard errors: the textbook n = 7.85 / effect^2 (Lehr 1992, for one sample)', () => {
    const effect = numberOf(smallestMeanEffect({ sizes: groupsOf(20_000) }));
    expect(20_000 * effect ** 2).toBeCloseTo(7.8489, 2);
    expect(numberOf(smallestMeanEffect({ sizes: groupsOf(20_000), sd: 3, margin: 0.25 }))).toBeCloseTo(
      0.25 + 3 * effect,
      10,
    );
  });

  it('counts rows of one group by the design effect 1 + (m - 1) correlation (Kish 1965)', () => {
    const of = (perGroup: number, correlation: number): number =>
      numberOf(smallestMeanEffect({ sizes: groupsOf(50, perGroup), correlation }));
    expect(of(4, 1)).toBeCloseTo(of(1, 1), 12);
    expect(of(4, 0)).toBeCloseTo(of(1, 1) / 2, 12);
    expect(of(4, 0.2)).toBeCloseTo(of(1, 1) * Math.sqrt(1.6 / 4), 12);
  });

  it('is smaller for effects with a long tail upwards, and larger for one downwards', () => {
    const of = (skewness: number): number => numberOf(smallestMeanEffect({ sizes: groupsOf(100), skewness }));
    expect(of(2)).toBeLessThan(0.9 * of(0));
    expect(of(-2)).toBeGreaterThan(1.1 * of(0));
  });
});

describe('the smallest equivalence margin', () => {
  it('is (1.645 + 1.282) standard errors for a mean of 0, and the mean plus 2.486 of them far from it', () => {
    const se = 1 / Math.sqrt(40_000);
    const of = (truth: number): number =>
      numberOf(smallestEquivalenceMargin({ sizes: groupsOf(40_000), truth }));
    expect(of(0) / se).toBeCloseTo(1.644854 + 1.281552, 3);
    expect((of(0.3) - 0.3) / se).toBeCloseTo(1.644854 + 0.841621, 3);
    expect(of(-0.3)).toBe(of(0.3));
    expect(smallestEquivalenceMargin({ sizes: [1, 1], sd: 0, truth: 0.1 })).toEqual({
      state: 'measured',
      value: 0.1,
    });
  });

  it('leaves room for a scatter of margin / .798 with endless data, and for less with less', () => {
    const of = (groups: number): number =>
      numberOf(largestScatterShownZero({ sizes: groupsOf(groups), margin: 0.25 }));
    expect(of(10_000_000)).toBeCloseTo(0.25 / Math.sqrt(2 / Math.PI), 3);
    expect(of(30)).toBeLessThan(of(100));
  });
});

describe('the smallest contrast', () => {
  it('solves its own equation, by the swap test alone', () => {
    const d = numberOf(smallestContrast({ sizes: groupsOf(100), rule: 'swap' }));
    // z(.95) sqrt(q / n), since the null variance is var + d^2 / n, and z(.8) sqrt((q - d^2) / n).
    expect(d).toBeCloseTo(1.6448536 * Math.sqrt(0.5 / 100) + 0.8416212 * Math.sqrt((0.5 - d * d) / 100), 6);
    expect(numberOf(smallestContrast({ sizes: groupsOf(100) }))).toBeGreaterThan(d);
  });

  it('falls with more groups and rises with correlation and discordance', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 300 }),
        fc.integer({ min: 1, max: 6 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.double({ min: 0.1, max: 0.6, noNaN: true }),
        (groups, perGroup, correlation, discordance) => {
          const base = { sizes: groupsOf(groups, perGroup), correlation, discordance };
          const value = numberOf(smallestContrast(base));
          const more = { ...base, sizes: groupsOf(2 * groups, perGroup) };
          expect(numberOf(smallestContrast(more))).toBeLessThan(value);
          expect(
            numberOf(smallestContrast({ ...base, correlation: correlation + 0.1 })),
          ).toBeGreaterThanOrEqual(value);
          expect(
            numberOf(smallestContrast({ ...base, discordance: discordance + 0.1 })),
          ).toBeGreaterThanOrEqual(value - 1e-9);
        },
      ),
      { seed: 21, numRuns: 60 },
    );
  });

  it('is undefined, with the reason, for too few groups, and refuses what is no design', () => {
    expect(smallestContrast({ sizes: [5] })).toMatchObject({ state: 'undefined' });
    expect(smallestContrast({ sizes: [1, 1] })).toEqual({
      state: 'undefined',
      reason: '2 groups are too few to find any difference',
    });
    expect(smallestMeanEffect({ sizes: [3] })).toMatchObject({ state: 'undefined' });
    for (const bad of [{ correlation: 2 }, { alpha: 0 }, { power: 1 }, { discordance: -1 }]) {
      expect(() => smallestContrast({ sizes: [1, 1, 1], ...bad })).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING' }),
      );
    }
    expect(() => smallestMeanEffect({ sizes: [0.5, 1] })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('the smallest share', () => {
  it('agrees with scipy, and is 1 - .2^(1 / n) where one count is proof', () => {
    for (const { trials, reference: error, critical, share } of reference.shares) {
      expect(criticalCount({ trials, reference: error, alpha: 0.05 })).toBe(critical);
      expect(numberOf(smallestShare({ trials, reference: error }))).toBeCloseTo(share, 10);
    }
    // log(.2) / log(.99): 161 rows show 1 % at least once in four of five samples.
    expect(numberOf(smallestShare({ trials: 161 }))).toBeLessThan(0.01);
    expect(numberOf(smallestShare({ trials: 160 }))).toBeGreaterThan(0.01);
  });

  it('is undefined, with the reason, when no count would do', () => {
    expect(smallestShare({ trials: 2, reference: 0.5 })).toEqual({
      state: 'undefined',
      reason: '2 trials are too few to tell any share from 0.5',
    });
    expect(() => smallestShare({ trials: 10, alpha: 2 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('the scatter of values in groups', () => {
  it('is found again: deviation 2 with a correlation of .36 within groups', () => {
    const random = seededRandom('scatter');
    const groups = Int32Array.from({ length: 8000 }, (_, i) => i >> 2);
    const shared = Float64Array.from({ length: 2000 }, () => 1.2 * random.normal());
    const values = Float64Array.from(groups, (group) => shared[group]! + 1.6 * random.normal());
    const result = scatterOf(values, groups);
    if (result.state === 'undefined') throw new Error(result.reason);
    expect(Math.abs(result.sd - 2)).toBeLessThan(0.05);
    expect(Math.abs(result.correlation - 0.36)).toBeLessThan(0.05);
  });

  it('by hand: 1, 3 | 5, 7 has squares 2 within and 16 between, so the component is 7 and the correlation 7 / 9', () => {
    expect(scatterOf(Float64Array.of(1, 3, 5, 7), Int32Array.of(0, 0, 1, 1))).toEqual({
      state: 'measured',
      sd: 3,
      correlation: expect.closeTo(7 / 9, 12),
    });
    expect(scatterOf(Float64Array.of(1, 3), Int32Array.of(0, 1))).toEqual({
      state: 'measured',
      sd: expect.closeTo(Math.SQRT2, 12),
      correlation: 1,
    });
    expect(scatterOf(Float64Array.of(1, 3), Int32Array.of(0, 0))).toMatchObject({ state: 'undefined' });
  });
});

describe('what is promised is what the tests find, within a tenth', () => {
  // 300 runs: a tenth more or less moves the rate of finds from .80 to about .88 and .70, three and a half standard errors.
  const scenarios: readonly Scenario[] = [
    contrastScenario({ groups: 40, perGroup: 1, correlation: 1 }, 0.5),
    contrastScenario({ groups: 40, perGroup: 3, correlation: 0.3 }, 0.5),
    meanScenario({ groups: 40, perGroup: 1, correlation: 1 }, 'normal'),
    meanScenario({ groups: 60, perGroup: 2, correlation: 0.5 }, 'skewed'),
    marginScenario({ groups: 40, perGroup: 1, correlation: 1 }),
    scatterScenario({ groups: 40, perGroup: 1, correlation: 1 }),
    shareScenario(300, 0.05),
  ];
  const options = { runs: 300, resamples: { swaps: 399, bootstrap: 400 }, seed: 5 };

  for (const scenario of scenarios) {
    it(scenario.name, () => {
      expect(findRate(scenario, { ...options, multiple: 1.1 })).toBeGreaterThan(0.8);
      expect(findRate(scenario, { ...options, multiple: 0.9 })).toBeLessThan(0.8);
    });
  }
});
