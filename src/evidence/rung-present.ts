/** @file evidence: L1, is the goal's value linearly readable anywhere, beyond chance over all sites searched. */
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, pickInts, type Site, siteName } from './columns.ts';
import { balancedAccuracy } from './metric-accuracy.ts';
import { bestSite, type ProbeMap } from './probe-map.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { clusterBootstrap } from './resample-cluster-bootstrap.ts';
import { labelPermutationAccuracy } from './resample-label-permutation.ts';
import type { RungResult, RungState, Statistic } from './rung.ts';
import { bestState, intervalPart, nullOf, rungStateOf, spoken, stateOf } from './statistic.ts';

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
  const said = statistics.map((statistic) => `${statistic.role} ${spoken(statistic.value)}`).join(', ');
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
  const readings = map.get(goal)!;
  const siteIndex = bestSite(readings.map((reading) => reading.selectAccuracy)) ?? 0;
  const truth = pickInts(labels.values, sides.apart.test);
  const { groups } = denseGroups(columns, sides.apart.test);
  const test = labelPermutationAccuracy({
    predicted: readings.map((reading) => reading.test),
    labels: truth,
    groups,
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
  const occurring = new Set(truth.filter((value) => value >= 0)).size;
  return {
    id: `L1.${goal}.accuracy`,
    label: `balanced accuracy of reading the ${goal} goal (chance ${(1 / occurring).toFixed(3)})`,
    role: goal,
    unit: 'accuracy',
    value: readings[siteIndex]!.testAccuracy,
    ...intervalPart(interval),
    nulls: [
      nullOf(
        'labels-permuted',
        `labels of the test groups permuted between groups, largest of ${sites.length} sites`,
        test.maximum,
        p,
      ),
    ],
    state: stateOf(p === undefined ? undefined : p <= alpha),
    criterion: `p at most ${alpha} against the largest accuracy over all sites`,
    site: siteName(sites[siteIndex]!),
  };
}
