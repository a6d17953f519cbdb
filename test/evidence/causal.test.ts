/** @file test: L5 in parts: total effects, the site and ranks that are chosen, and the rule that calls a goal used, unused or unclear. */
import { afterAll, describe, expect, it } from 'vitest';
import { measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from '../../src/evidence/causal-side.ts';
import { commonSite, findCausalSite, goalBases } from '../../src/evidence/causal-site.ts';
import { CRITERIA } from '../../src/evidence/criteria.ts';
import type { InterchangeOutcome } from '../../src/evidence/interchange.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { used } from '../../src/evidence/rung-used.ts';
import { type JudgeRequest, judgeUse } from '../../src/evidence/used-judge.ts';
import { type GoalEffect, measureGoal } from '../../src/evidence/used-measure.ts';
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

const BASES = 40;
const GROUPS = Int32Array.from({ length: BASES }, (_, i) => i);
const random = seededRandom('effects');
const around = (centre: number, spread = 0.05): Float64Array =>
  Float64Array.from({ length: BASES }, () => centre + spread * random.normal());
const outcome = (effects: Float64Array): InterchangeOutcome => ({
  effects,
  flips: new Uint8Array(effects.length),
  couldFlip: effects.length,
});
function effectOf(change: Partial<GoalEffect> = {}): GoalEffect {
  const within = 'within' in change ? change.within : outcome(around(2.6));
  return {
    total: around(3),
    whole: outcome(around(2.8)),
    within,
    // All of it lies in directions that the activations vary in.
    natural: within,
    heldOut: undefined,
    rank: 2,
    random: Float64Array.from({ length: 99 }, (_, i) => i / 100),
    overlap: 0.1,
    elsewhere: new Float64Array(0),
    irrelevant: outcome(around(0)),
    sameValue: outcome(around(0.1)),
    ...change,
  };
}
const NOTHING: Partial<GoalEffect> = {
  total: around(0),
  whole: outcome(around(0)),
  within: outcome(around(0)),
};
function judge(effect: GoalEffect, change: Partial<JudgeRequest> = {}): ReturnType<typeof judgeUse> {
  return judgeUse({
    goal: 'proxy',
    effect,
    otherTotal: 0,
    groups: GROUPS,
    site: 'embed @ -1',
    alpha: 0.05,
    permutations: 199,
    bootstrapDraws: 400,
    random: seededRandom('judge'),
    ...change,
  });
}

describe('an effect that only an edit can make', () => {
  it('is not used: it lies in directions that the activations hardly vary in, or exceeds the exchange of everything', () => {
    expect(judge(effectOf()).use).toBe('used');
    expect(judge(effectOf({ natural: outcome(around(0.4)) })).use).toBe('unclear');
    expect(judge(effectOf({ within: outcome(around(4)) })).use).toBe('unclear');
    expect(judge(effectOf({ natural: undefined })).use).toBe('unclear');
  });
});

describe('held-out goal values', () => {
  const heldOut = (effects: Float64Array, groups = GROUPS): GoalEffect =>
    effectOf({ heldOut: { outcome: outcome(effects), groups } });
  it('carry a goal, not a habit, and leave it open when there are few groups', () => {
    expect(judge(effectOf()).heldOut).toBe('not-run');
    expect(judge(heldOut(around(2.5))).heldOut).toBe('used');
    expect(judge(heldOut(around(0))).heldOut).toBe('unused');
    expect(judge(heldOut(around(0.2, 0.4))).heldOut).toBe('unclear');
    expect(
      judge(
        heldOut(
          around(2.5),
          GROUPS.map((group) => group % 5),
        ),
      ).heldOut,
    ).toBe('unclear');
  });
});

describe('the rule of use', () => {
  it('calls a goal used when its effect lies beyond the margin and every null', () => {
    expect(judge(effectOf()).use).toBe('used');
    for (const { id, state } of judge(effectOf()).statistics) expect([id, state]).not.toContain('failed');
  });

  it.each<[string, Partial<GoalEffect>]>([
    ['the effect is small', { whole: outcome(around(0.2)) }],
    ['the effect is large on average but its interval reaches the margin', { whole: outcome(around(1, 4)) }],
    ['the irrelevant variable moves it as much', { irrelevant: outcome(around(2.8)) }],
    ['there is no irrelevant source', { irrelevant: undefined }],
    ['random subspaces carry as much', { random: Float64Array.from({ length: 99 }, (_, i) => i / 20) }],
    ['there are no random subspaces', { random: new Float64Array(0) }],
    ['eighteen random subspaces cannot reject', { random: new Float64Array(18) }],
    ['there is no subspace', { within: undefined, sameValue: undefined, random: new Float64Array(0) }],
    ['a source of the same value moves it too', { sameValue: outcome(around(1.2)) }],
    ['a source of the same value moves it the other way', { sameValue: outcome(around(-1.2)) }],
    ['there is no source of the same value', { sameValue: undefined }],
    [
      'the choice moves away from the goal',
      { total: around(-3), whole: outcome(around(-3)), within: outcome(around(-3)) },
    ],
    ['an effect is not a number', { whole: outcome(around(2.8).fill(Number.NaN, 0, 1)) }],
    [
      'an effect within the subspace is not a number',
      { within: outcome(around(2.8).fill(Number.NEGATIVE_INFINITY, 0, 1)) },
    ],
  ])('leaves it unclear when %s', (_, change) => {
    const { use, statistics } = judge(effectOf(change));
    expect(use).toBe('unclear');
    expect(JSON.stringify(statistics)).not.toMatch(/null,"high|NaN|Infinity/);
  });

  it('calls it unused when total effect and effect at the site are both shown to be near zero', () => {
    expect(judge(effectOf(NOTHING)).use).toBe('unused');
    // All exactly zero: nothing varies, and nothing needs to.
    const zero = new Float64Array(BASES);
    expect(judge(effectOf({ total: zero, whole: outcome(zero), within: outcome(zero) })).use).toBe('unused');
  });

  it.each<[string, Partial<GoalEffect>]>([
    ['the total effect is there and only this site carries none of it', { ...NOTHING, total: around(3) }],
    ['the site moves and the input does not', { ...NOTHING, whole: outcome(around(3)) }],
    [
      'the mean is near zero because half of the bases are drawn and half repelled',
      {
        ...NOTHING,
        total: Float64Array.from({ length: BASES }, (_, i) => (i % 2 === 0 ? 1.6 : -1.6)),
      },
    ],
    ['the effect is near zero but too uncertain to say so', { ...NOTHING, total: around(0, 3) }],
  ])('does not call it unused when %s', (_, change) => {
    expect(judge(effectOf({ random: new Float64Array(99).fill(9), ...change })).use).toBe('unclear');
  });

  it('measures near zero by the other goal where that is strong', () => {
    const weak = effectOf({
      ...NOTHING,
      total: around(0.6),
      whole: outcome(around(0.6)),
      random: new Float64Array(99).fill(9),
    });
    expect(judge(weak).use).toBe('unclear');
    expect(judge(weak, { otherTotal: -30 }).use).toBe('unused');
  });

  it('says nothing from fewer independent bases than the criterion asks for, however many rows they have', () => {
    const few = GROUPS.map((group) => group % (CRITERIA.minCausalGroups - 1));
    const enough = GROUPS.map((group) => group % CRITERIA.minCausalGroups);
    for (const effect of [effectOf(), effectOf(NOTHING)]) {
      expect(judge(effect, { groups: few }).use).toBe('unclear');
      expect(judge(effect, { groups: enough }).use).not.toBe('unclear');
    }
  });

  it('calls a goal used in at most its share of runs when there is no effect, and no null is beaten by luck alone', () => {
    let usedRuns = 0;
    for (let seed = 0; seed < 60; seed++) {
      const draws = seededRandom(`null/${seed}`);
      const noise = (): Float64Array => Float64Array.from({ length: BASES }, () => draws.normal());
      const effect = effectOf({
        total: noise(),
        whole: outcome(noise()),
        within: outcome(noise()),
        irrelevant: outcome(noise()),
        sameValue: outcome(noise()),
        random: Float64Array.from({ length: 39 }, () => mean(noise())),
      });
      if (judge(effect, { permutations: 59, bootstrapDraws: 200, random: draws }).use === 'used') usedRuns++;
    }
    // Margin (.25 is 1.6 standard errors beyond the interval's own 1.96) and three nulls at once: one in 60 would already be odd.
    expect(usedRuns).toBe(0);
  });

  it('lets subspaces outside the goal decide where plain random ones hold the effect itself', () => {
    // Plain random subspaces do as well as the goal's own: with little overlap that refutes it, with much it says nothing.
    const asGood = Float64Array.from({ length: 99 }, (_, i) => 2 + i / 60);
    const poor = Float64Array.from({ length: 99 }, (_, i) => i / 200);
    expect(judge(effectOf({ random: asGood, overlap: 0.2 })).use).toBe('unclear');
    expect(judge(effectOf({ random: asGood, overlap: 0.9, elsewhere: poor })).use).toBe('used');
    expect(judge(effectOf({ random: asGood, overlap: 0.9, elsewhere: asGood })).use).toBe('unclear');
    // Nothing could be drawn outside: open, not passed.
    expect(judge(effectOf({ random: asGood, overlap: 0.9 })).use).toBe('unclear');
  });

  it('gives the share of the total effect that the site mediates, unless the model ignores the goal', () => {
    const share = (effect: GoalEffect): unknown =>
      judge(effect).statistics.find(({ id }) => id === 'L5.proxy.mediated-share')!.value;
    const exact = effectOf({
      total: new Float64Array(BASES).fill(4),
      whole: outcome(new Float64Array(BASES).fill(3)),
    });
    expect(share(exact)).toEqual(measured(0.75));
    expect(share(effectOf(NOTHING))).toMatchObject({ state: 'undefined' });
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
    expect(value('L5.difference')).toBeCloseTo(2.4 - 5.6, 4);
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
    const weight = found('L5.proxy-weight');
    expect(weight.site).toBe('blocks.1.resid_post @ -1');
    expect(weight.criterion).toMatch(/later of the two/);
    expect(weight.value.state === 'measured' && weight.value.value).toBeCloseTo(0.3, 5);
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
