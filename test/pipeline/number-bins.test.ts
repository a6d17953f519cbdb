/** @file test: quantities cut into classes, at any distribution and any offset, and goals whose scales do not suit shared edges. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';
import { goalLabels } from '../../src/pipeline/goal-labels.ts';
import { type Bins, binOf, binsOf, scaleWarnings } from '../../src/pipeline/number-bins.ts';
import { outlookOf } from '../../src/pipeline/plan-sight.ts';
import { resolveSettings } from '../../src/pipeline/resolve-settings.ts';
import { splitByGroup } from '../../src/store/group-split.ts';

function countsOf({ edges, names }: Bins, values: readonly number[]): number[] {
  const counts = new Array<number>(names.length).fill(0);
  for (const value of values) counts[binOf(edges, value)]! += 1;
  return counts;
}

/** `rows` values, of which `share` are `mass` and the others uniform from `low` to `high`. */
function withMass(mass: number, share: number, [low, high]: readonly [number, number], rows = 600): number[] {
  const random = seededRandom(`mass ${mass} ${share}`);
  return Array.from({ length: rows }, (_, i) =>
    i < share * rows ? mass : low + (high - low) * random.uniform(),
  );
}

describe('classes of a quantity', () => {
  it('are at least two, all different in name and all taken, whatever the values and however often they repeat', () => {
    const one = fc.double({ noNaN: true, noDefaultInfinity: true });
    const close = fc.integer({ min: 0, max: 40 }).map((step) => 1.7e9 + step);
    const few = fc.constantFrom(0, -0, 1e-320, 5e-324, 1e308, -1e308, 1, 1 + 2 ** -52, 1e21, -7);
    const runs = (value: fc.Arbitrary<number>): fc.Arbitrary<number[]> =>
      fc
        .array(fc.tuple(value, fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 }))), {
          minLength: 1,
          maxLength: 40,
        })
        .map((parts) => parts.flatMap(([each, times]) => new Array<number>(times).fill(each)));
    fc.assert(
      fc.property(fc.oneof(runs(one), runs(close), runs(few), runs(fc.oneof(one, close, few))), (values) => {
        const bins = binsOf(values);
        const { edges, names } = bins;
        expect(names).toHaveLength(edges.length + 1);
        expect(new Set(names).size).toBe(names.length);
        expect(names.join()).not.toMatch(/undefined|NaN|Infinity/);
        expect(edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]!))).toBe(
          true,
        );
        expect(Math.min(...countsOf(bins, values))).toBeGreaterThan(0);
        const distinct = new Set(values).size;
        expect(names.length).toBeGreaterThanOrEqual(Math.min(2, distinct));
        expect(names.length).toBeLessThanOrEqual(6);
        if (distinct <= 6) expect(names).toHaveLength(distinct);
        expect(binsOf(seededRandom(1).shuffled(values))).toEqual(bins);
      }),
      { numRuns: 600, seed: 77 },
    );
  });

  it('set a frequent value apart, wherever it lies, and cut the rest by itself into parts of like size', () => {
    for (const share of [0.2, 0.5, 5 / 6, 0.84, 0.9]) {
      for (const [mass, range] of [
        [0, [1, 9]],
        [5, [1, 9]],
        [9, [1, 8]],
      ] as const) {
        const values = withMass(mass, share, range);
        const bins = binsOf(values);
        const own = bins.names.indexOf(String(mass));
        expect(own).toBeGreaterThanOrEqual(0);
        const counts = countsOf(bins, values);
        expect(counts[own]).toBe(values.filter((value) => value === mass).length);
        const rest = counts.filter((_, c) => c !== own);
        expect(rest.length).toBeGreaterThanOrEqual(2);
        // A sixth of a sextile at least; and no part of the rest three times another.
        expect(Math.min(...rest)).toBeGreaterThanOrEqual(Math.floor(600 / 36));
        expect(Math.max(...rest)).toBeLessThan(3 * Math.min(...rest));
      }
    }
    // Nine zeros in ten rows leave 60 rows above: three classes of 20, where six would have 10 to 12.
    const mostly = withMass(0, 0.9, [1, 9]);
    expect(countsOf(binsOf(mostly), mostly)).toEqual([540, 20, 20, 20]);
  });

  it('leave a stray value with the frequent one beside it, and make two classes of a value and its strays', () => {
    const stray = [-3, ...withMass(0, 0.84, [1, 9])];
    const counts = countsOf(binsOf(stray), stray);
    expect(counts[0]).toBe(1 + stray.filter((value) => value === 0).length);
    const strays = [...new Array<number>(200).fill(4), 1, 2, 3, 5, 6, 7, 8];
    expect(countsOf(binsOf(strays), strays)).toEqual([203, 4]);
  });

  it('are sextiles where no value is frequent, and have as many digits in their names as tell them apart', () => {
    const random = seededRandom('sextiles');
    for (const offset of [0, 2024, 1.7e9, 1.7e12]) {
      const values = Array.from({ length: 600 }, () => offset + 10 * random.uniform());
      const bins = binsOf(values);
      expect(countsOf(bins, values)).toEqual([100, 100, 100, 100, 100, 100]);
      expect(new Set(bins.names).size).toBe(6);
      const rising = bins.names.slice(1).map((name) => Number(name.split(' ')[0]));
      expect(rising.every((edge, i) => i === 0 || edge > rising[i - 1]!)).toBe(true);
    }
    const stamps = Array.from({ length: 600 }, (_, i) => 1.7e9 + i);
    expect(binsOf(stamps).names).toEqual([
      'below 1700000100',
      '1700000100 to 1700000200',
      '1700000200 to 1700000300',
      '1700000300 to 1700000400',
      '1700000400 to 1700000500',
      '1700000500 or more',
    ]);
  });

  it('are one class where no row to fit on has a value, and rows elsewhere still belong to it', () => {
    const examples = [{}, { goals: { intended: { value: 3 } } }].map((part, i) => ({
      ...gridEnvironment.makeExamples({ seed: 1, trainGroups: 1, apartGroups: 1, variants: 1 }).examples[0]!,
      id: String(i),
      goals: {},
      ...part,
    }));
    const { labels } = goalLabels(
      { ...boards(), goals: { intended: { text: 'v', kind: 'number' } }, examples },
      { coding: undefined, fit: Int32Array.of(0) },
    );
    expect(labels.intended).toEqual({
      classes: 1,
      names: ['any value'],
      values: Int32Array.of(-1, 0),
    });
  });
});

function boards(): DataSet {
  return gridEnvironment.makeExamples({ seed: 'scales', trainGroups: 60, apartGroups: 200, variants: 1 });
}

describe('goals that are quantities', () => {
  const random = seededRandom('scales');
  const uniform = (top: number): number[] => Array.from({ length: 300 }, () => top * random.uniform());

  it('of scales that differ are warned of, by name and with the remedy; others are not', () => {
    const [warning, ...more] = scaleWarnings([
      { role: 'proxy', values: uniform(1000) },
      { role: 'intended', values: uniform(1) },
      { role: 'irrelevant', values: uniform(1000) },
    ]);
    expect(more).toEqual([]);
    expect(warning).toMatch(/scales that differ \(intended .* to .*, proxy .*, irrelevant .*\)/);
    expect(warning).toContain('intended fills 2 classes where edges of its own would give it 6');
    expect(warning).toContain('bring the goals to one scale, or declare them as categories');
    expect(warning).not.toContain('proxy fills');
    const fine = [uniform(10), uniform(12), uniform(7)];
    const roles = ['intended', 'proxy', 'irrelevant'] as const;
    expect(scaleWarnings(roles.map((role, i) => ({ role, values: fine[i]! })))).toEqual([]);
    expect(scaleWarnings([{ role: 'intended', values: withMass(0, 0.95, [1, 9]) }])).toEqual([]);
    const counts = withMass(0, 0.95, [1, 2]).map(Math.floor);
    expect(scaleWarnings(roles.map((role) => ({ role, values: counts })))).toEqual([]);
    expect(scaleWarnings([{ role: 'intended', values: [] }])).toEqual([]);
    const apart = [uniform(1), uniform(1).map((value) => value + 1.7e9)];
    expect(scaleWarnings(roles.slice(0, 2).map((role, i) => ({ role, values: apart[i]! })))).toHaveLength(1);
  });

  it('are warned of before a run', () => {
    const scaled = (example: Example): Example => ({
      ...example,
      goals: {
        intended: { value: Number(Object.values(example.goals.intended!)[0]) / 1000 },
        proxy: { value: Number(Object.values(example.goals.proxy!)[0]) },
        irrelevant: { value: Number(Object.values(example.goals.irrelevant!)[0]) },
      },
    });
    const plain = boards();
    const number = (role: 'intended' | 'proxy' | 'irrelevant') => ({ text: role, kind: 'number' as const });
    const goals = { intended: number('intended'), proxy: number('proxy'), irrelevant: number('irrelevant') };
    const settings = resolveSettings({});
    const split = splitByGroup({ groups: plain.examples.map(({ group }) => group), seed: settings.seed });
    const codesOf = (examples: readonly Example[]): string[] =>
      outlookOf({ dataSet: { ...plain, goals, examples }, split, settings, width: 8 }).warnings.map(
        ({ code }) => code,
      );
    expect(codesOf(plain.examples)).not.toContain('SCALES_DIFFER');
    expect(codesOf(plain.examples.map(scaled))).toContain('SCALES_DIFFER');
  });
});
