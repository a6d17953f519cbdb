/** @file test: what a bootstrap cannot know is said, and what its intervals do not depend on. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import {
  clusterBootstrap,
  clusterBootstrapDraws,
  clusterBootstrapMean,
  clusterBootstrapRatio,
} from '../../src/evidence/resample-cluster-bootstrap.ts';
import {
  type Interval,
  type MeasuredInterval,
  recordedInterval,
} from '../../src/evidence/resample-interval.ts';

function measuredOf(interval: Interval): MeasuredInterval {
  if (interval.state === 'undefined') throw new Error(interval.reason);
  return interval;
}

describe('two or three groups', () => {
  it('give an interval out to the last draws, whatever the skew, and never a number that is none', () => {
    for (const count of [2, 3, 4]) {
      for (const skew of [1, 4, -9]) {
        const groups = Int32Array.from({ length: 4 * count }, (_, i) => i % count);
        const values = Float64Array.from(groups, (group, i) => (group === 0 ? skew : 1) + (i % 3) / 9);
        const interval = clusterBootstrapMean({ groups, values, random: seededRandom(`${count} ${skew}`) });
        if (interval.state === 'undefined') continue;
        expect(interval.low).toBeLessThanOrEqual(interval.estimate);
        expect(interval.high).toBeGreaterThanOrEqual(interval.estimate);
      }
    }
  });
});

describe('what a bootstrap cannot know', () => {
  const groups = Int32Array.of(0, 0, 1, 2, 2, 5);

  it('a constant gives an interval without width that says so', () => {
    const interval = clusterBootstrapMean({
      groups,
      values: new Float64Array(6).fill(0.1),
      random: seededRandom(1),
    });
    const same = expect.closeTo(0.1, 14);
    expect(interval).toMatchObject({
      state: 'measured',
      estimate: same,
      low: same,
      high: same,
      degenerate: true,
    });
  });

  it('one group, or a statistic that does not exist on the sample, gives none', () => {
    const random = seededRandom(1);
    const one = clusterBootstrapMean({ groups: Int32Array.of(3, 3), values: Float64Array.of(1, 2), random });
    expect(one).toEqual({ state: 'undefined', reason: 'an interval over groups needs two of them, got 1' });
    expect(clusterBootstrap({ groups, random, statistic: () => undefined })).toMatchObject({
      state: 'undefined',
    });
    const zero = clusterBootstrapRatio({
      groups,
      numerator: new Float64Array(6),
      denominator: new Float64Array(6),
      random,
    });
    expect(zero).toMatchObject({ state: 'undefined' });
  });

  it('more than 5 % of draws without a value give none; fewer are counted', () => {
    let call = 0;
    const every = (period: number): Interval =>
      clusterBootstrap({
        groups,
        method: 'percentile',
        random: seededRandom(1),
        statistic: (counts) => (++call % period === 0 ? undefined : counts[0]),
      });
    expect(every(10)).toMatchObject({
      state: 'undefined',
      reason: expect.stringMatching(/of 2000 resamples/),
    });
    call = 0;
    expect(every(50)).toMatchObject({ state: 'measured', undefinedDraws: 40 });
  });

  it('BCa is undefined when leaving a group out leaves no statistic, or every draw lies on one side', () => {
    const random = seededRandom(1);
    const many = Int32Array.from({ length: 12 }, (_, i) => i);
    const needsFirst = clusterBootstrap({
      groups: many,
      random,
      statistic: (counts) =>
        counts.filter((count) => count > 0).length === 11 && counts[0] === 0 ? undefined : counts[1],
    });
    expect(needsFirst).toMatchObject({
      state: 'undefined',
      reason: expect.stringMatching(/without one of the groups/),
    });
    const distinct = clusterBootstrap({
      groups: many,
      random,
      statistic: (counts) => counts.reduce((sum, count) => sum + count * count, 0),
    });
    expect(distinct).toMatchObject({ state: 'undefined', reason: expect.stringMatching(/one side/) });
  });

  it('only groups that have rows are drawn', () => {
    const seen = new Set<number>();
    const drawn = clusterBootstrapDraws({
      groups,
      draws: 200,
      random: seededRandom(2),
      statistic: (counts) => {
        counts.forEach((count, group) => {
          if (count > 0) seen.add(group);
        });
        return counts.reduce((sum, count) => sum + count, 0);
      },
    });
    expect([...seen].sort()).toEqual([0, 1, 2, 5]);
    expect(drawn).toMatchObject({ estimate: 4, draws: 200, undefinedDraws: 0 });
  });

  it('refuses settings out of range and rows that do not fit', () => {
    const random = seededRandom(1);
    const values = new Float64Array(6);
    const code = (name: string): unknown => expect.objectContaining({ code: name });
    expect(() => clusterBootstrapMean({ groups, values, random, draws: 0 })).toThrow(code('BAD_SETTING'));
    expect(() => clusterBootstrapMean({ groups, values, random, level: 1 })).toThrow(code('BAD_SETTING'));
    expect(() => clusterBootstrapMean({ groups: Int32Array.of(-1), values, random })).toThrow(
      code('MATRIX_SHAPE'),
    );
    expect(() =>
      clusterBootstrapMean({ groups: Int32Array.of(-1), values: Float64Array.of(1), random }),
    ).toThrow(code('BAD_SETTING'));
  });

  it('leaves four fields for a record', () => {
    const interval = clusterBootstrapMean({
      groups,
      values: Float64Array.of(1, 2, 3, 4, 5, 6),
      draws: 100,
      random: seededRandom(3),
    });
    const { low, high } = measuredOf(interval);
    expect(recordedInterval(interval)).toEqual({
      low,
      high,
      level: 0.95,
      method: 'cluster bootstrap, BCa, 100 draws',
    });
    expect(recordedInterval({ state: 'undefined', reason: 'none' })).toBeUndefined();
  });
});
