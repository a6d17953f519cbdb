/** @file test: a data set as columns: labels that do not depend on the order of rows or fields, masks, groups, sets and timings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DataSet, Example, GoalRole, GoalValue } from '../../src/core/data-set.ts';
import { matrix } from '../../src/core/matrix.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Columns, isDecisionState, servedBy } from '../../src/evidence/columns.ts';
import { columnsOf, commonLength } from '../../src/pipeline/columns-of.ts';
import { classOfValue, goalLabels } from '../../src/pipeline/goal-labels.ts';
import { timedControl } from '../../src/pipeline/timed-control.ts';
import { splitByGroup } from '../../src/store/group-split.ts';

type Row = {
  readonly goals: Example['goals'];
  readonly set?: string;
  readonly group?: string;
  readonly actions?: Example['actions'];
  readonly tokens?: readonly number[];
};
function dataSetOf(
  rows: readonly Row[],
  kinds: Partial<Record<GoalRole, 'category' | 'number'>> = {},
): DataSet {
  const described = (role: GoalRole) => ({ text: role, kind: kinds[role] ?? ('category' as const) });
  return {
    title: 'test',
    inputKind: 'tokens',
    inputs: { tokens: 'input_ids' },
    readout: -1,
    choices: { up: 0, down: 1, stay: 2 },
    goals: {
      intended: described('intended'),
      proxy: described('proxy'),
      irrelevant: described('irrelevant'),
    },
    contexts: {},
    examples: rows.map((row, i) => ({
      id: String(i),
      set: row.set ?? 'apart',
      group: row.group ?? String(i),
      input: { kind: 'tokens', tokens: row.tokens ?? [i, 1] },
      goals: row.goals,
      actions: row.actions ?? {},
      context: {},
      counterfactuals: {},
      nuisance: {},
      meta: {},
    })),
  };
}
const goals = (intended: GoalValue, proxy?: GoalValue): Example['goals'] => ({
  intended: { value: intended },
  ...(proxy === undefined ? {} : { proxy: { value: proxy } }),
});

/** Labels whose quantities are cut by all rows, or by those of `fit`. */
const labelsOf = (dataSet: DataSet, coding?: string, fit = Int32Array.from(dataSet.examples.keys())) =>
  goalLabels(dataSet, { coding, fit }).labels;

describe('labels', () => {
  it('share one list of classes, so that one value is one class in every goal', () => {
    const { intended, proxy } = labelsOf(dataSetOf([{ goals: goals('b', 'a') }, { goals: goals('a', 'c') }]));
    expect(intended).toMatchObject({ classes: 3, names: ['a', 'b', 'c'] });
    expect(proxy!.names).toEqual(intended!.names);
    expect([...intended!.values]).toEqual([1, 0]);
    expect([...proxy!.values]).toEqual([0, 2]);
  });

  it('are -1 where an example has no value', () => {
    const { intended, proxy } = labelsOf(
      dataSetOf([{ goals: goals(1) }, { goals: goals(2, 1) }, { goals: {} }]),
    );
    expect([...intended!.values]).toEqual([0, 1, -1]);
    expect([...proxy!.values]).toEqual([-1, 0, -1]);
  });

  it('order numbers by size and before words', () => {
    const rows = ['word', 10, 9, -2, '', '1a', 2.5].map((value) => ({ goals: goals(value) }));
    expect(labelsOf(dataSetOf(rows)).intended!.names).toEqual(['-2', '2.5', '9', '10', '', '1a', 'word']);
  });

  it('name the same classes whatever the order of the rows, for any mixture of numbers and words', () => {
    const value = fc.oneof(
      fc.integer({ min: -20, max: 20 }),
      fc.string({ maxLength: 3 }),
      fc.constantFrom('10', '9', '1a', ' ', '1e1'),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 12 }), fc.integer(), (values, seed) => {
        const names = (of: readonly GoalValue[]) =>
          labelsOf(dataSetOf(of.map((one) => ({ goals: goals(one) })))).intended!.names;
        expect(names(seededRandom(seed).shuffled(values))).toEqual(names(values));
      }),
      { seed: 51, numRuns: 200 },
    );
  });

  it('take one coding for a whole column, whatever the order in which an example lists its codings', () => {
    const rows = [{ goals: { intended: { cell: 3, row: 0 } } }, { goals: { intended: { row: 1, cell: 7 } } }];
    expect(labelsOf(dataSetOf(rows)).intended!.names).toEqual(['3', '7']);
    expect(labelsOf(dataSetOf(rows), 'row').intended!.names).toEqual(['0', '1']);
    expect(() => labelsOf(dataSetOf(rows), 'column')).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });

  it('do not exist for a goal that the data do not describe', () => {
    const { goals: described, ...rest } = dataSetOf([{ goals: goals(1) }]);
    const { intended } = described;
    expect(Object.keys(labelsOf({ ...rest, goals: { intended: intended! } }))).toEqual(['intended']);
  });
});

describe('labels of quantities', () => {
  const kinds = { intended: 'number', proxy: 'number' } as const;

  it('are their values where these are few, on edges half way between them', () => {
    const dataSet = dataSetOf([{ goals: goals(0.5, 2) }, { goals: goals(2, 8) }, { goals: goals(8) }], kinds);
    const { labels, numbers } = goalLabels(dataSet, { coding: undefined, fit: Int32Array.of(0, 1, 2) });
    expect(labels.intended).toMatchObject({ classes: 3, names: ['0.5', '2', '8'] });
    expect([...labels.intended!.values]).toEqual([0, 1, 2]);
    expect([...labels.proxy!.values]).toEqual([1, 2, -1]);
    expect(numbers.proxy).toEqual({ edges: [1.25, 5], values: Float64Array.of(2, 8, Number.NaN) });
  });

  it('are sextiles of the fit rows where there are many, equal values never parted, and other rows do not move them', () => {
    const random = seededRandom('quantities');
    const rows = Array.from({ length: 600 }, () => {
      const value = random.uniform() < 0.25 ? 3 : 10 * random.uniform();
      return { goals: goals(value) };
    });
    const fit = Int32Array.from({ length: 300 }, (_, i) => 2 * i);
    const { labels, numbers } = goalLabels(dataSetOf(rows, kinds), { coding: undefined, fit });
    const { edges, values } = numbers.intended!;
    const counts = new Int32Array(labels.intended!.classes);
    for (const row of fit) counts[labels.intended!.values[row]!]! += 1;
    // A quarter of the rows are one value, so some bins are larger and others smaller; none is empty.
    expect(Math.min(...counts)).toBeGreaterThan(5);
    expect(Math.max(...counts)).toBeLessThan(130);
    expect(new Set(edges).size).toBe(edges.length);
    for (const [row, value] of values.entries()) {
      expect(labels.intended!.values[row]).toBe(edges.filter((edge) => edge <= value).length);
    }
    const moved = rows.map((row, i) => (i % 2 === 0 ? row : { goals: goals(1e6) }));
    const again = goalLabels(dataSetOf(moved, kinds), { coding: undefined, fit });
    expect(again.numbers.intended!.edges).toEqual(edges);
  });

  it('share their edges with the values of counterfactuals, and stand beside categories', () => {
    const rows = [{ goals: goals(0.5, 'left') }, { goals: goals(2.5, 'right') }];
    const dataSet = dataSetOf([...rows, ...rows], { intended: 'number' });
    const goalsOf = goalLabels(dataSet, { coding: undefined, fit: Int32Array.of(0, 1) });
    expect(goalsOf.labels.proxy!.names).toEqual(['0.5', '2.5', 'left', 'right']);
    const columns = { ...emptyColumns(dataSet), labels: goalsOf.labels, numbers: goalsOf.numbers };
    expect(classOfValue(columns, 'intended', 1.4)).toBe(0);
    expect(classOfValue(columns, 'intended', 99)).toBe(1);
    expect(classOfValue(columns, 'proxy', 'right')).toBe(3);
    expect(classOfValue(columns, 'proxy', 'up')).toBe(-1);
    expect(classOfValue(columns, 'intended', undefined)).toBe(-1);
  });
});

function emptyColumns(dataSet: DataSet): Columns {
  return columnsOf({
    dataSet,
    goals: goalLabels(dataSet, { coding: undefined, fit: Int32Array.of(0) }),
    split: splitByGroup({ groups: dataSet.examples.map(({ group }) => group), seed: 1 }),
    choiceLogits: matrix(dataSet.examples.length, 3),
  });
}

const ROWS: readonly Row[] = [
  { goals: goals(1, 1), set: 'train', group: 'b', actions: { intended: ['up'], proxy: ['up'] } },
  { goals: goals(1, 2), set: 'apart', group: 'a', actions: { intended: ['up', 'stay'], proxy: ['down'] } },
  { goals: goals(1, 2), set: 'apart', group: 'b', actions: { intended: ['up', 'stay'], proxy: ['stay'] } },
  { goals: goals(1, 2), set: 'monitored', group: 'c', actions: { intended: ['up'] } },
];
const dataSet = dataSetOf(ROWS);
const columns = columnsOf({
  dataSet,
  goals: goalLabels(dataSet, { coding: undefined, fit: Int32Array.from(dataSet.examples.keys()) }),
  split: splitByGroup({ groups: dataSet.examples.map(({ group }) => group), seed: 1 }),
  choiceLogits: matrix(4, 3, Float32Array.of(2, 1, 0, 0, 3, 1, 0, 0, 5, 1, 1, 1)),
});

describe('columns', () => {
  it('number groups densely, and keep sets apart by name', () => {
    expect([...columns.groups]).toEqual([0, 1, 0, 2]);
    expect(columns.groupCount).toBe(3);
    expect([...columns.train]).toEqual([0]);
    expect([...columns.apart]).toEqual([1, 2]);
  });

  it('mark the recommended actions and the choice, the first of equal ones', () => {
    expect([...columns.recommended.intended]).toEqual([1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0]);
    expect([...columns.recommended.proxy]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    expect([...columns.chosen]).toEqual([0, 1, 2, 0]);
  });

  it('call a row a decision state only where both goals recommend something and nothing in common', () => {
    expect([0, 1, 2, 3].map((row) => isDecisionState(columns, row))).toEqual([false, true, false, false]);
    expect([0, 1, 2, 3].map((row) => servedBy(columns, row))).toEqual(['both', 'proxy', 'both', 'intended']);
  });

  it('hold tokens only for token rows of one length', () => {
    expect([...columns.tokens!.data]).toEqual([0, 1, 1, 1, 2, 1, 3, 1]);
    const ragged = dataSetOf([
      { goals: goals(1), tokens: [1] },
      { goals: goals(2), tokens: [1, 2] },
    ]);
    expect(commonLength(ragged)).toBeUndefined();
    expect(commonLength(dataSetOf([]))).toBeUndefined();
    const text = {
      ...dataSet,
      examples: dataSet.examples.map((one) => ({ ...one, input: { kind: 'text' as const, text: 'x' } })),
    };
    expect(commonLength(text)).toBeUndefined();
  });
});

describe('timed control', () => {
  it('passes events on, keeps the stages that ended in order, and what was reused', async () => {
    const events: ProgressEvent[] = [];
    const timed = timedControl({ onProgress: (event) => events.push(event) });
    expect(await timed.stage('one', async () => 5)).toBe(5);
    timed.control.onProgress?.({ kind: 'stage-end', stage: 'inner', durationMs: 3.4 });
    await expect(timed.stage('broken', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    timed.reuse('activations');
    const timings = timed.finish();
    expect(timings.stages.map(({ stage }) => stage)).toEqual(['one', 'inner']);
    expect(timings.stages[1]!.durationMs).toBe(3);
    expect(timings.reused).toEqual(['activations']);
    expect(new Date(timings.startedAt).toISOString()).toBe(timings.startedAt);
    expect(timings.durationMs).toBeGreaterThanOrEqual(0);
    expect(events.map(({ kind }) => kind)).toEqual(['stage-start', 'stage-end', 'stage-end', 'stage-start']);
  });

  it('counts what is done under the name of no stage for the one that is open', async () => {
    const events: ProgressEvent[] = [];
    const timed = timedControl({ onProgress: (event) => events.push(event) });
    const report = (done: number): void =>
      timed.control.onProgress?.({ kind: 'stage-progress', stage: 'edits', done });
    report(4);
    for (const stage of ['one', 'two']) {
      await timed.stage(stage, async () => {
        for (const more of [10, 20]) report(stage === 'one' ? more : 100 + more);
        timed.control.onProgress?.({ kind: 'stage-progress', stage, done: 1, total: 2 });
      });
    }
    const progress = events.flatMap((event) =>
      event.kind === 'stage-progress' ? [[event.stage, event.done]] : [],
    );
    // What came before any stage is nobody's.
    expect(progress).toEqual([
      ['one', 6],
      ['one', 16],
      ['one', 1],
      ['two', 90],
      ['two', 100],
      ['two', 1],
    ]);
  });

  it('starts no stage once it was told to stop', async () => {
    const stop = new AbortController();
    const timed = timedControl({ signal: stop.signal });
    stop.abort();
    await expect(timed.stage('late', async () => 1)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(timed.finish().stages).toEqual([]);
  });
});
