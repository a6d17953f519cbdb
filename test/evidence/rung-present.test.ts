/** @file test: L1, readable beyond chance over all sites, and when that cannot be told. */
import { describe, expect, it } from 'vitest';
import { measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import { balancedAccuracy } from '../../src/evidence/metric-accuracy.ts';
import type { ProbeMap, ProbeReading } from '../../src/evidence/probe-map.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import type { RungResult } from '../../src/evidence/rung.ts';
import { present } from '../../src/evidence/rung-present.ts';
import { type ColumnsSpec, columnsFrom } from './synthetic-columns.ts';

const CLASSES = 4;
const SPEC: ColumnsSpec = {
  apart: 400,
  classes: CLASSES,
  labels: { intended: (row) => (row * 7) % CLASSES, proxy: (row) => Math.floor(row / 3) % CLASSES },
};

/** Predictions per site that name the label with the given probability and another class otherwise. */
function readings(
  columns: Columns,
  goal: 'intended' | 'proxy',
  skills: readonly number[],
  seed: number,
): ProbeReading[] {
  const { test, select } = sidesOf(columns).apart;
  const truth = columns.labels[goal]!.values;
  return skills.map((skill, site) => {
    const random = seededRandom(`${seed}/${goal}/${site}`);
    const say = (rows: Int32Array): Int32Array =>
      Int32Array.from(rows, (row) => (random.uniform() < skill ? truth[row]! : random.integer(CLASSES)));
    const onTest = say(test);
    const onSelect = say(select);
    const score = (said: Int32Array, rows: Int32Array) =>
      balancedAccuracy(
        said,
        Int32Array.from(rows, (row) => truth[row]!),
        CLASSES,
      );
    return {
      test: onTest,
      select: onSelect,
      testAccuracy: score(onTest, test),
      selectAccuracy: score(onSelect, select),
    } as ProbeReading;
  });
}

function climb(
  columns: Columns,
  skills: readonly number[],
  over: { readonly seed?: number; readonly permutations?: number; readonly map?: ProbeMap } = {},
): RungResult {
  const seed = over.seed ?? 1;
  return present({
    columns,
    sides: sidesOf(columns),
    sites: skills.map((_, i) => ({ hook: `blocks.${i}.resid_post`, position: -1 })),
    map:
      over.map ??
      new Map([
        ['intended', readings(columns, 'intended', skills, seed)],
        [
          'proxy',
          readings(
            columns,
            'proxy',
            skills.map(() => 0),
            seed,
          ),
        ],
      ]),
    permutations: over.permutations ?? 199,
    bootstrapDraws: 200,
    alpha: 0.05,
    random: seededRandom(seed),
  });
}

describe('L1', () => {
  it('passes for what one of many sites reads, at the site that select rows chose, and fails for what none reads', () => {
    const columns = columnsFrom(SPEC);
    const rung = climb(columns, [0, 0.5, 0, 0]);
    expect(rung.byRole).toEqual({ intended: 'passed', proxy: 'failed' });
    expect(rung.state).toBe('passed');
    const [intended] = rung.statistics;
    expect(intended!.site).toBe('blocks.1.resid_post @ -1');
    // .5 + .5 / 4 right; 160 test rows: four standard errors are .15.
    expect(intended!.value.state === 'measured' && Math.abs(intended!.value.value - 0.625)).toBeLessThan(
      0.15,
    );
    expect(intended!.label).toContain('chance 25 %');
    expect(intended!.nulls[0]!.pValue).toEqual(measured(1 / 200));
  });

  it('rejects a probe that knows nothing at any of twelve sites in at most its share of runs', () => {
    const columns = columnsFrom(SPEC);
    const skills = new Array<number>(12).fill(0);
    let passes = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { byRole } = climb(columns, skills, { seed, permutations: 59 });
      passes += Number(byRole.intended === 'passed') + Number(byRole.proxy === 'passed');
    }
    // 120 tests at .05: more than 14 has probability .001 under the binomial.
    expect(passes).toBeLessThanOrEqual(14);
  });

  it('is open when a variable could not be fitted', () => {
    const columns = columnsFrom(SPEC);
    const rung = climb(columns, [0.9], {
      map: new Map([['intended', readings(columns, 'intended', [0.9], 1)]]),
    });
    expect(rung.byRole).toEqual({ intended: 'passed', proxy: 'undefined' });
    expect(rung.statistics[1]!.value.state).toBe('undefined');
  });

  it('is open, not failed, when the permutations are too few for the level', () => {
    const rung = climb(columnsFrom(SPEC), [0.9], { permutations: 18 });
    expect(rung.byRole.intended).toBe('undefined');
    expect(climb(columnsFrom(SPEC), [0.9], { permutations: 19 }).byRole.intended).toBe('passed');
  });

  it('is open when no two groups have one size, so that nothing can be exchanged', () => {
    // Group g has g + 1 rows: 1 + 2 + ... + 27 = 378 rows in whole groups, and all sizes differ.
    const groupOf = (row: number): number => Math.floor((Math.sqrt(8 * row + 1) - 1) / 2);
    const columns = columnsFrom({
      ...SPEC,
      apart: 378,
      groupOf,
      side: (group) => (group < 2 ? 'fit' : group < 4 ? 'select' : 'test'),
    });
    expect(climb(columns, [0.9]).byRole.intended).toBe('undefined');
  });

  it('is open, not failed, when a value is constant on the test side, though it varies where probes are fitted', () => {
    const columns = columnsFrom({
      ...SPEC,
      labels: { ...SPEC.labels, intended: (row) => (row % 5 >= 3 ? 0 : row % 2) },
    });
    const rung = climb(columns, [1]);
    expect(rung.byRole.intended).toBe('undefined');
    expect(rung.statistics[0]!.criterion).toMatch(/fewer than two of its values occur on the test side/);
  });

  it.each([
    [1, 10, 'undefined'],
    [1, 20, 'passed'],
    [2, 10, 'passed'],
  ] as const)(
    'counts labellings, not groups: %i of a rare class among %i groups that can move is %s',
    (rare, movable, state) => {
      // Test groups from 20 on have sizes of their own and stay; a perfect probe can reach a p of 1 / C(movable, rare), no less.
      const sizes = Array.from({ length: 30 }, (_, group) => (group < movable ? 3 : 4 + group));
      const groups = sizes.flatMap((size, group) => Array.from({ length: size }, () => group));
      const columns = columnsFrom({
        ...SPEC,
        apart: groups.length + 4,
        groupOf: (row) => groups[row] ?? 100 + row,
        side: (group) => (group < 30 ? 'test' : group % 2 === 0 ? 'fit' : 'select'),
        labels: {
          intended: (row) => {
            const group = groups[row];
            return group === undefined ? row % 2 : group < movable ? Number(group < rare) : group % 2;
          },
        },
      });
      const rung = climb(columns, [1], {
        permutations: 999,
        map: new Map([['intended', readings(columns, 'intended', [1], 1)]]),
      });
      expect(rung.byRole.intended).toBe(state);
      if (state === 'undefined')
        expect(rung.statistics[0]!.criterion).toMatch(/10 different labellings .* too few/);
    },
  );

  it('does not count rows without a value, and is open when there are none with one', () => {
    const columns = columnsFrom({ ...SPEC, labels: { ...SPEC.labels, intended: () => -1 } });
    const rung = climb(columns, [0.9]);
    expect(rung.byRole.intended).toBe('undefined');
    expect(JSON.stringify(rung)).not.toMatch(/Infinity|NaN/);
  });
});
