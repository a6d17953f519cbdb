/** @file test: the cluster bootstrap on published data, against a twin that writes the resampled rows out, and for its coverage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { normalCdf, normalQuantile } from '../../src/evidence/distribution-normal.ts';
import {
  clusterBootstrap,
  clusterBootstrapDraws,
  clusterBootstrapMean,
  clusterBootstrapRatio,
} from '../../src/evidence/resample-cluster-bootstrap.ts';
import {
  accelerationOf,
  bootstrapInterval,
  expandedTail,
  type Interval,
  type MeasuredInterval,
  quantileOfSorted,
} from '../../src/evidence/resample-interval.ts';
import reference from '../fixtures/evidence/reference.json' with { type: 'json' };

function measuredOf(interval: Interval): MeasuredInterval {
  if (interval.state === 'undefined') throw new Error(interval.reason);
  return interval;
}

const { lsat, gpa } = reference.lawSchool;
const schools = Int32Array.from(lsat, (_, i) => i);

/** Pearson's r of the law schools, each counted `counts[i]` times. */
function correlation(counts: Float64Array): number | undefined {
  let n = 0;
  let sx = 0;
  let sy = 0;
  for (let i = 0; i < counts.length; i++) {
    n += counts[i]!;
    sx += counts[i]! * lsat[i]!;
    sy += counts[i]! * gpa[i]!;
  }
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < counts.length; i++) {
    const x = lsat[i]! - sx / n;
    const y = gpa[i]! - sy / n;
    xx += counts[i]! * x * x;
    yy += counts[i]! * y * y;
    xy += counts[i]! * x * y;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : undefined;
}

describe('the bootstrap on the law school data (Efron and Tibshirani 1993, table 3.1)', () => {
  it('starts from the published correlation .776 and jackknife standard error .142', () => {
    const ones = new Float64Array(15).fill(1);
    expect(correlation(ones)).toBeCloseTo(0.776, 3);
    const without = Array.from(
      schools,
      (school) => correlation(ones.map((one, i) => (i === school ? 0 : one)))!,
    );
    const mean = without.reduce((sum, r) => sum + r, 0) / 15;
    // Efron and Gong (1983), The American Statistician 37, section 3: jackknife .142, bootstrap .127 from 1,000 draws.
    const error = Math.sqrt((14 / 15) * without.reduce((sum, r) => sum + (r - mean) ** 2, 0));
    expect(error).toBeCloseTo(0.142, 2);
    // Skewed to the left, so the jackknife values accelerate downwards.
    expect(accelerationOf(without)).toBeLessThan(0);
  });

  it('gives the BCa and percentile intervals of scipy within Monte Carlo error', () => {
    for (const method of ['bca', 'percentile'] as const) {
      for (const level of [0.9, 0.95] as const) {
        const drawn = clusterBootstrapDraws({
          groups: schools,
          statistic: correlation,
          draws: 20_000,
          method,
          random: seededRandom('law'),
        });
        if ('state' in drawn) throw new Error(drawn.reason);
        // scipy does not widen for few observations; without their number neither does this.
        const { groups, ...rest } = drawn;
        const interval = measuredOf(bootstrapInterval(rest, { level, method }));
        const wider = measuredOf(bootstrapInterval(drawn, { level, method }));
        expect(groups).toBe(15);
        expect(wider.low).toBeLessThan(interval.low);
        expect(wider.high).toBeGreaterThan(interval.high);
        const [low, high] = reference.lawSchool[`${method === 'bca' ? 'BCa' : 'percentile'}/${level}`];
        // Monte Carlo standard errors from 20,000 draws: about .006 at the long lower end, .001 at the upper.
        expect(Math.abs(interval.low - low!)).toBeLessThan(0.02);
        expect(Math.abs(interval.high - high!)).toBeLessThan(0.004);
        expect(interval.standardError).toBeCloseTo(reference.lawSchool.standardError, 2);
      }
    }
  });
});

/** The same interval with every resample written out row by row and BCa spelt out; consumes randomness as the kernel does. */
function twin(options: {
  readonly groups: Int32Array;
  readonly values: Float64Array;
  readonly weights: Float64Array;
  readonly draws: number;
  readonly level: number;
  readonly random: Random;
}): readonly [number, number] {
  const { groups, values, weights, draws, level, random } = options;
  const names = [...new Set(groups)].sort((a, b) => a - b);
  const rowsOf = (chosen: readonly number[]): number[] =>
    chosen.flatMap((group) => [...groups.keys()].filter((row) => groups[row] === group));
  const meanOf = (rows: readonly number[]): number =>
    rows.reduce((sum, row) => sum + weights[row]! * values[row]!, 0) /
    rows.reduce((sum, row) => sum + weights[row]!, 0);
  const estimate = meanOf(rowsOf(names));
  const drawn: number[] = [];
  for (let b = 0; b < draws; b++)
    drawn.push(meanOf(rowsOf(names.map(() => names[random.integer(names.length)]!))));
  drawn.sort((a, b) => a - b);
  // A draw that takes every group once is the sample itself, up to rounding: it counts half.
  const below = drawn.filter((value) => value < estimate - 1e-9).length;
  const ties = drawn.filter((value) => Math.abs(value - estimate) <= 1e-9).length;
  const bias = normalQuantile((below + ties / 2) / draws);
  const left = names.map((name) => meanOf(rowsOf(names.filter((other) => other !== name))));
  const centre = left.reduce((sum, value) => sum + value, 0) / left.length;
  const cubes = left.reduce((sum, value) => sum + (centre - value) ** 3, 0);
  const squares = left.reduce((sum, value) => sum + (centre - value) ** 2, 0);
  const acceleration = cubes / (6 * squares ** 1.5);
  const end = (p: number): number => {
    const z = bias + normalQuantile(p);
    return quantileOfSorted(Float64Array.from(drawn), normalCdf(bias + z / (1 - acceleration * z)));
  };
  const tail = expandedTail((1 - level) / 2, names.length);
  return [end(tail), end(1 - tail)];
}

describe('the cluster bootstrap of means', () => {
  it('equals its twin over written-out rows, weights and unequal groups included', () => {
    const random = seededRandom('twin');
    for (let run = 0; run < 5; run++) {
      const groups = Int32Array.from({ length: 40 }, () => 2 * random.integer(9));
      const values = Float64Array.from(groups, (g) => g / 4 + random.normal() ** 2);
      const weights = Float64Array.from(groups, () => 0.5 + random.uniform());
      const interval = measuredOf(
        clusterBootstrapMean({ groups, values, weights, draws: 200, level: 0.9, random: seededRandom(run) }),
      );
      const [low, high] = twin({
        groups,
        values,
        weights,
        draws: 200,
        level: 0.9,
        random: seededRandom(run),
      });
      expect(interval.low).toBeCloseTo(low, 10);
      expect(interval.high).toBeCloseTo(high, 10);
    }
  });

  it('gives the same numbers by the fast path as by the generic one, means and ratios', () => {
    const random = seededRandom('paths');
    const groups = Int32Array.from({ length: 60 }, () => random.integer(12));
    const above = Float64Array.from(groups, () => random.normal() + 1);
    const below = Float64Array.from(groups, () => random.uniform() + 0.2);
    const sum = (values: Float64Array, counts: Float64Array): number =>
      values.reduce((total, value, i) => total + value * counts[groups[i]!]!, 0);
    const fast = measuredOf(
      clusterBootstrapRatio({
        groups,
        numerator: above,
        denominator: below,
        draws: 300,
        random: seededRandom(1),
      }),
    );
    const generic = measuredOf(
      clusterBootstrap({
        groups,
        draws: 300,
        random: seededRandom(1),
        statistic: (counts) => sum(above, counts) / sum(below, counts),
      }),
    );
    for (const field of ['estimate', 'low', 'high', 'standardError', 'bias', 'acceleration'] as const) {
      expect(fast[field]).toBeCloseTo(generic[field]!, 10);
    }
    const mean = measuredOf(
      clusterBootstrapMean({ groups, values: above, draws: 300, random: seededRandom(1) }),
    );
    const ones = new Float64Array(60).fill(1);
    const ratio = measuredOf(
      clusterBootstrapRatio({
        groups,
        numerator: above,
        denominator: ones,
        draws: 300,
        random: seededRandom(1),
      }),
    );
    expect(mean).toEqual(ratio);
  });

  it('moves with the values, turns with their sign, and the same seed gives the same interval', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        fc.integer({ min: -5, max: 5 }),
        (seed, scale, shift) => {
          const random = seededRandom(seed);
          const groups = Int32Array.from({ length: 30 }, (_, i) => Math.floor(i / 3));
          const values = Float64Array.from(groups, () => random.normal());
          const of = (list: Float64Array, method: 'bca' | 'percentile'): MeasuredInterval =>
            measuredOf(
              clusterBootstrapMean({ groups, values: list, draws: 150, method, random: seededRandom(seed) }),
            );
          for (const method of ['bca', 'percentile'] as const) {
            const plain = of(values, method);
            expect(of(values, method)).toEqual(plain);
            const moved = of(
              values.map((value) => scale * value + shift),
              method,
            );
            expect(moved.low).toBeCloseTo(scale * plain.low + shift, 8);
            expect(moved.high).toBeCloseTo(scale * plain.high + shift, 8);
            const turned = of(
              values.map((value) => -value),
              method,
            );
            expect(turned.low).toBeCloseTo(-plain.high, 8);
            expect(turned.high).toBeCloseTo(-plain.low, 8);
          }
        },
      ),
      { seed: 9, numRuns: 25 },
    );
  });

  it('covers the mean of clustered normal rows at its level, which resampling rows does not', () => {
    const random = seededRandom('coverage');
    const runs = 400;
    let byGroup = 0;
    let byRow = 0;
    for (let run = 0; run < runs; run++) {
      const groups: number[] = [];
      const values: number[] = [];
      for (let g = 0; g < 40; g++) {
        const shift = random.normal();
        for (let k = 0; k <= g % 5; k++) {
          groups.push(g);
          values.push(shift + 0.5 * random.normal());
        }
      }
      const covers = (unit: Int32Array): boolean => {
        const interval = measuredOf(
          clusterBootstrapMean({ groups: unit, values: Float64Array.from(values), draws: 300, random }),
        );
        return interval.low <= 0 && interval.high >= 0;
      };
      if (covers(Int32Array.from(groups))) byGroup++;
      if (covers(Int32Array.from(groups.keys()))) byRow++;
    }
    // Nominal .95; 3.29 binomial standard errors of 400 runs are .036: a sound method would fail once in a thousand seeds.
    expect(byGroup / runs).toBeGreaterThan(0.914);
    expect(byGroup / runs).toBeLessThan(0.986);
    expect(byRow / runs).toBeLessThan(0.85);
  });
});
