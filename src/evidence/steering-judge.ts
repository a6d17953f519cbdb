/** @file evidence: the rule of L6, what pushes along one goal's direction say of it; measures nothing itself. */
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { CRITERIA } from './criteria.ts';
import type { DirectionFamily } from './figures.ts';
import type { Goal } from './reading.ts';
import { clusterBootstrapDraws, clusterBootstrapMean, meanStatistic } from './resample-cluster-bootstrap.ts';
import { equivalenceTest } from './resample-equivalence.ts';
import type { Interval } from './resample-interval.ts';
import { canReject, type NullSummary, permutationPValue, summariseNull } from './resample-permutation.ts';
import type { NullComparison, Statistic } from './rung.ts';
import { estimateOf, intervalPart, inWords, nullOf, shownOnly, stateOf } from './statistic.ts';
import type { DoseEffects, GoalSteering } from './steering-measure.ts';
import type { DrawEffects, FamilyEffects } from './steering-nulls.ts';
import type { Steers } from './verdict.ts';

export const FAMILY_NAMES: Readonly<Record<DirectionFamily, string>> = {
  isotropic: 'random directions',
  'covariance-matched': 'random directions with the covariance of the activations',
  'label-shuffled': 'class means after exchanging labels between groups',
  'other-concept': 'class means of variables that are not the goal',
};

export type SteeringJudgeRequest = {
  readonly goal: Goal;
  readonly steering: GoalSteering;
  /** Mean total effect of the other goal in nats, 0 when there is none; sets the scale of "near zero", as in L5. */
  readonly otherTotal: number;
  /** Where the states were pushed, in words. */
  readonly site: string;
  readonly alpha: number;
  readonly bootstrapDraws: number;
  readonly random: Random;
};

export type SteeringJudgement = {
  readonly steers: Steers;
  readonly statistics: Statistic[];
  readonly slope: Interval;
};

/**
 * `steers`: the effect of the deciding dose lies beyond the margin and beyond every family of null directions, and the slope over the valid
 * doses above zero. A push takes certainty away in whatever direction it goes, so an effect alone means little; families of equal length
 * lose as much.
 *
 * `does-not`: the slope over doses that are valid with either sign is shown to be near zero, the effect to stay under the margin, and the
 * sizes of the effects, whichever way they go, are no larger than those of the widest family. Everything else is `unclear`, and so is a goal
 * without a valid dose that could decide.
 */
export function judgeSteering(request: SteeringJudgeRequest): SteeringJudgement {
  const { goal, steering, alpha, site } = request;
  const { groups, doses, decidingDose, observed } = steering;
  const margin = Math.max(CRITERIA.equivalenceNats, CRITERIA.equivalenceShare * Math.abs(request.otherTotal));
  const mean = (values: Float64Array, label: string): Interval =>
    clusterBootstrapMean({
      groups,
      values,
      draws: request.bootstrapDraws,
      random: request.random.fork(`steer/${goal}/${label}`),
    });
  const whole = doses.find(({ dose }) => dose === decidingDose)!;
  const valid = doses.filter(({ broken }) => broken.length === 0);
  const slopes = slopesOf(valid, steering.bases.length);
  const slope: Interval =
    slopes === undefined
      ? { state: 'undefined', reason: 'too few doses leave the activations in their range' }
      : mean(slopes, 'slope');
  // What every push does is even in the dose and would add itself to the slope of a one-sided set: near zero is asked of pairs alone.
  const paired = valid.filter(({ dose }) => valid.some((other) => other.dose === -dose));
  const odd = slopesOf(paired, steering.bases.length);
  const effect = mean(whole.effects, 'whole');
  const decides = whole.broken.length === 0 && slope.state === 'measured' && effect.state === 'measured';
  const effects = heldAgainst(steering, observed.mean, 'means', alpha);
  const sizes = heldAgainst(steering, observed.size, 'sizes', alpha);

  const beyondMargin = decides ? slope.low > 0 && effect.low > margin : undefined;
  const nearZero = decides
    ? odd !== undefined &&
      isNearZero(request, odd, margin) === true &&
      effect.high < margin &&
      sizes.beyondWidest === false
    : undefined;
  const enough = new Set(groups).size >= CRITERIA.minCausalGroups;
  const steers: Steers = !enough
    ? 'unclear'
    : beyondMargin === true && effects.beyondAll === true
      ? 'steers'
      : nearZero === true
        ? 'does-not'
        : 'unclear';

  const flips = whole.couldFlip === 0 ? undefined : whole.flips / whole.couldFlip;
  const train = steering.fromTrain === undefined ? undefined : mean(steering.fromTrain, 'train');
  const gap = decidingDose === 1 ? 'the whole gap' : `${decidingDose} of the gap`;
  const reported = { role: goal, state: 'reported', site } as const;
  const statistics: Statistic[] = [
    {
      id: `L6.${goal}.effect`,
      label: `effect of pushing by ${gap} between the two values of the ${goal} goal`,
      role: goal,
      unit: 'nats',
      value:
        whole.broken.length === 0
          ? estimateOf(effect)
          : undefinedBecause(`this dose leaves the range of the activations: ${whole.broken.join('; ')}`),
      ...(whole.broken.length === 0 ? intervalPart(effect) : {}),
      nulls: effects.nulls,
      state: stateOf(
        beyondMargin === undefined || effects.beyondAll === undefined
          ? undefined
          : beyondMargin && effects.beyondAll,
      ),
      criterion: `interval above ${margin.toFixed(2)} nats, p at most ${alpha} against every family, and a slope above 0; on ${steering.bases.length} bases${steering.sameClass === 0 ? '' : `, ${steering.sameClass} left out whose counterfactual stays in the class of the base`}`,
      site,
    },
    {
      ...reported,
      id: `L6.${goal}.size`,
      label: `size of that effect, whichever way it goes, mean over bases`,
      unit: 'nats',
      value: estimateOf(mean(whole.effects.map(Math.abs), 'size')),
      nulls: sizes.nulls,
      criterion: 'no larger than the widest family before a push is said to do nothing',
    },
    {
      ...reported,
      id: `L6.${goal}.slope`,
      label: `change of the preference per class gap along the ${goal} goal's direction, over the valid doses`,
      unit: 'nats',
      value: estimateOf(slope),
      ...intervalPart(slope),
      nulls: [],
      criterion: 'its interval above 0 is part of the rule for the effect',
    },
    {
      ...reported,
      id: `L6.${goal}.flips`,
      label: `share of choices that turn to the ${goal} goal's new action at ${gap}`,
      unit: 'share',
      value:
        flips === undefined ? undefinedBecause('every base chose the new action already') : measured(flips),
      nulls: [],
      criterion: 'shown beside the slope',
    },
    {
      ...reported,
      id: `L6.${goal}.valid-doses`,
      label: 'doses at which the edited states stay among those that unedited inputs show',
      unit: 'count',
      value: measured(valid.length),
      nulls: [],
      criterion: `at least two of ${doses.length}, one of them positive, before a slope is computed`,
    },
    {
      ...reported,
      id: `L6.${goal}.effect-train`,
      label: `effect of ${gap} along the direction fitted where the goals coincide, which holds both codes`,
      unit: 'nats',
      value:
        train === undefined
          ? undefinedBecause('a class does not occur among the training-like fit rows')
          : estimateOf(train),
      ...(train === undefined ? {} : intervalPart(train)),
      nulls: [],
      criterion: 'shown beside the effect',
    },
  ];
  return { steers, statistics, slope };
}

/** Least squares through zero, per base: sum of dose x effect over sum of dose squared. Undefined for fewer than two doses or no positive one. */
function slopesOf(doses: readonly DoseEffects[], bases: number): Float64Array | undefined {
  if (doses.length < 2 || !doses.some(({ dose }) => dose > 0)) return undefined;
  const squares = doses.reduce((sum, { dose }) => sum + dose * dose, 0);
  const slopes = new Float64Array(bases);
  for (const { dose, effects } of doses)
    for (let i = 0; i < bases; i++) slopes[i]! += (dose * effects[i]!) / squares;
  return slopes;
}

function isNearZero(
  { goal, steering: { groups }, alpha, bootstrapDraws, random }: SteeringJudgeRequest,
  values: Float64Array,
  margin: number,
): boolean | undefined {
  const result = equivalenceTest({
    bootstrap: clusterBootstrapDraws({
      groups,
      draws: bootstrapDraws,
      random: random.fork(`steer/${goal}/equivalence`),
      statistic: meanStatistic({ groups, values }),
    }),
    margin,
    level: alpha,
  });
  return result.state === 'measured' ? result.equivalent : undefined;
}

type Held = {
  readonly nulls: readonly NullComparison[];
  /** Beyond every family, and beyond the one that reaches highest; undefined where one cannot tell. */
  readonly beyondAll: boolean | undefined;
  readonly beyondWidest: boolean | undefined;
};

/** One number against every family; the widest first, since it is the one to beat and the one that a reader should see. */
function heldAgainst(
  { nulls }: GoalSteering,
  observed: number,
  what: keyof DrawEffects,
  alpha: number,
): Held {
  const tests = nulls.deciding.map((family) => {
    const draws = family.elsewhere ?? family.plain;
    return { family, ...against(draws[what], observed, alpha) };
  });
  tests.sort((a, b) => (b.summary?.q975 ?? 0) - (a.summary?.q975 ?? 0));
  const all = tests.map(({ beyond }) => beyond);
  return {
    nulls: tests.flatMap(({ family, summary, pValue }) =>
      comparisonsOf(family, what, observed, alpha, summary, pValue),
    ),
    beyondAll: all.length === 0 || all.includes(undefined) ? undefined : !all.includes(false),
    beyondWidest: all[0],
  };
}

function comparisonsOf(
  { family, plain, overlap, elsewhere }: FamilyEffects,
  what: keyof DrawEffects,
  observed: number,
  alpha: number,
  summary: NullSummary | undefined,
  pValue: number | undefined,
): NullComparison[] {
  const name = `${FAMILY_NAMES[family]}, same length`;
  const held = `${inWords(overlap, 'share')} of their square along the goal's own direction`;
  if (elsewhere === undefined) return [nullOf(family, `${name}, ${held}`, summary, pValue)];
  const shown = against(plain[what], observed, alpha);
  return [
    nullOf(`${family}-elsewhere`, `${name}, without their part along the goal's own`, summary, pValue),
    shownOnly(
      nullOf(
        family,
        `${name}, ${held}, which is too much for a null: shown, not decisive`,
        shown.summary,
        shown.pValue,
      ),
    ),
  ];
}

function against(
  values: Float64Array,
  observed: number,
  alpha: number,
): {
  readonly summary: NullSummary | undefined;
  readonly pValue: number | undefined;
  readonly beyond: boolean | undefined;
} {
  if (values.length === 0 || !Number.isFinite(observed) || !values.every(Number.isFinite))
    return { summary: undefined, pValue: undefined, beyond: undefined };
  const pValue = permutationPValue({ observed, values, alternative: 'greater' });
  const able = canReject({ draws: values.length, alpha, alternative: 'greater' });
  return { summary: summariseNull(values), pValue, beyond: able ? pValue <= alpha : undefined };
}
