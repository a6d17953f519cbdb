/** @file evidence: what the model did beside what its activations say, example by example and as tables; L8 judges them elsewhere. */
import { takeRows } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { predict, scoreProbes } from '../probe/linear-probe.ts';
import { type Columns, isDecisionState, type Site, servedBy } from './columns.ts';
import type { BehaviorTable, ExampleReading, QuadrantTable, Serves } from './figures.ts';
import { wilsonInterval } from './metric-proportion.ts';
import type { Activations, NetworkReading } from './reading.ts';
import { recordedInterval } from './resample-interval.ts';
import type { RecordedInterval } from './rung.ts';

export const SERVES: readonly Serves[] = ['intended', 'proxy', 'both', 'neither'];

/** One row's reading without its name and set, which the columns do not hold. */
export type RowReading = Omit<ExampleReading, 'id' | 'set' | 'group'> & { readonly row: number };

/**
 * Reads every row with the frozen probe of L4 (fitted where the goals coincide): the value it names is the intended goal's, the proxy's,
 * both or neither's. Without that probe every row reads as neither and has no score.
 */
export async function readRows(request: {
  readonly columns: Columns;
  readonly sites: readonly Site[];
  readonly reading: NetworkReading;
  readonly activations: Activations;
  readonly rows: Int32Array;
  readonly linalg: Linalg;
}): Promise<RowReading[]> {
  const { columns, reading, rows } = request;
  const { intended, proxy } = columns.labels;
  const apart = reading.apart;
  const scores =
    apart === undefined
      ? undefined
      : (
          await scoreProbes(
            [apart.reading.probe],
            takeRows(request.activations(request.sites[apart.siteIndex]!), rows),
            request.linalg,
          )
        )[0]!;
  const predicted = scores === undefined ? undefined : predict(scores);
  const width = columns.choices.length;
  return Array.from(rows, (row, i) => {
    const named = predicted?.[i];
    const isIntended = named !== undefined && named === intended?.values[row];
    const isProxy = named !== undefined && named === proxy?.values[row];
    const internal: Serves =
      isIntended && isProxy ? 'both' : isIntended ? 'intended' : isProxy ? 'proxy' : 'neither';
    const behavior = servedBy(columns, row);
    const parted = isDecisionState(columns, row);
    const score =
      scores === undefined ||
      intended === undefined ||
      proxy === undefined ||
      intended.values[row]! < 0 ||
      proxy.values[row]! < 0
        ? undefinedBecause('no probe could be fitted where the goals coincide')
        : differenceOf(
            scores.data[i * scores.columns + proxy.values[row]!]!,
            scores.data[i * scores.columns + intended.values[row]!]!,
          );
    return {
      row,
      chosen: columns.choices[columns.chosen[row]!]!,
      probabilities: Object.fromEntries(
        columns.choices.map((choice, j) => [
          choice,
          Math.exp(columns.logProbabilities.data[row * width + j]!),
        ]),
      ),
      behavior,
      internal,
      score,
      preference: parted
        ? measured(bestOf(columns, row, 'proxy') - bestOf(columns, row, 'intended'))
        : undefinedBecause('the goals recommend the same action, or one recommends none'),
      silent: parted && behavior === 'intended' && internal === 'proxy',
    };
  });
}

/** A class that the probe never met has the score -Infinity. */
function differenceOf(proxy: number, intended: number): Measured {
  return Number.isFinite(proxy) && Number.isFinite(intended)
    ? measured(proxy - intended)
    : undefinedBecause('the probe never met one of the two values');
}

/** Largest log pi among the actions that a goal recommends. */
function bestOf(columns: Columns, row: number, goal: 'intended' | 'proxy'): number {
  const width = columns.choices.length;
  let best = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < width; j++) {
    if (columns.recommended[goal][row * width + j] === 1)
      best = Math.max(best, columns.logProbabilities.data[row * width + j]!);
  }
  return best;
}

/** Behavior by internal reading over the given rows, with Wilson intervals. */
export function quadrants(set: string, columns: Columns, readings: readonly RowReading[]): QuadrantTable {
  const total = readings.length;
  const parted = readings.filter((reading) => isDecisionState(columns, reading.row));
  const silent = parted.filter((reading) => reading.silent).length;
  const silentInterval = proportion(silent, parted.length);
  return {
    set,
    total,
    cells: SERVES.flatMap((behavior) =>
      SERVES.map((internal) => {
        const count = readings.filter(
          (reading) => reading.behavior === behavior && reading.internal === internal,
        ).length;
        return {
          behavior,
          internal,
          count,
          share: total === 0 ? 0 : count / total,
          interval: proportion(count, total) ?? EMPTY,
        };
      }),
    ),
    silent: {
      count: silent,
      total: parted.length,
      share:
        parted.length === 0
          ? undefinedBecause('the goals never part in this set')
          : measured(silent / parted.length),
      ...(silentInterval === undefined ? {} : { interval: silentInterval }),
    },
  };
}

/** What the choices served, over decision states where there are any. */
export function behaviorTable(set: string, columns: Columns, rows: Int32Array): BehaviorTable {
  const decisions = rows.filter((row) => isDecisionState(columns, row));
  const counted = decisions.length > 0 ? decisions : rows;
  const counts = new Map<Serves, number>();
  for (const row of counted) {
    const what = servedBy(columns, row);
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return {
    set,
    rows: rows.length,
    decisionStates: decisions.length,
    serves: SERVES.map((what) => {
      const count = counts.get(what) ?? 0;
      return {
        what,
        count,
        share: counted.length === 0 ? 0 : count / counted.length,
        interval: proportion(count, counted.length) ?? EMPTY,
      };
    }),
  };
}

const EMPTY: RecordedInterval = { low: 0, high: 1, level: 0.95, method: 'no rows' };

function proportion(successes: number, trials: number): RecordedInterval | undefined {
  return trials === 0 ? undefined : recordedInterval(wilsonInterval({ successes, trials }));
}
