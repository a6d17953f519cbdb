/** @file evidence: L1, is the goal's value linearly readable anywhere, beyond chance over all sites searched. */
import { undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, nuisanceStrata, pickInts, type Site, siteName } from './columns.ts';
import { balancedAccuracy } from './metric-accuracy.ts';
import { bestSite, occurring, type ProbeMap } from './probe-map.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { clusterBootstrap } from './resample-cluster-bootstrap.ts';
import { type LabelPermutationResult, labelPermutationAccuracy } from './resample-label-permutation.ts';
import { canReject } from './resample-permutation.ts';
import type { RungResult, RungState, Statistic } from './rung.ts';
import { bestState, intervalPart, inWords, nullOf, rungStateOf, spoken, stateOf } from './statistic.ts';

export type PresentRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly sites: readonly Site[];
  readonly map: ProbeMap;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly random: Random;
};

/** Balanced accuracy on test groups at the site chosen on select groups, against the largest accuracy over all sites under permuted labels. */
export function present(request: PresentRequest): RungResult {
  const statistics: Statistic[] = [];
  const byRole: Partial<Record<Goal, RungState>> = {};
  for (const goal of GOALS) {
    if (request.columns.labels[goal] === undefined) continue;
    const statistic = presentStatistic(request, goal);
    statistics.push(statistic);
    byRole[goal] = rungStateOf([statistic]);
  }
  const said = statistics.map((statistic) => `${statistic.role} ${spoken(statistic)}`).join(', ');
  return {
    id: 'L1',
    title: 'Present',
    question: 'Can a linear probe read the value of each goal from the activations?',
    byRole,
    state: bestState(Object.values(byRole)),
    summary: `Balanced accuracy at the best site: ${said}. Readable is not used: an untrained network reads nearly everything.`,
    statistics,
  };
}

function presentStatistic(request: PresentRequest, goal: Goal): Statistic {
  const { columns, sides, sites, map, random, alpha } = request;
  const labels = columns.labels[goal]!;
  const readings = map.get(goal);
  if (readings === undefined) return unread(request, goal);
  const siteIndex = bestSite(readings.map((reading) => reading.selectAccuracy)) ?? 0;
  const truth = pickInts(labels.values, sides.apart.test);
  const { groups } = denseGroups(columns, sides.apart.test);
  const within = nuisanceStrata(columns, sides.apart.test);
  const test = labelPermutationAccuracy({
    predicted: readings.map((reading) => reading.test),
    labels: truth,
    groups,
    ...(within === undefined ? {} : { strata: within.strata }),
    classes: labels.classes,
    draws: request.permutations,
    random: random.fork(`present/${goal}/permutation`),
  });
  const pValue = test.adjusted[siteIndex];
  const own = readings[siteIndex]!.test;
  const weights = new Float64Array(truth.length);
  const interval = clusterBootstrap({
    groups,
    draws: request.bootstrapDraws,
    random: random.fork(`present/${goal}/bootstrap`),
    statistic: (counts) => {
      for (let i = 0; i < weights.length; i++) weights[i] = counts[groups[i]!]!;
      const value = balancedAccuracy(own, truth, labels.classes, weights);
      return value.state === 'measured' ? value.value : undefined;
    },
  });
  const p = pValue?.state === 'measured' ? pValue.value : undefined;
  const values = occurring(labels.values, sides.apart.test);
  const open = whyOpen(values, test, alpha);
  return {
    id: `L1.${goal}.accuracy`,
    label: `balanced accuracy of reading the ${goal} goal${values === 0 ? '' : ` (chance ${inWords(1 / values, 'accuracy')})`}`,
    role: goal,
    unit: 'accuracy',
    value: readings[siteIndex]!.testAccuracy,
    ...intervalPart(interval),
    nulls: [
      nullOf(
        'labels-permuted',
        `labels of the test groups permuted between groups${within === undefined ? '' : ` with the same ${within.names.join(' and ')}`}, largest of ${sites.length} sites`,
        test.maximum,
        p,
      ),
    ],
    state: stateOf(p === undefined || open !== undefined ? undefined : p <= alpha),
    criterion: `p at most ${alpha} against the largest accuracy over all sites${open === undefined ? '' : `; ${open}`}`,
    site: siteName(sites[siteIndex]!),
  };
}

/** Why the permutations cannot reject whatever was read, in words; undefined where they can. */
function whyOpen(values: number, test: LabelPermutationResult, alpha: number): string | undefined {
  const { draws, undefinedDraws, labellings } = test;
  if (values < 2) return 'fewer than two of its values occur on the test side, so nothing can be told apart';
  if (labellings * alpha < 1 - 1e-12)
    return `groups of one size that can exchange labels make ${labellings} different labellings of the test side, too few for a p of ${alpha}`;
  if (!canReject({ draws, undefinedDraws, alpha, alternative: 'greater' }))
    return `${draws} permutations are too few for a p of ${alpha}`;
  return undefined;
}

/** The statistic of a variable that no probe could be fitted to. */
function unread(request: PresentRequest, goal: Goal): Statistic {
  return {
    id: `L1.${goal}.accuracy`,
    label: `balanced accuracy of reading the ${goal} goal`,
    role: goal,
    unit: 'accuracy',
    value: undefinedBecause('fewer than two of its values occur among the rows that probes are fitted on'),
    nulls: [],
    state: 'undefined',
    criterion: `p at most ${request.alpha} against the largest accuracy over all sites`,
  };
}
