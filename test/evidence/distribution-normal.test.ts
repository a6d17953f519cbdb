/** @file test: the normal distribution against published tables and scipy; what other kernels do with it is tested there. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalCdf, normalDensity, normalQuantile } from '../../src/evidence/distribution-normal.ts';
import reference from '../fixtures/evidence/reference.json' with { type: 'json' };

describe('the normal distribution', () => {
  it('agrees with scipy to 1e-12 of each value, far into both tails', () => {
    for (const [z, probability] of reference.normalCdf) {
      expect(Math.abs(normalCdf(z!) - probability!)).toBeLessThanOrEqual(1e-12 * probability!);
    }
  });

  it('has quantiles that agree with scipy to 1e-12', () => {
    for (const [p, z] of reference.normalQuantile) {
      expect(Math.abs(normalQuantile(p!) - z!)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(z!)));
    }
  });

  it('reproduces the textbook quantiles (Abramowitz and Stegun 1964, table 26.5)', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.95996398454, 11);
    expect(normalQuantile(0.995)).toBeCloseTo(2.57582930355, 11);
    expect(normalQuantile(0.95)).toBeCloseTo(1.64485362695, 11);
    expect(normalDensity(0)).toBeCloseTo(0.3989422804014327, 15);
  });

  it('is its own inverse and symmetric', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1 - 1e-12, noNaN: true }), (p) => {
        expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 12);
      }),
      { seed: 1 },
    );
    fc.assert(
      fc.property(fc.double({ min: -8, max: 8, noNaN: true }), (z) => {
        expect(normalCdf(z) + normalCdf(-z)).toBeCloseTo(1, 13);
      }),
      { seed: 2 },
    );
  });

  it('does not jump where the series hands over to the continued fraction', () => {
    const below = normalCdf(-3 + 1e-13);
    const above = normalCdf(-3 - 1e-13);
    expect(Math.abs(below - above) / below).toBeLessThan(2e-12);
  });

  it('reaches its ends and refuses what is no probability', () => {
    expect(normalQuantile(0)).toBe(-Infinity);
    expect(normalQuantile(1)).toBe(Infinity);
    expect(normalCdf(-Infinity)).toBe(0);
    expect(normalCdf(Infinity)).toBe(1);
    for (const p of [-0.1, 1.1, Number.NaN]) {
      expect(() => normalQuantile(p)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    }
    expect(() => normalCdf(Number.NaN)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  });
});
