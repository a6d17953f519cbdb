/** @file test: L3, ranks among twins: known p-values, and the difference between not beyond them and too few of them. */
import { describe, expect, it } from 'vitest';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { ProbeReading } from '../../src/evidence/probe-map.ts';
import type { NetworkReading } from '../../src/evidence/reading.ts';
import { canReject } from '../../src/evidence/resample-permutation.ts';
import { againstTwins, learned } from '../../src/evidence/rung-learned.ts';

const line = (count: number): ReturnType<typeof measured>[] =>
  Array.from({ length: count }, (_, i) => measured(i / count));

describe('a value among twins', () => {
  it('has the p of its rank, and the difference from their mean', () => {
    const top = againstTwins({ own: measured(2), twins: line(39), alternative: 'greater', alpha: 0.05 });
    expect(top.comparison.pValue).toEqual(measured(1 / 40));
    expect(top.beyond).toBe(true);
    expect(top.difference.state === 'measured' && top.difference.value).toBeCloseTo(2 - 19 / 39, 10);
    const middle = againstTwins({ own: measured(0.5), twins: line(39), alternative: 'greater', alpha: 0.05 });
    // 20/39 .. 38/39: nineteen of them reach .5.
    expect(middle.comparison.pValue).toEqual(measured(20 / 40));
    expect(middle.beyond).toBe(false);
    const both = againstTwins({ own: measured(-1), twins: line(39), alternative: 'two-sided', alpha: 0.05 });
    expect(both.comparison.pValue).toEqual(measured(2 / 40));
    expect(both.beyond).toBe(true);
  });

  it('counts a tie against itself', () => {
    const twins = Array.from({ length: 39 }, () => measured(0.3));
    const tied = againstTwins({ own: measured(0.3), twins, alternative: 'greater', alpha: 0.05 });
    expect(tied.comparison.pValue).toEqual(measured(1));
    expect(tied.beyond).toBe(false);
  });

  it.each([
    ['greater', 18, 19],
    ['two-sided', 38, 39],
  ] as const)('stays open on %s with %i twins and is decided with %i', (alternative, few, enough) => {
    const at = (count: number) =>
      againstTwins({ own: measured(5), twins: line(count), alternative, alpha: 0.05 });
    expect(at(few)).toMatchObject({ decides: false, beyond: undefined });
    expect(at(enough)).toMatchObject({ decides: true, beyond: true });
    expect(canReject({ draws: few, alpha: 0.05, alternative })).toBe(false);
    expect(canReject({ draws: enough, alpha: 0.05, alternative })).toBe(true);
  });

  it('takes a twin without a value as the strongest of all, so that enough of them leave it open', () => {
    const none = undefinedBecause('no row');
    const one = againstTwins({
      own: measured(5),
      twins: [...line(39), none],
      alternative: 'greater',
      alpha: 0.05,
    });
    expect(one.comparison.pValue).toEqual(measured(2 / 41));
    expect(one.beyond).toBe(true);
    const many = [...line(36), none, none, none];
    expect(
      againstTwins({ own: measured(5), twins: many, alternative: 'greater', alpha: 0.05 }).beyond,
    ).toBeUndefined();
  });

  it('is undefined without twins, with twins that have no value, and when the value itself is undefined', () => {
    const none = undefinedBecause('no row');
    for (const [own, twins] of [
      [measured(1), []],
      [measured(1), Array.from({ length: 40 }, () => none)],
      [none, line(39)],
    ] as const) {
      const result = againstTwins({ own, twins, alternative: 'greater', alpha: 0.05 });
      expect(result.beyond).toBeUndefined();
      expect(result.difference.state).toBe('undefined');
    }
  });
});

const probed = (accuracy: number): ProbeReading =>
  ({ testAccuracy: measured(accuracy), selectAccuracy: measured(accuracy) }) as ProbeReading;
function reading(
  contrast: number,
  share: number,
  { saturated = false, matched = true } = {},
): NetworkReading {
  const value = {
    siteIndex: 0,
    goal: probed(0.9),
    irrelevant: probed(0.5),
    value: measured(contrast),
    saturated,
    matched,
  };
  const shared = {
    siteIndex: 0,
    goalShare: measured(0.2),
    irrelevantShare: measured(0.01),
    value: measured(share),
    matched,
  };
  return {
    map: new Map(),
    contrast: { proxy: value },
    share: { proxy: shared },
    shares: [],
    apart: undefined,
  };
}
const sites = [{ hook: 'embed', position: -1 }];
const twins = Array.from({ length: 19 }, (_, i) => reading(i / 100, i / 10));

describe('L3', () => {
  it('passes when both contrasts lie beyond the twins, and fails when either does not', () => {
    const stateOf = (model: NetworkReading): unknown =>
      learned({ sites, model, twins, alpha: 0.05 }).byRole.proxy;
    expect(stateOf(reading(0.4, 3))).toBe('passed');
    expect(stateOf(reading(0.1, 3))).toBe('failed');
    expect(stateOf(reading(0.4, 1))).toBe('failed');
  });

  it('leaves the accuracy out when both variables are read near perfectly', () => {
    const model = reading(0.01, 3, { saturated: true });
    const rung = learned({ sites, model, twins, alpha: 0.05 });
    expect(rung.byRole.proxy).toBe('passed');
    expect(rung.statistics.map(({ state }) => state)).toEqual(['reported', 'passed']);
  });

  it('is open for variables that are not of one kind, whatever the twins read', () => {
    // A proxy of two values beside an irrelevant variable of five: its share falls short of the twins' by its coding alone.
    for (const model of [reading(0.4, 0.1), reading(0.1, 3), reading(0.01, 3)])
      expect(learned({ sites, model, twins, alpha: 0.05 }).byRole.proxy).toBe('failed');
    for (const saturated of [false, true])
      for (const [contrast, share] of [
        [0.4, 0.1],
        [0.1, 3],
        [0.4, 3],
      ] as const) {
        const model = reading(contrast, share, { saturated, matched: false });
        const rung = learned({ sites, model, twins, alpha: 0.05 });
        expect(rung.byRole.proxy).toBe('undefined');
        expect(rung.statistics.map(({ state }) => state)).toEqual(['undefined', 'undefined']);
        for (const { criterion } of rung.statistics) expect(criterion).toMatch(/different numbers of them/);
      }
  });

  it('was not run without twins, and is open, not failed, with too few', () => {
    const model = reading(0.1, 0.1);
    expect(learned({ sites, model, twins: [], alpha: 0.05 })).toMatchObject({
      state: 'not-run',
      byRole: { proxy: 'not-run' },
    });
    expect(learned({ sites, model, twins: twins.slice(1), alpha: 0.05 }).byRole).toEqual({
      proxy: 'undefined',
    });
  });

  it('says nothing of a goal that has no contrast', () => {
    const rung = learned({ sites, model: reading(0.4, 3), twins, alpha: 0.05 });
    expect(rung.byRole).not.toHaveProperty('intended');
  });
});
