/** @file test: labels permuted between groups with predictions held fixed: what moves, a twin, calibration and power. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { balancedAccuracy } from '../../src/evidence/metric-accuracy.ts';
import {
  labelPermutationAccuracy,
  permuteWithinStrata,
  planGroupExchange,
} from '../../src/evidence/resample-label-permutation.ts';

describe('exchanging groups', () => {
  it('moves whole blocks in row order, between groups of one size and one stratum only', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 1 })), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer(),
        (shape, seed) => {
          const random = seededRandom(seed);
          // Rows of the groups interleaved at random: blocks need not be contiguous.
          const rows = random.shuffled(
            shape.flatMap(([size], group) => Array.from({ length: size }, () => group)),
          );
          const groups = Int32Array.from(rows);
          const strata = groups.map((group) => shape[group]![1]);
          const source = permuteWithinStrata({ groups, strata, random });
          expect([...source].sort((a, b) => a - b)).toEqual([...groups.keys()]);
          const blocks = shape.map((_, group) => [...groups.keys()].filter((row) => groups[row] === group));
          blocks.forEach((block, group) => {
            const from = groups[source[block[0]!]!]!;
            expect(block.map((row) => source[row])).toEqual(blocks[from]);
            expect(shape[from]).toEqual(shape[group]);
          });
        },
      ),
      { seed: 11 },
    );
  });

  it('draws every exchange equally often', () => {
    const exchange = planGroupExchange({ groups: Int32Array.of(0, 1, 2) });
    const random = seededRandom('orders');
    const seen = new Map<string, number>();
    for (let draw = 0; draw < 6000; draw++) {
      const key = exchange.draw(random).join();
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    // 3.29 binomial standard errors around 1,000 are 95; six cells make the false-alarm rate at most .006 per seed.
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(95);
  });

  it('counts the labellings that it can make, those that look alike once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 0, max: 1 })), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.integer(),
        (shape, seed) => {
          const random = seededRandom(seed);
          const groups = Int32Array.from(
            shape.flatMap(([size], group) => Array.from({ length: size }, () => group)),
          );
          const strata = groups.map((group) => shape[group]![1]);
          const labels = groups.map(() => random.integer(3) - 1);
          const exchange = planGroupExchange({ groups, strata });
          const seen = new Set<string>();
          for (let draw = 0; draw < 1000; draw++)
            seen.add(Array.from(exchange.draw(random), (row) => labels[row]).join());
          // At most 5! = 120 labellings, each with a chance of at least 1 / 120 a draw: one is missed in at most .03 of runs that have so many.
          expect(exchange.labellings(labels)).toBe(seen.size);
        },
      ),
      { seed: 12, numRuns: 60 },
    );
    const groups = Int32Array.from({ length: 400 }, (_, i) => i);
    const { labellings } = planGroupExchange({ groups });
    expect(labellings(groups)).toBe(Number.POSITIVE_INFINITY);
    expect(labellings(groups.map((group) => (group === 7 ? 1 : 0)))).toBe(400);
    expect(labellings(groups.map(() => 3))).toBe(1);
  });

  it('says how many groups can move, and refuses a group in two strata', () => {
    const groups = Int32Array.of(0, 0, 1, 1, 2, 3, 3, 3);
    expect(planGroupExchange({ groups })).toMatchObject({ movableGroups: 2, groups: 4 });
    expect(() => planGroupExchange({ groups, strata: Int32Array.of(0, 1, 0, 0, 0, 0, 0, 0) })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('the label permutation test over sites', () => {
  it('scores like balanced accuracy, and equals a twin that permutes and scores anew', () => {
    const random = seededRandom('twin');
    const groups = Int32Array.from({ length: 60 }, (_, i) => Math.floor(i / 3));
    const labels = Int32Array.from(groups, () => random.integer(5) - 1);
    const predicted = Array.from({ length: 4 }, () =>
      labels.map((label) => (random.uniform() < 0.3 ? label : random.integer(4))),
    );
    const classes = 4;
    const draws = 49;
    const result = labelPermutationAccuracy({
      predicted,
      labels,
      groups,
      classes,
      draws,
      random: seededRandom(1),
    });
    const score = (site: Int32Array, truth: Int32Array): number => {
      const accuracy = balancedAccuracy(site, truth, classes);
      if (accuracy.state === 'undefined') throw new Error(accuracy.reason);
      return accuracy.value;
    };
    predicted.forEach((site, s) => {
      expect(result.observed[s]).toBeCloseTo(score(site, labels), 12);
    });
    const stream = seededRandom(1);
    const maxima = Array.from({ length: draws }, () => {
      const source = permuteWithinStrata({ groups, random: stream });
      const moved = labels.map((_, i) => labels[source[i]!]!);
      return Math.max(...predicted.map((site) => score(site, moved)));
    });
    result.adjusted.forEach((p, s) => {
      const reached = maxima.filter((value) => value >= result.observed[s]! - 1e-12).length;
      expect(p).toEqual({ state: 'measured', value: (reached + 1) / (draws + 1) });
    });
  });

  it('rejects at most its share of runs when predictions know nothing, though rows of a group share label and prediction', () => {
    let grouped = 0;
    let rowwise = 0;
    const runs = 300;
    for (let run = 0; run < runs; run++) {
      const random = seededRandom(`null/${run}`);
      const groups = Int32Array.from({ length: 96 }, (_, i) => Math.floor(i / 4));
      const ofGroup = (): Int32Array => {
        const values = Int32Array.from({ length: 24 }, () => random.integer(3));
        return groups.map((group) => values[group]!);
      };
      const request = {
        labels: ofGroup(),
        predicted: Array.from({ length: 6 }, ofGroup),
        classes: 3,
        draws: 99,
        random,
      };
      const smallest = (units: Int32Array): number =>
        labelPermutationAccuracy({ ...request, groups: units }).best!.pValue;
      if (smallest(groups) <= 0.05) grouped++;
      if (smallest(Int32Array.from(groups.keys())) <= 0.05) rowwise++;
    }
    // Accuracies tie, so the test may fall short of .05; 3.29 binomial standard errors above it are .091.
    expect(grouped / runs).toBeLessThan(0.091);
    expect(rowwise / runs).toBeGreaterThan(0.3);
  });

  it('finds the one site of many that reads the label, and leaves the others alone', () => {
    const random = seededRandom('power');
    const groups = Int32Array.from({ length: 300 }, (_, i) => Math.floor(i / 2));
    const labels = Int32Array.from(groups, () => random.integer(5));
    const predicted = Array.from({ length: 20 }, (_, s) =>
      labels.map((label) => (s === 13 && random.uniform() < 0.25 ? label : random.integer(5))),
    );
    const result = labelPermutationAccuracy({ predicted, labels, groups, classes: 5, draws: 499, random });
    expect(result.best).toMatchObject({ site: 13, pValue: 1 / 500 });
    expect(result.adjusted.filter((p) => p.state === 'measured' && p.value <= 0.05)).toHaveLength(1);
    expect(result.movableGroups).toBe(150);
  });

  it('can score plain accuracy instead, over labelled rows', () => {
    const request = {
      predicted: [Int32Array.of(0, 0, 0, 0, 1)],
      labels: Int32Array.of(0, 0, 0, 1, -1),
      groups: Int32Array.of(0, 1, 2, 3, 4),
      classes: 2,
      draws: 19,
    };
    const plain = labelPermutationAccuracy({ ...request, metric: 'plain', random: seededRandom(1) });
    const balanced = labelPermutationAccuracy({ ...request, random: seededRandom(1) });
    expect(plain.observed).toEqual([0.75]);
    expect(balanced.observed).toEqual([0.5]);
  });

  it('cannot reject when no group has a partner, and is undefined without labels', () => {
    const random = seededRandom(1);
    const still = labelPermutationAccuracy({
      predicted: [Int32Array.of(0, 1, 1)],
      labels: Int32Array.of(0, 1, 1),
      groups: Int32Array.of(0, 1, 1),
      classes: 2,
      draws: 19,
      random,
    });
    expect(still).toMatchObject({ movableGroups: 0, best: { pValue: 1 } });
    const none = labelPermutationAccuracy({
      predicted: [Int32Array.of(0)],
      labels: Int32Array.of(-1),
      groups: Int32Array.of(0),
      classes: 2,
      draws: 19,
      random,
    });
    expect(none.adjusted).toEqual([expect.objectContaining({ state: 'undefined' })]);
    expect(none.best).toBeUndefined();
  });
});
