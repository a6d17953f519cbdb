/** @file test: probes for many tasks and sites at once: each as if alone, fitted on fit rows only, absent where nothing can be fitted. */
import { afterAll, describe, expect, it } from 'vitest';
import { takeRows } from '../../src/core/matrix.ts';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { balancedAccuracy } from '../../src/evidence/metric-accuracy.ts';
import { bestSite, mapProbes, occurring, RIDGE_PATH } from '../../src/evidence/probe-map.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { predict, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitRidge } from '../../src/probe/ridge.ts';
import { HOOKS, makeWorld, READOUT, runSynthetic, TRUTHS } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const run = runSynthetic(TRUTHS.mixture, makeWorld({ seed: 8, train: 30, apart: 240 }), 10);
const sites = HOOKS.map((hook) => ({ hook, position: READOUT }));
const { apart } = sidesOf(run.columns);
const labelsOf = (role: 'intended' | 'proxy' | 'irrelevant') => run.columns.labels[role]!;
const base = { sites, activations: run.activations, ...apart, ridge: 0.01, linalg };

describe('a map of probes', () => {
  it('holds what each probe would say if it were fitted and read alone', async () => {
    const tasks = (['intended', 'proxy', 'irrelevant'] as const).map((id) => ({ id, labels: labelsOf(id) }));
    const map = await mapProbes({ ...base, tasks });
    for (const [s, site] of sites.entries()) {
      const x = run.activations(site);
      const train = { role: 'fit' as const, rows: apart.fit, x: takeRows(x, apart.fit) };
      const alone = async (labels: ClassLabels, penalty: number, side: 'select' | 'test') => {
        const [probe] = await fitRidge(train, [labels], { penalty, linalg });
        const read = predict(await scoreProbe(probe!, takeRows(x, apart[side]), linalg));
        const truth = Int32Array.from(apart[side], (row) => labels.values[row]!);
        return { read, accuracy: balancedAccuracy(read, truth, labels.classes) };
      };
      // Rising penalties; one that reads the select rows at least as well as those before it takes their place.
      let [chosen, best] = [0, -1];
      for (const factor of RIDGE_PATH) {
        const penalty = factor * 0.01 * apart.fit.length;
        let sum = 0;
        for (const { labels } of tasks) {
          const { accuracy } = await alone(labels, penalty, 'select');
          sum += accuracy.state === 'measured' ? accuracy.value : Number.NaN;
        }
        if (sum >= best - 1e-12) [chosen, best] = [penalty, sum];
      }
      for (const { id, labels } of tasks) {
        const reading = map.get(id)![s]!;
        expect(reading.probe.settings).toMatchObject({ penalty: chosen });
        for (const side of ['select', 'test'] as const) {
          const { read, accuracy } = await alone(labels, chosen, side);
          expect([...reading[side]]).toEqual([...read]);
          expect(reading[`${side}Accuracy`]).toEqual(accuracy);
        }
      }
    }
  });

  it('takes the penalties that are asked for, one a site, in the place of a choice', async () => {
    const tasks = [{ id: 'intended', labels: labelsOf('intended') }];
    const penalties = sites.map((_, s) => 3 + s);
    const readings = (await mapProbes({ ...base, tasks, penalties })).get('intended')!;
    expect(readings.map(({ probe }) => probe.settings)).toMatchObject(
      penalties.map((penalty) => ({ penalty })),
    );
    const chosen = (await mapProbes({ ...base, tasks })).get('intended')!;
    const again = await mapProbes({
      ...base,
      tasks,
      penalties: chosen.map(({ probe }) =>
        probe.settings.kind === 'ridge' ? probe.settings.penalty : Number.NaN,
      ),
    });
    expect(again.get('intended')!.map(({ testAccuracy }) => testAccuracy)).toEqual(
      chosen.map(({ testAccuracy }) => testAccuracy),
    );
  });

  it('fits and chooses the same probes whatever the labels and activations of test rows are', async () => {
    const tasks = [{ id: 'intended', labels: labelsOf('intended') }];
    const before = (await mapProbes({ ...base, tasks })).get('intended')!;
    const seen = new Set([...apart.fit, ...apart.select]);
    const labels = {
      ...labelsOf('intended'),
      values: labelsOf('intended').values.map((value, row) => (seen.has(row) ? value : (value + 1) % 5)),
    };
    const after = await mapProbes({
      ...base,
      tasks: [{ id: 'intended', labels }],
      activations: (site) => {
        const x = run.activations(site);
        return { ...x, data: x.data.map((v, i) => (seen.has(Math.floor(i / x.columns)) ? v : -3 * v)) };
      },
    });
    for (const [s, reading] of after.get('intended')!.entries()) {
      expect(reading.probe.weights.data).toEqual(before[s]!.probe.weights.data);
      expect(reading.probe.bias).toEqual(before[s]!.probe.bias);
    }
  });

  it('leaves out a task with fewer than two values among the fit rows, and keeps the others', async () => {
    const values = new Int32Array(run.columns.rows).fill(2);
    for (const row of apart.test) values[row] = 1;
    const map = await mapProbes({
      ...base,
      tasks: [
        { id: 'constant', labels: { classes: 3, names: ['a', 'b', 'c'], values } },
        { id: 'none', labels: { classes: 3, names: ['a', 'b', 'c'], values: values.map(() => -1) } },
        { id: 'proxy', labels: labelsOf('proxy') },
      ],
    });
    expect([...map.keys()]).toEqual(['proxy']);
    expect(
      (
        await mapProbes({
          ...base,
          tasks: [{ id: 'proxy', labels: labelsOf('proxy') }],
          fit: new Int32Array(0),
        })
      ).size,
    ).toBe(0);
  });

  it('reads no rows as undefined, not as zero', async () => {
    const none = new Int32Array(0);
    const map = await mapProbes({
      ...base,
      select: none,
      test: none,
      tasks: [{ id: 'proxy', labels: labelsOf('proxy') }],
    });
    for (const { selectAccuracy, testAccuracy } of map.get('proxy')!)
      expect([selectAccuracy.state, testAccuracy.state]).toEqual(['undefined', 'undefined']);
  });

  it('never names a class that no fit row has, and counts it as wrong', async () => {
    const labels = labelsOf('intended');
    const fit = apart.fit.filter((row) => labels.values[row] !== 0);
    const reading = (await mapProbes({ ...base, fit, tasks: [{ id: 'intended', labels }] }))
      .get('intended')!
      .at(-1)!;
    expect([...reading.test]).not.toContain(0);
    const { testAccuracy } = reading;
    // Four of five classes can be right.
    expect(testAccuracy.state === 'measured' && testAccuracy.value).toBeLessThanOrEqual(0.8);
  });
});

describe('the best site', () => {
  it('is the one with the largest value; of equal ones the last; undefined ones never', () => {
    const none = undefinedBecause('no row');
    expect(bestSite([measured(0.1), measured(0.4), none])).toBe(1);
    expect(bestSite([measured(0.4), none, measured(0.4)])).toBe(2);
    expect(bestSite([measured(-2), measured(-3)])).toBe(0);
    expect(bestSite([none, none])).toBeUndefined();
    expect(bestSite([])).toBeUndefined();
  });

  it('may give way to a later one within the tolerance', () => {
    expect(bestSite([measured(0.9), measured(0.895), measured(0.88)], 0.01)).toBe(1);
  });
});

describe('values that occur', () => {
  it('are counted among the given rows, without the missing one', () => {
    const values = Int32Array.of(0, 1, -1, 3, 3);
    expect(occurring(values, Int32Array.of(2, 3, 4))).toBe(1);
    expect(occurring(values, Int32Array.of(0, 1, 2, 3))).toBe(3);
    expect(occurring(values, Int32Array.of(2))).toBe(0);
  });
});
