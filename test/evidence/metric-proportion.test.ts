/** @file test: intervals for proportions against published tables and scipy. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regularisedBeta } from '../../src/evidence/distribution-beta.ts';
import {
  clopperPearson,
  type ProportionOptions,
  wilsonInterval,
} from '../../src/evidence/metric-proportion.ts';
import type { Interval } from '../../src/evidence/resample-interval.ts';
import reference from '../fixtures/evidence/reference.json' with { type: 'json' };

function ends(interval: Interval): readonly [number, number] {
  if (interval.state === 'undefined') throw new Error(interval.reason);
  return [interval.low, interval.high];
}

/** Newcombe (1998), Statistics in Medicine 17, 857-872, table I: methods 3 (score) and 5 (exact). */
const NEWCOMBE = [
  { successes: 81, trials: 263, wilson: [0.2553, 0.3662], exact: [0.2527, 0.3676] },
  { successes: 15, trials: 148, wilson: [0.0624, 0.1605], exact: [0.0578, 0.1617] },
  { successes: 0, trials: 20, wilson: [0, 0.1611], exact: [0, 0.1684] },
  { successes: 1, trials: 29, wilson: [0.0061, 0.1718], exact: [0.0009, 0.1776] },
] as const;

describe('intervals for a proportion', () => {
  it('reproduce the examples of Newcombe (1998) to four decimals', () => {
    for (const { successes, trials, wilson, exact } of NEWCOMBE) {
      const score = ends(wilsonInterval({ successes, trials }));
      const tails = ends(clopperPearson({ successes, trials }));
      for (const side of [0, 1] as const) {
        expect(score[side]).toBeCloseTo(wilson[side], 4);
        expect(tails[side]).toBeCloseTo(exact[side], 4);
      }
    }
  });

  it('agree with scipy to 1e-11 at three levels', () => {
    for (const { successes, trials, level, wilson, exact } of reference.proportions) {
      const score = ends(wilsonInterval({ successes, trials, level }));
      const tails = ends(clopperPearson({ successes, trials, level }));
      for (const side of [0, 1] as const) {
        expect(score[side]).toBeCloseTo(wilson[side]!, 11);
        expect(tails[side]).toBeCloseTo(exact[side]!, 11);
      }
    }
  });

  it('need 299 clean negatives before "fewer than 1 % false positives" holds at 95 % on one side', () => {
    expect(ends(clopperPearson({ successes: 0, trials: 299, level: 0.9 }))[1]).toBeLessThan(0.01);
    expect(ends(clopperPearson({ successes: 0, trials: 298, level: 0.9 }))[1]).toBeGreaterThan(0.01);
  });

  const counts = fc
    .tuple(fc.integer({ min: 1, max: 400 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([trials, share]) => ({ trials, successes: Math.round(share * trials) }));

  it('contain the share seen, mirror with failures, and the exact one leaves each tail its half', () => {
    fc.assert(
      fc.property(counts, fc.constantFrom(0.8, 0.95, 0.99), ({ successes, trials }, level) => {
        for (const interval of [wilsonInterval, clopperPearson]) {
          const [low, high] = ends(interval({ successes, trials, level }));
          const [mirrorLow, mirrorHigh] = ends(interval({ successes: trials - successes, trials, level }));
          expect(low).toBeLessThanOrEqual(successes / trials);
          expect(high).toBeGreaterThanOrEqual(successes / trials);
          expect(low).toBeCloseTo(1 - mirrorHigh, 11);
          expect(high).toBeCloseTo(1 - mirrorLow, 11);
        }
        const [low] = ends(clopperPearson({ successes, trials, level }));
        if (successes > 0) {
          expect(regularisedBeta(low, successes, trials - successes + 1)).toBeCloseTo((1 - level) / 2, 10);
        }
      }),
      { seed: 6, numRuns: 80 },
    );
  });

  it('are undefined without trials and refuse what is not a count', () => {
    expect(wilsonInterval({ successes: 0, trials: 0 })).toMatchObject({ state: 'undefined' });
    expect(clopperPearson({ successes: 0, trials: 0 })).toMatchObject({ state: 'undefined' });
    const bad: readonly ProportionOptions[] = [
      { successes: 3, trials: 2 },
      { successes: -1, trials: 2 },
      { successes: 0.5, trials: 2 },
      { successes: 1, trials: 2, level: 1 },
    ];
    for (const options of bad) {
      expect(() => wilsonInterval(options)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
      expect(() => clopperPearson(options)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    }
  });
});
