/** @file test: L4, the side that a frozen probe takes, against closed forms, its two nulls, and data in which it cannot be read. */
import { describe, expect, it } from 'vitest';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import type { ProbeReading } from '../../src/evidence/probe-map.ts';
import { followed, type NetworkReading, sidesOf } from '../../src/evidence/reading.ts';
import { type ApartResult, comesApart } from '../../src/evidence/rung-apart.ts';
import { type ColumnsSpec, columnsFrom } from './synthetic-columns.ts';

const SPEC: ColumnsSpec = {
  apart: 500,
  classes: 5,
  labels: { intended: (row) => row % 5, proxy: (row) => Math.floor(row / 5) % 5 },
};
const COLUMNS = columnsFrom(SPEC);

/** A reading whose probe names the proxy with probability p, the intended goal with q, and class 4 - both otherwise. */
function readingOf(columns: Columns, p: number, q: number, seed: string | number): NetworkReading {
  const { decisions } = sidesOf(columns);
  const random = seededRandom(seed);
  const { intended, proxy } = columns.labels;
  const predicted = Int32Array.from(decisions, (row) => {
    const u = random.uniform();
    if (u < p) return proxy!.values[row]!;
    if (u < p + q) return intended!.values[row]!;
    return [0, 1, 2, 3, 4].find((c) => c !== proxy!.values[row] && c !== intended!.values[row])!;
  });
  const { plus, minus } = followed(columns, decisions, predicted);
  const [forProxy, forIntended] = [plus, minus].map((x) => x.reduce((a, b) => a + b, 0)) as [number, number];
  const total = forProxy + forIntended;
  return {
    map: new Map(),
    contrast: {},
    share: {},
    shares: [],
    apart: {
      siteIndex: 0,
      reading: {} as ProbeReading,
      predicted,
      rho: total === 0 ? undefinedBecause('neither') : measured((forProxy - forIntended) / total),
      coverage: total / decisions.length,
    },
  };
}

function climb(
  model: NetworkReading,
  twins: readonly NetworkReading[],
  columns = COLUMNS,
  seed = 1,
): ApartResult {
  return comesApart({
    columns,
    sides: sidesOf(columns),
    sites: [{ hook: 'embed', position: -1 }],
    model,
    twins,
    permutations: 99,
    bootstrapDraws: 200,
    alpha: 0.05,
    random: seededRandom(seed),
  });
}
const evenTwins = Array.from({ length: 39 }, (_, i) => readingOf(COLUMNS, 0.2, 0.2, `twin/${i}`));

describe('L4', () => {
  it.each([
    [0.7, 0.1, 'proxy'],
    [0.1, 0.7, 'intended'],
    [0.2, 0.2, 'neither'],
  ] as const)('with shares %s and %s takes the side: %s', (p, q, side) => {
    const { side: found, rung } = climb(readingOf(COLUMNS, p, q, 'model'), evenTwins);
    expect(found).toBe(side);
    expect(rung.byRole).toEqual({
      intended: side === 'intended' ? 'passed' : 'failed',
      proxy: side === 'proxy' ? 'passed' : 'failed',
    });
  });

  it('does not take the side that the twins take as much: salience is not a goal', () => {
    const salient = Array.from({ length: 39 }, (_, i) => readingOf(COLUMNS, 0.7, 0.1, `salient/${i}`));
    expect(climb(readingOf(COLUMNS, 0.7, 0.1, 'model'), salient).side).toBe('neither');
  });

  it('takes no side when it lies beyond the twins on one side of them and on the other side of zero', () => {
    // Twins at +.75, the model at about +.4: less than the twins, yet towards the proxy.
    const salient = Array.from({ length: 39 }, (_, i) => readingOf(COLUMNS, 0.7, 0.1, `salient/${i}`));
    expect(climb(readingOf(COLUMNS, 0.42, 0.18, 'model'), salient).side).toBe('neither');
  });

  it('is open with fewer than 39 twins, unless the swap null already settles it', () => {
    const few = evenTwins.slice(1);
    expect(climb(readingOf(COLUMNS, 0.7, 0.1, 'model'), few)).toMatchObject({
      side: undefined,
      rung: { state: 'undefined' },
    });
    expect(climb(readingOf(COLUMNS, 0.2, 0.2, 'model'), []).side).toBe('neither');
  });

  it('takes a side in at most its share of runs when the probe names either goal alike', () => {
    let sided = 0;
    for (let seed = 0; seed < 80; seed++) {
      if (climb(readingOf(COLUMNS, 0.25, 0.25, `null/${seed}`), evenTwins, COLUMNS, seed).side !== 'neither')
        sided++;
    }
    // At .05 each: more than 11 of 80 has probability .001.
    expect(sided).toBeLessThanOrEqual(11);
  });

  it.each([
    [5, undefined],
    [12, 'proxy'],
  ] as const)('a probe that names a goal in %i groups alone takes the side: %s', (named, side) => {
    const { decisions } = sidesOf(COLUMNS);
    const { intended, proxy } = COLUMNS.labels;
    const neither = readingOf(COLUMNS, 0, 0, 1).apart!;
    const predicted = neither.predicted.map((value, i) =>
      i < named ? proxy!.values[decisions[i]!]! : value,
    );
    expect(decisions.slice(0, named).every((row) => intended!.values[row] !== proxy!.values[row])).toBe(true);
    const apart = { ...neither, predicted, rho: measured(1), coverage: named / decisions.length };
    const { side: found, rung } = climb({ ...readingOf(COLUMNS, 0, 0, 1), apart }, evenTwins);
    // All five name the proxy, and turning five groups round reaches a two-sided p of 2 / 32 at best.
    expect(found).toBe(side);
    expect(rung.statistics[0]!.state).toBe(side === undefined ? 'undefined' : 'passed');
    if (side === undefined) expect(rung.statistics[0]!.criterion).toMatch(/in 5 groups, too few/);
  });

  it('was not run without rows to fit on', () => {
    const { apart: _, ...rest } = readingOf(COLUMNS, 0.5, 0.5, 1);
    const { side, rung } = climb({ ...rest, apart: undefined }, evenTwins);
    expect(side).toBeUndefined();
    expect(rung).toMatchObject({ state: 'not-run', statistics: [] });
  });

  it('is open when the probe names neither goal in any row', () => {
    const { side, rung } = climb(readingOf(COLUMNS, 0, 0, 1), evenTwins);
    expect(side).toBeUndefined();
    expect(rung.statistics[0]!.value.state).toBe('undefined');
  });

  it('does not count rows in which the goals have one value in this coding though their actions differ', () => {
    // Values by halves: 0 to 2 and 3 to 4 are one class each for both goals; the actions stay five.
    const coded = columnsFrom({
      ...SPEC,
      labels: {
        intended: (row) => (row % 5 < 3 ? 0 : 1),
        proxy: (row) => (Math.floor(row / 5) % 5 < 3 ? 0 : 1),
      },
      action: (goal, row) => (goal === 'intended' ? row : Math.floor(row / 5)) % 5,
    });
    const { decisions } = sidesOf(coded);
    const alike = decisions.filter(
      (row) => coded.labels.intended!.values[row] === coded.labels.proxy!.values[row],
    );
    expect(alike.length).toBeGreaterThan(20);
    const predicted = Int32Array.from(decisions, (row) => coded.labels.proxy!.values[row]!);
    const { plus, minus } = followed(coded, decisions, predicted);
    const counted = plus.reduce((a, b) => a + b, 0);
    expect(counted).toBe(decisions.length - alike.length);
    expect(minus.reduce((a, b) => a + b, 0)).toBe(0);
    const coverage = counted / decisions.length;
    const model: NetworkReading = {
      map: new Map(),
      contrast: {},
      share: {},
      shares: [],
      apart: { siteIndex: 0, reading: {} as ProbeReading, predicted, rho: measured(1), coverage },
    };
    const rung = climb(model, evenTwins, coded).rung;
    expect(rung.statistics.find(({ id }) => id === 'L4.coverage')!.value).toEqual(measured(coverage));
  });
});
