/** @file test: which rows lenses look at, and the means that they give, against sums by hand. */
import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import {
  attentionOnto,
  contestedRows,
  evenAttention,
  goalDifference,
  lensMean,
  lensSample,
} from '../../src/evidence/lens-readings.ts';
import { columnsFrom } from './synthetic-columns.ts';

/** Rows 0 to 9 train-like, 10 to 69 come-apart in groups of two; the proxy calls for what the intended goal does in every third row. */
const COLUMNS = columnsFrom({
  train: 10,
  apart: 60,
  classes: 4,
  groupOf: (row) => Math.floor(row / 2),
  labels: { intended: (row) => row % 4, proxy: (row) => (row % 3 === 0 ? row % 4 : (row + 1) % 4) },
});
const random = seededRandom('lens');

describe('contested rows', () => {
  const all = contestedRows(COLUMNS, 1000, random);

  it('are those of the test side in which each goal calls for one action, and not the same', () => {
    const test = new Set(COLUMNS.split.test.rows);
    const expected = Array.from({ length: 60 }, (_, i) => 10 + i).filter(
      (row) => test.has(row) && row % 3 !== 0,
    );
    expect([...all.rows]).toEqual(expected);
    expect(all.of).toBe(expected.length);
    expect([...all.intended]).toEqual(expected.map((row) => row % 4));
    expect([...all.proxy]).toEqual(expected.map((row) => (row + 1) % 4));
  });

  it('leave out a row in which a goal calls for two actions or for none', () => {
    const [first, second, ...rest] = all.rows;
    const intended = COLUMNS.recommended.intended.slice();
    const proxy = COLUMNS.recommended.proxy.slice();
    intended.fill(1, 4 * first!, 4 * first! + 2);
    proxy.fill(0, 4 * second!, 4 * second! + 4);
    const found = contestedRows({ ...COLUMNS, recommended: { intended, proxy } }, 1000, random);
    expect([...found.rows]).toEqual(rest);
  });

  it('are drawn by the seed where there are more than enough, and stay in order', () => {
    const drawn = contestedRows(COLUMNS, 7, random.fork('a'));
    expect([drawn.rows.length, drawn.of]).toEqual([7, all.of]);
    expect([...drawn.rows]).toEqual([...drawn.rows].sort((a, b) => a - b));
    for (const row of drawn.rows) expect(all.rows).toContain(row);
    expect(contestedRows(COLUMNS, 7, random.fork('a'))).toEqual(drawn);
    expect(contestedRows(COLUMNS, 7, random.fork('b'))).not.toEqual(drawn);
  });
});

describe('means', () => {
  const rows = contestedRows(COLUMNS, 1000, random).rows;
  const sample = lensSample(COLUMNS, rows, { draws: 400, random });

  it('are of the intended action less the proxy’s, with an interval over groups', () => {
    const contested = contestedRows(COLUMNS, 1000, random);
    const logits = matrix(
      rows.length,
      4,
      Float32Array.from({ length: 4 * rows.length }, (_, i) => i + (i % 4) ** 2),
    );
    const differences = goalDifference(logits, contested);
    const byHand = Array.from(rows, (_, i) => {
      const of = (choice: number): number => 4 * i + choice + choice ** 2;
      return of(contested.intended[i]!) - of(contested.proxy[i]!);
    });
    expect([...differences]).toEqual(byHand);
    const { value, interval } = lensMean(differences, sample);
    const mean = byHand.reduce((sum, one) => sum + one, 0) / byHand.length;
    expect(value).toEqual({ state: 'measured', value: expect.closeTo(mean, 9) });
    expect(interval!.low).toBeLessThan(mean);
    expect(interval!.high).toBeGreaterThan(mean);
    expect(interval!.method).toContain('400 draws');
    expect(sample.count).toBe(new Set(Array.from(rows, (row) => COLUMNS.groups[row])).size);
  });

  it('of parts that add up have ends that are resampled together', () => {
    const values = Float64Array.from(rows, (row) => Math.sin(row));
    const [one, twice] = [
      lensMean(values, sample),
      lensMean(
        values.map((value) => 2 * value),
        sample,
      ),
    ];
    expect(twice.interval!.low).toBeCloseTo(2 * one.interval!.low, 9);
    expect(twice.interval!.high).toBeCloseTo(2 * one.interval!.high, 9);
  });

  it('are undefined without rows and where a value is no finite number, never NaN', () => {
    expect(lensMean(new Float64Array(0), sample).value).toEqual({
      state: 'undefined',
      reason: 'no row has a value',
    });
    const values = new Float64Array(rows.length).fill(Number.NEGATIVE_INFINITY, 0, 1);
    expect(lensMean(values, sample)).toEqual({
      value: { state: 'undefined', reason: expect.stringContaining('finite') },
    });
  });
});

describe('attention to the tokens of a goal', () => {
  it('is summed over them, and averaged over the rows that have some', () => {
    const from = matrix(3, 4, Float32Array.of(0.5, 0.25, 0.25, 0, 0, 0, 0, 1, 0.125, 0.125, 0.25, 0.5));
    const roles = [
      ['intended', 'proxy', 'intended', undefined],
      [undefined, undefined, undefined, undefined],
      [undefined, 'proxy', undefined, 'intended'],
    ] as const;
    const sample = { groups: Int32Array.of(0, 1, 2), draws: 200, random };
    const mean = (role: 'intended' | 'proxy' | 'irrelevant'): unknown =>
      attentionOnto(from, roles, role, sample)?.value;
    expect(mean('intended')).toEqual({ state: 'measured', value: (0.75 + 0.5) / 2 });
    expect(mean('proxy')).toEqual({ state: 'measured', value: (0.25 + 0.125) / 2 });
    expect(mean('irrelevant')).toBeUndefined();
    expect(evenAttention(roles, 'intended')).toBe((2 / 4 + 1 / 4) / 2);
    expect(evenAttention(roles, 'irrelevant')).toBeUndefined();
  });
});
