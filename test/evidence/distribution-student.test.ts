/** @file test: Student's t against published quantiles and closed forms. */
import { describe, expect, it } from 'vitest';
import { normalQuantile } from '../../src/evidence/distribution-normal.ts';
import { studentQuantile } from '../../src/evidence/distribution-student.ts';
import { expandedTail } from '../../src/evidence/resample-interval.ts';

describe("Student's t", () => {
  it('has the quantiles of the NIST handbook (section 1.3.6.7.2) to their three digits', () => {
    const table = [
      [0.9, 1, 3.078],
      [0.975, 1, 12.706],
      [0.95, 5, 2.015],
      [0.975, 10, 2.228],
      [0.99, 30, 2.457],
      [0.975, 60, 2],
      [0.999, 100, 3.174],
    ] as const;
    for (const [p, freedom, value] of table) {
      expect(studentQuantile(p, freedom)).toBeCloseTo(value, 3);
      expect(studentQuantile(1 - p, freedom)).toBeCloseTo(-value, 3);
    }
  });

  it('is tan(pi (p - 1/2)) with one degree of freedom, (2p - 1) sqrt(2 / (4p(1 - p))) with two, and normal with many', () => {
    for (const p of [0.001, 0.2, 0.5, 0.7, 0.999]) {
      expect(studentQuantile(p, 1) / (Math.tan(Math.PI * (p - 0.5)) || 1)).toBeCloseTo(p === 0.5 ? 0 : 1, 8);
      expect(studentQuantile(p, 2)).toBeCloseTo((2 * p - 1) * Math.sqrt(2 / (4 * p * (1 - p))), 8);
      expect(studentQuantile(p, 1e6)).toBeCloseTo(normalQuantile(p), 4);
    }
  });

  it('refuses what is no probability', () => {
    for (const p of [0, 1, Number.NaN]) expect(() => studentQuantile(p, 3)).toThrow(/0 < p < 1/);
  });
});

describe('the expanded tail', () => {
  it('is what makes percentile intervals of a normal mean those of Student, and fades as groups grow', () => {
    // A mean of n normal values: draws have the standard error s sqrt((n - 1) / n) / sqrt(n), so this many of them reach t s / sqrt(n).
    for (const groups of [5, 10, 60]) {
      const reach = -normalQuantile(expandedTail(0.025, groups)) * Math.sqrt((groups - 1) / groups);
      expect(reach).toBeCloseTo(studentQuantile(0.975, groups - 1), 8);
    }
    expect(expandedTail(0.025, 1e6)).toBeCloseTo(0.025, 5);
    expect(expandedTail(0.025, undefined)).toBe(0.025);
  });
});
