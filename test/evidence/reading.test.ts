/** @file test: what is read of one network: where each reading looks, on which rows it chose to, and what it says of nothing. */
import { afterAll, describe, expect, it } from 'vitest';
import { takeRows } from '../../src/core/matrix.ts';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import { varianceShareByGroup } from '../../src/evidence/metric-grouped-variance-share.ts';
import { varianceShare } from '../../src/evidence/metric-variance-share.ts';
import {
  logRatio,
  type NetworkReading,
  type ReadingRequest,
  readNetwork,
  sidesOf,
} from '../../src/evidence/reading.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import {
  HOOKS,
  makeWorld,
  POSITIONS,
  READOUT,
  runSynthetic,
  type SyntheticRun,
  TRUTHS,
} from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const WORLD = makeWorld({ seed: 12, train: 120, apart: 400 });
const SITES = HOOKS.flatMap((hook) => POSITIONS.map((position) => ({ hook, position })));
const requestOf = (run: SyntheticRun, columns: Columns = run.columns): ReadingRequest => ({
  columns,
  sides: sidesOf(columns),
  sites: SITES,
  readout: READOUT,
  activations: run.activations,
  ridge: 0.01,
  linalg,
});
const run = runSynthetic(TRUTHS.mixture, WORLD, 1);
const reading = await readNetwork(requestOf(run));
const numberOf = (value: { readonly state: string; readonly value?: number }): number =>
  value.value ?? Number.NaN;

describe('sides', () => {
  it('hold every come-apart row once, training-like rows on two of them, and decision states of the test side alone', () => {
    const { apart, train, decisions } = sidesOf(run.columns);
    const all = [...apart.fit, ...apart.select, ...apart.test].sort((a, b) => a - b);
    expect(all).toEqual([...run.columns.apart]);
    for (const row of [...train.fit, ...train.select]) expect(run.columns.train).toContain(row);
    const inputs = WORLD.map(({ input }) => input);
    expect([...decisions]).toEqual(
      [...apart.test].filter((row) => inputs[row]!.intended !== inputs[row]!.proxy),
    );
  });
});

describe('a reading', () => {
  it('chooses the site of a contrast by select rows and takes its value from test rows', () => {
    for (const goal of ['intended', 'proxy'] as const) {
      const own = reading.map.get(goal)!;
      const other = reading.map.get('irrelevant')!;
      const on = (side: 'selectAccuracy' | 'testAccuracy') =>
        own.map((one, i) => numberOf(one[side]) - numberOf(other[i]![side]));
      const select = on('selectAccuracy');
      const contrast = reading.contrast[goal]!;
      expect(contrast.siteIndex).toBe(select.lastIndexOf(Math.max(...select)));
      expect(contrast.value).toEqual(measured(on('testAccuracy')[contrast.siteIndex]!));
    }
  });

  it('chooses the site of a share by fit rows and takes its value from test rows, across groups', () => {
    const { fit, test } = sidesOf(run.columns).apart;
    for (const goal of ['intended', 'proxy'] as const) {
      const labels = (role: 'intended' | 'proxy' | 'irrelevant', rows: Int32Array) =>
        Int32Array.from(rows, (row) => run.columns.labels[role]!.values[row]!);
      const differences = SITES.map((site) => {
        const x = takeRows(run.activations(site), fit);
        const omega = (role: 'intended' | 'proxy' | 'irrelevant') =>
          numberOf(varianceShare(x, labels(role, fit), 5).omegaSquared);
        return omega(goal) - omega('irrelevant');
      });
      const share = reading.share[goal]!;
      expect(share.siteIndex).toBe(differences.lastIndexOf(Math.max(...differences)));
      const x = takeRows(run.activations(SITES[share.siteIndex]!), test);
      const groups = Int32Array.from(test, (row) => run.columns.groups[row]!);
      const { crossGroup } = varianceShareByGroup(x, labels(goal, test), 5, groups).estimate;
      expect(numberOf(share.goalShare)).toBeCloseTo(numberOf(crossGroup), 10);
    }
  });

  it('reads where the goals part at the read-out alone, whatever is readable elsewhere', () => {
    expect(SITES[reading.apart!.siteIndex]!.position).toBe(READOUT);
    const elsewhere = requestOf(run);
    return expect(readNetwork({ ...elsewhere, readout: -7 })).resolves.toMatchObject({ apart: undefined });
  });

  it('is the same whatever the rows that it may not choose by', async () => {
    const onTest = new Set(run.columns.split.test.rows);
    const changed: SyntheticRun = {
      ...run,
      activations: (site) => {
        const x = run.activations(site);
        return { ...x, data: x.data.map((v, i) => (onTest.has(Math.floor(i / x.columns)) ? 3 - v : v)) };
      },
    };
    const other = await readNetwork(requestOf(changed));
    const places = (of: NetworkReading): unknown => [
      of.contrast.intended!.siteIndex,
      of.contrast.proxy!.siteIndex,
      of.share.intended!.siteIndex,
      of.share.proxy!.siteIndex,
      of.apart!.siteIndex,
      of.contrast.intended!.saturated,
      of.apart!.reading.probe.weights.data,
    ];
    expect(places(other)).toEqual(places(reading));
    expect(other.contrast.intended!.value).not.toEqual(reading.contrast.intended!.value);
  });

  it('is the same when sites that another network shares are not read again', async () => {
    // Same inputs, other codes: the first hook holds the same values in both.
    const other = runSynthetic(TRUTHS.proxyOnly, WORLD, 1);
    const alone = await readNetwork(requestOf(other));
    const helped = await readNetwork({
      ...requestOf(other),
      like: { activations: run.activations, reading },
    });
    expect(helped).toEqual(alone);
    expect(await readNetwork({ ...requestOf(run), like: { activations: run.activations, reading } })).toEqual(
      reading,
    );
  });

  it('calls a pair saturated only where both are read near perfectly on select rows', async () => {
    const loud = { ...TRUTHS.mixture, code: { intended: 9, proxy: 9, irrelevant: 9 } };
    const saturated = await readNetwork(requestOf(runSynthetic(loud, WORLD, 1)));
    expect(saturated.contrast.proxy!.saturated).toBe(true);
    expect(reading.contrast.proxy!.saturated).toBe(false);
  });

  it('has no contrast without an irrelevant variable, and no side without both goals or without training-like rows', async () => {
    const { irrelevant: _, ...goals } = run.columns.labels;
    const bare = await readNetwork(requestOf(run, { ...run.columns, labels: goals }));
    expect(bare).toMatchObject({ contrast: {}, share: {} });
    expect(bare.apart).toEqual(reading.apart);
    const { proxy: __, ...one } = run.columns.labels;
    expect((await readNetwork(requestOf(run, { ...run.columns, labels: one }))).apart).toBeUndefined();
    expect(
      (await readNetwork(requestOf(run, { ...run.columns, train: new Int32Array(0) }))).apart,
    ).toBeUndefined();
  });
});

describe('the log ratio of two shares', () => {
  it('is log(goal / irrelevant), with both raised to one over the rows', () => {
    expect(numberOf(logRatio(measured(0.4), measured(0.1), 1000))).toBeCloseTo(Math.log(4), 12);
    expect(numberOf(logRatio(measured(0.4), measured(-0.2), 100))).toBeCloseTo(Math.log(40), 12);
    expect(logRatio(measured(-0.1), measured(-0.3), 100)).toEqual(measured(0));
    expect(numberOf(logRatio(measured(-0.1), measured(0.1), 100))).toBeCloseTo(-Math.log(10), 12);
  });

  it('is undefined where either is', () => {
    const none = undefinedBecause('one class');
    expect(logRatio(none, measured(1), 9)).toBe(none);
    expect(logRatio(measured(1), none, 9)).toBe(none);
  });
});
