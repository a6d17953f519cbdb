/** @file evidence: how often another draw of the select side would have chosen another site or rank for L5; decides nothing. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from './causal-side.ts';
import { type CausalSite, rankCandidates } from './causal-site.ts';
import { type Columns, siteName } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { interchangeMany } from './interchange.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { indexGroups } from './resample-cluster-bootstrap.ts';
import type { Statistic } from './rung.ts';

export type StabilityRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly inputs: CausalInputs;
  readonly where: CausalSite;
  readonly ranks: readonly number[];
  /** Resamples of the groups of the select side. */
  readonly draws: number;
  readonly random: Random;
};

/**
 * Per goal the share of cluster bootstrap resamples of the select side in which the rules of `findCausalSite` choose the same hook, and the same
 * rank there; the lead and the subspaces, which come from fit rows, stay as they are. Near 1: the choice does not hang on a few inputs.
 */
export async function choiceStability(request: StabilityRequest): Promise<Statistic[]> {
  const { columns, sides, inputs, where, ranks } = request;
  const { select, chain } = inputs;
  const statistics: Statistic[] = [];
  for (const goal of GOALS) {
    const own = interchangeRequest(inputs, select, goal, goal);
    const total = totalEffects(inputs, select, goal);
    if (own === undefined || total === undefined) continue;
    const site = where.sites[goal];
    // Such a goal was given the lead's site, and shares of an effect of zero would be shares of noise.
    const idle = goal !== where.lead && !(mean(total) > CRITERIA.equivalenceNats);
    const byHook: Float64Array[] = [];
    for (const hook of chain) {
      const [outcome] = await interchangeMany(own, [{ ...site, hook }], [null]);
      byHook.push(outcome!.effects);
    }
    const bases = rankCandidates(inputs, columns, sides, site, goal, ranks) ?? [];
    const byRank = (await interchangeMany(own, [site], bases)).map(({ effects }) => effects);
    // The other goal is looked for from the lead's site on, and stays there when its total effect is near zero.
    const chosen = chain.indexOf(site.hook);
    const from = goal === where.lead ? 0 : chain.indexOf(where.site.hook);
    const shares = resample(request, select.groups, goal, (meanOf) => {
      const wanted = CRITERIA.siteShare * meanOf(total);
      const hook = byHook.findIndex((effects, i) => {
        const effect = meanOf(effects);
        return i >= from && effect > 0 && effect >= wanted;
      });
      const whole = CRITERIA.rankShare * meanOf(byHook[chosen]!);
      const rank = byRank.findIndex((effects) => meanOf(effects) >= whole);
      const columnsOfRank = bases[rank < 0 ? bases.length - 1 : rank]?.columns;
      return {
        site: (hook < 0 ? chain.length - 1 : hook) === chosen,
        rank: columnsOfRank === where.subspace[goal]?.rank,
      };
    });
    const shown = { role: goal, unit: 'share' as const, nulls: [], state: 'reported' as const };
    const how = `shown: ${request.draws} cluster bootstrap resamples of the select side`;
    statistics.push(
      {
        ...shown,
        id: `L5.${goal}.site-stability`,
        label: `share of resamples of the select side that would have chosen the same site for the ${goal} goal`,
        value: idle ? NOTHING : measured(shares.site),
        criterion: how,
        site: siteName(site),
      },
      {
        ...shown,
        id: `L5.${goal}.rank-stability`,
        label: `share of resamples of the select side that would have chosen the same rank for the ${goal} goal`,
        value:
          bases.length === 0
            ? undefinedBecause('the class means of this variable do not differ at the site')
            : idle
              ? NOTHING
              : measured(shares.rank),
        criterion: how,
        site: siteName(site),
      },
    );
  }
  return statistics;
}

const NOTHING: Measured = undefinedBecause(
  'this goal has no effect to choose a site and a rank by; it is tested at the site of the other',
);

/** Shares of draws in which each choice was the same; `meanOf` weighs bases by how often their group was drawn. */
function resample(
  { draws, random }: StabilityRequest,
  groups: Int32Array,
  goal: Goal,
  choose: (meanOf: (values: Float64Array) => number) => { readonly site: boolean; readonly rank: boolean },
): { readonly site: number; readonly rank: number } {
  const { size, present } = indexGroups(groups);
  const stream = random.fork(`stability/${goal}`);
  const counts = new Float64Array(size);
  const meanOf = (values: Float64Array): number => {
    let sum = 0;
    let weight = 0;
    for (let i = 0; i < values.length; i++) {
      sum += counts[groups[i]!]! * values[i]!;
      weight += counts[groups[i]!]!;
    }
    return sum / weight;
  };
  const same = { site: 0, rank: 0 };
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0);
    for (let k = 0; k < present.length; k++) counts[present[stream.integer(present.length)]!]! += 1;
    const { site, rank } = choose(meanOf);
    if (site) same.site++;
    if (rank) same.rank++;
  }
  return { site: same.site / draws, rank: same.rank / draws };
}
