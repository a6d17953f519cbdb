/** @file test: baselines and the leak meter on features whose content is known. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { readBaselines } from '../../src/evidence/baselines.ts';
import { readLeaks } from '../../src/evidence/leak-meter.ts';
import { readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { HOOKS, makeWorld, READOUT, runSynthetic, VALUES } from './synthetic-network.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const TRUTH = {
  code: { intended: 1, proxy: 1, irrelevant: 1 },
  weight: { intended: 4, proxy: 0, irrelevant: 0 },
};

describe('baselines', () => {
  test('read what their features hold and nothing else, beside the network', async () => {
    const run = runSynthetic(TRUTH, makeWorld({ seed: 1 }));
    const { columns } = run;
    const sides = sidesOf(columns);
    const sites = HOOKS.map((hook) => ({ hook, position: READOUT }));
    const base = { columns, sides, sites, readout: READOUT, ridge: 0.01, linalg };
    const reading = await readNetwork({ ...base, activations: run.activations });
    const random = seededRandom('baselines');
    const hot = matrix(columns.rows, VALUES);
    for (let i = 0; i < columns.rows; i++) hot.data[i * VALUES + columns.labels.proxy!.values[i]!] = 1;
    const noise: Matrix = {
      ...matrix(columns.rows, 4),
      data: Float32Array.from({ length: columns.rows * 4 }, () => random.normal()),
    };
    const readings = await readBaselines({
      ...base,
      features: [
        { id: 'hot', label: 'the proxy itself', x: hot },
        { id: 'noise', label: 'noise', x: noise },
      ],
      reading,
      bootstrapDraws: 300,
      random,
    });
    const accuracy = (id: string, role: string): number => {
      const found = readings.find((one) => one.id === id && one.role === role)!;
      return found.accuracy.state === 'measured' ? found.accuracy.value : Number.NaN;
    };
    expect(accuracy('hot', 'proxy')).toBeCloseTo(1, 12);
    for (const role of ['intended', 'irrelevant']) {
      expect(Math.abs(accuracy('hot', role) - 1 / VALUES)).toBeLessThan(0.1);
      expect(Math.abs(accuracy('noise', role) - 1 / VALUES)).toBeLessThan(0.1);
      expect(accuracy('probe', role)).toBeGreaterThan(0.6);
    }
    expect(readings.every(({ chance }) => chance === 1 / VALUES)).toBe(true);
  });
});

describe('the leak meter', () => {
  test('shows what rows of one group give away, and nothing where rows are independent', async () => {
    const run = runSynthetic(TRUTH, makeWorld({ seed: 2, apart: 600 }));
    const { columns } = run;
    // One label and one fingerprint per group: only a split by row lets a probe learn which group is which.
    const random = seededRandom('leak');
    const group = (row: number): number => columns.groups[row]!;
    const label = Array.from({ length: columns.groupCount }, () => random.integer(VALUES));
    const print = Array.from({ length: columns.groupCount }, () =>
      Float32Array.from({ length: 400 }, () => random.normal()),
    );
    const leaky = matrix(columns.rows, 400);
    for (let i = 0; i < columns.rows; i++) leaky.data.set(print[group(i)]!, i * 400);
    const values = Int32Array.from({ length: columns.rows }, (_, i) => label[group(i)]!);
    const labels = { ...columns.labels.intended!, values };
    const own = { ...columns, labels: { ...columns.labels, intended: labels } };
    const sites = [{ hook: 'h', position: READOUT }];
    const base = { columns: own, sides: sidesOf(own), sites, readout: READOUT, ridge: 0.01, linalg };
    const activations = (): Matrix => leaky;
    const reading = await readNetwork({ ...base, activations });
    const [first] = await readLeaks({ ...base, activations, reading, random });
    expect(first?.role).toBe('intended');
    expect(first!.difference.state === 'measured' && first!.difference.value).toBeGreaterThan(0.2);

    const clean = await readNetwork({
      ...base,
      columns,
      sides: sidesOf(columns),
      sites: [{ hook: HOOKS[1], position: READOUT }],
      activations: run.activations,
    });
    const readings = await readLeaks({
      ...base,
      columns,
      sites: [{ hook: HOOKS[1], position: READOUT }],
      activations: run.activations,
      reading: clean,
      random,
    });
    expect(readings).toHaveLength(3);
    for (const { difference } of readings)
      expect(Math.abs(difference.state === 'measured' ? difference.value : 1)).toBeLessThan(0.06);
  });
});
