/** @file test: the beta distribution against scipy and closed forms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { betaQuantile, logGamma, regularisedBeta } from '../../src/evidence/distribution-beta.ts';
import reference from '../fixtures/evidence/reference.json' with { type: 'json' };

describe('the regularised incomplete beta function', () => {
  it('agrees with scipy to 1e-11, from a = 0.5 to a = 40000', () => {
    for (const [x, a, b, value] of reference.betaCdf) {
      expect(Math.abs(regularisedBeta(x!, a!, b!) - value!)).toBeLessThan(1e-11);
    }
  });

  it('sums binomial tails: I_p(k, n - k + 1) is the chance of at least k successes', () => {
    const n = 12;
    const p = 0.3;
    const choose = (k: number): number => (k === 0 ? 1 : (choose(k - 1) * (n - k + 1)) / k);
    for (let k = 1; k <= n; k++) {
      let tail = 0;
      for (let j = k; j <= n; j++) tail += choose(j) * p ** j * (1 - p) ** (n - j);
      expect(regularisedBeta(p, k, n - k + 1)).toBeCloseTo(tail, 13);
    }
  });

  it('is symmetric and grows with x', () => {
    const shape = fc.double({ min: 0.2, max: 500, noNaN: true });
    const unit = fc.double({ min: 1e-4, max: 1 - 1e-4, noNaN: true });
    fc.assert(
      fc.property(unit, unit, shape, shape, (x, y, a, b) => {
        expect(regularisedBeta(x, a, b) + regularisedBeta(1 - x, b, a)).toBeCloseTo(1, 10);
        const [low, high] = x < y ? [x, y] : [y, x];
        expect(regularisedBeta(low, a, b)).toBeLessThanOrEqual(regularisedBeta(high, a, b) + 1e-11);
      }),
      { seed: 3 },
    );
  });

  it('knows the gamma function: factorials, and sqrt(pi) at one half', () => {
    expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 13);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 14);
    expect(logGamma(0.1)).toBeCloseTo(2.252712651734206, 13);
  });
});

describe('the beta quantile', () => {
  it('agrees with scipy to 1e-11 of each value', () => {
    for (const [p, a, b, x] of reference.betaQuantile) {
      expect(Math.abs(betaQuantile(p!, a!, b!) - x!)).toBeLessThanOrEqual(1e-11 * x!);
    }
  });

  it('has the closed form 1 - (1 - p)^(1/b) for a = 1', () => {
    expect(betaQuantile(0.95, 1, 299)).toBeCloseTo(1 - 0.05 ** (1 / 299), 13);
  });

  it('refuses shapes and probabilities outside their range', () => {
    for (const [p, a, b] of [
      [0.5, 0, 1],
      [0.5, 1, Number.NaN],
      [-0.1, 1, 1],
      [2, 1, 1],
    ] as const) {
      expect(() => betaQuantile(p, a, b)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    }
    expect(() => regularisedBeta(1.5, 1, 1)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    expect(() => logGamma(0)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  });
});
