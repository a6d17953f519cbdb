/** @file test: equivalence to zero, and p-values adjusted for a family. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { clusterBootstrapDraws, meanStatistic } from '../../src/evidence/resample-cluster-bootstrap.ts';
import { equivalenceTest } from '../../src/evidence/resample-equivalence.ts';
import { benjaminiHochberg, holm } from '../../src/evidence/resample-multiple-testing.ts';
import reference from '../fixtures/evidence/reference.json' with { type: 'json' };

describe('the equivalence test', () => {
  const draws = Float64Array.from({ length: 101 }, (_, i) => (50 - i) / 100);

  it('reads the 90 % interval of the draws against the margin', () => {
    expect(equivalenceTest({ estimate: 0, draws, margin: 0.46 })).toEqual({
      state: 'measured',
      equivalent: true,
      low: expect.closeTo(-0.45, 12),
      high: expect.closeTo(0.45, 12),
      margin: 0.46,
      level: 0.05,
      degenerate: false,
    });
    expect(equivalenceTest({ estimate: 0, draws, margin: 0.44 })).toMatchObject({ equivalent: false });
    expect(equivalenceTest({ estimate: 0, draws, margin: 0.44, level: 0.1 })).toMatchObject({
      equivalent: true,
    });
  });

  it('needs both sides: an effect near one margin is not equivalent', () => {
    const shifted = draws.map((value) => value + 0.2);
    expect(equivalenceTest({ estimate: 0.2, draws: shifted, margin: 0.5 })).toMatchObject({
      equivalent: false,
    });
  });

  it('takes an interval of the matching level only, and passes undefined ones on', () => {
    const interval = {
      state: 'measured',
      estimate: 0,
      low: -0.1,
      high: 0.1,
      level: 0.9,
      method: 'given',
    } as const;
    expect(equivalenceTest({ interval, margin: 0.2 })).toMatchObject({ equivalent: true });
    expect(() => equivalenceTest({ interval: { ...interval, level: 0.95 }, margin: 0.2 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
    const nothing = { state: 'undefined', reason: 'one group' } as const;
    expect(equivalenceTest({ interval: nothing, margin: 0.2 })).toEqual(nothing);
    expect(equivalenceTest({ bootstrap: nothing, margin: 0.2 })).toEqual(nothing);
    expect(equivalenceTest({ estimate: 0, draws: new Float64Array(0), margin: 1 })).toMatchObject({
      state: 'undefined',
    });
    for (const [margin, level] of [
      [0, 0.05],
      [Number.NaN, 0.05],
      [1, 0.5],
    ] as const) {
      expect(() => equivalenceTest({ interval, margin, level })).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING' }),
      );
    }
  });

  it('declares an effect that sits on the margin equivalent in about 5 % of samples', () => {
    const runs = 800;
    let declared = 0;
    const random = seededRandom('margin');
    for (let run = 0; run < runs; run++) {
      const groups = Int32Array.from({ length: 100 }, (_, i) => i);
      const values = Float64Array.from(groups, () => 0.5 + random.normal());
      const bootstrap = clusterBootstrapDraws({
        groups,
        random,
        draws: 400,
        method: 'percentile',
        statistic: meanStatistic({ groups, values }),
      });
      const result = equivalenceTest({ bootstrap, margin: 0.5 });
      if (result.state === 'measured' && result.equivalent) declared++;
    }
    // 3.29 binomial standard errors of 800 runs around .05 are .025: one seed in a thousand would fail.
    expect(declared / runs).toBeGreaterThan(0.025);
    expect(declared / runs).toBeLessThan(0.075);
  });

  it('says when an interval has no width because the sample does not vary', () => {
    expect(equivalenceTest({ estimate: 0, draws: new Float64Array(20), margin: 0.1 })).toMatchObject({
      equivalent: true,
      degenerate: true,
    });
  });
});

describe('adjusted p-values', () => {
  it('follow Holm (1979): sorted p times n, n - 1, ..., made monotone', () => {
    expect(holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(10)))).toEqual([
      0.03, 0.06, 0.06, 0.02,
    ]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });

  it('find in fifteen comparisons of one trial what Benjamini and Hochberg (1995, section 4.1) find: four, where Holm finds three', () => {
    // Thrombolysis with rt-PA against APSAC (Neuhaus et al. 1992), p-values in the order printed.
    const p = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
      0.759, 1,
    ];
    const rejected = (adjusted: readonly number[]): number =>
      adjusted.filter((value) => value <= 0.05).length;
    expect(rejected(benjaminiHochberg(p))).toBe(4);
    expect(rejected(holm(p))).toBe(3);
    // 15 x .0095 / 4, the last that they reject, and 15 x .0201 / 5.
    expect(benjaminiHochberg(p)[3]).toBeCloseTo(0.035625, 12);
    expect(benjaminiHochberg(p)[4]).toBeCloseTo(0.0603, 12);
  });

  it('agree with scipy for Benjamini and Hochberg', () => {
    const { p, adjusted } = reference.benjaminiHochberg;
    benjaminiHochberg(p).forEach((value, i) => {
      expect(value).toBeCloseTo(adjusted[i]!, 14);
    });
  });

  it('are never below p, keep the order, and false discovery asks less than family-wise', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (pValues) => {
        const family = holm(pValues);
        const discovery = benjaminiHochberg(pValues);
        pValues.forEach((p, i) => {
          expect(discovery[i]).toBeGreaterThanOrEqual(p);
          expect(family[i]).toBeGreaterThanOrEqual(discovery[i]! - 1e-12);
          pValues.forEach((q, j) => {
            if (p < q) {
              expect(family[i]).toBeLessThanOrEqual(family[j]!);
              expect(discovery[i]).toBeLessThanOrEqual(discovery[j]!);
            }
          });
        });
      }),
      { seed: 12 },
    );
    expect(() => holm([1.1])).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    expect(() => benjaminiHochberg([Number.NaN])).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
  });
});
