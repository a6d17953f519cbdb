/** @file test: L0, each check alone: what makes a run invalid, what makes goals unidentifiable, what is only warned of. */
import { describe, expect, it } from 'vitest';
import { identifiable } from '../../src/evidence/rung-identifiable.ts';
import { type ColumnsSpec, columnsFrom } from './synthetic-columns.ts';

/** 100 training-like rows in which the goals coincide, 400 in which they take all 25 pairs of values equally often. */
const SOUND: ColumnsSpec = {
  train: 100,
  apart: 400,
  classes: 5,
  labels: {
    intended: (row) => row % 5,
    proxy: (row) => (row < 100 ? row : Math.floor(row / 5)) % 5,
    irrelevant: (row) => Math.floor(row / 25) % 5,
  },
  groupOf: (row) => Math.floor(row / 2),
};
const check = (change: Partial<ColumnsSpec> = {}, noOp = 0, width = 4) =>
  identifiable(columnsFrom({ ...SOUND, ...change }), noOp, width);
const stateOf = (result: ReturnType<typeof check>, id: string): string | undefined =>
  result.rung.statistics.find((statistic) => statistic.id === id)?.state;

describe('L0', () => {
  it('passes on sound data, with the counts that it is told', () => {
    const result = check();
    expect(result).toMatchObject({ intact: 'passed', competent: true, warnings: [] });
    expect(result.rung.state).toBe('passed');
    const value = (id: string): unknown =>
      result.rung.statistics.find((statistic) => statistic.id === id)?.value;
    // Two of five groups are test groups; in 4 of 5 rows the goals take different values.
    expect(value('L0.groups')).toEqual({ state: 'measured', value: 80 });
    expect(value('L0.decision-states')).toEqual({ state: 'measured', value: 128 });
    expect(value('L0.straddling-groups')).toEqual({ state: 'measured', value: 0 });
    expect(value('L0.competence')).toEqual({ state: 'measured', value: 1 });
    expect(value('L0.association.train')).toEqual({ state: 'measured', value: 1 });
  });

  it.each([1.01e-4, 1, Number.NaN, Number.POSITIVE_INFINITY])(
    'is invalid when an edit that changes nothing moves a logit by %s',
    (noOp) => {
      const result = check({}, noOp);
      expect(result.intact).toBe('invalid');
      expect(stateOf(result, 'L0.no-op')).toBe('failed');
    },
  );

  it('takes the bound itself as intact', () => {
    expect(check({}, 1e-4).intact).toBe('passed');
  });

  it('is invalid when a group lies on two sides', () => {
    const columns = columnsFrom(SOUND);
    const groups = columns.groups.slice();
    groups[columns.split.test.rows[0]!] = groups[columns.split.fit.rows[0]!]!;
    const result = identifiable({ ...columns, groups }, 0, 4);
    expect(result.intact).toBe('invalid');
    expect(stateOf(result, 'L0.straddling-groups')).toBe('failed');
  });

  it('is invalid with fewer than 30 groups on the test side, however many rows they have', () => {
    // Ten rows a group, two groups of five on the test side: 16 of them.
    const result = check({ groupOf: (row) => Math.floor(row / 10) });
    expect(result.intact).toBe('invalid');
    expect(stateOf(result, 'L0.groups')).toBe('failed');
  });

  it('finds goals unidentifiable that nearly always coincide, though they part in enough rows', () => {
    const labels = { ...SOUND.labels, proxy: (row: number) => (row % 31 === 0 ? row + 1 : row) % 5 };
    const result = check({ apart: 6000, labels });
    expect(stateOf(result, 'L0.decision-states')).toBe('passed');
    expect(stateOf(result, 'L0.association.apart')).toBe('failed');
    expect(result.intact).toBe('unidentifiable');
  });

  it('finds them unidentifiable when they are renamed copies: association does not need equal names', () => {
    const result = check({ labels: { ...SOUND.labels, proxy: (row) => (row + 2) % 5 } });
    expect(stateOf(result, 'L0.association.apart')).toBe('failed');
    expect(result.intact).toBe('unidentifiable');
  });

  it('finds them unidentifiable when they recommend the same actions, however freely their values vary', () => {
    const result = check({ action: (_, row) => row % 5 });
    expect(stateOf(result, 'L0.association.apart')).toBe('passed');
    expect(stateOf(result, 'L0.decision-states')).toBe('failed');
    expect(result.intact).toBe('unidentifiable');
  });

  it.each(['intended', 'proxy'] as const)('finds them unidentifiable without the %s goal', (goal) => {
    const { [goal]: _, ...labels } = SOUND.labels;
    const result = check({ labels });
    expect(result.intact).toBe('unidentifiable');
    expect(result.rung.state).toBe('failed');
  });

  it('finds a goal that never varies unidentifiable', () => {
    expect(check({ labels: { ...SOUND.labels, proxy: () => 3 } }).intact).toBe('unidentifiable');
  });

  it('says so and does not fall over when there are no come-apart rows, or none at all', () => {
    for (const change of [{ apart: 0 }, { apart: 0, train: 0 }])
      expect(check(change).intact).toBe('unidentifiable');
  });

  it('warns of goals that go together, without failing', () => {
    const labels = {
      ...SOUND.labels,
      proxy: (row: number) => (row % 2 === 0 ? row : Math.floor(row / 5)) % 5,
    };
    const result = check({ labels });
    expect(result.intact).toBe('passed');
    expect(result.warnings.map(({ code }) => code)).toContain('GOALS_ASSOCIATED');
  });

  it('gates on competence: a choice counts when it serves both goals in a training-like row', () => {
    // Four of five training rows right is the bound itself.
    expect(check({ chosen: (row) => (row % 25 < 5 ? (row + 1) % 5 : row % 5) }).competent).toBe(true);
    const failing = check({ chosen: (row) => (row % 25 < 6 ? (row + 1) % 5 : row % 5) });
    expect(failing).toMatchObject({ intact: 'passed', competent: false });
    expect(failing.warnings.map(({ code }) => code)).toEqual(['NOT_COMPETENT']);
    expect(check({ train: 0 }).competent).toBe(false);
  });

  it('warns when probes have few rows per feature', () => {
    expect(check({}, 0, 17).warnings.map(({ code }) => code)).toEqual(['FEW_ROWS_PER_FEATURE']);
    expect(check({}, 0, 16).warnings).toEqual([]);
  });
});
