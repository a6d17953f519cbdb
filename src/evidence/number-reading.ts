/** @file evidence: how well a linear probe predicts a goal that is a quantity, beside the accuracy of reading its classes; decides nothing. */
import type { Matrix } from '../core/matrix.ts';
import { takeRows } from '../core/matrix.ts';
import { undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { SplitData, SplitRole } from '../core/split.ts';
import { fitRegression, type NumberTarget } from '../probe/regression.ts';
import { denseGroups, type NumberColumn, siteName } from './columns.ts';
import { readRegression } from './metric-regression.ts';
import { bestSite } from './probe-map.ts';
import { GOALS, type NetworkReading, type ReadingRequest } from './reading.ts';
import { clusterBootstrap } from './resample-cluster-bootstrap.ts';
import type { Statistic } from './rung.ts';
import { intervalPart } from './statistic.ts';

/**
 * Share of a quantity's variance that a ridge regression predicts on the test rows of the come-apart set (R squared about the mean of the
 * fit rows, at most 1), and the rank correlation of the two, at the site where L1 reads the classes of the same goal; the penalty is the
 * one that predicts the select rows best. A goal that is no quantity has no entry. Throws what `fitRegression` throws.
 */
export async function numberStatistics(
  request: Pick<ReadingRequest, 'columns' | 'sides' | 'sites' | 'activations' | 'linalg'> & {
    readonly reading: Pick<NetworkReading, 'map'>;
    readonly bootstrapDraws: number;
    readonly random: Random;
  },
): Promise<Statistic[]> {
  const statistics: Statistic[] = [];
  for (const goal of GOALS) {
    const column = request.columns.numbers?.[goal];
    const readings = request.reading.map.get(goal);
    if (column === undefined || readings === undefined) continue;
    const siteIndex = bestSite(readings.map((reading) => reading.selectAccuracy)) ?? 0;
    const site = request.sites[siteIndex]!;
    const common = {
      role: goal,
      unit: 'share',
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the accuracy of reading its classes',
      site: siteName(site),
    } as const;
    const label = `variance of the ${goal} goal that a ridge regression predicts (R squared on test rows)`;
    const id = `L1.${goal}.r-squared`;
    const { sides, linalg } = request;
    const all = request.activations(site);
    const target: NumberTarget = { name: goal, values: column.values };
    const [fit] = await fitRegression(
      { fit: sideOf('fit', all, sides.apart.fit), select: sideOf('select', all, sides.apart.select) },
      [target],
      { linalg },
    );
    if (fit === undefined || fit.state === 'undefined') {
      const value = undefinedBecause(fit?.reason ?? 'nothing was fitted');
      statistics.push({ ...common, id, label, value });
      continue;
    }
    const test = sideOf('test', all, sides.apart.test);
    const read = await readRegression(fit, { test, target, linalg });
    const interval = clusterBootstrap({
      groups: denseGroups(request.columns, sides.apart.test).groups,
      draws: request.bootstrapDraws,
      random: request.random.fork(`present/${goal}/number`),
      statistic: rSquaredByGroup(request, column, read.predicted, fit.fitMean),
    });
    statistics.push(
      { ...common, id, label, value: read.rSquared, ...intervalPart(interval) },
      {
        ...common,
        id: `L1.${goal}.rank-correlation`,
        label: `rank correlation of the ${goal} goal and what the regression predicts`,
        value: read.spearman,
      },
    );
  }
  return statistics;
}

/** R squared of the test rows for any multiplicities of their groups. */
function rSquaredByGroup(
  { columns, sides }: Pick<ReadingRequest, 'columns' | 'sides'>,
  { values }: NumberColumn,
  predicted: Float64Array,
  reference: number,
): (counts: Float64Array) => number | undefined {
  const { groups, count } = denseGroups(columns, sides.apart.test);
  const residual = new Float64Array(count);
  const total = new Float64Array(count);
  sides.apart.test.forEach((row, i) => {
    const value = values[row]!;
    if (Number.isNaN(value)) return;
    residual[groups[i]!]! += (value - predicted[i]!) ** 2;
    total[groups[i]!]! += (value - reference) ** 2;
  });
  return (counts) => {
    let above = 0;
    let below = 0;
    for (let g = 0; g < count; g++) {
      above += counts[g]! * residual[g]!;
      below += counts[g]! * total[g]!;
    }
    return below > 0 ? 1 - above / below : undefined;
  };
}

function sideOf<R extends SplitRole>(role: R, all: Matrix, rows: Int32Array): SplitData<R> {
  return { role, rows, x: takeRows(all, rows) };
}
