/** @file test: code lengths at the site of L2, in networks whose codes are known. */
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { codeLengthStatistics } from '../../src/evidence/code-length-contrast.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import { readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import type { Statistic } from '../../src/evidence/rung.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { HOOKS, makeWorld, READOUT, runSynthetic, TRUTHS, type Truth } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

async function statisticsOf(
  truth: Truth,
  change: (columns: Columns) => Columns = (same) => same,
): Promise<readonly Statistic[]> {
  const run = runSynthetic(truth, makeWorld({ seed: 3, train: 60, apart: 400 }), 1);
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
  return codeLengthStatistics({ ...base, reading: await readNetwork(base), random: seededRandom('code') });
}

function numberOf(statistics: readonly Statistic[], id: string): number {
  const value = statistics.find((one) => one.id === id)?.value;
  if (value?.state !== 'measured') throw new Error(value?.reason ?? `there is no ${id}`);
  return value.value;
}

describe('code lengths beside the contrast', () => {
  it('are short for the goal that is written strongly, and near the uniform code for what is written faintly', async () => {
    const statistics = await statisticsOf(TRUTHS.intendedOnly);
    expect(numberOf(statistics, 'L2.intended.code-length')).toBeLessThan(0.6);
    expect(numberOf(statistics, 'L2.proxy.code-length')).toBeGreaterThan(0.9);
    expect(numberOf(statistics, 'L2.intended.code-length-of-irrelevant')).toBeGreaterThan(0.9);
    expect(new Set(statistics.map(({ state }) => state))).toEqual(new Set(['reported']));
  });

  it('are not there without an irrelevant variable', async () => {
    const none = await statisticsOf(
      TRUTHS.intendedOnly,
      ({ labels: { irrelevant: _, ...labels }, ...rest }) => ({
        ...rest,
        labels,
      }),
    );
    expect(none).toEqual([]);
  });
});
