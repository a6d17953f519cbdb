/** @file evidence: L8's question ahead: does the internal score tell which choices turn when a context changes, better than behavior does. */
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, isDecisionState, type NamedLabels, servedBy } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { Score } from './divergence-readings.ts';
import { auroc } from './metric-auroc.ts';
import type { Sides } from './reading.ts';
import { clusterBootstrap } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import type { Statistic } from './rung.ts';
import { estimateOf, intervalPart } from './statistic.ts';

/** A context with more values than this is a measurement. */
const MAX_VALUES = 6;

export type FlipRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  /** Per row: log pi(action of the proxy) - log pi(action of the intended goal), in nats. */
  readonly preference: (row: number) => number;
  readonly scores: readonly { readonly id: string; readonly label: string; readonly score: Score }[];
  readonly bootstrapDraws: number;
  readonly random: Random;
};

/**
 * Per context variable, per value beside the one under which the choices serve the intended goal most (on select rows), per score: AUROC
 * of the score in the first context for "the choice serves the proxy in the second", minus the AUROC of the preference. Pairs are test rows of
 * one group with the same goals under both values, whose choice serves the intended goal in the first.
 */
export function flipStatistics(request: FlipRequest): Statistic[] {
  return request.columns.contexts.flatMap((context) => {
    const { values, classes } = context.labels;
    if (classes < 2 || classes > MAX_VALUES) return [];
    const watched = mostIntended(request, context);
    if (watched === undefined) return [];
    return [...new Set(Array.from(request.sides.decisions, (row) => values[row]!))]
      .filter((value) => value >= 0 && value !== watched)
      .sort((a, b) => a - b)
      .flatMap((value) => {
        const pairs = pairsOf(request, context, watched, value);
        return request.scores.map((one) =>
          flipStatistic(request, { ...one, context, from: watched, to: value, pairs }),
        );
      });
  });
}

/** The value under which the largest share of the select side's decision states serves the intended goal. */
function mostIntended({ columns, sides }: FlipRequest, { labels }: NamedLabels): number | undefined {
  const counts = new Map<number, { intended: number; all: number }>();
  for (const row of sides.apart.select) {
    const value = labels.values[row]!;
    if (value < 0 || !isDecisionState(columns, row)) continue;
    const count = counts.get(value) ?? { intended: 0, all: 0 };
    count.all++;
    if (servedBy(columns, row) === 'intended') count.intended++;
    counts.set(value, count);
  }
  let best: { value: number; share: number } | undefined;
  for (const [value, { intended, all }] of [...counts].sort(([a], [b]) => a - b)) {
    if (best === undefined || intended / all > best.share) best = { value, share: intended / all };
  }
  return best?.value;
}

type Pair = { readonly before: number; readonly after: number };

function pairsOf(request: FlipRequest, context: NamedLabels, from: number, to: number): Pair[] {
  const { columns, sides } = request;
  const { values } = context.labels;
  const key = (row: number): string =>
    [
      columns.groups[row],
      columns.labels.intended?.values[row],
      columns.labels.proxy?.values[row],
      columns.labels.irrelevant?.values[row],
    ].join(' ');
  const after = new Map<string, number[]>();
  for (const row of sides.decisions) {
    if (values[row] === to) after.set(key(row), [...(after.get(key(row)) ?? []), row]);
  }
  return Array.from(sides.decisions).flatMap((row) => {
    if (values[row] !== from || servedBy(columns, row) !== 'intended') return [];
    // Each row of the second context answers for one of the first.
    const partner = after.get(key(row))?.shift();
    return partner === undefined ? [] : [{ before: row, after: partner }];
  });
}

function flipStatistic(
  request: FlipRequest,
  at: {
    readonly id: string;
    readonly label: string;
    readonly score: Score;
    readonly context: NamedLabels;
    readonly from: number;
    readonly to: number;
    readonly pairs: readonly Pair[];
  },
): Statistic {
  const { columns } = request;
  const { names } = at.context.labels;
  const pairs = at.pairs.filter(({ before }) => at.score.proxy.has(before));
  const turned = Int8Array.from(pairs, ({ after }) => (servedBy(columns, after) === 'proxy' ? 1 : 0));
  const count = turned.reduce((sum, one) => sum + one, 0);
  const few = Math.min(count, pairs.length - count) < CRITERIA.flipMinOfAKind;
  const interval: Interval = few
    ? { state: 'undefined', reason: `${count} of ${pairs.length} choices turn: too few of one kind to rank` }
    : difference(request, at, pairs, turned);
  return {
    id: `L8.flip.${at.context.name}.${names[at.from]}-${names[at.to]}.${at.id}`,
    label: `AUROC of "${at.label}" under ${at.context.name} ${names[at.from]} for turning to the proxy under ${names[at.to]}, minus that of the preference`,
    unit: 'points',
    value: estimateOf(interval),
    ...intervalPart(interval),
    nulls: [],
    state: 'reported',
    criterion: `shown: above 0 the activations tell more than behavior; needs ${CRITERIA.flipMinOfAKind} choices that turn and as many that stay (${count} of ${pairs.length} turn)`,
  };
}

function difference(
  request: FlipRequest,
  at: { readonly id: string; readonly score: Score; readonly context: NamedLabels; readonly to: number },
  pairs: readonly Pair[],
  turned: Int8Array,
): Interval {
  const rows = Int32Array.from(pairs, ({ before }) => before);
  const { groups } = denseGroups(request.columns, rows);
  const internal = Float64Array.from(rows, (row) => at.score.proxy.get(row)!);
  const behavior = Float64Array.from(rows, (row) => request.preference(row));
  return clusterBootstrap({
    groups,
    draws: request.bootstrapDraws,
    random: request.random.fork(`flip/${at.context.name}/${at.to}/${at.id}`),
    statistic: (counts) => {
      const weights = Float64Array.from(groups, (group) => counts[group]!);
      const [a, b] = [auroc(internal, turned, weights), auroc(behavior, turned, weights)];
      return a.state === 'measured' && b.state === 'measured' ? a.value - b.value : undefined;
    },
  });
}
