/** @file test: what `plan` says of data before any forward pass: whether a run can answer at all, and how small an effect it would see. */
import { describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { smallestContrast, smallestMeanEffect } from '../../src/evidence/power.ts';
import { type DataOutlook, outlookOf } from '../../src/pipeline/plan-sight.ts';
import { resolveSettings } from '../../src/pipeline/resolve-settings.ts';
import { splitByGroup } from '../../src/store/group-split.ts';

const WIDTH = 8;

function boards(apartGroups: number, variants = 1): DataSet {
  return gridEnvironment.makeExamples({ seed: 'sight', trainGroups: 60, apartGroups, variants });
}

function outlook(dataSet: DataSet, settings: Parameters<typeof resolveSettings>[0] = {}): DataOutlook {
  const resolved = resolveSettings(settings);
  const split = splitByGroup({ groups: dataSet.examples.map(({ group }) => group), seed: resolved.seed });
  return outlookOf({ dataSet, split, settings: resolved, width: WIDTH });
}

function changed(dataSet: DataSet, change: (example: Example) => Example): DataSet {
  return { ...dataSet, examples: dataSet.examples.map(change) };
}

const codes = (doubts: readonly { readonly code: string }[]): string[] => doubts.map(({ code }) => code);

function numberOf(result: Measured | undefined): number {
  if (result?.state !== 'measured') throw new Error(result?.reason ?? 'nothing');
  return result.value;
}

describe('the outlook of a run', () => {
  const sound = boards(300);

  it('is clear for data whose goals part in enough groups', () => {
    const { outcome, problems, warnings } = outlook(sound);
    expect([outcome, problems, warnings]).toEqual(['passed', [], []]);
  });

  it('is unidentifiable where the goals are one variable, and says so with its number', () => {
    const one = changed(sound, (example) => ({
      ...example,
      goals: { ...example.goals, proxy: example.goals.intended! },
      actions: { ...example.actions, proxy: example.actions.intended! },
    }));
    const { outcome, problems } = outlook(one);
    expect(outcome).toBe('unidentifiable');
    expect(codes(problems)).toEqual(['GOALS_ARE_ONE', 'FEW_DECISION_STATES']);
    expect(problems[0]!.text).toContain("Cramer's V 1.00");
  });

  it('is unidentifiable without a set in which they part, without actions that differ, and without one of the goals', () => {
    const train = { ...sound, examples: sound.examples.filter(({ set }) => set === 'train') };
    expect(outlook(train)).toMatchObject({ outcome: 'unidentifiable', problems: [{ code: 'NO_APART_SET' }] });
    const mute = changed(sound, (example) => ({ ...example, actions: {} }));
    expect(outlook(mute)).toMatchObject({
      outcome: 'unidentifiable',
      problems: [{ code: 'FEW_DECISION_STATES' }],
    });
    const { proxy: _, ...goals } = sound.goals;
    const single = changed({ ...sound, goals }, ({ goals: { proxy: __, ...rest }, ...example }) => ({
      ...example,
      goals: rest,
    }));
    expect(outlook(single).outcome).toBe('unidentifiable');
    expect(codes(outlook(single).problems)).toContain('GOAL_MISSING');
  });

  it('is invalid with too few groups, however many rows they have', () => {
    const few = changed(boards(600), (example) => ({
      ...example,
      group:
        example.set === 'apart'
          ? `g${Number.parseInt(example.id.replace(/\D/g, ''), 10) % 40}`
          : example.group,
    }));
    const { outcome, problems, warnings } = outlook(few);
    expect(outcome).toBe('invalid');
    expect(codes(problems)).toEqual(['FEW_GROUPS']);
    expect(problems[0]!.text).toMatch(/has \d+ independent groups, and 30 are needed/);
    expect(codes(warnings)).toContain('FEW_CAUSAL_GROUPS');
  });

  it('warns where nothing can be exchanged', () => {
    const plain = changed(sound, (example) => ({ ...example, counterfactuals: {} }));
    expect(codes(outlook(plain).warnings)).toEqual(['NOTHING_TO_EXCHANGE']);
    expect(outlook(plain).sight.bases).toEqual({ rows: 0, groups: 0 });
  });

  it('warns of too few twins, by what they keep from being said', () => {
    const text = (twins: number, alpha = 0.05): string | undefined =>
      outlook(sound, { twins, alpha }).warnings.find(({ code }) => code === 'TOO_FEW_TWINS')?.text;
    expect(text(39)).toBeUndefined();
    expect(text(38)).toContain('L4 can never take a side; set twins to 39 or more');
    expect(text(18)).toContain('18 twins give no p-value below 0.053: at alpha 0.05 L3 can never pass');
    expect(text(0)).toContain('L3 can never pass');
    expect(text(39, 0.01)).toContain('set twins to 199 or more');
  });
});

describe('what a run could see', () => {
  it('comes from the test groups: one row per group leaves nothing open, two leave a range', () => {
    const one = outlook(boards(300, 1)).sight.contrast.intended!;
    expect(one.alike).toEqual(one.independent);
    const two = outlook(boards(300, 2)).sight;
    const { alike, independent } = two.contrast.intended!;
    expect(numberOf(independent)).toBeLessThan(numberOf(alike));
    expect(numberOf(two.share.once.independent)).toBeLessThan(numberOf(two.share.once.alike));
    expect(numberOf(two.scatter.independent)).toBeGreaterThan(numberOf(two.scatter.alike));
  });

  it('is what the formulas say of those groups, with weights that balance the classes', () => {
    const dataSet = boards(300);
    const { sight } = outlook(dataSet);
    const { groups, rows } = sight.bases;
    expect(rows).toBe(groups);
    const sizes = new Array<number>(groups).fill(1);
    expect(sight.meanEffect.alike).toEqual(smallestMeanEffect({ sizes }));
    const split = splitByGroup({ groups: dataSet.examples.map(({ group }) => group), seed: 1 });
    const test = [...split.test.rows].filter((row) => dataSet.examples[row]!.set === 'apart');
    const even = smallestContrast({ sizes: new Array<number>(test.length).fill(1) });
    // 25 cells among some ninety rows are far from equally frequent, which costs power.
    expect(numberOf(sight.contrast.intended?.alike)).toBeGreaterThan(numberOf(even));
    expect(numberOf(sight.contrast.intended?.alike)).toBeLessThan(1.5 * numberOf(even));
  });

  it('holds no contrast without an irrelevant variable', () => {
    const { irrelevant: _, ...goals } = boards(60).goals;
    const dataSet = changed(
      { ...boards(60), goals },
      ({ goals: { irrelevant: __, ...rest }, ...example }) => ({
        ...example,
        goals: rest,
      }),
    );
    expect(outlook(dataSet).sight.contrast).toEqual({});
  });
});
