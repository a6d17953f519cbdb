/** @file evidence: L5, does the choice follow the goal's representation when it is exchanged for another input's. */
import { takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { covarianceMatchedBasis, samplerOfCovariance } from '../linalg/covariance-sampler.ts';
import type { Dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type Columns, siteName } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { flipShare, type InterchangeOutcome, interchange, interchangeMany } from './interchange.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import {
  clusterBootstrapDraws,
  clusterBootstrapMean,
  clusterBootstrapRatio,
  meanStatistic,
} from './resample-cluster-bootstrap.ts';
import { equivalenceTest } from './resample-equivalence.ts';
import { permutationPValue, summariseNull } from './resample-permutation.ts';
import { swapTest } from './resample-swap.ts';
import type { RungResult, RungState, Statistic } from './rung.ts';
import { bestState, estimateOf, intervalNull, intervalPart, nullOf, stateOf } from './statistic.ts';
import type { Use } from './verdict.ts';

export type UsedRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  /** Undefined when the data hold no counterfactuals. */
  readonly inputs: CausalInputs | undefined;
  readonly where: CausalSite | undefined;
  readonly randomSubspaces: number;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

type MeasuringRequest = UsedRequest & { readonly inputs: CausalInputs };

export type UsedResult = {
  readonly rung: RungResult;
  readonly use: Readonly<Record<Goal, Use>>;
};

const BASE = {
  id: 'L5' as const,
  title: 'Used',
  question:
    'Does the choice follow when the representation of one goal is exchanged for that of another input?',
};

/** Exchanges each goal at the chosen site, whole and within its own subspace, and holds the effect against three nulls. */
export async function used(request: UsedRequest): Promise<UsedResult> {
  const { where, inputs } = request;
  if (where === undefined || inputs === undefined || inputs.test.bases.length === 0) {
    return {
      use: { intended: 'not-run', proxy: 'not-run' },
      rung: {
        ...BASE,
        byRole: { intended: 'not-run', proxy: 'not-run' },
        state: 'not-run',
        summary: 'The data hold no counterfactual inputs, so nothing could be exchanged.',
        statistics: [],
      },
    };
  }
  const measuring = { ...request, inputs };
  const measurements = new Map<Goal, GoalEffect>();
  for (const goal of GOALS) {
    const effect = await measureGoal(measuring, where, goal);
    if (effect !== undefined) measurements.set(goal, effect);
  }
  const statistics: Statistic[] = [];
  const use: Record<Goal, Use> = { intended: 'not-run', proxy: 'not-run' };
  const byRole: Partial<Record<Goal, RungState>> = {};
  for (const [goal, effect] of measurements) {
    const other = measurements.get(goal === 'intended' ? 'proxy' : 'intended');
    const judged = judge(measuring, where, goal, effect, other === undefined ? 0 : mean(other.total));
    statistics.push(...judged.statistics);
    use[goal] = judged.use;
    byRole[goal] = judged.use === 'used' ? 'passed' : judged.use === 'unused' ? 'failed' : 'undefined';
  }
  statistics.push(...comparison(measuring, where, measurements));
  const said = [...measurements]
    .map(([goal, effect]) => `${goal} ${mean(effect.whole.effects).toFixed(2)}`)
    .join(', ');
  return {
    use,
    rung: {
      ...BASE,
      byRole,
      state: bestState(Object.values(byRole)),
      summary: `Mean effect of exchanging one goal at ${siteName(where.site)}, in nats: ${said}.`,
      statistics,
    },
  };
}

type GoalEffect = {
  readonly total: Float64Array;
  readonly whole: InterchangeOutcome;
  readonly within: InterchangeOutcome | undefined;
  readonly rank: number | undefined;
  /** Mean effect within each random subspace of the same rank. */
  readonly random: Float64Array;
  readonly irrelevant: InterchangeOutcome | undefined;
  readonly sameValue: InterchangeOutcome | undefined;
};

async function measureGoal(
  request: MeasuringRequest,
  where: CausalSite,
  goal: Goal,
): Promise<GoalEffect | undefined> {
  const { inputs, sides, linalg } = request;
  const total = totalEffects(inputs, inputs.test, goal);
  const own = interchangeRequest(inputs, inputs.test, goal, goal);
  if (total === undefined || own === undefined) return undefined;
  const subspace = where.subspace[goal];
  const sites = [where.site];
  const irrelevant = interchangeRequest(inputs, inputs.test, 'irrelevant', goal);
  const same = interchangeRequest(inputs, inputs.test, 'same', goal);
  const random: Dense[] = [];
  if (subspace !== undefined) {
    const covariance = await centeredCovariance(takeRows(inputs.activations(where.site), sides.apart.fit), {
      linalg,
    });
    // Activations that vary in fewer directions than the subspace has leave nothing to draw: the test is then undefined.
    const possible = samplerOfCovariance(covariance).rank >= subspace.rank;
    for (let i = 0; possible && i < request.randomSubspaces; i++) {
      const draws = request.random.fork(`used/${goal}/subspace/${i}`);
      random.push(covarianceMatchedBasis({ covariance, k: subspace.rank, random: draws }));
    }
  }
  const within = subspace === undefined ? [] : await interchangeMany(own, sites, [subspace.basis, ...random]);
  return {
    total,
    whole: await interchange(own, { sites, basis: null }),
    within: within[0],
    rank: subspace?.rank,
    random: Float64Array.from(within.slice(1), (outcome) => mean(outcome.effects)),
    irrelevant: irrelevant === undefined ? undefined : await interchange(irrelevant, { sites, basis: null }),
    sameValue:
      same === undefined || subspace === undefined
        ? undefined
        : await interchange(same, { sites, basis: subspace.basis }),
  };
}

function judge(
  request: MeasuringRequest,
  where: CausalSite,
  goal: Goal,
  effect: GoalEffect,
  otherTotal: number,
): { readonly use: Use; readonly statistics: Statistic[] } {
  const { inputs, alpha, random, bootstrapDraws, permutations } = request;
  const { groups } = inputs.test;
  const site = siteName(where.site);
  const margin = Math.max(CRITERIA.equivalenceNats, CRITERIA.equivalenceShare * Math.abs(otherTotal));
  const boot = (values: Float64Array, label: string): ReturnType<typeof clusterBootstrapMean> =>
    clusterBootstrapMean({
      groups,
      values,
      draws: bootstrapDraws,
      random: random.fork(`used/${goal}/${label}`),
    });
  const nearZero = (values: Float64Array, label: string): boolean | undefined => {
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
  const whole = boot(effect.whole.effects, 'whole');
  const beyondMargin = whole.state === 'measured' ? whole.low > margin : undefined;

  const differences =
    effect.irrelevant === undefined
      ? undefined
      : effect.whole.effects.map((value, i) => value - effect.irrelevant!.effects[i]!);
  const irrelevantSwap =
    differences === undefined
      ? undefined
      : swapTest({
          groups,
          values: differences,
          draws: permutations,
          alternative: 'greater',
          random: random.fork(`used/${goal}/irrelevant-swap`),
        });
  const irrelevantP = irrelevantSwap?.state === 'measured' ? irrelevantSwap.pValue : undefined;
  const beatsIrrelevant = irrelevantP === undefined ? undefined : irrelevantP <= alpha;

  const withinMean = effect.within === undefined ? undefined : mean(effect.within.effects);
  const randomP =
    withinMean === undefined || effect.random.length === 0
      ? undefined
      : permutationPValue({ observed: withinMean, values: effect.random, alternative: 'greater' });
  const beatsRandom = randomP === undefined ? undefined : randomP <= alpha;
  const sameMean = effect.sameValue === undefined ? undefined : mean(effect.sameValue.effects);
  const sameHolds =
    sameMean === undefined || withinMean === undefined
      ? undefined
      : Math.abs(sameMean) <= Math.max(margin, CRITERIA.sameValueShare * Math.abs(withinMean));

  const nie = clusterBootstrapRatio({
    groups,
    numerator: effect.whole.effects,
    denominator: effect.total,
    draws: bootstrapDraws,
    random: random.fork(`used/${goal}/nie`),
  });
  const ignored = Math.abs(mean(effect.total)) < CRITERIA.ignoredNats;
  const checks = [beyondMargin, beatsIrrelevant, beatsRandom, sameHolds];
  const use: Use = checks.every((check) => check === true)
    ? 'used'
    : totalZero === true && wholeZero === true
      ? 'unused'
      : 'unclear';
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
      criterion: `near zero when its ${100 * (1 - 2 * alpha)} % interval lies within ${margin.toFixed(2)} nats: ${totalZero === undefined ? 'undefined' : totalZero ? 'it does' : 'it does not'}`,
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
        withinMean === undefined ? undefinedBecause('no subspace could be fitted') : measured(withinMean),
      ...(effect.within === undefined ? {} : intervalPart(boot(effect.within.effects, 'within'))),
      nulls: [
        nullOf(
          'random-subspaces',
          'random subspaces of the same rank, drawn with the covariance of the activations',
          summariseNull(effect.random),
          randomP,
        ),
      ],
      state: stateOf(beatsRandom),
      criterion: `p at most ${alpha} against random subspaces`,
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
      nulls: [],
      state: stateOf(sameHolds),
      criterion: `at most ${CRITERIA.sameValueShare} of the effect within the subspace, or ${margin.toFixed(2)} nats`,
      site,
    },
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
  return { use, statistics };
}

/** The difference of the two effects and the proxy's weight, on the same bases. */
function comparison(
  request: MeasuringRequest,
  where: CausalSite,
  measurements: ReadonlyMap<Goal, GoalEffect>,
): Statistic[] {
  const intended = measurements.get('intended')?.whole.effects;
  const proxy = measurements.get('proxy')?.whole.effects;
  if (intended === undefined || proxy === undefined) return [];
  const { groups } = request.inputs.test;
  const draws = request.bootstrapDraws;
  const difference = clusterBootstrapMean({
    groups,
    values: proxy.map((value, i) => value - intended[i]!),
    draws,
    random: request.random.fork('used/difference'),
  });
  const weight = clusterBootstrapRatio({
    groups,
    numerator: proxy,
    denominator: proxy.map((value, i) => value + intended[i]!),
    draws,
    random: request.random.fork('used/weight'),
  });
  const ignored = mean(proxy) + mean(intended) < CRITERIA.ignoredNats;
  const site = siteName(where.site);
  const shown = { nulls: [], state: 'reported' as const, criterion: 'shown beside the effects', site };
  return [
    {
      id: 'L5.difference',
      label: 'effect of the proxy minus that of the intended goal',
      unit: 'nats',
      value: estimateOf(difference),
      ...intervalPart(difference),
      ...shown,
    },
    {
      id: 'L5.proxy-weight',
      label: "the proxy's share of the two effects: 0 all intended, 1 all proxy",
      unit: 'ratio',
      value: ignored ? undefinedBecause('neither goal has an effect') : estimateOf(weight),
      ...(ignored ? {} : intervalPart(weight)),
      ...shown,
    },
  ];
}
