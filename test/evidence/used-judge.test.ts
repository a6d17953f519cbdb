/** @file test: the rule of L5 on effects written by hand: what makes a goal used, unused or unclear. */
import { describe, expect, it } from 'vitest';
import { measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { mean } from '../../src/evidence/causal-side.ts';
import { CRITERIA } from '../../src/evidence/criteria.ts';
import type { InterchangeOutcome } from '../../src/evidence/interchange.ts';
import { type JudgeRequest, judgeUse } from '../../src/evidence/used-judge.ts';
import type { GoalEffect } from '../../src/evidence/used-measure.ts';

const BASES = 40;
const GROUPS = Int32Array.from({ length: BASES }, (_, i) => i);
const random = seededRandom('effects');
const around = (centre: number, spread = 0.05): Float64Array =>
  Float64Array.from({ length: BASES }, () => centre + spread * random.normal());
const outcome = (effects: Float64Array): InterchangeOutcome => ({
  effects,
  shifts: new Float64Array(effects.length),
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
    ['a source of the same value moves it by less on average only', { sameValue: outcome(around(0.4, 3)) }],
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
