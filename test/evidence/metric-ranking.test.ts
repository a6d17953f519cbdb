/** @file test: average precision, thresholds from held-out negatives and number-valued metrics against scikit-learn, scipy and counts by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { averagePrecision, baseRate } from '../../src/evidence/metric-average-precision.ts';
import { rSquared, spearman } from '../../src/evidence/metric-numeric.ts';
import {
  callsAbove,
  cleanNegativesNeeded,
  conformalThreshold,
  type Threshold,
  thresholdFromNegatives,
} from '../../src/evidence/metric-threshold.ts';
import reference from '../fixtures/evidence/metrics.json' with { type: 'json' };

function numberOf(result: Measured): number {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

function chosen(result: Threshold): Extract<Threshold, { state: 'measured' }> {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result;
}

const doubles = (values: readonly number[]): Float64Array => Float64Array.from(values);

describe('average precision', () => {
  const { precision: r } = reference;
  const scores = doubles(r.scores);

  it('agrees with scikit-learn on tied scores, weighted or not', () => {
    expect(numberOf(averagePrecision({ scores, positives: r.positives }))).toBeCloseTo(
      r.averagePrecision,
      13,
    );
    expect(
      numberOf(averagePrecision({ scores, positives: r.positives, weights: doubles(r.weights) })),
    ).toBeCloseTo(r.averagePrecisionWeighted, 13);
  });

  it('counts by hand: + - + gives (1 + 2/3) / 2, and one block of ties gives the base rate', () => {
    expect(numberOf(averagePrecision({ scores: doubles([3, 2, 1]), positives: [1, 0, 1] }))).toBeCloseTo(
      5 / 6,
      15,
    );
    const positives = [1, 0, 0, 0, 1];
    const flat = averagePrecision({ scores: new Float64Array(5), positives });
    expect(flat).toEqual({ state: 'measured', value: 0.4 });
    expect(baseRate({ positives })).toEqual(flat);
  });

  it('does not depend on the order of rows, and integer weights equal repeated rows', () => {
    const row = fc.tuple(
      fc.integer({ min: -2, max: 2 }),
      fc.integer({ min: -1, max: 1 }),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 30 }), fc.integer(), (rows, seed) => {
        const of = (list: readonly (readonly [number, number, number])[], weighted: boolean): Measured =>
          averagePrecision({
            scores: Float64Array.from(list, (one) => one[0]),
            positives: list.map((one) => one[1]),
            ...(weighted ? { weights: Float64Array.from(list, (one) => one[2]) } : {}),
          });
        const plain = of(rows, true);
        const repeated = rows.flatMap((one) => Array.from({ length: one[2] }, () => one));
        for (const other of [of(seededRandom(seed).shuffled(rows), true), of(repeated, false)]) {
          expect(other.state).toBe(plain.state);
          if (plain.state === 'measured') expect(numberOf(other)).toBeCloseTo(plain.value, 12);
        }
      }),
      { seed: 11, numRuns: 80 },
    );
  });

  it('is undefined, with the reason, without one kind of row or with a score that is not a number', () => {
    const one = doubles([1, 2]);
    expect(averagePrecision({ scores: one, positives: [0, 0] })).toEqual({
      state: 'undefined',
      reason: 'there is no positive row',
    });
    expect(averagePrecision({ scores: one, positives: [1, 1] })).toEqual({
      state: 'undefined',
      reason: 'there is no negative row',
    });
    expect(averagePrecision({ scores: doubles([1, Number.NaN]), positives: [1, 0] })).toMatchObject({
      state: 'undefined',
    });
    expect(baseRate({ positives: [-1] })).toMatchObject({ state: 'undefined' });
    expect(() => averagePrecision({ scores: one, positives: [1, 2] })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('a threshold from held-out negatives', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);

  it('leaves at most the asked share of them above, and says how sure that makes one', () => {
    const five = chosen(thresholdFromNegatives({ negatives: hundred, rate: 0.05 }));
    expect(five).toMatchObject({ threshold: 95, above: 5, negatives: 100, rate: 0.05 });
    // scipy.stats.beta.ppf(.95, 6, 95).
    expect(five.rateAtMost).toBeCloseTo(0.1022534, 6);
    expect(chosen(thresholdFromNegatives({ negatives: hundred, rate: 0.07 })).above).toBe(7);
  });

  it('is undefined when the negatives are too few for the rate: 1 / rate of them, or the rule of three', () => {
    expect(thresholdFromNegatives({ negatives: hundred, rate: 0.005 })).toEqual({
      state: 'undefined',
      reason: '100 held-out negatives cannot support a false-positive rate of 0.005: that needs 200',
    });
    expect(thresholdFromNegatives({ negatives: hundred, rate: 0.01 }).state).toBe('measured');
    expect(cleanNegativesNeeded(0.01)).toBe(299);
    expect(cleanNegativesNeeded(0.05)).toBe(59);
    const clean = (n: number): Threshold =>
      thresholdFromNegatives({
        negatives: Float64Array.from({ length: n }, (_, i) => i),
        rate: 0.01,
        promise: 'confident',
      });
    expect(clean(298)).toMatchObject({ state: 'undefined' });
    expect(chosen(clean(299))).toMatchObject({ threshold: 298, above: 0 });
    expect(chosen(clean(299)).rateAtMost).toBeLessThanOrEqual(0.01);
    // Wilks (1941) through the binomial: 473 is the least n with P(X <= 1 | n, .01) <= .05.
    expect(chosen(clean(472)).above).toBe(0);
    expect(chosen(clean(473)).above).toBe(1);
  });

  it('never calls more negatives than allowed when scores tie', () => {
    const negatives = doubles(Array.from({ length: 100 }, (_, i) => (i < 90 ? 0 : 1)));
    expect(chosen(thresholdFromNegatives({ negatives, rate: 0.05 }))).toMatchObject({
      threshold: 1,
      above: 0,
    });
    expect(chosen(thresholdFromNegatives({ negatives, rate: 0.1 }))).toMatchObject({
      threshold: 0,
      above: 10,
    });
  });

  it('keeps a confident promise in about 95 of 100 draws of the negatives, and an observed one in about half', () => {
    const random = seededRandom('promises');
    let kept = { observed: 0, confident: 0 };
    for (let run = 0; run < 400; run++) {
      // Uniform scores: the true rate of false positives is 1 - threshold.
      const negatives = Float64Array.from({ length: 200 }, () => random.uniform());
      for (const promise of ['observed', 'confident'] as const) {
        const { threshold } = chosen(thresholdFromNegatives({ negatives, rate: 0.05, promise }));
        if (1 - threshold <= 0.05) kept = { ...kept, [promise]: kept[promise] + 1 };
      }
    }
    // Beta(5, 196) stays below .05 with chance .974 (the largest k is 4), Beta(11, 190) with .417: +- 3 standard errors of 400 runs.
    expect(kept.confident / 400).toBeGreaterThan(0.945);
    expect(kept.observed / 400).toBeGreaterThan(0.34);
    expect(kept.observed / 400).toBeLessThan(0.5);
  });

  it('is applied to other rows, weighted, and passes its reason on where it is undefined', () => {
    const threshold = thresholdFromNegatives({ negatives: hundred, rate: 0.05 });
    const scores = doubles([96, 95, 200, 10, 97, 0]);
    const positives = [1, 1, 1, 0, 0, -1];
    expect(callsAbove({ threshold, scores, positives })).toEqual({
      recall: { state: 'measured', value: 2 / 3 },
      falsePositiveRate: { state: 'measured', value: 0.5 },
    });
    const weights = doubles([1, 2, 0, 3, 1, 9]);
    expect(callsAbove({ threshold, scores, positives, weights })).toEqual({
      recall: { state: 'measured', value: 1 / 3 },
      falsePositiveRate: { state: 'measured', value: 0.25 },
    });
    const none = { state: 'undefined', reason: 'too few' } as const;
    expect(callsAbove({ threshold: none, scores, positives }).recall).toEqual(none);
    expect(callsAbove({ threshold, scores: doubles([1]), positives: [0] }).recall).toEqual({
      state: 'undefined',
      reason: 'there is no positive row',
    });
  });

  it('refuses rates that are none, and negatives that are not numbers', () => {
    for (const rate of [0, 1, Number.NaN]) {
      expect(() => thresholdFromNegatives({ negatives: hundred, rate })).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING' }),
      );
    }
    const negatives = doubles([Number.NaN, ...hundred]);
    expect(thresholdFromNegatives({ negatives, rate: 0.1 })).toMatchObject({ state: 'undefined' });
  });
});

describe('the conformal threshold', () => {
  it('is the ceil((n + 1)(1 - miss))-th smallest score, and undefined where only infinity would do', () => {
    const scores = Float64Array.from({ length: 19 }, (_, i) => 19 - i);
    expect(conformalThreshold(scores, 0.1)).toEqual({ state: 'measured', value: 18 });
    expect(conformalThreshold(scores, 0.05)).toEqual({ state: 'measured', value: 19 });
    expect(conformalThreshold(scores, 0.04)).toEqual({
      state: 'undefined',
      reason: '19 scores cannot bound a miss rate of 0.04: that needs 24',
    });
  });

  it('covers new scores of any distribution at its rate', () => {
    const random = seededRandom('conformal');
    let covered = 0;
    const runs = 4000;
    for (let run = 0; run < runs; run++) {
      const draw = (): number => Math.exp(3 * random.normal());
      const threshold = conformalThreshold(Float64Array.from({ length: 39 }, draw), 0.1);
      if (draw() <= numberOf(threshold)) covered++;
    }
    // Exactly 36 / 40 for continuous scores; three standard errors.
    expect(Math.abs(covered / runs - 0.9)).toBeLessThan(3 * Math.sqrt((0.9 * 0.1) / runs));
  });
});

describe('R squared and Spearman', () => {
  const { numeric: r } = reference;
  const values = doubles(r.values);
  const predicted = doubles(r.predicted);
  const weights = doubles(r.weights);

  it('agree with scikit-learn and scipy, ties by mid-ranks', () => {
    expect(numberOf(rSquared({ values, predicted }))).toBeCloseTo(r.r2, 13);
    expect(numberOf(rSquared({ values, predicted, weights }))).toBeCloseTo(r.r2Weighted, 13);
    expect(numberOf(spearman({ values, predicted }))).toBeCloseTo(r.spearman, 13);
  });

  it('tell scale from order: half of every value has rank correlation 1 and an R squared below it', () => {
    const ramp = doubles([1, 2, 3, 4]);
    const half = ramp.map((value) => value / 2);
    expect(spearman({ values: ramp, predicted: half })).toEqual({ state: 'measured', value: 1 });
    // Residuals .5, 1, 1.5, 2: 7.5 over 5.
    expect(numberOf(rSquared({ values: ramp, predicted: half }))).toBeCloseTo(-0.5, 15);
    expect(spearman({ values: ramp, predicted: ramp.map((v) => -v) })).toEqual({
      state: 'measured',
      value: -1,
    });
  });

  it('take integer weights as repeated rows, and ranks are deaf to rising maps', () => {
    const row = fc.tuple(
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 3, maxLength: 25 }), (rows) => {
        const options = (list: typeof rows) => ({
          values: Float64Array.from(list, (one) => one[0]),
          predicted: Float64Array.from(list, (one) => one[1]),
        });
        const weighted = { ...options(rows), weights: Float64Array.from(rows, (one) => one[2]) };
        const repeated = options(rows.flatMap((one) => Array.from({ length: one[2] }, () => one)));
        for (const metric of [rSquared, spearman]) {
          const plain = metric(weighted);
          // One row of weight 2 is one value; two equal rows are two.
          if (rows.filter((one) => one[2] > 0).length < 2) continue;
          const other = metric(repeated);
          expect(other.state).toBe(plain.state);
          if (plain.state === 'measured') expect(numberOf(other)).toBeCloseTo(plain.value, 10);
        }
        const plain = spearman(weighted);
        const bent = spearman({ ...weighted, predicted: weighted.predicted.map((v) => Math.exp(v)) });
        expect(bent).toEqual(plain);
      }),
      { seed: 12, numRuns: 80 },
    );
  });

  it('are undefined, with the reason, where nothing varies or is known', () => {
    const flat = doubles([2, 2, 2]);
    const ramp = doubles([1, 2, 3]);
    expect(rSquared({ values: flat, predicted: ramp })).toMatchObject({ reason: 'the values do not vary' });
    expect(spearman({ values: ramp, predicted: flat })).toMatchObject({
      reason: 'the predictions do not vary',
    });
    expect(rSquared({ values: doubles([1, Number.NaN]), predicted: doubles([1, 2]) })).toMatchObject({
      reason: '1 rows with a value are too few',
    });
    expect(spearman({ values: ramp, predicted: doubles([1, Number.NaN, 2]) })).toMatchObject({
      state: 'undefined',
    });
    expect(() => rSquared({ values: ramp, predicted: flat.slice(1) })).toThrow(
      expect.objectContaining({ code: 'MATRIX_SHAPE' }),
    );
  });
});
