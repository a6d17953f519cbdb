/** @file test: whether the choice of site and rank hangs on the draw of the select side, in networks whose answer is known. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { CausalInputs } from '../../src/evidence/causal-side.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import type { Statistic } from '../../src/evidence/rung.ts';
import { choiceStability } from '../../src/evidence/site-stability.ts';
import { HOOKS, makeWorld, runSynthetic, type SyntheticRun, TRUTHS } from './synthetic-network.ts';

const RANKS = [1, 2, 4];
const world = makeWorld({ seed: 6, train: 60, apart: 300 });

async function stability(
  run: SyntheticRun,
  inputs: CausalInputs = run.causal,
): Promise<readonly Statistic[]> {
  const sides = sidesOf(run.columns);
  const where = (await findCausalSite(inputs, run.columns, sides, RANKS))!;
  return choiceStability({
    columns: run.columns,
    sides,
    inputs,
    where,
    ranks: RANKS,
    draws: 200,
    random: seededRandom('stability'),
  });
}

const share = (statistics: readonly Statistic[], id: string): number | string => {
  const { value } = statistics.find((one) => one.id === id)!;
  return value.state === 'measured' ? value.value : value.reason;
};

describe('the choice of site and rank', () => {
  it('is the same in every resample where one hook carries all of it in every input', async () => {
    const found = await stability(runSynthetic(TRUTHS.mixture, world, 40));
    for (const goal of ['intended', 'proxy'])
      for (const what of ['site', 'rank']) expect(share(found, `L5.${goal}.${what}-stability`)).toBe(1);
  });

  it('is the same for a goal that arrives later too, and is not asked of one without an effect', async () => {
    const late = await stability(runSynthetic({ ...TRUTHS.mixture, late: 'proxy' }, world, 40));
    expect(share(late, 'L5.proxy.site-stability')).toBe(1);
    const idle = await stability(runSynthetic(TRUTHS.unusedProxy, world, 40));
    for (const what of ['site', 'rank'])
      expect(share(idle, `L5.proxy.${what}-stability`)).toMatch(/no effect to choose a site and a rank by/);
  });

  it('is a toss where half of the groups are moved at the first hook and half only at the second', async () => {
    const run = runSynthetic(TRUTHS.intendedOnly, world, 40);
    const odd = (row: number): boolean => run.columns.groups[row]! % 2 === 1;
    const inputs: CausalInputs = {
      ...run.causal,
      runIntervened: async (edit) => {
        const after = await run.runIntervened(edit);
        if (edit.hooks[0] !== HOOKS[1]) return after;
        const plain = run.columns.logProbabilities;
        const data = Float32Array.from(after.data, (value, k) => {
          const row = edit.rows[Math.floor(k / after.columns)]!;
          return odd(row) ? plain.data[row * after.columns + (k % after.columns)]! : value;
        });
        return { ...after, data };
      },
    };
    const found = share(await stability(run, inputs), 'L5.intended.site-stability');
    // Half of the effect is the threshold itself: whichever side the sample lies on, resamples fall on both.
    expect(found).toBeGreaterThan(0.3);
    expect(found).toBeLessThan(0.98);
  });
});
