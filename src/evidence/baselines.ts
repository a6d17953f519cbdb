/** @file evidence: what a variable's value could be read from without the network: its inputs, and what it says in the end. */
import type { GoalRole } from '../core/data-set.ts';
import type { Matrix } from '../core/matrix.ts';
import { undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type Columns, denseGroups, pickInts } from './columns.ts';
import type { BaselineReading } from './figures.ts';
import { balancedAccuracy } from './metric-accuracy.ts';
import { bestSite, mapProbes } from './probe-map.ts';
import type { NetworkReading, Sides } from './reading.ts';
import { clusterBootstrap } from './resample-cluster-bootstrap.ts';
import { estimateOf, intervalPart } from './statistic.ts';

/** Features of every example that no trained weight has touched (or that only the last layer gives), [rows, any width]. */
export type BaselineFeatures = { readonly id: string; readonly label: string; readonly x: Matrix };

export type BaselineRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly features: readonly BaselineFeatures[];
  /** The network's own reading, for the row that the baselines stand beside. */
  readonly reading: NetworkReading;
  readonly ridge: number;
  readonly bootstrapDraws: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

const ROLES: readonly GoalRole[] = ['intended', 'proxy', 'irrelevant'];

/**
 * The same ridge probe, fitted on the same rows and read on the same test rows, from each set of features. A variable that a bag of tokens
 * gives away entirely is in the input: reading it in the activations shows that it was kept, not that it was worked out.
 */
export async function readBaselines(request: BaselineRequest): Promise<BaselineReading[]> {
  const { columns, sides, reading } = request;
  const roles = ROLES.filter((role) => columns.labels[role] !== undefined);
  const tasks = roles.map((role) => ({ id: role, labels: columns.labels[role]! }));
  const readings: BaselineReading[] = [];
  for (const role of roles) {
    const sites = reading.map.get(role) ?? [];
    const best = sites[bestSite(sites.map(({ selectAccuracy }) => selectAccuracy)) ?? 0];
    readings.push(
      judged(request, role, {
        id: 'probe',
        label: 'activations, at the site where it is read best',
        predicted: best?.test,
      }),
    );
  }
  for (const { id, label, x } of request.features) {
    const map = await mapProbes({
      ...request,
      sites: [{ hook: id, position: 0 }],
      activations: () => x,
      tasks,
      ...sides.apart,
    });
    for (const role of roles)
      readings.push(judged(request, role, { id, label, predicted: map.get(role)?.[0]?.test }));
  }
  return readings;
}

/** Balanced accuracy on the test rows with its cluster bootstrap interval. */
function judged(
  request: BaselineRequest,
  role: GoalRole,
  from: { readonly id: string; readonly label: string; readonly predicted: Int32Array | undefined },
): BaselineReading {
  const { columns, sides } = request;
  const { values, classes } = columns.labels[role]!;
  const rows = sides.apart.test;
  const labels = pickInts(values, rows);
  const occurring = new Set(labels.filter((label) => label >= 0)).size;
  const base = { role, id: from.id, label: from.label, chance: occurring === 0 ? 0 : 1 / occurring };
  if (from.predicted === undefined || occurring === 0) {
    return { ...base, accuracy: undefinedBecause('fewer than two values occur among the fit rows') };
  }
  const { groups } = denseGroups(columns, rows);
  const weights = new Float64Array(rows.length);
  const { predicted } = from;
  const interval = clusterBootstrap({
    groups,
    draws: request.bootstrapDraws,
    random: request.random.fork(`baseline/${from.id}/${role}`),
    statistic: (drawn) => {
      for (let i = 0; i < weights.length; i++) weights[i] = drawn[groups[i]!]!;
      const value = balancedAccuracy(predicted, labels, classes, weights);
      return value.state === 'measured' ? value.value : undefined;
    },
  });
  return { ...base, accuracy: estimateOf(interval), ...intervalPart(interval) };
}
