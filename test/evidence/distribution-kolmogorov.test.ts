/** @file test: the Kolmogorov-Smirnov test and binomial tails against scipy, a published number and simulation. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import {
  binomialCdf,
  binomialQuantile,
  binomialRange,
  binomialUpperTail,
} from '../../src/evidence/distribution-binomial.ts';
import { kolmogorovTail, kolmogorovUniform } from '../../src/evidence/distribution-kolmogorov.ts';
import reference from '../fixtures/evidence/metrics.json' with { type: 'json' };

describe('the Kolmogorov-Smirnov test', () => {
  it('has the tails of scipy.stats.kstwo, from one draw to five thousand', () => {
    for (const [n, d, tail] of reference.kolmogorov.tails as [number, number, number][]) {
      expect(Math.abs(kolmogorovTail(n, d) - tail), `n ${n}, d ${d}`).toBeLessThan(1e-9 + 1e-6 * tail);
    }
  });

  it('gives the number that Marsaglia, Tsang and Wang (2003) print: P(D_10 < .274) = .6284796154565', () => {
    expect(1 - kolmogorovTail(10, 0.274)).toBeCloseTo(0.6284796154565, 12);
  });

  it('agrees with scipy.stats.kstest on uniform and on bent samples', () => {
    for (const { values, statistic, p } of reference.kolmogorov.samples) {
      const result = kolmogorovUniform(values);
      if (result.state === 'undefined') throw new Error(result.reason);
      expect(result.statistic).toBeCloseTo(statistic, 13);
      // Above 140 values scipy uses an expansion with seven digits.
      expect(result.pValue).toBeCloseTo(p, values.length > 140 ? 6 : 10);
      expect(result.method).toBe('exact');
    }
  });

  it('goes over to the limiting distribution without a jump', () => {
    for (const x of [0.7, 1, 1.36, 1.9]) {
      const d = x / Math.sqrt(5000);
      expect(Math.abs(kolmogorovTail(5001, d) - kolmogorovTail(5000, d))).toBeLessThan(3e-4);
    }
  });

  it('rejects uniform draws about as often as its level says', () => {
    const random = seededRandom('ks');
    let rejected = 0;
    for (let run = 0; run < 400; run++) {
      const result = kolmogorovUniform(Float64Array.from({ length: 50 }, () => random.uniform()));
      if (result.state === 'measured' && result.pValue <= 0.05) rejected++;
    }
    const { low, high } = binomialRange({ trials: 400, share: 0.05, level: 0.999 });
    expect(rejected).toBeGreaterThanOrEqual(low);
    expect(rejected).toBeLessThanOrEqual(high);
  });

  it('is undefined without values, and for values outside [0, 1]', () => {
    expect(kolmogorovUniform([])).toEqual({ state: 'undefined', reason: 'there is no value' });
    expect(kolmogorovUniform([0.2, 1.1])).toMatchObject({ state: 'undefined' });
    expect(kolmogorovUniform([Number.NaN])).toMatchObject({ state: 'undefined' });
    expect(kolmogorovUniform([0.5])).toMatchObject({ statistic: 0.5, pValue: 1 });
  });
});

describe('the binomial distribution', () => {
  it('agrees with scipy in both tails, and in its central ranges', () => {
    for (const { trials, share, cdf, range95, range99 } of reference.binomial) {
      for (const [k, below, atLeast] of cdf as [number, number, number][]) {
        expect(binomialCdf(k, { trials, share })).toBeCloseTo(below, 11);
        expect(binomialUpperTail(k, { trials, share })).toBeCloseTo(atLeast, 11);
      }
      const range = (level: number): number[] => Object.values(binomialRange({ trials, share, level }));
      expect(range(0.95)).toEqual(range95);
      expect(range(0.99)).toEqual(range99);
    }
  });

  it('has an inverse, and ends at 0 and at the number of trials', () => {
    const shape = { trials: 37, share: 0.3 };
    for (let k = 0; k <= 37; k++) {
      const p = binomialCdf(k, shape);
      // Far up the tail several counts share one double.
      expect(binomialQuantile(p - 1e-12, shape)).toBeLessThanOrEqual(k);
      expect(binomialCdf(k - 1, shape) + binomialUpperTail(k, shape)).toBeCloseTo(1, 12);
    }
    expect(binomialQuantile(0, shape)).toBe(0);
    expect(binomialQuantile(1, { trials: 5, share: 1 })).toBe(5);
    expect(() => binomialCdf(1, { trials: 1.5, share: 0.5 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
    expect(() => binomialQuantile(2, shape)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  });
});
