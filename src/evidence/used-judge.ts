/** @file evidence: the rule of L5, what the effects of one goal say of its use; measures nothing itself. */
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { mean } from './causal-side.ts';
import { CRITERIA } from './criteria.ts';
import { flipShare, type InterchangeOutcome } from './interchange.ts';
import type { Goal } from './reading.ts';
import {
  clusterBootstrapDraws,
  clusterBootstrapMean,
  clusterBootstrapRatio,
  meanStatistic,
} from './resample-cluster-bootstrap.ts';
import { equivalenceTest } from './resample-equivalence.ts';
import type { Interval } from './resample-interval.ts';
import { canReject, permutationPValue, summariseNull } from './resample-permutation.ts';
import { swapTest } from './resample-swap.ts';
import type { Statistic } from './rung.ts';
import { estimateOf, intervalNull, intervalPart, nullOf, shownOnly, stateOf } from './statistic.ts';
import { judgeHeldOut } from './used-held-out.ts';
import type { GoalEffect } from './used-measure.ts';
import type { Use } from './verdict.ts';

export type JudgeRequest = {
  readonly goal: Goal;
  readonly effect: GoalEffect;
  /** Mean total effect of the other goal in nats, 0 when there is none; sets the scale of "near zero". */
  readonly otherTotal: number;
  /** Dense group index per base. */
  readonly groups: Int32Array;
  /** Where the effects were measured, in words. */
  readonly site: string;
  readonly alpha: number;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly random: Random;
};

/**
 * `used`: the effect lies beyond its margin and beyond every null. `unused`: total effect and effect at the site are both shown to be near
 * zero, on average over bases and whichever way they go. Everything else is `unclear`, so are effects on too few independent bases, and effects that are not numbers.
 */
export function judgeUse(request: JudgeRequest): {
  readonly use: Use;
  readonly heldOut: Use;
  readonly statistics: Statistic[];
} {
  const { goal, effect, groups, site, alpha, random, bootstrapDraws, permutations } = request;
  const margin = Math.max(CRITERIA.equivalenceNats, CRITERIA.equivalenceShare * Math.abs(request.otherTotal));
  const boot = (values: Float64Array, label: string): ReturnType<typeof clusterBootstrapMean> =>
    clusterBootstrapMean({
      groups,
      values,
      draws: bootstrapDraws,
      random: random.fork(`used/${goal}/${label}`),
    });
  // Sizes, not signed effects: a goal that draws the choice in one context and repels it in another has a mean of zero and is in use.
  const nearZero = (effects: Float64Array, label: string): boolean | undefined => {
    const values = effects.map(Math.abs);
    const result = equivalenceTest({
      bootstrap: clusterBootstrapDraws({
        groups,
        draws: bootstrapDraws,
        random: random.fork(`used/${goal}/${label}-equivalence`),
        statistic: meanStatistic({ groups, values }),
      }),
      margin,
      level: alpha,
    });
    return result.state === 'measured' ? result.equivalent : undefined;
  };

  const totalZero = nearZero(effect.total, 'total');
  const wholeZero = nearZero(effect.whole.effects, 'whole');
  const total = boot(effect.total, 'total');
  const size = boot(effect.total.map(Math.abs), 'total-size');
  const whole = boot(effect.whole.effects, 'whole');
  const beyondMargin = whole.state === 'measured' ? whole.low > margin : undefined;

  const differences =
    effect.irrelevant === undefined
      ? undefined
      : effect.whole.effects.map((value, i) => value - effect.irrelevant!.effects[i]!);
  const irrelevantSwap =
    differences === undefined || !differences.every(Number.isFinite)
      ? undefined
      : swapTest({
          groups,
          values: differences,
          draws: permutations,
          alternative: 'greater',
          random: random.fork(`used/${goal}/irrelevant-swap`),
        });
  const irrelevantP = irrelevantSwap?.state === 'measured' ? irrelevantSwap.pValue : undefined;
  const beatsIrrelevant =
    irrelevantP === undefined || !canReject({ draws: permutations, alpha, alternative: 'greater' })
      ? undefined
      : irrelevantP <= alpha;

  const withinMean = finiteMean(effect.within);
  const plain = subspaceTest(withinMean, effect.random, alpha);
  const outside = subspaceTest(withinMean, effect.elsewhere, alpha);
  // Where the goal dominates the activations, subspaces with their covariance are near copies of its own: a null that holds the effect
  // itself cannot reject it. The ones outside it decide then; the plain ones stay on show.
  const dominated = effect.overlap !== undefined && effect.overlap > CRITERIA.nullOverlap;
  const beatsRandom = dominated ? outside.beats : plain.beats;
  const sameMean = finiteMean(effect.sameValue);
  const same = effect.sameValue === undefined ? undefined : boot(effect.sameValue.effects, 'same-value');
  const sameHolds =
    withinMean === undefined
      ? undefined
      : withinLimit(same, Math.max(margin, CRITERIA.sameValueShare * Math.abs(withinMean)));

  // An edit within a subspace cannot do more than the exchange of everything, unless it leaves the states that the network has.
  const excess =
    effect.within === undefined
      ? undefined
      : boot(
          effect.within.effects.map((value, i) => value - effect.whole.effects[i]!),
          'excess',
        );
  const naturalMean = finiteMean(effect.natural);
  const illusory =
    excess === undefined ||
    excess.state !== 'measured' ||
    naturalMean === undefined ||
    withinMean === undefined
      ? undefined
      : excess.low > margin || (withinMean > margin && naturalMean < CRITERIA.naturalShare * withinMean);
  const heldOut = judgeHeldOut(request, margin);

  const nie = clusterBootstrapRatio({
    groups,
    numerator: effect.whole.effects,
    denominator: effect.total,
    draws: bootstrapDraws,
    random: random.fork(`used/${goal}/nie`),
  });
  const ignored = Math.abs(mean(effect.total)) < CRITERIA.ignoredNats;
  const checks = [
    beyondMargin,
    beatsIrrelevant,
    beatsRandom,
    sameHolds,
    illusory === undefined ? undefined : !illusory,
  ];
  const use: Use =
    new Set(groups).size < CRITERIA.minCausalGroups
      ? 'unclear'
      : checks.every((check) => check === true)
        ? 'used'
        : totalZero === true && wholeZero === true
          ? 'unused'
          : 'unclear';
  const randomSubspaces = nullOf(
    'random-subspaces',
    `random subspaces of the same rank, drawn with the covariance of the activations${effect.overlap === undefined ? '' : ` (overlap with the goal's own ${effect.overlap.toFixed(2)})`}`,
    summariseNull(plain.draws),
    plain.pValue,
  );
  const statistics: Statistic[] = [
    {
      id: `L5.${goal}.total`,
      label: `total effect: how far the choice follows when the ${goal} goal alone changes in the input`,
      role: goal,
      unit: 'nats',
      value: estimateOf(total),
      ...intervalPart(total),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside its size',
    },
    {
      id: `L5.${goal}.total-size`,
      label: 'mean size of the total effect, whichever way it goes',
      role: goal,
      unit: 'nats',
      value: estimateOf(size),
      ...intervalPart(size),
      nulls: [],
      state: 'reported',
      criterion: `near zero when its upper ${100 * (1 - alpha)} % bound lies below ${margin.toFixed(2)} nats: ${totalZero === undefined ? 'undefined' : totalZero ? 'it does' : 'it does not'}`,
    },
    {
      id: `L5.${goal}.margin`,
      label: `largest effect of the ${goal} goal that counts as none`,
      role: goal,
      unit: 'nats',
      value: measured(margin),
      nulls: [],
      state: 'reported',
      criterion: `the larger of ${CRITERIA.equivalenceNats} nats and ${CRITERIA.equivalenceShare} of the total effect of the other goal`,
    },
    {
      id: `L5.${goal}.effect`,
      label: `effect of exchanging the ${goal} goal at the site, whole vector`,
      role: goal,
      unit: 'nats',
      value: estimateOf(whole),
      ...intervalPart(whole),
      nulls: [
        intervalNull(
          'irrelevant-swapped',
          'the irrelevant variable exchanged instead; p by swapping the two within groups',
          effect.irrelevant === undefined ? undefined : boot(effect.irrelevant.effects, 'irrelevant'),
          irrelevantP,
          permutations,
        ),
      ],
      state: stateOf(
        beyondMargin === undefined || beatsIrrelevant === undefined
          ? undefined
          : beyondMargin && beatsIrrelevant,
      ),
      criterion: `interval above ${margin.toFixed(2)} nats, and p at most ${alpha} against the irrelevant variable`,
      site,
    },
    {
      id: `L5.${goal}.subspace`,
      label: `the same within the goal's own class-mean subspace${effect.rank === undefined ? '' : ` of rank ${effect.rank}`}`,
      role: goal,
      unit: 'nats',
      value:
        withinMean === undefined
          ? undefinedBecause(
              effect.within === undefined
                ? 'the class means of this variable do not differ at the site'
                : 'an effect is not a number: a choice has no probability at all',
            )
          : measured(withinMean),
      ...(effect.within === undefined ? {} : intervalPart(boot(effect.within.effects, 'within'))),
      nulls: [
        ...(dominated
          ? [
              nullOf(
                'outside-subspaces',
                "random subspaces of the same rank outside the goal's own, edits of equal length",
                summariseNull(outside.draws),
                outside.pValue,
              ),
            ]
          : []),
        dominated ? shownOnly(randomSubspaces) : randomSubspaces,
      ],
      state: stateOf(beatsRandom),
      criterion: dominated
        ? `p at most ${alpha} against subspaces outside the goal's own, since plain random ones hold more than ${CRITERIA.nullOverlap} of it`
        : `p at most ${alpha} against random subspaces`,
      site,
    },
    {
      id: `L5.${goal}.same-value`,
      label: `effect of a source in which everything but the ${goal} goal changed, within the goal's subspace`,
      role: goal,
      unit: 'nats',
      value:
        sameMean === undefined
          ? undefinedBecause('the data hold no sources with the same value')
          : measured(sameMean),
      ...(same === undefined ? {} : intervalPart(same)),
      nulls: [],
      state: stateOf(sameHolds),
      criterion: `interval within ${CRITERIA.sameValueShare} of the effect within the subspace, or within ${margin.toFixed(2)} nats; open where only the mean is`,
      site,
    },
    {
      id: `L5.${goal}.illusion`,
      label: `effect within the ${goal} goal's subspace beyond that of the whole vector: an edit cannot do more than all of it`,
      role: goal,
      unit: 'nats',
      value:
        excess === undefined
          ? undefinedBecause('the class means of this variable do not differ at the site')
          : estimateOf(excess),
      ...(excess === undefined ? {} : intervalPart(excess)),
      nulls: [],
      state: stateOf(illusory === undefined ? undefined : !illusory),
      criterion: `interval not above ${margin.toFixed(2)} nats, and at least ${CRITERIA.naturalShare} of the effect${naturalMean === undefined ? '' : ` (${naturalMean.toFixed(2)} nats)`} within directions that the activations vary in`,
      site,
    },
    heldOut.statistic,
    {
      id: `L5.${goal}.mediated-share`,
      label: 'effect at the site as a share of the total effect (NIE)',
      role: goal,
      unit: 'ratio',
      value: ignored
        ? undefinedBecause(
            `the total effect is under ${CRITERIA.ignoredNats} nats: the model ignores this goal`,
          )
        : estimateOf(nie),
      ...(ignored ? {} : intervalPart(nie)),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the effect',
      site,
    },
    {
      id: `L5.${goal}.flips`,
      label:
        'share of bases whose choice became the one the source recommends, of those that did not choose it before',
      role: goal,
      unit: 'share',
      value: flipShare(effect.whole),
      nulls: [],
      state: 'reported',
      criterion: 'interchange accuracy, shown beside the effect',
      site,
    },
  ];
  return { use, heldOut: heldOut.use, statistics };
}

/** Mean effect; undefined without an outcome, or when some effect is not a number. */
function finiteMean(outcome: InterchangeOutcome | undefined): number | undefined {
  if (outcome === undefined) return undefined;
  const value = mean(outcome.effects);
  return Number.isFinite(value) ? value : undefined;
}

/** Whether a mean is shown to lie within the limit (its whole interval does), or beyond it (it does itself); open in between. */
function withinLimit(mean: Interval | undefined, limit: number): boolean | undefined {
  if (mean === undefined || mean.state === 'undefined') return undefined;
  if (Math.abs(mean.estimate) > limit) return false;
  return mean.low >= -limit && mean.high <= limit ? true : undefined;
}

/** One mean effect against those within random subspaces; draws that are not numbers count against it. */
function subspaceTest(
  observed: number | undefined,
  means: Float64Array,
  alpha: number,
): {
  readonly draws: Float64Array;
  readonly pValue: number | undefined;
  readonly beats: boolean | undefined;
} {
  const draws = means.filter((value) => Number.isFinite(value));
  const undefinedDraws = means.length - draws.length;
  const pValue =
    observed === undefined || means.length === 0
      ? undefined
      : permutationPValue({ observed, values: draws, alternative: 'greater', undefinedDraws });
  const possible = canReject({ draws: means.length, undefinedDraws, alpha, alternative: 'greater' });
  return { draws, pValue, beats: pValue === undefined || !possible ? undefined : pValue <= alpha };
}
