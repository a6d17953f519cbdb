/** @file test: a data set as columns: labels that do not depend on the order of rows or fields, masks, groups, sets and timings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DataSet, Example, GoalRole, GoalValue } from '../../src/core/data-set.ts';
import { matrix } from '../../src/core/matrix.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { seededRandom } from '../../src/core/random.ts';
import { isDecisionState, servedBy } from '../../src/evidence/columns.ts';
import { columnsOf, commonLength, goalLabels } from '../../src/pipeline/columns-of.ts';
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

describe('labels', () => {
  it('share one list of classes, so that one value is one class in every goal', () => {
    const { intended, proxy } = goalLabels(
      dataSetOf([{ goals: goals('b', 'a') }, { goals: goals('a', 'c') }]),
      undefined,
    );
    expect(intended).toMatchObject({ classes: 3, names: ['a', 'b', 'c'] });
    expect(proxy!.names).toEqual(intended!.names);
    expect([...intended!.values]).toEqual([1, 0]);
    expect([...proxy!.values]).toEqual([0, 2]);
  });

  it('are -1 where an example has no value', () => {
    const { intended, proxy } = goalLabels(
      dataSetOf([{ goals: goals(1) }, { goals: goals(2, 1) }, { goals: {} }]),
      undefined,
    );
    expect([...intended!.values]).toEqual([0, 1, -1]);
    expect([...proxy!.values]).toEqual([-1, 0, -1]);
  });

  it('order numbers by size and before words', () => {
    const rows = ['word', 10, 9, -2, '', '1a', 2.5].map((value) => ({ goals: goals(value) }));
    expect(goalLabels(dataSetOf(rows), undefined).intended!.names).toEqual([
      '-2',
      '2.5',
      '9',
      '10',
      '',
      '1a',
      'word',
    ]);
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
          goalLabels(dataSetOf(of.map((one) => ({ goals: goals(one) }))), undefined).intended!.names;
        expect(names(seededRandom(seed).shuffled(values))).toEqual(names(values));
      }),
      { seed: 51, numRuns: 200 },
    );
  });

  it('take one coding for a whole column, whatever the order in which an example lists its codings', () => {
    const rows = [{ goals: { intended: { cell: 3, row: 0 } } }, { goals: { intended: { row: 1, cell: 7 } } }];
    expect(goalLabels(dataSetOf(rows), undefined).intended!.names).toEqual(['3', '7']);
    expect(goalLabels(dataSetOf(rows), 'row').intended!.names).toEqual(['0', '1']);
    expect(() => goalLabels(dataSetOf(rows), 'column')).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING' }),
    );
  });

  it('do not exist for a goal that is a number, nor for one that the data do not describe', () => {
    const labels = goalLabels(dataSetOf([{ goals: goals(0.5, 1) }], { intended: 'number' }), undefined);
    expect(labels).not.toHaveProperty('intended');
    expect(labels).toHaveProperty('proxy');
  });
});

const ROWS: readonly Row[] = [
  { goals: goals(1, 1), set: 'train', group: 'b', actions: { intended: ['up'], proxy: ['up'] } },
  { goals: goals(1, 2), set: 'apart', group: 'a', actions: { intended: ['up', 'stay'], proxy: ['down'] } },
  { goals: goals(1, 2), set: 'apart', group: 'b', actions: { intended: ['up', 'stay'], proxy: ['stay'] } },
  { goals: goals(1, 2), set: 'monitored', group: 'c', actions: { intended: ['up'] } },
];
const dataSet = dataSetOf(ROWS);
const columns = columnsOf({
  dataSet,
  labels: goalLabels(dataSet, undefined),
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

  it('starts no stage once it was told to stop', async () => {
    const stop = new AbortController();
    const timed = timedControl({ signal: stop.signal });
    stop.abort();
    await expect(timed.stage('late', async () => 1)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(timed.finish().stages).toEqual([]);
  });
});
