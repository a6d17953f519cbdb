/** @file test: accuracy, balanced accuracy, macro-F1, AUROC and Cramer's V against scikit-learn, scipy and counts by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { accuracy, balancedAccuracy, macroF1 } from '../../src/evidence/metric-accuracy.ts';
import { cramersV } from '../../src/evidence/metric-association.ts';
import { auroc, macroAuroc } from '../../src/evidence/metric-auroc.ts';
import reference from '../fixtures/evidence/reference.json' with { type: 'json' };

function numberOf(result: Measured): number {
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

const ints = (...values: number[]): Int32Array => Int32Array.from(values);

describe('accuracy', () => {
  it('leaves out rows without a label and counts abstentions as wrong', () => {
    expect(accuracy(ints(0, 1, -1, 2), ints(0, 0, 1, -1))).toEqual({ state: 'measured', value: 1 / 3 });
    expect(accuracy(ints(0, 1), ints(0, 0), Float64Array.of(3, 1))).toEqual({
      state: 'measured',
      value: 0.75,
    });
    expect(accuracy(ints(0), ints(-1))).toMatchObject({ state: 'undefined' });
  });
});

describe('balanced accuracy and macro-F1', () => {
  const { classification: c } = reference;
  const predicted = Int32Array.from(c.predicted);
  const labels = Int32Array.from(c.labels);
  const weights = Float64Array.from(c.weights);

  it('agree with scikit-learn, weighted or not, with a class that never occurs', () => {
    expect(numberOf(balancedAccuracy(predicted, labels, 5))).toBeCloseTo(c.balanced, 13);
    expect(numberOf(balancedAccuracy(predicted, labels, 5, weights))).toBeCloseTo(c.balancedWeighted, 13);
    expect(numberOf(macroF1(predicted, labels, 5))).toBeCloseTo(c.macroF1, 13);
    expect(numberOf(macroF1(predicted, labels, 5, weights))).toBeCloseTo(c.macroF1Weighted, 13);
  });

  it('give a constant prediction one over the number of classes, however unequal they are', () => {
    expect(numberOf(balancedAccuracy(ints(0, 0, 0, 0, 0, 0), ints(0, 0, 0, 0, 1, 2), 3))).toBeCloseTo(
      1 / 3,
      15,
    );
  });

  it('do not depend on the order of rows, and weights of two equal doubled rows', () => {
    const pair = fc.tuple(
      fc.integer({ min: -1, max: 3 }),
      fc.integer({ min: -1, max: 3 }),
      fc.integer({ min: 0, max: 2 }),
    );
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 30 }), fc.integer(), (rows, seed) => {
        const shuffled = seededRandom(seed).shuffled(rows);
        const columns = (list: readonly (readonly [number, number, number])[]) =>
          [
            Int32Array.from(list, (row) => row[0]),
            Int32Array.from(list, (row) => row[1]),
            Float64Array.from(list, (row) => row[2]),
          ] as const;
        const [p, l, w] = columns(rows);
        const [sp, sl, sw] = columns(shuffled);
        const [dp, dl] = columns(rows.flatMap((row) => Array.from({ length: row[2] }, () => row)));
        for (const metric of [balancedAccuracy, macroF1]) {
          const plain = metric(p, l, 4, w);
          const other = [metric(sp, sl, 4, sw), metric(dp, dl, 4)];
          for (const result of other) {
            expect(result.state).toBe(plain.state);
            if (plain.state === 'measured') expect(numberOf(result)).toBeCloseTo(plain.value, 12);
          }
        }
      }),
      { seed: 4, numRuns: 60 },
    );
  });

  it('are undefined without labels, and refuse rows that do not fit', () => {
    expect(balancedAccuracy(ints(0), ints(-1), 2)).toMatchObject({ state: 'undefined' });
    expect(macroF1(ints(0), ints(-1), 2)).toMatchObject({ state: 'undefined' });
    expect(() => balancedAccuracy(ints(0, 1), ints(0), 2)).toThrow(
      expect.objectContaining({ code: 'MATRIX_SHAPE' }),
    );
    expect(() => balancedAccuracy(ints(0), ints(2), 2)).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
    expect(() => balancedAccuracy(ints(0), ints(0), 2, Float64Array.of(-1))).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe('AUROC', () => {
  it('counts ties one half: pairs counted by hand', () => {
    // Positives 1, 2; negatives 0, 1, 3: wins (1>0) (2>0) (2>1), one tie (1=1), two losses: 3.5 of 6.
    expect(numberOf(auroc(Float64Array.of(1, 2, 0, 1, 3), ints(1, 1, 0, 0, 0)))).toBeCloseTo(3.5 / 6, 15);
    expect(numberOf(auroc(Float64Array.of(5, 5, 5), ints(1, 0, 0)))).toBe(0.5);
  });

  it('agrees with scikit-learn on tied scores, weighted or not', () => {
    const { ranking: r } = reference;
    const scores = Float64Array.from(r.scores);
    const positives = Int8Array.from(r.positives);
    expect(numberOf(auroc(scores, positives))).toBeCloseTo(r.auroc, 13);
    expect(numberOf(auroc(scores, positives, Float64Array.from(r.weights)))).toBeCloseTo(r.aurocWeighted, 13);
  });

  it('agrees with scikit-learn for one class against the rest, averaged', () => {
    const { multiclassRanking: r } = reference;
    const scores = matrix(r.labels.length, 4, Float32Array.from(r.scores));
    expect(numberOf(macroAuroc(scores, Int32Array.from(r.labels)))).toBeCloseTo(r.macroAuroc, 12);
  });

  it('equals the count over all pairs, and turns round with the sign of the scores', () => {
    const row = fc.tuple(
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: -1, max: 1 }),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 25 }), (rows) => {
        const scores = Float64Array.from(rows, (r) => r[0]);
        const kinds = Int8Array.from(rows, (r) => r[1]);
        const weights = Float64Array.from(rows, (r) => r[2]);
        let won = 0;
        let pairs = 0;
        for (const [up, positive, a] of rows) {
          for (const [down, negative, b] of rows) {
            if (positive !== 1 || negative !== 0) continue;
            pairs += a * b;
            won += a * b * (up > down ? 1 : up === down ? 0.5 : 0);
          }
        }
        const result = auroc(scores, kinds, weights);
        expect(result.state).toBe(pairs > 0 ? 'measured' : 'undefined');
        if (pairs === 0) return;
        expect(numberOf(result)).toBeCloseTo(won / pairs, 12);
        expect(
          numberOf(
            auroc(
              scores.map((s) => -s),
              kinds,
              weights,
            ),
          ),
        ).toBeCloseTo(1 - won / pairs, 12);
      }),
      { seed: 5 },
    );
  });

  it('is undefined with one kind or a score that is not a number, and refuses other kinds', () => {
    expect(auroc(Float64Array.of(1, 2), ints(1, 1))).toEqual({
      state: 'undefined',
      reason: 'there is no negative row',
    });
    expect(auroc(Float64Array.of(1, 2), ints(0, 0))).toEqual({
      state: 'undefined',
      reason: 'there is no positive row',
    });
    expect(auroc(Float64Array.of(1, Number.NaN), ints(0, 1))).toMatchObject({ state: 'undefined' });
    expect(() => auroc(Float64Array.of(1), ints(2))).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });
});

describe("Cramer's V", () => {
  const { association } = reference;
  const a = Int32Array.from(association.a);
  const b = Int32Array.from(association.b);

  it('agrees with scipy, and is the same both ways round', () => {
    expect(numberOf(cramersV(a, b))).toBeCloseTo(association.cramer, 13);
    expect(numberOf(cramersV(b, a))).toBeCloseTo(association.cramer, 13);
  });

  it('is |ad - bc| / sqrt(product of margins) for a 2 by 2 table', () => {
    // 10, 4 / 3, 9: (90 - 12) / sqrt(14 * 12 * 13 * 13).
    const cells = [
      [0, 0, 10],
      [0, 1, 4],
      [1, 0, 3],
      [1, 1, 9],
    ] as const;
    const left = Int32Array.from(cells.flatMap(([l, , n]) => Array.from({ length: n }, () => l)));
    const right = Int32Array.from(cells.flatMap(([, r, n]) => Array.from({ length: n }, () => r)));
    const v = 78 / Math.sqrt(14 * 12 * 13 * 13);
    expect(numberOf(cramersV(left, right))).toBeCloseTo(v, 14);
    // Bergsma's form of the same table: phi^2 - 1/25 over (2 - 1/25) - 1.
    const corrected = Math.sqrt((v * v - 1 / 25) / (1 - 1 / 25));
    expect(numberOf(cramersV(left, right, { biasCorrected: true }))).toBeCloseTo(corrected, 14);
  });

  it('is 1 when one variable is the other renamed, corrected or not', () => {
    const renamed = a.map((value) => [7, 2, 9, 4][value]!);
    expect(numberOf(cramersV(a, renamed))).toBeCloseTo(1, 14);
    expect(numberOf(cramersV(a, renamed, { biasCorrected: true }))).toBeCloseTo(1, 14);
  });

  it('is far from 0 for independent variables with many values and few rows, unless corrected', () => {
    const random = seededRandom('independent');
    const plain: number[] = [];
    const corrected: number[] = [];
    for (let run = 0; run < 40; run++) {
      const left = Int32Array.from({ length: 300 }, () => random.integer(25));
      const right = Int32Array.from({ length: 300 }, () => random.integer(25));
      plain.push(numberOf(cramersV(left, right)));
      corrected.push(numberOf(cramersV(left, right, { biasCorrected: true })));
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    expect(mean(plain)).toBeGreaterThan(0.25);
    expect(mean(corrected)).toBeLessThan(0.08);
  });

  it('is undefined when a variable does not vary, and leaves out rows without a value', () => {
    expect(cramersV(ints(0, 0), ints(0, 1))).toMatchObject({ state: 'undefined' });
    expect(cramersV(ints(-1), ints(0))).toEqual({ state: 'undefined', reason: 'no row has both labels' });
    expect(numberOf(cramersV(ints(0, 1, -1), ints(1, 0, 0)))).toBe(1);
  });
});
