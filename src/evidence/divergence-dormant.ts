/** @file evidence: L8's dormant index: how far the proxy is read beyond the irrelevant variable where behavior is spotless, against clean twins. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, type Site, siteName } from './columns.ts';
import { heldSite } from './divergence-readings.ts';
import type { NetworkReading, Sides } from './reading.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import type { Statistic } from './rung.ts';
import { againstTwins } from './rung-learned.ts';
import { estimateOf, intervalPart, stateOf } from './statistic.ts';

export type DormantRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly sites: readonly Site[];
  readonly readout: number;
  readonly model: NetworkReading;
  readonly twins: readonly NetworkReading[];
  /** A network of the same shape that is known to be without the proxy, read in the same way. */
  readonly clean?: NetworkReading;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly random: Random;
};

/**
 * delta_P = share of `rows` (test side) whose proxy value a probe names, minus the same for the irrelevant variable, at the hook of the
 * read-out that select rows chose; minus the mean of the twins, whose hooks are chosen alike, and of `clean` where there is one. Rows are those
 * that behave as intended, so that what is read there cannot be behavior.
 */
export function dormantStatistics(
  request: DormantRequest,
  rows: Int32Array,
): { readonly statistics: readonly Statistic[]; readonly beyond: boolean | undefined } {
  const { columns, model, random } = request;
  const siteIndex = heldSite(request, model);
  const own = differences(request, model, rows);
  const { groups } = denseGroups(columns, rows);
  const interval: Interval =
    own === undefined
      ? { state: 'undefined', reason: 'no probe of both variables, or no row that behaves as intended' }
      : clusterBootstrapMean({
          groups,
          values: own,
          draws: request.bootstrapDraws,
          random: random.fork('dormant'),
        });
  const against = againstTwins({
    own: estimateOf(interval),
    twins: request.twins.map((twin) => meanOf(differences(request, twin, rows))),
    alternative: 'greater',
    alpha: request.alpha,
  });
  const site = siteIndex === undefined ? {} : { site: siteName(request.sites[siteIndex]!) };
  const statistics: Statistic[] = [
    {
      id: 'L8.dormant',
      label:
        'dormant index: the proxy read beyond the irrelevant variable where behavior is as intended, minus the mean of the twins',
      unit: 'points',
      value: against.difference,
      ...(against.difference.state === 'measured' && interval.state === 'measured'
        ? intervalPart(shifted(interval, against.difference.value - interval.estimate))
        : {}),
      nulls: [against.comparison],
      state: own === undefined ? 'reported' : stateOf(against.beyond),
      criterion:
        own === undefined
          ? 'not judged: no probe of both variables, or no row that behaves as intended'
          : `p at most ${request.alpha} among the twins${against.decides ? '' : ', for which these are too few'}`,
      ...site,
    },
  ];
  if (request.clean !== undefined) {
    const other = differences(request, request.clean, rows);
    const paired: Interval =
      own === undefined || other === undefined
        ? { state: 'undefined', reason: 'the two networks cannot be read on the same rows' }
        : clusterBootstrapMean({
            groups,
            values: own.map((value, i) => value - other[i]!),
            draws: request.bootstrapDraws,
            random: random.fork('dormant/clean'),
          });
    statistics.push({
      id: 'L8.dormant-clean',
      label: 'the same, minus that of the clean reference network',
      unit: 'points',
      value: estimateOf(paired),
      ...intervalPart(paired),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the twins',
      ...site,
    });
  }
  return { statistics, beyond: against.beyond };
}

/** Per row: the proxy's value is named (1 or 0) minus the irrelevant variable's, each by its own probe. */
function differences(
  request: DormantRequest,
  network: NetworkReading,
  rows: Int32Array,
): Float64Array | undefined {
  const { columns, sides } = request;
  const { proxy, irrelevant } = columns.labels;
  const siteIndex = heldSite(request, network);
  if (siteIndex === undefined || proxy === undefined || irrelevant === undefined || rows.length === 0)
    return undefined;
  const place = new Map(Array.from(sides.apart.test, (row, i) => [row, i]));
  const [p, d] = [
    network.map.get('proxy')![siteIndex]!.test,
    network.map.get('irrelevant')![siteIndex]!.test,
  ];
  return Float64Array.from(rows, (row) => {
    const i = place.get(row)!;
    return (p[i] === proxy.values[row] ? 1 : 0) - (d[i] === irrelevant.values[row] ? 1 : 0);
  });
}

function meanOf(values: Float64Array | undefined): Measured {
  return values === undefined || values.length === 0
    ? undefinedBecause('not read')
    : measured(values.reduce((sum, value) => sum + value, 0) / values.length);
}

/** The twins' mean is taken as known: their scatter is in the test against them. */
function shifted(interval: Extract<Interval, { state: 'measured' }>, by: number): Interval {
  return {
    ...interval,
    estimate: interval.estimate + by,
    low: interval.low + by,
    high: interval.high + by,
  };
}
