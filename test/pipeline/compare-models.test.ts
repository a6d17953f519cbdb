/** @file test: two files side by side: equal ones agree in everything, rounded ones nearly, others are told apart or refused. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { twinOf } from '../../src/capture/twin-of.ts';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { type Comparison, compareModels } from '../../src/pipeline/compare-models.ts';
import { fitProbe } from '../../src/pipeline/fit-probe.ts';
import { goalTask, rowsNote } from '../../src/pipeline/goal-probes.ts';
import { dataSetSha256 } from '../../src/store/data-set.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const fixture = (name: string): Promise<Model> => openModel(at(`test/fixtures/exports/${name}.onnx`));

let grid: Model;
let data: DataSet;
beforeAll(async () => {
  grid = await openModel(at('models/grid/proxy/model.onnx'));
  data = gridEnvironment.makeExamples({ seed: 'compare', trainGroups: 20, apartGroups: 400 });
});
afterAll(() => grid.close());

const differences = ({ hooks }: Comparison): number[] => hooks.map(({ relative }) => relative);

describe('two files of one model', () => {
  it('that are equal differ in nothing, and their probes read both alike', async () => {
    const found = await compareModels(grid, grid, { dataSet: data, hooks: 'blocks.*.resid_post' });
    expect(found.hooks.map(({ hook }) => hook)).toEqual(['blocks.0.resid_post', 'blocks.1.resid_post']);
    for (const { relative, cosine, largest } of found.hooks) {
      expect([relative, largest]).toEqual([0, 0]);
      expect(cosine).toBeCloseTo(1, 12);
    }
    expect(found.probes).toHaveLength(6);
    for (const { ofFirst, ofSecond } of found.probes) {
      expect(ofFirst.onSecond).toEqual(ofFirst.onFirst);
      expect(ofSecond).toEqual(ofFirst);
    }
    // The agent that was trained towards the halo holds its cell, and not the rock's.
    const read = (goal: string): number => {
      const { onFirst } = found.probes.find(
        (one) => one.goal === goal && one.hook.startsWith('blocks.1'),
      )!.ofFirst;
      return onFirst.state === 'measured' ? onFirst.estimate : Number.NaN;
    };
    expect(read('proxy')).toBeGreaterThan(0.5);
    expect(read('irrelevant')).toBeLessThan(0.15);
  });

  it('of which one is a shuffled twin share directions no more, and a probe does not carry over', async () => {
    const twin = await twinOf(grid, { seed: 1 });
    const found = await compareModels(grid, twin, { dataSet: data, hooks: 'blocks.1.resid_post' });
    expect(differences(found)[0]).toBeGreaterThan(0.5);
    const [proxy] = found.probes.filter(({ goal }) => goal === 'proxy');
    const { onFirst, onSecond } = proxy!.ofFirst;
    if (onFirst.state !== 'measured' || onSecond.state !== 'measured') expect.unreachable();
    else expect(onSecond.high).toBeLessThan(onFirst.low);
    await twin.close();
  });

  it('in 16 and in 4 bits lie as far apart as their steps are wide', async () => {
    const [half, brain, four] = [
      await fixture('llama.float16'),
      await fixture('llama.bfloat16'),
      await fixture('llama.int4'),
    ];
    const [near, far] = [await compareModels(half, brain, {}), await compareModels(half, four, {})];
    expect(near.hooks.map(({ hook }) => hook)).toEqual([
      'embed',
      'blocks.0.resid_post',
      'blocks.1.resid_post',
      'final_norm',
      'logits',
    ]);
    for (const relative of differences(near)) expect(relative).toBeLessThan(0.02);
    for (const { hook, relative, cosine } of far.hooks.slice(1)) {
      expect(relative, hook).toBeGreaterThan(0.05);
      expect(cosine, hook).toBeGreaterThan(0.85);
    }
    expect(near.probes).toEqual([]);
    await Promise.all([half, brain, four].map((model) => model.close()));
  });

  it('names what one of them does not offer, and refuses two models of other widths', async () => {
    const [half, fused] = [await fixture('llama.float16'), await fixture('llama-two-heads.genai')];
    const found = await compareModels(half, fused, { hooks: 'blocks.*.pattern,blocks.*.resid_post' });
    expect(found.hooks).toHaveLength(2);
    expect(found.missing).toContainEqual(
      expect.objectContaining({
        hook: 'blocks.0.pattern',
        reason: expect.stringContaining('GroupQueryAttention'),
      }),
    );
    await expect(compareModels(half, fused, { hooks: 'blocks.*.pattern' })).rejects.toMatchObject({
      code: 'HOOK_UNAVAILABLE',
    });
    await expect(compareModels(half, grid, {})).rejects.toMatchObject({
      code: 'MODEL_PAIR',
      exitCode: 3,
      message: expect.stringMatching(/^embed has \d+ features in the first model and \d+ in the second/),
    });
    await Promise.all([half, fused].map((model) => model.close()));
  });
});

describe('what has no bearing on what was asked for', () => {
  const onto = (change: (example: Example) => Partial<Example>): DataSet => ({
    ...data,
    examples: data.examples.map((example) => ({ ...example, ...change(example) })),
  });
  const still = (): DataSet => onto(({ goals }) => ({ goals: { ...goals, irrelevant: { cell: 3 } } }));
  const request = { hook: 'blocks.1.resid_post', version: '0' };

  it('costs no probe: an irrelevant variable of one value is undefined, with the reason', async () => {
    const dataSet = still();
    const dataSha256 = dataSetSha256(dataSet);
    const { accuracy, irrelevant } = await fitProbe(grid, { ...request, dataSha256, dataSet, goal: 'proxy' });
    expect(accuracy.state).toBe('measured');
    const reason = expect.stringMatching(/^`irrelevant` has the one value "3" in the \d+ rows to fit on$/);
    expect(irrelevant).toEqual({ state: 'undefined', reason });
    // Asked for by name it is an error, which names it.
    await expect(
      fitProbe(grid, { ...request, dataSha256, dataSet, goal: 'irrelevant' }),
    ).rejects.toMatchObject({ code: 'LABELS_ONE_CLASS', message: reason });
    const { hooks, probes, set } = await compareModels(grid, grid, { dataSet, hooks: request.hook });
    expect([hooks.length, set]).toEqual([1, 'apart']);
    expect(
      probes.map(({ goal, ofFirst, ofSecond }) => [goal, ofFirst.onFirst.state, ofSecond.onFirst]),
    ).toEqual([
      ['intended', 'measured', expect.objectContaining({ state: 'measured' })],
      ['proxy', 'measured', expect.objectContaining({ state: 'measured' })],
      ['irrelevant', 'undefined', { state: 'undefined', reason }],
    ]);
  });

  it('costs no comparison: data without goals need no groups to be split by', async () => {
    const dataSet = { ...onto(() => ({ group: 'one' })), goals: {} };
    const { hooks, probes, set } = await compareModels(grid, grid, { dataSet, hooks: request.hook });
    expect([hooks.length, probes, set]).toEqual([1, [], undefined]);
    const withGoals = compareModels(grid, grid, { dataSet: onto(() => ({ group: 'one' })) });
    await expect(withGoals).rejects.toMatchObject({ code: 'SPLIT_TOO_FEW_GROUPS' });
  });
});

describe('rows to fit on', () => {
  const named = (sets: readonly (readonly [set: string, group: string])[]): DataSet => ({
    ...data,
    examples: sets.map(([set, group], i) => ({ ...data.examples[i]!, set, group })),
  });

  it('are those in which the goals come apart, where these have three groups', () => {
    const sets = [
      ['train', 'a'],
      ['apart', 'b'],
      ['held-out', 'c'],
      ['apart', 'd'],
      ['apart', 'e'],
    ] as const;
    const { set, examples } = goalTask(named(sets), 0);
    expect([set, [...examples], rowsNote(set)]).toEqual(['apart', [1, 3, 4], undefined]);
  });

  it('are else all but those that nothing is fitted on, and say so', () => {
    const sets = [
      ['train', 'a'],
      ['apart', 'b'],
      ['held-out', 'c'],
      ['own', 'd'],
      ['apart', 'b'],
    ] as const;
    const { set, examples } = goalTask(named(sets), 0);
    expect([set, [...examples]]).toEqual(['all but held-out', [0, 1, 3, 4]]);
    expect(rowsNote(set)).toContain('a probe of one is a probe of the other');
  });
});

describe('a fitted probe', () => {
  it('reads what the model holds, beside chance and the irrelevant variable, and knows where it came from', async () => {
    const fitted = await fitProbe(grid, {
      dataSet: data,
      dataSha256: dataSetSha256(data),
      goal: 'proxy',
      hook: 'blocks.1.resid_post',
      version: '0.0.0',
    });
    const { accuracy, irrelevant, chance, rows, saved, set } = fitted;
    expect(set).toBe('apart');
    expect(rows.fit + rows.select + rows.test).toBe(
      data.examples.filter(({ set }) => set === 'apart').length,
    );
    if (accuracy.state !== 'measured' || irrelevant?.state !== 'measured') return expect.unreachable();
    expect(accuracy.low).toBeGreaterThan(irrelevant.high);
    expect(chance).toBeLessThan(0.15);
    expect(saved.origin).toMatchObject({
      hook: 'blocks.1.resid_post',
      position: data.readout,
      reads: 'proxy',
      modelSha256: grid.sha256,
    });
  });

  it('of a goal that the data do not have is refused with those that they do', async () => {
    const request = { dataSet: data, dataSha256: dataSetSha256(data), hook: 'embed', version: '0' };
    await expect(fitProbe(grid, { ...request, goal: 'wealth' })).rejects.toMatchObject({
      code: 'BAD_SETTING',
      remedy: expect.stringContaining('intended, proxy, irrelevant'),
    });
  });
});
