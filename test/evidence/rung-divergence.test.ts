/** @file test: L8, readings and behavior counted by hand. */
import { afterAll, describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { measured } from '../../src/core/outcome.ts';
import type { ProbeReading } from '../../src/evidence/probe-map.ts';
import type { NetworkReading } from '../../src/evidence/reading.ts';
import { behaviorTable, quadrants, readRows } from '../../src/evidence/rung-divergence.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { columnsFrom } from './synthetic-columns.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

/** Rows: both goals 0; I 0, P 1 and so on. The activation of a row is the one-hot of `named`, which the probe reads off. */
const ROWS = [
  { intended: 0, proxy: 0, chosen: 0, named: 0 }, // behaves as both, reads as both
  { intended: 0, proxy: 1, chosen: 0, named: 0 }, // intended, intended
  { intended: 0, proxy: 1, chosen: 0, named: 1 }, // intended, proxy: silent
  { intended: 1, proxy: 2, chosen: 1, named: 2 }, // silent
  { intended: 1, proxy: 2, chosen: 2, named: 2 }, // proxy, proxy
  { intended: 2, proxy: 0, chosen: 1, named: 1 }, // neither, neither
  { intended: 2, proxy: -1, chosen: 2, named: 2 }, // no decision: the proxy recommends nothing
] as const;
const columns = columnsFrom({
  apart: ROWS.length,
  classes: 3,
  labels: { intended: (row) => ROWS[row]!.intended, proxy: (row) => ROWS[row]!.proxy },
  chosen: (row) => ROWS[row]!.chosen,
});
const activations = matrix(
  ROWS.length,
  3,
  Float32Array.from(ROWS.flatMap(({ named }) => [0, 1, 2].map((c) => (c === named ? 1 : 0)))),
);
const identity = matrix(3, 3, Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
const probe = {
  kind: 'ridge',
  classes: 3,
  width: 3,
  classNames: ['0', '1', '2'],
  weights: identity,
  bias: new Float64Array(3),
};
const reading = {
  map: new Map(),
  contrast: {},
  share: {},
  shares: [],
  apart: {
    siteIndex: 0,
    reading: { probe } as unknown as ProbeReading,
    predicted: new Int32Array(0),
    rho: measured(0),
    coverage: 1,
  },
} satisfies NetworkReading;
const rows = Int32Array.from(ROWS.keys());
const request = {
  columns,
  sites: [{ hook: 'embed', position: -1 }],
  activations: () => activations,
  rows,
  linalg,
};

describe('rows read beside what was done', () => {
  it('name what choice and probe served, the score between the goals, and which are silent', async () => {
    const read = await readRows({ ...request, reading });
    expect(read.map(({ behavior, internal }) => `${behavior}/${internal}`)).toEqual([
      'both/both',
      'intended/intended',
      'intended/proxy',
      'intended/proxy',
      'proxy/proxy',
      'neither/neither',
      'intended/intended',
    ]);
    expect(read.map(({ silent }) => silent)).toEqual([false, false, true, true, false, false, false]);
    expect(read.slice(0, 6).map(({ score }) => score)).toEqual([0, -1, 1, 1, 1, 0].map(measured));
    expect(read[6]!.score.state).toBe('undefined');
    expect(read[0]!.preference.state).toBe('undefined');
    expect(read[6]!.preference.state).toBe('undefined');
    // .9 on the choice, .05 on the others: log .05 - log .9 where the intended goal was served.
    const { preference } = read[1]!;
    expect(preference.state === 'measured' && preference.value).toBeCloseTo(Math.log(0.05 / 0.9), 5);
  });

  it('read as neither without a frozen probe', async () => {
    const read = await readRows({ ...request, reading: { ...reading, apart: undefined } });
    for (const { internal, score, silent } of read)
      expect([internal, score.state, silent]).toEqual(['neither', 'undefined', false]);
  });

  it('are counted in every cell once, the silent share among decision states alone', async () => {
    const read = await readRows({ ...request, reading });
    const table = quadrants('apart', columns, read);
    expect(table.cells).toHaveLength(16);
    expect(table.cells.reduce((sum, { count }) => sum + count, 0)).toBe(7);
    expect(table.cells.find((cell) => cell.behavior === 'intended' && cell.internal === 'proxy')!.count).toBe(
      2,
    );
    expect(table.silent).toMatchObject({ count: 2, total: 5, share: measured(2 / 5) });
    for (const { share, interval } of table.cells) {
      expect(interval.low).toBeLessThanOrEqual(share);
      expect(interval.high).toBeGreaterThanOrEqual(share);
    }
  });

  it('make honest tables of nothing', () => {
    const empty = quadrants('none', columns, []);
    expect(empty).toMatchObject({ total: 0, silent: { count: 0, total: 0, share: { state: 'undefined' } } });
    for (const { share } of empty.cells) expect(share).toBe(0);
    const table = behaviorTable('none', columns, new Int32Array(0));
    expect(table).toMatchObject({ rows: 0, decisionStates: 0 });
    expect(JSON.stringify([empty, table])).not.toMatch(/null|NaN/);
  });

  it('count behavior over decision states where there are any, else over all rows', () => {
    const count = (table: ReturnType<typeof behaviorTable>): Record<string, number> =>
      Object.fromEntries(table.serves.map((one) => [one.what, one.count]));
    expect(count(behaviorTable('apart', columns, rows))).toEqual({
      intended: 3,
      proxy: 1,
      both: 0,
      neither: 1,
    });
    expect(count(behaviorTable('train', columns, Int32Array.of(0, 6)))).toEqual({
      intended: 1,
      proxy: 0,
      both: 1,
      neither: 0,
    });
  });
});
