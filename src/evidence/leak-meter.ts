/** @file evidence: what a careless split would have added: accuracy with rows dealt out at random against groups kept whole. */
import type { GoalRole } from '../core/data-set.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type Columns, denseGroups, type Site } from './columns.ts';
import type { LeakReading } from './figures.ts';
import { mapProbes } from './probe-map.ts';
import type { Activations, NetworkReading } from './reading.ts';

export type LeakRequest = {
  readonly columns: Columns;
  readonly sites: readonly Site[];
  readonly activations: Activations;
  readonly reading: NetworkReading;
  readonly ridge: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

/** Splits of each kind that are averaged. */
const REPEATS = 5;
/** Share of rows, or of groups, that a probe is fitted on. */
const FIT_SHARE = 0.7;

/**
 * For each variable, at the site of its contrast: mean accuracy over random splits of the come-apart rows by row, and by group. A
 * difference above zero is what rows of one group give away about each other.
 */
export async function readLeaks(request: LeakRequest): Promise<LeakReading[]> {
  const { columns, sites, reading } = request;
  const readings: LeakReading[] = [];
  for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
    const labels = columns.labels[role];
    const siteIndex = reading.contrast[role === 'irrelevant' ? 'intended' : role]?.siteIndex;
    if (labels === undefined || siteIndex === undefined) continue;
    const site = sites[siteIndex]!;
    const accuracyOf = async (by: 'row' | 'group'): Promise<Measured> => {
      const values: number[] = [];
      for (let i = 0; i < REPEATS; i++) {
        const { fit, test } = dealt(columns, by, request.random.fork(`leak/${by}/${i}`));
        const map = await mapProbes({
          ...request,
          sites: [site],
          tasks: [{ id: role, labels }],
          fit,
          select: new Int32Array(0),
          test,
        });
        const accuracy = map.get(role)?.[0]?.testAccuracy;
        if (accuracy?.state === 'measured') values.push(accuracy.value);
      }
      return values.length === REPEATS
        ? measured(values.reduce((sum, value) => sum + value, 0) / REPEATS)
        : undefinedBecause('a split left too few values to fit or to read');
    };
    const rowSplit = await accuracyOf('row');
    const groupSplit = await accuracyOf('group');
    readings.push({
      role: role satisfies GoalRole,
      hook: site.hook,
      position: site.position,
      rowSplit,
      groupSplit,
      difference:
        rowSplit.state === 'measured' && groupSplit.state === 'measured'
          ? measured(rowSplit.value - groupSplit.value)
          : undefinedBecause('one of the two could not be measured'),
    });
  }
  return readings;
}

/** The come-apart rows in two parts, dealt out by row or by whole group; both parts hold about the same number of rows either way. */
function dealt(
  columns: Columns,
  by: 'row' | 'group',
  random: Random,
): { readonly fit: Int32Array; readonly test: Int32Array } {
  const rows = columns.apart;
  const units = by === 'row' ? Int32Array.from(rows.keys()) : denseGroups(columns, rows).groups;
  const count = by === 'row' ? rows.length : new Set(units).size;
  const order = random.permutation(count);
  const place = new Int32Array(count);
  for (const [rank, unit] of order.entries()) place[unit] = rank;
  const isFit = (i: number): boolean => place[units[i]!]! < FIT_SHARE * count;
  return {
    fit: rows.filter((_, i) => isFit(i)),
    test: rows.filter((_, i) => !isFit(i)),
  };
}
