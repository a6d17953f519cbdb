/** @file evidence: the effects of L5 within the values of contexts and nuisance variables, where a pooled effect would average two modes. */
import type { Random } from '../core/random.ts';
import { type CausalInputs, interchangeRequest, totalEffects } from './causal-side.ts';
import { type CausalSite, commonSite } from './causal-site.ts';
import { type Columns, type NamedLabels, pickInts, type Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { StratumEffect } from './figures.ts';
import { type InterchangeRequest, interchange } from './interchange.ts';
import { GOALS, type Goal } from './reading.ts';
import {
  clusterBootstrapDraws,
  clusterBootstrapMean,
  clusterBootstrapRatio,
  meanStatistic,
} from './resample-cluster-bootstrap.ts';
import { equivalenceTest } from './resample-equivalence.ts';
import type { Interval } from './resample-interval.ts';
import { swapTest, whySwapIsOpen } from './resample-swap.ts';
import { estimateOf, intervalPart } from './statistic.ts';
import { meanOf } from './steering-validity.ts';
import type { Use } from './verdict.ts';

/** A variable with more values than this is a measurement, not a stratum. */
const MAX_VALUES = 6;

type Effects = {
  readonly total: Float64Array;
  /** At the goal's own site. */
  readonly whole: Float64Array;
  /** At the first site at which both goals can be compared; for the proxy's share of the two. */
  readonly shared: Float64Array;
  /** The irrelevant variable exchanged instead; undefined where the data hold no such sources. */
  readonly irrelevant: Float64Array | undefined;
};

export type StrataRequest = {
  readonly columns: Columns;
  readonly inputs: CausalInputs;
  readonly where: CausalSite;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly random: Random;
};

/**
 * Whole-vector exchange of each goal at its own site, over the bases of one value at a time; their weights at the site that they share. `use` follows the rule of L5 as far as a
 * stratum allows: beyond the margin and beyond the irrelevant variable, at a level divided by the number of strata; or near zero in size.
 */
export async function strataEffects(request: StrataRequest): Promise<StratumEffect[]> {
  const { columns, inputs, where } = request;
  const { bases } = inputs.test;
  const variables = (['context', 'nuisance'] as const).flatMap((kind) =>
    columns[kind === 'context' ? 'contexts' : 'nuisance']
      .map((variable) => ({ kind, variable, values: valuesAt(variable, bases) }))
      .filter(({ values }) => values.length >= 2 && values.length <= MAX_VALUES),
  );
  if (variables.length === 0) return [];
  const effects = new Map<Goal, Effects>();
  const common = commonSite(where, inputs.chain);
  for (const goal of GOALS) {
    const site = where.sites[goal];
    const own = interchangeRequest(inputs, inputs.test, goal, goal);
    const total = totalEffects(inputs, inputs.test, goal);
    if (own === undefined || total === undefined) continue;
    const other = interchangeRequest(inputs, inputs.test, 'irrelevant', goal);
    const wholeAt = async (request: InterchangeRequest, at: Site): Promise<Float64Array> =>
      (await interchange(request, { sites: [at], basis: null })).effects;
    const whole = await wholeAt(own, site);
    effects.set(goal, {
      total,
      whole,
      shared: site.hook === common.hook ? whole : await wholeAt(own, common),
      irrelevant: other === undefined ? undefined : await wholeAt(other, site),
    });
  }
  const count = variables.reduce((sum, { values }) => sum + values.length, 0);
  return variables.flatMap(({ kind, variable, values }) =>
    values.map((value): StratumEffect => {
      const kept = Int32Array.from(bases.keys()).filter((i) => variable.labels.values[bases[i]!] === value);
      const groups = denseAgain(pickInts(inputs.test.groups, kept));
      const judged = Object.fromEntries(
        GOALS.map((goal) => [
          goal,
          judge({ ...request, alpha: request.alpha / count }, effects.get(goal), kept, groups, {
            label: `${variable.name}/${value}/${goal}`,
            level: request.alpha,
            other: effects.get(goal === 'intended' ? 'proxy' : 'intended')?.total,
          }),
        ]),
      ) as Record<Goal, ReturnType<typeof judge>>;
      const [i, p] = [judged.intended.interval, judged.proxy.interval];
      const weight = weightOf(request, effects, kept, groups, `${variable.name}/${value}`);
      const w = intervalPart(weight).interval;
      return {
        kind,
        variable: variable.name,
        value: variable.labels.names[value]!,
        bases: kept.length,
        groups: new Set(groups).size,
        intended: judged.intended.value,
        proxy: judged.proxy.value,
        ...(i === undefined ? {} : { intendedInterval: i }),
        ...(p === undefined ? {} : { proxyInterval: p }),
        proxyWeight: estimateOf(weight),
        ...(w === undefined ? {} : { proxyWeightInterval: w }),
        use: { intended: judged.intended.use, proxy: judged.proxy.use },
      };
    }),
  );
}

/** The proxy's share of the two effects over the rows of a stratum. */
function weightOf(
  request: StrataRequest,
  effects: ReadonlyMap<Goal, Effects>,
  kept: Int32Array,
  groups: Int32Array,
  label: string,
): Interval {
  const intended = effects.get('intended')?.shared;
  const proxy = effects.get('proxy')?.shared;
  if (intended === undefined || proxy === undefined || kept.length === 0)
    return { state: 'undefined', reason: 'only one goal was exchanged' };
  const numerator = Float64Array.from(kept, (i) => proxy[i]!);
  const denominator = Float64Array.from(kept, (i) => proxy[i]! + intended[i]!);
  if (denominator.reduce((sum, value) => sum + value, 0) < CRITERIA.ignoredNats * kept.length)
    return { state: 'undefined', reason: 'neither goal has an effect here' };
  return clusterBootstrapRatio({
    groups,
    numerator,
    denominator,
    draws: request.bootstrapDraws,
    random: request.random.fork(`strata/${label}/weight`),
  });
}

function valuesAt({ labels }: NamedLabels, bases: Int32Array): number[] {
  return [...new Set(pickInts(labels.values, bases))].filter((value) => value >= 0).sort((a, b) => a - b);
}

function denseAgain(groups: Int32Array): Int32Array {
  const seen = new Map<number, number>();
  return groups.map((group) => {
    if (!seen.has(group)) seen.set(group, seen.size);
    return seen.get(group)!;
  });
}

function judge(
  request: StrataRequest,
  effects: Effects | undefined,
  kept: Int32Array,
  groups: Int32Array,
  at: { readonly label: string; readonly level: number; readonly other: Float64Array | undefined },
): {
  readonly value: StratumEffect['intended'];
  readonly interval?: StratumEffect['intendedInterval'];
  readonly use: Use;
} {
  if (effects === undefined || kept.length === 0) {
    const none = { state: 'undefined' as const, reason: 'no source of this goal in this stratum' };
    return { value: none, use: 'not-run' };
  }
  const { random, bootstrapDraws: draws, permutations, alpha } = request;
  const pick = (values: Float64Array): Float64Array => Float64Array.from(kept, (i) => values[i]!);
  const whole = pick(effects.whole);
  const otherTotal = at.other === undefined ? 0 : meanOf(pick(at.other));
  const margin = Math.max(CRITERIA.equivalenceNats, CRITERIA.equivalenceShare * Math.abs(otherTotal));
  const interval = clusterBootstrapMean({
    groups,
    values: whole,
    draws,
    random: random.fork(`strata/${at.label}`),
  });
  const zero = [whole, pick(effects.total)].every((values, k) => {
    const result = equivalenceTest({
      bootstrap: clusterBootstrapDraws({
        groups,
        draws,
        random: random.fork(`strata/${at.label}/zero/${k}`),
        statistic: meanStatistic({ groups, values: values.map(Math.abs) }),
      }),
      margin,
      level: at.level,
    });
    return result.state === 'measured' && result.equivalent;
  });
  const swap =
    effects.irrelevant === undefined
      ? undefined
      : swapTest({
          groups,
          values: whole.map((value, i) => value - effects.irrelevant![kept[i]!]!),
          draws: permutations,
          alternative: 'greater',
          random: random.fork(`strata/${at.label}/swap`),
        });
  const beyond =
    interval.state === 'measured' &&
    interval.low > margin &&
    swap?.state === 'measured' &&
    whySwapIsOpen(swap, alpha) === undefined &&
    swap.pValue <= alpha;
  const use: Use =
    new Set(groups).size < CRITERIA.minCausalGroups
      ? 'unclear'
      : beyond
        ? 'used'
        : zero
          ? 'unused'
          : 'unclear';
  return { value: estimateOf(interval), ...intervalPart(interval), use };
}
