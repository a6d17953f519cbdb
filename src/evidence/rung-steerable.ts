/** @file evidence: L6, does pushing along a goal's direction move the choice, dose by dose, beyond every family of null directions. */
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import type { CausalInputs } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type Columns, siteName } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { DirectionFamily, DoseResponse } from './figures.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { clusterBootstrapDraws, clusterBootstrapMean, meanStatistic } from './resample-cluster-bootstrap.ts';
import { equivalenceTest } from './resample-equivalence.ts';
import type { Interval } from './resample-interval.ts';
import { canReject, permutationPValue, summariseNull } from './resample-permutation.ts';
import type { NullComparison, RungResult, RungState, Statistic } from './rung.ts';
import { bestState, estimateOf, intervalPart, nullOf, spoken, stateOf } from './statistic.ts';
import { FAMILIES } from './steering-directions.ts';
import { type DoseEffects, type GoalSteering, HEADLINE_DOSE, measureSteering } from './steering-measure.ts';
import type { Steers } from './verdict.ts';

export type SteerableRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  /** Undefined when the data hold no counterfactuals. */
  readonly inputs: CausalInputs | undefined;
  readonly where: CausalSite | undefined;
  readonly randomDirections: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

export type SteerableResult = {
  readonly rung: RungResult;
  readonly steers: Readonly<Record<Goal, Steers>>;
  readonly doses: readonly DoseResponse[];
};

const BASE = {
  id: 'L6' as const,
  title: 'Steerable',
  question: 'Does pushing the activations along the direction of a goal move the choice, dose by dose?',
};

const FAMILY_NAMES: Readonly<Record<DirectionFamily, string>> = {
  isotropic: 'random directions',
  'covariance-matched': 'random directions with the covariance of the activations',
  'label-shuffled': 'class means after exchanging labels between groups',
  'other-concept': 'class means of variables that are not the goal',
};

/** Pushes every test base from the class it has towards that of its counterfactual, at the site that L5 chose. */
export async function steerable(request: SteerableRequest): Promise<SteerableResult> {
  const { inputs, where } = request;
  const steers: Record<Goal, Steers> = { intended: 'not-run', proxy: 'not-run' };
  const statistics: Statistic[] = [];
  const doses: DoseResponse[] = [];
  const byRole: Partial<Record<Goal, RungState>> = {};
  if (inputs !== undefined && where !== undefined) {
    for (const goal of GOALS) {
      const steering = await measureSteering(
        { ...request, inputs, where, random: request.random.fork(`steer/${goal}`) },
        goal,
      );
      if (steering === undefined) continue;
      const judged = judge({ ...request, where }, goal, steering);
      steers[goal] = judged.steers;
      statistics.push(...judged.statistics);
      doses.push(judged.doses);
      byRole[goal] =
        judged.steers === 'steers' ? 'passed' : judged.steers === 'does-not' ? 'failed' : 'undefined';
    }
  }
  if (doses.length === 0) {
    return {
      steers,
      doses,
      rung: {
        ...BASE,
        byRole: { intended: 'not-run', proxy: 'not-run' },
        state: 'not-run',
        summary:
          'Nothing was pushed: that needs counterfactual inputs that name the value a goal has in them, and class means that differ.',
        statistics,
      },
    };
  }
  const said = doses.map(({ id, slope }) => `${id.slice('goal.'.length)} ${spoken(slope)}`).join(', ');
  return {
    steers,
    doses,
    rung: {
      ...BASE,
      byRole,
      state: bestState(Object.values(byRole)),
      summary: `Change of the preference per class gap at ${siteName(where!.site)}, in nats: ${said}.`,
      statistics,
    },
  };
}

/**
 * `steers`: the effect of the whole gap lies beyond the margin and beyond every family of null directions, and the slope over the valid
 * doses above zero. A push takes certainty away in whatever direction it goes, so an effect alone means little; families of equal length
 * lose as much, and the slope, odd in the dose, none of it. `does-not`: the effects are shown to be near zero, whichever way they go. Everything else is `unclear`.
 */
function judge(
  request: SteerableRequest & { readonly where: CausalSite },
  goal: Goal,
  steering: GoalSteering,
): { readonly steers: Steers; readonly statistics: Statistic[]; readonly doses: DoseResponse } {
  const { alpha, where } = request;
  const { groups, doses } = steering;
  const site = siteName(where.site);
  const mean = (values: Float64Array, label: string): Interval =>
    clusterBootstrapMean({
      groups,
      values,
      draws: request.bootstrapDraws,
      random: request.random.fork(`steer/${goal}/${label}`),
    });
  const valid = doses.filter(({ broken }) => broken.length === 0);
  const usable = valid.some(({ dose }) => dose > 0) && valid.length >= 2;
  const slopes = slopesOf(valid, steering.bases.length);
  const slope: Interval = usable
    ? mean(slopes, 'slope')
    : { state: 'undefined', reason: 'too few doses leave the activations in their range' };
  const margin = CRITERIA.equivalenceNats;
  const whole = doses.find(({ dose }) => dose === HEADLINE_DOSE)!;
  const families = FAMILIES.flatMap((family) => {
    const values = whole.nulls.get(family);
    if (values === undefined || values.length === 0 || !values.every(Number.isFinite)) return [];
    const pValue = Number.isFinite(steering.headline)
      ? permutationPValue({ observed: steering.headline, values, alternative: 'greater' })
      : undefined;
    return [{ family, values, pValue, summary: summariseNull(values)! }];
  });
  // The widest family first: it is the one to beat, and the one that a reader should see.
  families.sort((a, b) => b.summary.q975 - a.summary.q975);
  const decides =
    families.length > 0 &&
    families.every(({ values }) => canReject({ draws: values.length, alpha, alternative: 'greater' }));
  const beyondNulls = decides
    ? families.every(({ pValue }) => pValue !== undefined && pValue <= alpha)
    : undefined;
  const effect = mean(whole.effects, 'whole');
  const wholeValid = whole.broken.length === 0;
  const beyondMargin =
    slope.state === 'measured' && effect.state === 'measured' && wholeValid
      ? slope.low > 0 && effect.low > margin
      : undefined;
  const still = usable ? nearZero(request, goal, steering, slopes, margin) : undefined;
  const enough = new Set(groups).size >= CRITERIA.minCausalGroups;
  const steers: Steers = !enough
    ? 'unclear'
    : beyondMargin === true && beyondNulls === true
      ? 'steers'
      : still === true
        ? 'does-not'
        : 'unclear';
  const flips = whole.couldFlip === 0 ? undefined : whole.flips / whole.couldFlip;
  const train = steering.fromTrain === undefined ? undefined : mean(steering.fromTrain, 'train');
  const statistics: Statistic[] = [
    {
      id: `L6.${goal}.effect`,
      label: `effect of pushing by the whole gap between the two values of the ${goal} goal`,
      role: goal,
      unit: 'nats',
      value: wholeValid
        ? estimateOf(effect)
        : undefinedBecause(`this dose leaves the range of the activations: ${whole.broken.join('; ')}`),
      ...(wholeValid ? intervalPart(effect) : {}),
      nulls: families.map(({ family, summary, pValue }) =>
        nullOf(family, `${FAMILY_NAMES[family]}, same length`, summary, pValue),
      ),
      state: stateOf(
        beyondMargin === undefined || beyondNulls === undefined ? undefined : beyondMargin && beyondNulls,
      ),
      criterion: `interval above ${margin} nats, p at most ${alpha} against every family, and a slope above 0`,
      site,
    },
    {
      id: `L6.${goal}.slope`,
      label: `change of the preference per class gap along the ${goal} goal's direction, over the valid doses`,
      role: goal,
      unit: 'nats',
      value: estimateOf(slope),
      ...intervalPart(slope),
      nulls: [],
      state: 'reported',
      criterion: 'its interval above 0 is part of the rule for the effect',
      site,
    },
    {
      id: `L6.${goal}.flips`,
      label: `share of choices that turn to the ${goal} goal's new action at the whole gap`,
      role: goal,
      unit: 'share',
      value:
        flips === undefined ? undefinedBecause('every base chose the new action already') : measured(flips),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the slope',
      site,
    },
    {
      id: `L6.${goal}.valid-doses`,
      label: 'doses at which the edited states stay among those that unedited inputs show',
      role: goal,
      unit: 'count',
      value: measured(valid.length),
      nulls: [],
      state: 'reported',
      criterion: `at least two of ${doses.length}, one of them positive, before a slope is computed`,
      site,
    },
    {
      id: `L6.${goal}.slope-train`,
      label: `effect of the whole gap along the direction fitted where the goals coincide, which holds both codes`,
      role: goal,
      unit: 'nats',
      value:
        train === undefined
          ? undefinedBecause('a class does not occur among the training-like fit rows')
          : estimateOf(train),
      ...(train === undefined ? {} : intervalPart(train)),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the slope',
      site,
    },
  ];
  return { steers, statistics, doses: responseOf(request, goal, steering, slope, mean) };
}

/** Least squares through zero over the doses, per base: sum of dose x effect over sum of dose squared. */
function slopesOf(doses: readonly DoseEffects[], bases: number): Float64Array {
  const squares = doses.reduce((sum, { dose }) => sum + dose * dose, 0);
  const slopes = new Float64Array(bases);
  for (const { dose, effects } of doses)
    for (let i = 0; i < bases; i++) slopes[i]! += (dose * effects[i]!) / Math.max(squares, Number.MIN_VALUE);
  return slopes;
}

/** Sizes, not signed slopes: effects that go either way are not near zero. */
function nearZero(
  request: SteerableRequest,
  goal: Goal,
  { groups }: GoalSteering,
  slopes: Float64Array,
  margin: number,
): boolean | undefined {
  const values = slopes.map(Math.abs);
  const result = equivalenceTest({
    bootstrap: clusterBootstrapDraws({
      groups,
      draws: request.bootstrapDraws,
      random: request.random.fork(`steer/${goal}/equivalence`),
      statistic: meanStatistic({ groups, values }),
    }),
    margin,
    level: request.alpha,
  });
  return result.state === 'measured' ? result.equivalent : undefined;
}

function responseOf(
  request: { readonly where: CausalSite },
  goal: Goal,
  steering: GoalSteering,
  slope: Interval,
  mean: (values: Float64Array, label: string) => Interval,
): DoseResponse {
  const { site } = request.where;
  const band = (values: Float64Array, family: DirectionFamily): NullComparison =>
    nullOf(
      family,
      FAMILY_NAMES[family],
      values.every(Number.isFinite) ? summariseNull(values) : undefined,
      undefined,
    );
  return {
    id: `goal.${goal}`,
    label: goal === 'proxy' ? 'proxy' : 'intended goal',
    hook: site.hook,
    position: site.position,
    bases: steering.bases.length,
    preference:
      'from the value that the goal has towards that of its counterfactual; log odds of the new action over the old one',
    points: steering.doses.map((point) => {
      const interval = mean(point.effects, `dose/${point.dose}`);
      return {
        dose: point.dose,
        percentOfNorm: point.percentOfNorm,
        effect: estimateOf(interval),
        ...intervalPart(interval),
        flips:
          point.couldFlip === 0
            ? undefinedBecause('every base chose the new action already')
            : measured(point.flips / point.couldFlip),
        valid: point.broken.length === 0,
        broken: point.broken,
        sideEffects: point.sideEffects,
        nulls: [...point.nulls].map(([family, values]) => band(values, family)),
      };
    }),
    slope: estimateOf(slope),
    ...(slope.state === 'measured' ? { slopeInterval: intervalPart(slope).interval! } : {}),
  };
}
