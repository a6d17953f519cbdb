/** @file test: calibrated log-odds against their closed forms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { fitSharpness, oddsBetween, oddsOf, reliability } from '../../src/evidence/divergence-score.ts';
import { softmaxRows } from '../../src/probe/linear-probe.ts';

/** Scores [n, classes] with values drawn from softmax(sharpness x scores). */
function drawn(
  n: number,
  classes: number,
  sharpness: number,
): { scores: ReturnType<typeof matrix>; values: Int32Array } {
  const random = seededRandom('calibrated');
  const scores = matrix(
    n,
    classes,
    Float32Array.from({ length: n * classes }, () => random.normal()),
  );
  const sharp = softmaxRows(
    matrix(
      n,
      classes,
      scores.data.map((score) => sharpness * score),
    ),
  );
  const values = Int32Array.from({ length: n }, (_, i) => {
    let left = random.uniform();
    for (let c = 0; c < classes; c++) {
      left -= sharp.data[i * classes + c]!;
      if (left < 0) return c;
    }
    return classes - 1;
  });
  return { scores, values };
}

describe('the sharpness of a probe', () => {
  it('is half the log-odds of being right where scores are plus and minus one', () => {
    // softmax(b (1, -1)) is right with probability 1 / (1 + exp(-2 b)); Platt's count of the true class is (n + 1) / (n + 2).
    const n = 50;
    const right = 40;
    const scores = matrix(
      n,
      2,
      Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? 1 : -1)),
    );
    const values = Int32Array.from({ length: n }, (_, i) => (i < right ? 0 : 1));
    const certain = (n + 1) / (n + 2);
    const share = (right / n) * certain + (1 - right / n) * (1 - certain);
    expect(fitSharpness([{ scores, values }])).toBeCloseTo(Math.log(share / (1 - share)) / 2, 8);
  });

  it('is recovered within 5 % from 6000 rows drawn with it', () => {
    for (const sharpness of [0.5, 2, 6]) {
      const found = fitSharpness([drawn(6000, 5, sharpness)]);
      expect(Math.abs(found / sharpness - 1)).toBeLessThan(0.05);
    }
  });

  it('turns round with the unit of the scores, so that calibrated log-odds have none', () => {
    const { scores, values } = drawn(300, 4, 2);
    const scaled = matrix(
      300,
      4,
      scores.data.map((score) => 8 * score),
    );
    expect(fitSharpness([{ scores: scaled, values }]) * 8).toBeCloseTo(fitSharpness([{ scores, values }]), 6);
  });

  it('stays finite where the scores separate the rows, and as good as zero where they mislead', () => {
    const values = Int32Array.from({ length: 20 }, (_, i) => i % 2);
    const towards = (sign: number): ReturnType<typeof matrix> =>
      matrix(
        20,
        2,
        Float32Array.from({ length: 40 }, (_, i) => (values[i >> 1] === i % 2 ? sign : -sign)),
      );
    const separated = fitSharpness([{ scores: towards(1), values }]);
    expect(separated).toBeGreaterThan(1);
    expect(separated).toBeLessThan(3);
    expect(fitSharpness([{ scores: towards(-1), values }])).toBeLessThan(0.01);
  });

  it('ignores classes that the probe never met, and rows without a value', () => {
    const { scores, values } = drawn(200, 3, 2);
    const wider = matrix(
      201,
      4,
      Float32Array.from({ length: 201 * 4 }, (_, k) => {
        const [i, c] = [Math.floor(k / 4), k % 4];
        return c === 3 ? Number.NEGATIVE_INFINITY : i === 200 ? 5 : scores.data[i * 3 + c]!;
      }),
    );
    const more = Int32Array.from([...values, -1]);
    expect(fitSharpness([{ scores: wider, values: more }])).toBeCloseTo(
      fitSharpness([{ scores, values }]),
      10,
    );
  });
});

describe('log-odds of a value', () => {
  it('are those of the softmax, whatever the scores', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 3, maxLength: 6 }),
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        (row, sharpness) => {
          const scores = matrix(1, row.length, Float32Array.from(row));
          const p = softmaxRows(
            matrix(
              1,
              row.length,
              scores.data.map((score) => sharpness * score),
            ),
          ).data;
          for (let a = 0; a < row.length; a++) {
            const odds = oddsOf(scores, 0, { a, sharpness })!;
            expect(1 / (1 + Math.exp(-odds))).toBeCloseTo(p[a]!, 4);
            const between = oddsBetween(scores, 0, { a, b: 0, sharpness })!;
            expect(between).toBeCloseTo(sharpness * (scores.data[a]! - scores.data[0]!), 8);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('do not exist for a value that the probe never met', () => {
    const scores = matrix(1, 3, Float32Array.of(1, Number.NEGATIVE_INFINITY, 0));
    expect(oddsOf(scores, 0, { a: 1, sharpness: 1 })).toBeUndefined();
    expect(oddsOf(scores, 0, { a: -1, sharpness: 1 })).toBeUndefined();
    expect(oddsBetween(scores, 0, { a: 0, b: 1, sharpness: 1 })).toBeUndefined();
    expect(oddsOf(scores, 0, { a: 0, sharpness: 1 })).toBeCloseTo(1, 10);
  });
});

describe('the reliability of what a probe names', () => {
  it('is near perfect at the fitted sharpness, and worse at four times that', () => {
    const rows = drawn(4000, 4, 2);
    const fitted = reliability(rows, fitSharpness([rows]), { id: 'x', label: 'x' });
    const over = reliability(rows, 8, { id: 'x', label: 'x' });
    // Ten bins of 400 rows: chance alone gives about sqrt(10 / 4000) x 0.4 = .02.
    expect(fitted.ece.state === 'measured' && fitted.ece.value).toBeLessThan(0.04);
    expect(over.ece.state === 'measured' && over.ece.value).toBeGreaterThan(0.1);
    expect(
      fitted.brier.state === 'measured' &&
        over.brier.state === 'measured' &&
        fitted.brier.value < over.brier.value,
    ).toBe(true);
  });
});
