/** @file test: L5 in parts: total effects, the site and ranks that are chosen, what is measured, and the rung as a whole. */
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from '../../src/evidence/causal-side.ts';
import { commonSite, findCausalSite, goalBases } from '../../src/evidence/causal-site.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { used } from '../../src/evidence/rung-used.ts';
import { measureGoal } from '../../src/evidence/used-measure.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { HOOKS, makeWorld, READOUT, runSynthetic, TRUTHS } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const RANKS = [1, 2, 4, 8];
const run = runSynthetic(TRUTHS.mixture, makeWorld({ seed: 6, train: 60, apart: 500 }), 50);
const sides = sidesOf(run.columns);

describe('total effects', () => {
  it('are what the head was built to do: twice the weight, in every base', () => {
    for (const goal of ['intended', 'proxy'] as const) {
      for (const effect of totalEffects(run.causal, run.causal.test, goal)!)
        expect(effect).toBeCloseTo(2 * TRUTHS.mixture.weight[goal], 4);
    }
  });

  it('do not exist without sources, and no request is made of them', () => {
    const { proxy: _, ...sources } = run.causal.test.sources;
    const without = { ...run.causal.test, sources };
    expect(totalEffects(run.causal, without, 'proxy')).toBeUndefined();
    expect(interchangeRequest(run.causal, without, 'proxy', 'proxy')).toBeUndefined();
    expect(
      interchangeRequest(run.causal, { ...run.causal.test, pairs: {} }, 'same', 'proxy'),
    ).toBeUndefined();
    expect(
      interchangeRequest(run.causal, { ...run.causal.test, bases: new Int32Array(0) }, 'proxy', 'proxy'),
    ).toBeUndefined();
  });
});

describe('the causal site', () => {
  it('is the earliest hook that carries the larger effect, with the smallest rank that carries nine tenths of it', async () => {
    const where = (await findCausalSite(run.causal, run.columns, sides, RANKS))!;
    expect(where.lead).toBe('intended');
    expect(where.site).toEqual({ hook: 'blocks.0.resid_post', position: READOUT });
    // Five values differ in four directions, all of which an exchange of values needs.
    expect(where.subspace.intended!.rank).toBe(4);
    expect(where.subspace.proxy!.rank).toBe(4);
    const proxyFirst = runSynthetic(
      { ...TRUTHS.mixture, weight: { intended: 1, proxy: 3, irrelevant: 0 } },
      makeWorld({ seed: 6, train: 60, apart: 500 }),
      50,
    );
    expect((await findCausalSite(proxyFirst.causal, proxyFirst.columns, sides, RANKS))!.lead).toBe('proxy');
  });

  it('is found without a look at the test side: other test rows leave site, ranks and bases as they are', async () => {
    const where = await findCausalSite(run.causal, run.columns, sides, RANKS);
    const onTest = new Set(run.columns.split.test.rows);
    const labels = Object.fromEntries(
      Object.entries(run.columns.labels).map(([role, own]) => [
        role,
        { ...own, values: own.values.map((value, row) => (onTest.has(row) ? (value + 2) % 5 : value)) },
      ]),
    );
    const inputs: CausalInputs = {
      ...run.causal,
      activations: (site) => {
        const x = run.activations(site);
        return { ...x, data: x.data.map((v, i) => (onTest.has(Math.floor(i / x.columns)) ? 9 - v : v)) };
      },
      get test(): never {
        throw new Error('the test side was looked at');
      },
    };
    expect(await findCausalSite(inputs, { ...run.columns, labels }, sides, RANKS)).toEqual(where);
  });

  it('is a later one for a goal that reaches the read-out later, and the same for one without an effect', async () => {
    const late = runSynthetic(
      { ...TRUTHS.mixture, late: 'proxy' },
      makeWorld({ seed: 6, train: 60, apart: 500 }),
      50,
    );
    const where = (await findCausalSite(late.causal, late.columns, sides, RANKS))!;
    expect(where.lead).toBe('intended');
    expect(where.sites.intended).toEqual(where.site);
    expect([where.site.hook, where.sites.proxy.hook]).toEqual(['blocks.0.resid_post', 'blocks.1.resid_post']);
    expect(commonSite(where, HOOKS)).toEqual(where.sites.proxy);
    const idle = runSynthetic(
      { ...TRUTHS.unusedProxy, late: 'proxy' },
      makeWorld({ seed: 6, train: 60, apart: 500 }),
      50,
    );
    const together = (await findCausalSite(idle.causal, idle.columns, sides, RANKS))!;
    expect(together.sites.proxy).toEqual(together.site);
    const plain = (await findCausalSite(run.causal, run.columns, sides, RANKS))!;
    expect(plain.sites).toEqual({ intended: plain.site, proxy: plain.site });
  });

  it('is the last hook when no single one carries half of the effect', async () => {
    const split: CausalInputs = {
      ...run.causal,
      // An exchange moves nothing at any one site.
      runIntervened: async ({ rows }) => ({
        rows: rows.length,
        columns: 5,
        data: Float32Array.from(
          { length: rows.length * 5 },
          (_, i) => run.columns.logProbabilities.data[rows[Math.floor(i / 5)]! * 5 + (i % 5)]!,
        ),
      }),
    };
    expect((await findCausalSite(split, run.columns, sides, RANKS))!.site.hook).toBe(HOOKS.at(-1));
  });

  it('is undefined without sources or without bases on the select side', async () => {
    const empty = { ...run.causal, select: { ...run.causal.select, sources: {}, pairs: {} } };
    expect(await findCausalSite(empty, run.columns, sides, RANKS)).toBeUndefined();
    const none = { ...run.causal, select: { ...run.causal.select, bases: new Int32Array(0) } };
    expect(await findCausalSite(none, run.columns, sides, RANKS)).toBeUndefined();
  });
});

describe('bases of a goal', () => {
  const site = { hook: 'blocks.0.resid_post', position: READOUT };

  it('rise in rank, once each, whatever the order in which ranks are given', () => {
    const widths = (ranks: readonly number[]) =>
      goalBases(run.causal, run.columns, sides, site, 'proxy', ranks)!.map(({ columns }) => columns);
    expect(widths([8, 1, 4, 2, 1, 99])).toEqual([1, 2, 4]);
    expect(widths([8, 99])).toEqual([4]);
  });

  it('do not exist without labels, without ranks, or where the activations do not vary', () => {
    const flat = {
      ...run.causal,
      activations: () => ({
        rows: run.columns.rows,
        columns: 3,
        data: new Float32Array(3 * run.columns.rows).fill(0.1),
      }),
    };
    expect(goalBases(flat, run.columns, sides, site, 'proxy', [1])).toBeUndefined();
    expect(goalBases(run.causal, run.columns, sides, site, 'proxy', [])).toBeUndefined();
    expect(goalBases(run.causal, { ...run.columns, labels: {} }, sides, site, 'proxy', [1])).toBeUndefined();
  });
});

describe('measuring one goal', () => {
  it('gives the known effects, nulls at zero, and no random subspace where the activations hold none of that rank', async () => {
    const where = (await findCausalSite(run.causal, run.columns, sides, RANKS))!;
    const request = {
      inputs: run.causal,
      sides,
      where,
      randomSubspaces: 19,
      linalg,
      random: seededRandom(1),
    };
    const effect = (await measureGoal(request, 'intended'))!;
    expect(mean(effect.whole.effects)).toBeCloseTo(5.6, 4);
    expect(mean(effect.irrelevant!.effects)).toBeCloseTo(0, 4);
    expect(effect.random).toHaveLength(19);
    // A random subspace of 4 in 24 directions carries its share of the effect, about a sixth, and a little more of the wide ones.
    const random = mean(effect.random) / 5.6;
    expect(random).toBeGreaterThan(0.05);
    expect(random).toBeLessThan(0.5);
    expect(mean(effect.within!.effects)).toBeGreaterThan(0.9 * 5.6);
    // Two directions of activations cannot hold a random subspace of four.
    const flat = new Map(HOOKS.map((hook) => [hook, run.activations({ hook, position: READOUT })]));
    const narrow = {
      ...run.causal,
      activations: ({ hook }: { hook: string }) => {
        const x = flat.get(hook as (typeof HOOKS)[number])!;
        return { ...x, data: x.data.map((v, i) => (i % x.columns < 2 ? v : 0)) };
      },
    };
    const poor = (await measureGoal({ ...request, inputs: narrow }, 'intended'))!;
    expect(poor.random).toHaveLength(0);
  });
});

describe('L5', () => {
  const base = {
    columns: run.columns,
    sides,
    randomSubspaces: 19,
    permutations: 99,
    bootstrapDraws: 200,
    alpha: 0.05,
    linalg,
  };

  it('weighs the goals as the head does, and gives the difference of their effects', async () => {
    const where = await findCausalSite(run.causal, run.columns, sides, RANKS);
    const { rung, use } = await used({ ...base, inputs: run.causal, where, random: seededRandom(2) });
    expect(use).toEqual({ intended: 'used', proxy: 'used' });
    const value = (id: string): number => {
      const found = rung.statistics.find((one) => one.id === id)!.value;
      return found.state === 'measured' ? found.value : Number.NaN;
    };
    expect(value('L5.proxy-weight')).toBeCloseTo(0.3, 5);
    expect(value('L5.proxy-weight-carried')).toBeCloseTo(0.3, 5);
    expect(value('L5.difference')).toBeCloseTo(2.4 - 5.6, 4);
    // The goal with the larger vote wins far more than seven choices in ten.
    expect(value('L5.proxy-weight-probability')).toBeGreaterThan(0);
    expect(value('L5.proxy-weight-probability')).toBeLessThan(0.25);
    expect(value('L5.intended.mediated-share')).toBeCloseTo(1, 4);
    expect(new Set(rung.statistics.map(({ id }) => id)).size).toBe(rung.statistics.length);
  });

  it('finds a goal that arrives a hook later than the other, and compares both where both have arrived', async () => {
    const late = runSynthetic(
      { ...TRUTHS.mixture, late: 'proxy' },
      makeWorld({ seed: 6, train: 60, apart: 500 }),
      50,
    );
    const where = await findCausalSite(late.causal, late.columns, sides, RANKS);
    const { rung, use } = await used({ ...base, inputs: late.causal, where, random: seededRandom(2) });
    expect(use).toEqual({ intended: 'used', proxy: 'used' });
    const found = (id: string): (typeof rung.statistics)[number] =>
      rung.statistics.find((one) => one.id === id)!;
    expect(found('L5.intended.effect').site).toBe('blocks.0.resid_post @ -1');
    expect(found('L5.proxy.effect').site).toBe('blocks.1.resid_post @ -1');
    const weight = found('L5.proxy-weight-carried');
    expect(weight.site).toBe('blocks.1.resid_post @ -1');
    expect(weight.criterion).toMatch(/later of the two/);
    for (const one of [weight, found('L5.proxy-weight')])
      expect(one.value.state === 'measured' && one.value.value).toBeCloseTo(0.3, 5);
  });

  it('was not run without counterfactuals, and for a goal without any', async () => {
    const nothing = await used({ ...base, inputs: undefined, where: undefined, random: seededRandom(2) });
    expect(nothing).toMatchObject({
      use: { intended: 'not-run', proxy: 'not-run' },
      rung: { state: 'not-run' },
    });
    const { proxy: _, ...sources } = run.causal.test.sources;
    const half = { ...run.causal, test: { ...run.causal.test, sources } };
    const where = await findCausalSite(run.causal, run.columns, sides, RANKS);
    const { use } = await used({ ...base, inputs: half, where, random: seededRandom(2) });
    expect(use).toEqual({ intended: 'used', proxy: 'not-run' });
  });

  it('is open when the sources that its nulls need are missing', async () => {
    const where = await findCausalSite(run.causal, run.columns, sides, RANKS);
    for (const kind of ['irrelevant', 'same'] as const) {
      const { [kind]: _, ...sources } = run.causal.test.sources;
      const inputs = { ...run.causal, test: { ...run.causal.test, sources } };
      const { use } = await used({ ...base, inputs, where, random: seededRandom(2) });
      expect(use).toEqual({ intended: 'unclear', proxy: 'unclear' });
    }
  });
});
