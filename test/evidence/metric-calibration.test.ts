/** @file test: Brier scores, reliability tables and calibration error against scikit-learn and counts by hand. */
import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { brierScore, brierScoreOfClasses, calibrationTable } from '../../src/evidence/metric-calibration.ts';
import reference from '../fixtures/evidence/metrics.json' with { type: 'json' };

function numberOf(result: Measured): number {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

const { calibration: r } = reference;
const stated = Float64Array.from(r.stated);
const { outcomes } = r;
const weights = Float64Array.from(r.weights);
const named = { id: 'test', label: 'a test' };

describe('the Brier score', () => {
  it('agrees with scikit-learn, weighted or not', () => {
    expect(numberOf(brierScore({ stated, outcomes }))).toBeCloseTo(r.brier, 13);
    expect(numberOf(brierScore({ stated, outcomes, weights }))).toBeCloseTo(r.brierWeighted, 13);
  });

  it('over classes is the sum over them: 2/3 for one third each, twice the binary score for two', () => {
    const third = matrix(2, 3, new Float32Array(6).fill(1 / 3));
    expect(numberOf(brierScoreOfClasses(third, Int32Array.of(0, 2)))).toBeCloseTo(2 / 3, 6);
    const pair = matrix(200, 2, Float32Array.from([...stated].flatMap((p) => [1 - p, p])));
    expect(numberOf(brierScoreOfClasses(pair, Int32Array.from(outcomes), weights))).toBeCloseTo(
      2 * r.brierWeighted,
      6,
    );
  });

  it('is undefined, with the reason, for rows that state no probabilities', () => {
    expect(brierScore({ stated: Float64Array.of(1.2), outcomes: [1] })).toMatchObject({
      reason: 'what is stated of row 0 is not a probability',
    });
    expect(brierScore({ stated: Float64Array.of(0.2), outcomes: [-1] })).toMatchObject({
      reason: 'there is no row',
    });
    for (const half of [0.4, Number.NaN]) {
      const broken = matrix(1, 2, Float32Array.of(0.5, half));
      expect(brierScoreOfClasses(broken, Int32Array.of(0))).toMatchObject({ state: 'undefined' });
    }
    expect(() => brierScore({ stated, outcomes: [1] })).toThrow(
      expect.objectContaining({ code: 'MATRIX_SHAPE' }),
    );
    expect(() => calibrationTable({ ...named, stated, outcomes, bins: 0 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('the calibration table', () => {
  it('has the bins of scikit-learn: equally many rows, or equal widths', () => {
    for (const [binning, strategy] of [
      ['equal-count', 'quantile'],
      ['equal-width', 'uniform'],
    ] as const) {
      const table = calibrationTable({ ...named, stated, outcomes, binning });
      const filled = table.bins.filter((bin) => bin.count > 0);
      expect(filled).toHaveLength(r[strategy].stated.length);
      filled.forEach((bin, b) => {
        expect(bin.stated).toBeCloseTo(r[strategy].stated[b]!, 12);
        expect(bin.observed).toBeCloseTo(r[strategy].observed[b]!, 12);
        if (binning === 'equal-count') expect(bin.count).toBe(20);
      });
      const error = filled.reduce(
        (sum, bin) => sum + (bin.count / 200) * Math.abs(bin.stated! - bin.observed!),
        0,
      );
      expect(numberOf(table.ece)).toBeCloseTo(error, 12);
      expect(numberOf(table.brier)).toBeCloseTo(r.brier, 13);
    }
  });

  it('counts by hand: .9 stated, half true, is off by .4 whatever the binning', () => {
    const sure = { ...named, stated: new Float64Array(4).fill(0.9), outcomes: [1, 0, 1, 0] };
    for (const binning of ['equal-count', 'equal-width'] as const)
      expect(numberOf(calibrationTable({ ...sure, binning }).ece)).toBeCloseTo(0.4, 12);
    expect(calibrationTable({ ...sure, binning: 'equal-width' }).bins[3]).toEqual({
      low: 0.3,
      high: 0.4,
      count: 0,
      stated: null,
      observed: null,
    });
  });

  it('keeps rows with one stated value together, so that their order cannot matter', () => {
    const tied = Float64Array.from({ length: 90 }, (_, i) => [0.1, 0.5, 0.8][i % 3]!);
    const happened = Array.from({ length: 90 }, (_, i) => (i % 7 < 3 ? 1 : 0));
    const table = calibrationTable({ ...named, stated: tied, outcomes: happened });
    expect(table.bins.map((bin) => [bin.low, bin.high, bin.count])).toEqual([
      [0.1, 0.1, 30],
      [0.5, 0.5, 30],
      [0.8, 0.8, 30],
    ]);
    const order = seededRandom(3).permutation(90);
    const shuffled = calibrationTable({
      ...named,
      stated: Float64Array.from(order, (i) => tied[i]!),
      outcomes: Array.from(order, (i) => happened[i]!),
    });
    expect(numberOf(shuffled.ece)).toBeCloseTo(numberOf(table.ece), 12);
  });

  it('takes integer weights as repeated rows', () => {
    const counts = Float64Array.from(outcomes, (_, i) => i % 4);
    const repeat = [...counts].flatMap((count, i) => new Array<number>(count).fill(i));
    const weighted = calibrationTable({ ...named, stated, outcomes, weights: counts });
    const repeated = calibrationTable({
      ...named,
      stated: Float64Array.from(repeat, (i) => stated[i]!),
      outcomes: repeat.map((i) => outcomes[i]!),
    });
    expect(numberOf(weighted.ece)).toBeCloseTo(numberOf(repeated.ece), 12);
    expect(numberOf(weighted.brier)).toBeCloseTo(numberOf(repeated.brier), 12);
  });

  it('finds honest probabilities calibrated up to chance, and squared ones not', () => {
    const random = seededRandom('honest');
    const truth = Float64Array.from({ length: 20_000 }, () => random.uniform());
    const happened = Array.from(truth, (p) => (random.uniform() < p ? 1 : 0));
    expect(numberOf(calibrationTable({ ...named, stated: truth, outcomes: happened }).ece)).toBeLessThan(
      0.015,
    );
    // Integral of p - p^2: 1/6.
    const squared = truth.map((p) => p * p);
    expect(numberOf(calibrationTable({ ...named, stated: squared, outcomes: happened }).ece)).toBeCloseTo(
      1 / 6,
      1.5,
    );
  });

  it('is empty and undefined, with the reason, without rows', () => {
    const none = calibrationTable({ ...named, stated: new Float64Array(0), outcomes: [] });
    expect(none).toMatchObject({ rows: 0, bins: [], ece: { state: 'undefined', reason: 'there is no row' } });
  });
});
