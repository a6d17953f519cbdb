/** @file test: L2, the contrasts with the irrelevant variable: what passes, what fails, and what cannot be compared at all. */
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { type Columns, ofOneKind } from '../../src/evidence/columns.ts';
import { type NetworkReading, readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import type { RungResult, Statistic } from '../../src/evidence/rung.ts';
import { selective } from '../../src/evidence/rung-selective.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { HOOKS, makeWorld, READOUT, runSynthetic, TRUTHS, type Truth, VALUES } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

async function climb(
  truth: Truth,
  change: (columns: Columns) => Columns = (same) => same,
  { copied = 0, seed = 3, alter = (same: NetworkReading, _: Columns): NetworkReading => same } = {},
): Promise<RungResult> {
  const run = runSynthetic(truth, makeWorld({ seed, train: 60, apart: 500, copied }), 1);
  const columns = change(run.columns);
  const base = {
    columns,
    sides: sidesOf(columns),
    sites: HOOKS.map((hook) => ({ hook, position: READOUT })),
    readout: READOUT,
    activations: run.activations,
    ridge: 0.01,
    linalg,
  };
  return selective({
    ...base,
    reading: alter(await readNetwork(base), columns),
    permutations: 99,
    bootstrapDraws: 200,
    alpha: 0.05,
    random: seededRandom('selective'),
  });
}
const find = (rung: RungResult, id: string): Statistic => rung.statistics.find((one) => one.id === id)!;
const numberOf = (rung: RungResult, id: string): number => {
  const { value } = find(rung, id);
  return value.state === 'measured' ? value.value : Number.NaN;
};

describe('L2', () => {
  it('passes for the variable that is written strongly and fails for the one that is written as faintly as the irrelevant one', async () => {
    const rung = await climb(TRUTHS.intendedOnly);
    expect(rung.byRole).toEqual({ intended: 'passed', proxy: 'failed' });
    expect(numberOf(rung, 'L2.intended.contrast')).toBeGreaterThan(0.5);
    // Codes of length 1 and .05 carry shares of variance in the ratio 1 : .0025, cut off at the resolution of the data.
    expect(numberOf(rung, 'L2.intended.share')).toBeGreaterThan(Math.log(2));
  });

  it('measures shares that are those of the codes', async () => {
    const rung = await climb(TRUTHS.mixture);
    // One-hot codes over 5 values: variance a^2 x 4/5. At blocks.0: .8 + .8 + .072 from codes, 24 x (.09 + .01) from noise, 1 from the context.
    const total = 0.8 + 0.8 + 0.8 * 0.09 + 24 * 0.1 + 1;
    for (const goal of ['intended', 'proxy']) {
      const share = numberOf(rung, `L2.${goal}.share-of-goal`);
      expect(Math.abs(share - 0.8 / total)).toBeLessThan(0.04);
    }
  });

  it('was not run without an irrelevant variable', async () => {
    const rung = await climb(TRUTHS.mixture, (columns) => {
      const { irrelevant: _, ...labels } = columns.labels;
      return { ...columns, labels };
    });
    expect(rung.byRole).toEqual({ intended: 'not-run', proxy: 'not-run' });
    expect(rung.state).toBe('not-run');
  });

  it('is open when the irrelevant variable takes fewer values, since chance alone then favours it', async () => {
    const rung = await climb(TRUTHS.mixture, (columns) => ({
      ...columns,
      labels: {
        ...columns.labels,
        irrelevant: {
          ...columns.labels.irrelevant!,
          values: columns.labels.irrelevant!.values.map((value) => value % 2),
        },
      },
    }));
    expect(rung.byRole).toEqual({ intended: 'undefined', proxy: 'undefined' });
    expect(find(rung, 'L2.intended.contrast').criterion).toMatch(/cannot be compared/);
    // Values of different variables must not change places.
    expect(find(rung, 'L2.intended.share').nulls).toEqual([]);
  });

  it('is open, not failed, for a goal that is coded with fewer values than the irrelevant variable', async () => {
    // Matched, this proxy passes by far; as one binary indicator it holds a smaller share than the irrelevant variable's five values.
    const truth = { ...TRUTHS.intendedOnly, code: { intended: 1, proxy: 0.8, irrelevant: 0.4 } };
    const binary = await climb(truth, (columns) => {
      const proxy = columns.labels.proxy!;
      const values = proxy.values.map((value) => (value === 0 ? 1 : 0));
      return { ...columns, labels: { ...columns.labels, proxy: { ...proxy, values } } };
    });
    expect((await climb(truth)).byRole.proxy).toBe('passed');
    expect(numberOf(binary, 'L2.proxy.share')).toBeLessThan(Math.log(2));
    expect(find(binary, 'L2.proxy.share').state).toBe('undefined');
    expect(find(binary, 'L2.proxy.share').criterion).toMatch(/cannot be compared/);
    expect(binary.byRole).toEqual({ intended: 'passed', proxy: 'undefined' });
  });

  it.each([
    [4, 'undefined'],
    [12, 'passed'],
  ] as const)('with accuracies that differ in %i groups alone is %s', async (differing, state) => {
    const rung = await climb(TRUTHS.intendedOnly, undefined, {
      alter: (reading, columns) => {
        const { test } = sidesOf(columns).apart;
        const { intended, irrelevant } = columns.labels;
        const contrast = reading.contrast.intended!;
        const right = (values: Int32Array): Int32Array => Int32Array.from(test, (row) => values[row]!);
        const first = new Set(
          [...new Set(Array.from(test, (row) => columns.groups[row]!))].slice(0, differing),
        );
        const wrong = right(irrelevant!.values).map((value, i) =>
          first.has(columns.groups[test[i]!]!) ? (value + 1) % VALUES : value,
        );
        return {
          ...reading,
          contrast: {
            intended: {
              ...contrast,
              saturated: false,
              goal: { ...contrast.goal, test: right(intended!.values) },
              irrelevant: { ...contrast.irrelevant, test: wrong },
            },
          },
        };
      },
    });
    expect(find(rung, 'L2.intended.contrast').state).toBe(state);
    if (state === 'undefined')
      expect(find(rung, 'L2.intended.contrast').criterion).toMatch(/in 4 groups, too few/);
  });

  it('is open for goals that go together: an unused and unwritten proxy would be read through the intended goal', async () => {
    const rung = await climb(TRUTHS.intendedOnly, undefined, { copied: 0.5 });
    expect(numberOf(rung, 'L2.proxy.contrast')).toBeGreaterThan(0.15);
    expect(rung.byRole).toEqual({ intended: 'undefined', proxy: 'undefined' });
    expect(find(rung, 'L2.proxy.contrast').criterion).toMatch(/Cramer/);
  });

  it('is open when a goal could not be fitted, and reads the other', async () => {
    const rung = await climb(TRUTHS.intendedOnly, (columns) => ({
      ...columns,
      labels: {
        ...columns.labels,
        proxy: { ...columns.labels.proxy!, values: new Int32Array(columns.rows) },
      },
    }));
    expect(rung.byRole).toEqual({ intended: 'passed', proxy: 'undefined' });
  });

  it('shows selectivity against control tasks, and says why not without tokens or with tokens that never change', async () => {
    const rung = await climb(TRUTHS.intendedOnly);
    // The control labels of two of the three positions that change follow variables that are hardly written.
    expect(numberOf(rung, 'L2.intended.selectivity')).toBeGreaterThan(0.2);
    expect(find(rung, 'L2.intended.selectivity').state).toBe('reported');
    for (const tokens of [null, { rows: 560, columns: 2, data: new Float32Array(1120) }]) {
      const without = await climb(TRUTHS.intendedOnly, (columns) => ({ ...columns, tokens }));
      expect(find(without, 'L2.intended.selectivity').value.state).toBe('undefined');
      expect(without.byRole.intended).toBe('passed');
    }
  });

  it('reads control tasks at the penalty of the probe that they are held against', async () => {
    const asked: number[] = [];
    const rung = await climb(TRUTHS.intendedOnly, undefined, {
      alter: (reading) => {
        // Under a penalty this large every probe names the most frequent class: what the control tasks then reach is chance.
        const [site] = [reading.contrast.intended!.siteIndex];
        const readings = reading.map.get('intended')!.map((one, i) => {
          if (i !== site || one.probe.settings.kind !== 'ridge') return one;
          asked.push(one.probe.settings.penalty);
          return { ...one, probe: { ...one.probe, settings: { ...one.probe.settings, penalty: 1e12 } } };
        });
        return { ...reading, map: new Map([...reading.map, ['intended', readings]]) };
      },
    });
    expect(asked).toHaveLength(1);
    const plain = await climb(TRUTHS.intendedOnly);
    expect(numberOf(rung, 'L2.intended.selectivity')).toBeGreaterThan(
      numberOf(plain, 'L2.intended.selectivity') + 0.05,
    );
  });

  it('decides by the share of variance alone where both variables are read near perfectly', async () => {
    // All codes far above the noise, the irrelevant one a tenth in variance: accuracy cannot tell them apart.
    const truth = {
      code: { intended: 8, proxy: 8, irrelevant: 2.5 },
      weight: { intended: 4, proxy: 0, irrelevant: 0 },
    };
    const rung = await climb(truth, undefined, { seed: 4 });
    expect(find(rung, 'L2.intended.contrast').state).toBe('reported');
    expect(rung.byRole).toEqual({ intended: 'passed', proxy: 'passed' });
  });
});

describe('variables of one kind', () => {
  const labels = (values: number[]) => ({ classes: 9, names: [], values: Int32Array.from(values) });
  const rows = Int32Array.from({ length: 40 }, (_, i) => i);
  const cycle = (count: number, from = 0) => labels(Array.from({ length: 40 }, (_, i) => from + (i % count)));

  it('take as many values, and the same ones', () => {
    expect(ofOneKind(cycle(4), cycle(4), rows)).toBe(true);
    expect(ofOneKind(cycle(4), cycle(3), rows)).toBe(false);
    expect(ofOneKind(cycle(4), cycle(4, 4), rows)).toBe(false);
    expect(ofOneKind(cycle(4), labels(new Array(40).fill(-1)), rows)).toBe(false);
  });

  it('may differ in a rare value when chance hardly does', () => {
    const grid = { classes: 99, names: [], values: Int32Array.from({ length: 400 }, (_, i) => i % 25) };
    const without = { ...grid, values: grid.values.map((value) => (value === 7 ? 8 : value)) };
    const all = Int32Array.from({ length: 400 }, (_, i) => i);
    expect(ofOneKind(grid, without, all)).toBe(true);
  });
});
