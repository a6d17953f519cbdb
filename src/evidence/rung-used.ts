/** @file evidence: L5, does the choice follow the goal's representation when it is exchanged for another input's. */

import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type CausalInputs, interchangeRequest, mean, totalShifts } from './causal-side.ts';
import { type CausalSite, commonSite } from './causal-site.ts';
import { type Columns, siteName } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { type InterchangeOutcome, interchange } from './interchange.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { clusterBootstrapMean, clusterBootstrapRatio } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import type { RungResult, RungState, Statistic } from './rung.ts';
import { choiceStability } from './site-stability.ts';
import { bestState, estimateOf, intervalPart, inWords, stateOf } from './statistic.ts';
import { judgeUse } from './used-judge.ts';
import { type GoalEffect, measureGoal } from './used-measure.ts';
import type { Use } from './verdict.ts';

export type UsedRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  /** Undefined when the data hold no counterfactuals. */
  readonly inputs: CausalInputs | undefined;
  readonly where: CausalSite | undefined;
  /** The ranks that the choice of `where` was made from; without them its stability is not shown. */
  readonly ranks?: readonly number[];
  readonly randomSubspaces: number;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

export type UsedResult = {
  readonly rung: RungResult;
  readonly use: Readonly<Record<Goal, Use>>;
  /** The same on goal values that the model never met in training. */
  readonly heldOut: Readonly<Record<Goal, Use>>;
  /** The proxy's share of the sizes of the two total effects stays below `modeWeightHere` with its whole interval. */
  readonly intendedLeads: boolean;
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
      heldOut: { intended: 'not-run', proxy: 'not-run' },
      intendedLeads: false,
      rung: {
        ...BASE,
        byRole: { intended: 'not-run', proxy: 'not-run' },
        state: 'not-run',
        summary:
          'Nothing could be exchanged: that needs rows in which the goals part, with counterfactual inputs that change the recommended action.',
        statistics: [],
      },
    };
  }
  const measurements = new Map<Goal, GoalEffect>();
  for (const goal of GOALS) {
    const effect = await measureGoal({ ...request, inputs, where }, goal);
    if (effect !== undefined) measurements.set(goal, effect);
  }
  const { groups } = inputs.test;
  const independent = new Set(groups).size;
  const statistics: Statistic[] = [
    {
      id: 'L5.groups',
      label: 'independent groups among the inputs whose goals were exchanged',
      unit: 'count',
      value: measured(independent),
      nulls: [],
      state: stateOf(independent >= CRITERIA.minCausalGroups),
      criterion: `at least ${CRITERIA.minCausalGroups} before an effect counts as there or as absent`,
    },
  ];
  const use: Record<Goal, Use> = { intended: 'not-run', proxy: 'not-run' };
  const heldOut: Record<Goal, Use> = { intended: 'not-run', proxy: 'not-run' };
  const byRole: Partial<Record<Goal, RungState>> = {};
  for (const [goal, effect] of measurements) {
    const other = measurements.get(goal === 'intended' ? 'proxy' : 'intended');
    const otherTotal = other === undefined ? 0 : mean(other.total);
    const judged = judgeUse({
      ...request,
      goal,
      effect,
      otherTotal: Number.isFinite(otherTotal) ? otherTotal : 0,
      groups,
      site: siteName(where.sites[goal]),
    });
    statistics.push(...judged.statistics);
    use[goal] = judged.use;
    heldOut[goal] = judged.heldOut;
    byRole[goal] = judged.use === 'used' ? 'passed' : judged.use === 'unused' ? 'failed' : 'undefined';
  }
  statistics.push(...(await comparison({ ...request, inputs, where }, measurements)));
  const { ranks } = request;
  if (ranks !== undefined)
    statistics.push(
      ...(await choiceStability({ ...request, inputs, where, ranks, draws: request.bootstrapDraws })),
    );
  const sizes = statistics.find(({ id }) => id === 'L5.proxy-size');
  const said = [...measurements]
    .map(
      ([goal, effect]) =>
        `${goal} ${inWords(mean(effect.whole.effects), 'nats')} at ${siteName(where.sites[goal])}`,
    )
    .join(', ');
  return {
    use,
    heldOut,
    intendedLeads: sizes?.interval !== undefined && sizes.interval.high < CRITERIA.modeWeightHere,
    rung: {
      ...BASE,
      byRole,
      state: bestState(Object.values(byRole)),
      summary: `Mean effect of exchanging one goal, in nats: ${said}.`,
      statistics,
    },
  };
}

/** The proxy's share of two mean effects of the same bases; undefined where they are too small to be shared out. */
function weighed(
  measurements: ReadonlyMap<Goal, GoalEffect>,
  effectsOf: (goal: Goal, effect: GoalEffect) => Float64Array | undefined,
  least: number,
  share: (ofProxy: Float64Array, ofIntended: Float64Array) => Interval,
): Interval | undefined {
  const [intended, proxy] = (['intended', 'proxy'] as const).map((goal) => {
    const effect = measurements.get(goal);
    return effect === undefined ? undefined : effectsOf(goal, effect);
  });
  if (intended === undefined || proxy === undefined || mean(intended) + mean(proxy) < least) return undefined;
  return share(proxy, intended);
}

/** The difference of the two effects and the proxy's weight, on the same bases and at one site: the later of the two where they differ. */
async function comparison(
  request: UsedRequest & { readonly inputs: CausalInputs; readonly where: CausalSite },
  measurements: ReadonlyMap<Goal, GoalEffect>,
): Promise<Statistic[]> {
  const { inputs, where } = request;
  const { groups } = inputs.test;
  const common = commonSite(where, inputs.chain);
  const site = siteName(common);
  const outcomeOf = async (goal: Goal): Promise<InterchangeOutcome | undefined> => {
    const known = measurements.get(goal)?.whole;
    if (known === undefined || siteName(where.sites[goal]) === site) return known;
    const own = interchangeRequest(inputs, inputs.test, goal, goal)!;
    return interchange(own, { sites: [common], basis: null });
  };
  const outcomes = { intended: await outcomeOf('intended'), proxy: await outcomeOf('proxy') };
  if (outcomes.intended === undefined || outcomes.proxy === undefined) return [];
  const [intended, proxy] = [outcomes.intended.effects, outcomes.proxy.effects];
  const differ = siteName(where.sites.intended) !== siteName(where.sites.proxy);
  const draws = request.bootstrapDraws;
  const difference = clusterBootstrapMean({
    groups,
    values: proxy.map((value, i) => value - intended[i]!),
    draws,
    random: request.random.fork('used/difference'),
  });
  const shareOf = (ofProxy: Float64Array, ofIntended: Float64Array, label: string): Interval =>
    clusterBootstrapRatio({
      groups,
      numerator: ofProxy,
      denominator: ofProxy.map((value, i) => value + ofIntended[i]!),
      draws,
      random: request.random.fork(`used/${label}`),
    });
  const carried = shareOf(proxy, intended, 'weight');
  const isCarried = mean(proxy) + mean(intended) >= CRITERIA.ignoredNats;
  // One site may carry all of one goal and part of the other; how much each decides is told by what the model does when its input changes.
  const totals = weighed(
    measurements,
    (_, { total }) => total,
    CRITERIA.ignoredNats,
    (of, ofOther) => shareOf(of, ofOther, 'total-weight'),
  );
  const sizes = weighed(
    measurements,
    (_, { total }) => total.map(Math.abs),
    CRITERIA.ignoredNats,
    (of, ofOther) => shareOf(of, ofOther, 'size-weight'),
  );
  const chances = weighed(
    measurements,
    (goal) => totalShifts(inputs, inputs.test, goal),
    CRITERIA.ignoredShift,
    (of, ofOther) => shareOf(of, ofOther, 'chance-weight'),
  );
  const beside = { nulls: [], state: 'reported' as const, criterion: 'shown beside the effects' };
  const shown = {
    ...beside,
    ...(differ ? { criterion: 'shown beside the effects; both at the later of the two sites' } : {}),
    site,
  };
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
      label: "the proxy's share of the two total effects on the odds: 0 all intended, 1 all proxy",
      unit: 'ratio',
      value: totals === undefined ? undefinedBecause('neither goal has an effect') : estimateOf(totals),
      ...(totals === undefined ? {} : intervalPart(totals)),
      ...beside,
    },
    {
      id: 'L5.proxy-weight-probability',
      label:
        "the proxy's share of how far the two goals, changed in the input, move the probability of the new action: how often each decides",
      unit: 'ratio',
      value:
        chances === undefined ? undefinedBecause('neither goal moves the probability') : estimateOf(chances),
      ...(chances === undefined ? {} : intervalPart(chances)),
      ...beside,
    },
    {
      id: 'L5.proxy-size',
      label: "the proxy's share of the sizes of the two total effects on the odds, whichever way each goes",
      unit: 'ratio',
      value: sizes === undefined ? undefinedBecause('neither goal has an effect') : estimateOf(sizes),
      ...(sizes === undefined ? {} : intervalPart(sizes)),
      ...beside,
      criterion: `below ${CRITERIA.modeWeightHere} with its whole interval the intended goal leads; asked only where the proxy's use is unclear and it acts in another mode`,
    },
    {
      id: 'L5.proxy-weight-carried',
      label: "the proxy's share of the two effects that the exchange at one site carries, on the odds",
      unit: 'ratio',
      value: isCarried ? estimateOf(carried) : undefinedBecause('neither exchange has an effect'),
      ...(isCarried ? intervalPart(carried) : {}),
      ...shown,
    },
  ];
}
