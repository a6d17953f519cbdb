/** @file evidence: ridge probes for every task at every site, fitted on one side of the split and applied to the others. */
import type { Matrix } from '../core/matrix.ts';
import { takeRows } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { ClassLabels, TrainSplit } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import type { LinearProbe } from '../probe/linear-probe.ts';
import { predict, scoreProbes } from '../probe/linear-probe.ts';
import { ridgeFitter } from '../probe/ridge.ts';
import { pickInts, type Site } from './columns.ts';
import { balancedAccuracy } from './metric-accuracy.ts';

export type ProbeTask = { readonly id: string; readonly labels: ClassLabels };

/** What one probe said on the rows it had not seen. */
export type ProbeReading = {
  readonly probe: LinearProbe;
  /** Predicted class per row of the select and of the test rows. */
  readonly select: Int32Array;
  readonly test: Int32Array;
  /** Balanced accuracy, chance = 1 / classes. */
  readonly selectAccuracy: Measured;
  readonly testAccuracy: Measured;
};

export type ProbeMapRequest = {
  readonly sites: readonly Site[];
  /** Activations of all rows at a site, [rows, width]. */
  readonly activations: (site: Site) => Matrix;
  readonly tasks: readonly ProbeTask[];
  readonly fit: Int32Array;
  readonly select: Int32Array;
  readonly test: Int32Array;
  /** Middle of the ridge penalties tried, per fit row, in units of the (standardised) feature variance. */
  readonly ridge: number;
  /** Penalty of each site (as in the settings of its probes) in place of a choice: for what is compared with a reading made before. */
  readonly penalties?: readonly number[];
  readonly linalg: Linalg;
};

/** Readings by task id, one per site in the order of `sites`; a task that could not be fitted is absent. */
export type ProbeMap = ReadonlyMap<string, readonly ProbeReading[]>;

/** Penalties tried at every site, as multiples of `ridge`. */
export const RIDGE_PATH: readonly number[] = [0.01, 1, 100];

/**
 * Fits all tasks of a site as columns of one system, under every penalty of the path, and reads them on the select and test rows in one
 * product. Each site keeps the penalty at which the select rows are read best on average over the tasks: one for all, since variables that
 * are compared must be read in one way; or the penalty that the request names. A variable of which fewer
 * than two values occur among the fit rows has nothing to be told apart: its task is left out, and its rungs say so.
 */
export async function mapProbes(request: ProbeMapRequest): Promise<ProbeMap> {
  const { sites, linalg } = request;
  const tasks = request.tasks.filter(({ labels }) => occurring(labels.values, request.fit) >= 2);
  const readings = new Map<string, ProbeReading[]>(tasks.map((task) => [task.id, []]));
  const held = Int32Array.from([...request.select, ...request.test]);
  // Labels are indexed by example: `train.rows` says which of them a probe may see.
  const fitLabels = tasks.map(({ labels }) => labels);
  if (tasks.length === 0) return readings;
  for (const [s, site] of sites.entries()) {
    const all = request.activations(site);
    const train: TrainSplit = { role: 'fit', rows: request.fit, x: takeRows(all, request.fit) };
    const fitter = ridgeFitter(train, { linalg });
    const probes: LinearProbe[][] = [];
    const given = request.penalties?.[s];
    const path =
      given === undefined ? RIDGE_PATH.map((factor) => factor * request.ridge * request.fit.length) : [given];
    for (const penalty of path) probes.push(await fitter.fit(fitLabels, { penalty }));
    const scores = await scoreProbes(probes.flat(), takeRows(all, held), linalg);
    const candidates = probes.map((some, k) =>
      tasks.map((task, i) => readingOf(some[i]!, predict(scores[k * tasks.length + i]!), task, request)),
    );
    // Of equal ones the last, so the largest penalty.
    const best =
      bestSite(candidates.map(meanSelectAccuracy)) ?? (given === undefined ? RIDGE_PATH.indexOf(1) : 0);
    for (const [i, task] of tasks.entries()) readings.get(task.id)!.push(candidates[best]![i]!);
  }
  return readings;
}

function meanSelectAccuracy(readings: readonly ProbeReading[]): Measured {
  let [sum, count] = [0, 0];
  for (const { selectAccuracy } of readings) {
    if (selectAccuracy.state === 'undefined') continue;
    sum += selectAccuracy.value;
    count += 1;
  }
  return count === 0 ? undefinedBecause('no task has a value on the select rows') : measured(sum / count);
}

function readingOf(
  probe: LinearProbe,
  predicted: Int32Array,
  { labels }: ProbeTask,
  sides: Pick<ProbeMapRequest, 'select' | 'test'>,
): ProbeReading {
  const select = predicted.subarray(0, sides.select.length);
  const test = predicted.subarray(sides.select.length);
  const accuracy = (read: Int32Array, rows: Int32Array): Measured =>
    balancedAccuracy(read, pickInts(labels.values, rows), labels.classes);
  return {
    probe,
    select,
    test,
    selectAccuracy: accuracy(select, sides.select),
    testAccuracy: accuracy(test, sides.test),
  };
}

/** Number of values (not negative) that occur among `rows`. */
export function occurring(values: Int32Array, rows: Int32Array): number {
  const seen = new Set(pickInts(values, rows));
  seen.delete(-1);
  return seen.size;
}

/**
 * Index of the site with the largest value; undefined when no site has one. Among sites within `tolerance` of the largest
 * the last one wins: where several layers read alike, the later one is closer to what the model acts on.
 */
export function bestSite(values: readonly Measured[], tolerance = 0): number | undefined {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value.state === 'measured') largest = Math.max(largest, value.value);
  let best: number | undefined;
  for (const [i, value] of values.entries()) {
    if (value.state === 'measured' && value.value >= largest - tolerance) best = i;
  }
  return best;
}
