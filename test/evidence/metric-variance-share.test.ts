/** @file test: the variance share against certified numbers, a twin over pairs of rows, and its behavior under resampling. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { varianceShareByGroup } from '../../src/evidence/metric-grouped-variance-share.ts';
import { varianceShare } from '../../src/evidence/metric-variance-share.ts';
import { clusterBootstrap, clusterBootstrapDraws } from '../../src/evidence/resample-cluster-bootstrap.ts';

function numberOf(result: Measured): number {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

function orUndefined(result: Measured): number | undefined {
  return result.state === 'measured' ? result.value : undefined;
}

/** NIST Statistical Reference Datasets, one-way ANOVA, SiRstv: resistance of silicon wafers in ohm cm, five instruments. */
const SI_RSTV = [
  [196.3052, 196.124, 196.189, 196.2569, 196.3403],
  [196.3042, 196.3825, 196.1669, 196.3257, 196.0422],
  [196.1303, 196.2005, 196.2889, 196.0343, 196.1811],
  [196.2795, 196.1748, 196.1494, 196.1485, 195.9885],
  [196.2119, 196.1051, 196.185, 196.0052, 196.209],
];
const CERTIFIED = { between: 5.11462616e-2, within: 2.1663656e-1, rSquared: 1.90999039051129e-1 };

type Planted = { readonly x: Matrix; readonly labels: Int32Array; readonly groups: Int32Array };

/** Rows of d columns: class mean + one vector per group + noise. Labels vary between rows, or are one per group. */
function planted(options: {
  readonly random: Random;
  readonly groups: number;
  readonly perGroup: number;
  readonly columns: number;
  readonly means: readonly (readonly number[])[];
  readonly groupSd: number;
  readonly labelsBy: 'row' | 'group';
}): Planted {
  const { random, columns, means } = options;
  const rows = options.groups * options.perGroup;
  const x = matrix(rows, columns);
  const labels = new Int32Array(rows);
  const groups = Int32Array.from({ length: rows }, (_, i) => Math.floor(i / options.perGroup));
  let shift: number[] = [];
  let label = 0;
  for (let i = 0; i < rows; i++) {
    const first = i % options.perGroup === 0;
    if (first) shift = Array.from({ length: columns }, () => options.groupSd * random.normal());
    if (first || options.labelsBy === 'row') label = random.integer(means.length);
    labels[i] = label;
    for (let j = 0; j < columns; j++)
      x.data[i * columns + j] = means[label]![j]! + shift[j]! + random.normal();
  }
  return { x, labels, groups };
}

const noEffect = (classes: number, columns: number): number[][] =>
  Array.from({ length: classes }, () => new Array<number>(columns).fill(0));

describe('the variance share', () => {
  it('reproduces the certified sums of squares and R^2 of NIST SiRstv', () => {
    const labels = Int32Array.from({ length: 25 }, (_, i) => Math.floor(i / 5));
    // 196 is taken off first: single precision keeps only five digits of the deviations otherwise.
    const near = matrix(
      25,
      1,
      Float32Array.from(SI_RSTV.flat(), (value) => value - 196),
    );
    const share = varianceShare(near, labels, 5);
    expect(share.between).toBeCloseTo(CERTIFIED.between, 7);
    expect(share.within).toBeCloseTo(CERTIFIED.within, 7);
    expect(numberOf(share.etaSquared)).toBeCloseTo(CERTIFIED.rSquared, 7);
    const meanWithin = CERTIFIED.within / 20;
    const omega = (CERTIFIED.between - 4 * meanWithin) / (CERTIFIED.between + CERTIFIED.within + meanWithin);
    expect(numberOf(share.omegaSquared)).toBeCloseTo(omega, 7);
    const raw = matrix(25, 1, Float32Array.from(SI_RSTV.flat()));
    expect(numberOf(varianceShare(raw, labels, 5).etaSquared)).toBeCloseTo(CERTIFIED.rSquared, 4);
  });

  it('does not change when x is shifted, scaled or rotated, or rows change places', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 6.28, noNaN: true }), (seed, angle) => {
        const random = seededRandom(seed);
        const means = [
          [0, 0],
          [1, 2],
          [-1, 0.5],
        ];
        const { x, labels } = planted({
          random,
          groups: 20,
          perGroup: 2,
          columns: 2,
          means,
          groupSd: 0.5,
          labelsBy: 'row',
        });
        const order = random.permutation(x.rows);
        const moved = matrix(x.rows, 2);
        for (let i = 0; i < x.rows; i++) {
          const a = x.data[order[i]! * 2]!;
          const b = x.data[order[i]! * 2 + 1]!;
          moved.data[i * 2] = 3 * (Math.cos(angle) * a - Math.sin(angle) * b) + 7;
          moved.data[i * 2 + 1] = 3 * (Math.sin(angle) * a + Math.cos(angle) * b) - 2;
        }
        const before = varianceShare(x, labels, 3);
        const after = varianceShare(
          moved,
          Int32Array.from(order, (row) => labels[row]!),
          3,
        );
        expect(numberOf(after.etaSquared)).toBeCloseTo(numberOf(before.etaSquared), 5);
        expect(numberOf(after.omegaSquared)).toBeCloseTo(numberOf(before.omegaSquared), 5);
      }),
      { seed: 7, numRuns: 30 },
    );
  });

  it('is 1 for classes without spread, and undefined where nothing varies or one class is left', () => {
    const labels = Int32Array.of(0, 0, 1, 1);
    expect(numberOf(varianceShare(matrix(4, 1, Float32Array.of(1, 1, 2, 2)), labels, 2).etaSquared)).toBe(1);
    const flat = matrix(4, 2, new Float32Array(8).fill(0.1));
    expect(varianceShare(flat, labels, 2).etaSquared).toMatchObject({ state: 'undefined' });
    expect(varianceShare(flat, Int32Array.of(0, 0, -1, -1), 2).omegaSquared).toMatchObject({
      state: 'undefined',
    });
    expect(() => varianceShare(matrix(1, 1, Float32Array.of(Number.NaN)), Int32Array.of(0), 1)).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });

  it('by group counts equals the share of the rows written out that often', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed);
        const means = [
          [0, 0, 1],
          [1, 0, 0],
          [0, 1, 0],
        ];
        const { x, labels, groups } = planted({
          random,
          groups: 9,
          perGroup: 4,
          columns: 3,
          means,
          groupSd: 1,
          labelsBy: 'row',
        });
        labels[3] = -1;
        const weights = Float64Array.from(labels, () => random.integer(3));
        const counts = Float64Array.from({ length: 9 }, () => random.integer(3));
        const rows = Array.from(groups, (group, i) =>
          Array.from({ length: counts[group]! * weights[i]! }, () => i),
        ).flat();
        if (rows.length === 0) return;
        const written = matrix(
          rows.length,
          3,
          Float32Array.from(rows.flatMap((i) => [...x.data.subarray(i * 3, i * 3 + 3)])),
        );
        const expected = varianceShare(
          written,
          Int32Array.from(rows, (i) => labels[i]!),
          3,
        );
        const shares = varianceShareByGroup(x, labels, 3, groups, weights).evaluate(counts);
        expect(shares.etaSquared.state).toBe(expected.etaSquared.state);
        expect(shares.rows).toBe(expected.rows);
        if (expected.etaSquared.state !== 'measured') return;
        expect(numberOf(shares.etaSquared)).toBeCloseTo(expected.etaSquared.value, 10);
        expect(orUndefined(shares.omegaSquared)).toBeCloseTo(orUndefined(expected.omegaSquared)!, 10);
      }),
      { seed: 8, numRuns: 40 },
    );
  });
});

/** |mean|^2 as the average product over all pairs of rows that come from different groups, copies of a group being one group. */
function crossPairs(rows: readonly { readonly x: readonly number[]; readonly group: number }[]): number {
  let sum = 0;
  let pairs = 0;
  for (const a of rows) {
    for (const b of rows) {
      if (a.group === b.group) continue;
      pairs++;
      for (let j = 0; j < a.x.length; j++) sum += a.x[j]! * b.x[j]!;
    }
  }
  return sum / pairs;
}

describe('the cross-group variance share', () => {
  it('equals averages of products over all pairs of rows from different groups', () => {
    const random = seededRandom('pairs');
    const means = [
      [0, 0, 1],
      [1, 0, 0],
      [0, 1, 0],
    ];
    for (let run = 0; run < 20; run++) {
      const { x, labels, groups } = planted({
        random,
        groups: 8,
        perGroup: 5,
        columns: 3,
        means,
        groupSd: 1,
        labelsBy: 'row',
      });
      // One class in a single group: it has no pair and must drop out, in the totals too.
      labels[0] = 3;
      const counts = Float64Array.from({ length: 8 }, (_, g) => (g === 0 ? 1 : random.integer(3)));
      const mean = [0, 0, 0];
      for (let i = 0; i < x.rows; i++) for (let j = 0; j < 3; j++) mean[j]! += x.data[i * 3 + j]! / x.rows;
      const rows = Array.from(groups, (group, i) =>
        Array.from({ length: counts[group]! }, () => ({
          x: mean.map((centre, j) => x.data[i * 3 + j]! - centre),
          group,
          label: labels[i]!,
        })),
      )
        .flat()
        .filter((row) => row.label < 3);
      const grand = crossPairs(rows);
      let between = -grand;
      for (let c = 0; c < 3; c++) {
        const own = rows.filter((row) => row.label === c);
        between += (own.length / rows.length) * crossPairs(own);
      }
      const squares = rows.reduce((sum, row) => sum + row.x.reduce((s, value) => s + value * value, 0), 0);
      const share = varianceShareByGroup(x, labels, 4, groups).evaluate(counts).crossGroup;
      expect(numberOf(share)).toBeCloseTo(between / (squares / rows.length - grand), 9);
    }
  });

  it('stays at 0 when labels go with groups that differ for other reasons, where omega^2 is far above it', () => {
    const random = seededRandom('group labels');
    const cross: number[] = [];
    const omega: number[] = [];
    for (let run = 0; run < 200; run++) {
      const { x, labels, groups } = planted({
        random,
        groups: 40,
        perGroup: 5,
        columns: 4,
        means: noEffect(5, 4),
        groupSd: 1,
        labelsBy: 'group',
      });
      const { estimate } = varianceShareByGroup(x, labels, 5, groups);
      cross.push(numberOf(estimate.crossGroup));
      omega.push(numberOf(estimate.omegaSquared));
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    const centre = mean(cross);
    const error = Math.sqrt(mean(cross.map((v) => (v - centre) ** 2)) / cross.length);
    // 3.29 standard errors: another seed would fail once in a thousand.
    expect(Math.abs(centre)).toBeLessThan(3.29 * error);
    expect(mean(omega)).toBeGreaterThan(0.04);
  });

  it('has resamples centred on the estimate, where those of omega^2 all lie above theirs', () => {
    const { x, labels, groups } = planted({
      random: seededRandom('centre'),
      groups: 150,
      perGroup: 2,
      columns: 16,
      means: noEffect(25, 16),
      groupSd: 0,
      labelsBy: 'row',
    });
    const shares = varianceShareByGroup(x, labels, 25, groups);
    const drawn = (which: 'crossGroup' | 'omegaSquared'): Float64Array => {
      const result = clusterBootstrapDraws({
        groups,
        draws: 300,
        method: 'percentile',
        random: seededRandom(1),
        statistic: (counts) => orUndefined(shares.evaluate(counts)[which]),
      });
      if ('state' in result) throw new Error(result.reason);
      return result.values;
    };
    const share = (values: Float64Array, estimate: Measured): number =>
      values.filter((value) => value > numberOf(estimate)).length / values.length;
    expect(share(drawn('omegaSquared'), shares.estimate.omegaSquared)).toBe(1);
    const above = share(drawn('crossGroup'), shares.estimate.crossGroup);
    expect(above).toBeGreaterThan(0.25);
    expect(above).toBeLessThan(0.75);
  });

  it('is covered by its cluster bootstrap interval about as often as stated', () => {
    // Class means at distance 1 from their centre in 2 of 4 columns, equal classes: between = 0.5, within = 4, groups add 4 x 0.25.
    const means = [
      [0.5, 0.5, 0, 0],
      [-0.5, -0.5, 0, 0],
    ];
    const truth = 0.5 / (0.5 + 4 + 1);
    const random = seededRandom('coverage of the share');
    let covered = 0;
    const runs = 200;
    for (let run = 0; run < runs; run++) {
      const { x, labels, groups } = planted({
        random,
        groups: 60,
        perGroup: 4,
        columns: 4,
        means,
        groupSd: 0.5,
        labelsBy: 'row',
      });
      const shares = varianceShareByGroup(x, labels, 2, groups);
      const interval = clusterBootstrap({
        groups,
        draws: 300,
        level: 0.9,
        random,
        statistic: (counts) => orUndefined(shares.evaluate(counts).crossGroup),
      });
      if (interval.state === 'undefined') throw new Error(interval.reason);
      if (interval.low <= truth && truth <= interval.high) covered++;
    }
    // Nominal 0.9; 3.29 binomial standard errors of 200 runs are 0.07.
    expect(covered / runs).toBeGreaterThan(0.83);
    expect(covered / runs).toBeLessThan(0.97);
  });

  it('is undefined when no class occurs in two groups', () => {
    const shares = varianceShareByGroup(
      matrix(4, 1, Float32Array.of(1, 2, 3, 4)),
      Int32Array.of(0, 0, 1, 1),
      2,
      Int32Array.of(0, 0, 1, 1),
    );
    expect(shares.estimate.crossGroup).toMatchObject({ state: 'undefined' });
    expect(shares.estimate.etaSquared).toMatchObject({ state: 'measured' });
  });
});
