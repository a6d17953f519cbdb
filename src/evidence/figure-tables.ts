/** @file evidence: fills the tables behind the figures: the hook map and the interchange curves. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type CausalInputs, type CausalSide, interchangeRequest, mean, totalEffects } from './causal-side.ts';
import { type CausalSite, goalBases } from './causal-site.ts';
import type { Columns, Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { InterchangePoint, SiteLayer, SiteMap } from './figures.ts';
import { flipShare, type InterchangeOutcome, interchange, interchangeMany } from './interchange.ts';
import { occurring, type ProbeReading } from './probe-map.ts';
import { GOALS, type Goal, type NetworkReading, type Sides } from './reading.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import { intervalNull, intervalPart } from './statistic.ts';

type Grid = readonly (readonly (number | null)[])[];

/** `values` in site order (hook by hook) as rows of hooks and columns of positions. */
function gridOf(values: readonly (number | null)[], positions: number): Grid {
  const rows: (number | null)[][] = [];
  for (let start = 0; start < values.length; start += positions)
    rows.push(values.slice(start, start + positions));
  return rows;
}

function numberOrNull(value: Measured): number | null {
  return value.state === 'measured' ? value.value : null;
}

/** Accuracy of every variable at every site in the model, and its mean over the twins. */
export function siteMap(request: {
  readonly hooks: readonly string[];
  readonly positions: readonly number[];
  readonly columns: Columns;
  readonly model: NetworkReading;
  readonly twins: readonly NetworkReading[];
  readonly causal: readonly SiteLayer[];
}): SiteMap {
  const { hooks, positions, columns, model, twins } = request;
  const layers: SiteLayer[] = [];
  for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
    const labels = columns.labels[role];
    const readings = model.map.get(role);
    if (labels === undefined || readings === undefined) continue;
    // Of the values that occur: the list of classes is shared by all variables of a data set.
    const chance = 1 / Math.max(1, occurring(labels.values, columns.apart));
    const accuracies = (of: readonly ProbeReading[]): (number | null)[] =>
      of.map((reading) => numberOrNull(reading.testAccuracy));
    layers.push({
      id: `probe.${role}`,
      label: `reading the ${role} variable`,
      unit: 'accuracy',
      chance,
      values: gridOf(accuracies(readings), positions.length),
    });
    if (twins.length === 0) continue;
    const sums = readings.map((_, i) => twins.map((twin) => twin.map.get(role)![i]!.testAccuracy));
    const means = sums.map((values) => {
      const known = values.flatMap((value) => (value.state === 'measured' ? [value.value] : []));
      return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
    });
    layers.push({
      id: `twins.${role}`,
      label: `the same in weight-shuffled twins (mean of ${twins.length})`,
      unit: 'accuracy',
      chance,
      values: gridOf(means, positions.length),
    });
  }
  return { hooks, positions, layers: [...layers, ...request.causal] };
}

/** Whole-vector interchange of each goal at every site, over at most `bases` bases; for the map, not for the verdict. */
export async function causalLayers(
  inputs: CausalInputs,
  sites: readonly Site[],
  positions: number,
  bases: number,
): Promise<SiteLayer[]> {
  const side = firstBases(inputs.test, bases);
  const layers: SiteLayer[] = [];
  for (const goal of GOALS) {
    const request = interchangeRequest(inputs, side, goal, goal);
    if (request === undefined) continue;
    const values: (number | null)[] = [];
    for (const site of sites)
      values.push(
        numberOrNull(measured(mean((await interchange(request, { sites: [site], basis: null })).effects))),
      );
    layers.push({
      id: `causal.${goal}`,
      label: `exchanging the ${goal} variable moves the choice by (nats)`,
      unit: 'nats',
      chance: 0,
      values: gridOf(values, positions),
    });
  }
  return layers;
}

/** The first `count` bases of a side with their sources. */
export function firstBases(side: CausalSide, count: number): CausalSide {
  if (side.bases.length <= count) return side;
  const cut = <T extends Int32Array>(values: T): T => values.slice(0, count) as T;
  const sources = Object.fromEntries(
    Object.entries(side.sources).map(([kind, source]) => [
      kind,
      {
        bases: cut(source.bases),
        logProbabilities: firstRows(source.logProbabilities, count),
        activations: (site: Site) => firstRows(source.activations(site), count),
      },
    ]),
  );
  const pairs = Object.fromEntries(
    Object.entries(side.pairs).map(([goal, pair]) => [
      goal,
      { oldAction: cut(pair.oldAction), newAction: cut(pair.newAction) },
    ]),
  );
  const newValues = Object.fromEntries(
    Object.entries(side.newValues).map(([goal, values]) => [goal, cut(values)]),
  );
  return { bases: cut(side.bases), groups: cut(side.groups), sources, pairs, newValues };
}

function firstRows<
  M extends { readonly rows: number; readonly columns: number; readonly data: Float32Array },
>(source: M, rows: number): M {
  return { ...source, rows, data: source.data.subarray(0, rows * source.columns) };
}

/** Interchange at the read-out along the residual stream: whole vector here, from here on, and within class-mean subspaces. */
export async function interchangeCurves(request: {
  readonly inputs: CausalInputs;
  readonly columns: Columns;
  readonly sides: Sides;
  readonly where: CausalSite;
  readonly ranks: readonly number[];
  readonly bootstrapDraws: number;
  readonly random: Random;
}): Promise<InterchangePoint[]> {
  const { inputs, where } = request;
  const points: InterchangePoint[] = [];
  for (const [h, hook] of inputs.chain.entries()) {
    const site: Site = { hook, position: inputs.readout };
    const onward = inputs.chain.slice(h).map((later): Site => ({ hook: later, position: inputs.readout }));
    for (const role of [...GOALS, 'irrelevant'] as const) {
      const measuredBy: Goal = role === 'irrelevant' ? where.lead : role;
      const own = interchangeRequest(inputs, inputs.test, role, measuredBy);
      if (own === undefined) continue;
      const total = totalEffects(inputs, inputs.test, measuredBy);
      const point = (
        outcome: InterchangeOutcome,
        scope: InterchangePoint['scope'],
        rank: number | null,
        irrelevant?: InterchangeOutcome,
      ): InterchangePoint =>
        describe(
          request,
          outcome,
          { role, hook, position: inputs.readout, scope, rank },
          role === 'irrelevant' ? undefined : total,
          irrelevant,
        );
      // The irrelevant variable's sources, measured by the goal's own pair of actions: what any exchange of this size would do.
      const control =
        role === 'irrelevant' ? undefined : interchangeRequest(inputs, inputs.test, 'irrelevant', role);
      for (const [scope, sites] of [['one-site', [site]] as const, ['from-here-on', onward] as const]) {
        const outcome = await interchange(own, { sites, basis: null });
        const instead =
          control === undefined ? undefined : await interchange(control, { sites, basis: null });
        points.push(point(outcome, scope, null, instead));
      }
      if (role === 'irrelevant') continue;
      const bases = goalBases(inputs, request.columns, request.sides, site, role, request.ranks) ?? [];
      const outcomes = await interchangeMany(own, [site], bases);
      for (const [i, outcome] of outcomes.entries())
        points.push(point(outcome, 'one-site', bases[i]!.columns));
    }
  }
  return points;
}

function describe(
  request: { readonly inputs: CausalInputs; readonly bootstrapDraws: number; readonly random: Random },
  outcome: InterchangeOutcome,
  place: Pick<InterchangePoint, 'role' | 'hook' | 'position' | 'scope' | 'rank'>,
  total: Float64Array | undefined,
  irrelevant: InterchangeOutcome | undefined,
): InterchangePoint {
  const effect = mean(outcome.effects);
  const stream = `curve/${place.role}/${place.hook}/${place.scope}/${place.rank ?? 'whole'}`;
  const intervalOf = (values: Float64Array): Interval =>
    clusterBootstrapMean({
      groups: request.inputs.test.groups,
      values,
      draws: request.bootstrapDraws,
      random: request.random.fork(stream),
    });
  const interval = intervalOf(outcome.effects);
  const totalMean = total === undefined ? 0 : mean(total);
  return {
    ...place,
    effect: measured(effect),
    ...intervalPart(interval),
    nie:
      Math.abs(totalMean) < CRITERIA.ignoredNats
        ? undefinedBecause('the total effect is near zero')
        : measured(effect / totalMean),
    interchangeAccuracy: flipShare(outcome),
    nulls:
      irrelevant === undefined
        ? []
        : [
            intervalNull(
              'irrelevant-swapped',
              'the irrelevant variable exchanged instead',
              intervalOf(irrelevant.effects),
              undefined,
            ),
          ],
  };
}
