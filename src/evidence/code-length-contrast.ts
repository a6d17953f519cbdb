/** @file evidence: how cheaply each goal's values can be sent to somebody who sees the activations, beside the irrelevant variable's; decides nothing. */
import { takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';
import { denseGroups, pickInts, siteName } from './columns.ts';
import { type CodeLength, onlineCodeLengths } from './metric-code-length.ts';
import { GOALS, type NetworkReading, type ReadingRequest } from './reading.ts';
import type { Statistic } from './rung.ts';

/**
 * Online code length of each goal and of the irrelevant variable, as shares of the uniform code, at the site where L2 contrasts them. It
 * tells apart what accuracy cannot where both are read well: how many rows a probe needs to get there (Voita and Titov 2020). Sent are
 * the fit and test rows of the come-apart set: the site was chosen on the select rows. A goal without a contrast has no entry. Throws what
 * `onlineCodeLengths` throws.
 */
export async function codeLengthStatistics(
  request: Pick<ReadingRequest, 'columns' | 'sides' | 'sites' | 'activations' | 'linalg'> & {
    readonly reading: Pick<NetworkReading, 'contrast'>;
    readonly random: Random;
  },
): Promise<Statistic[]> {
  const { columns, sides, sites, reading } = request;
  const { irrelevant } = columns.labels;
  const rows = Int32Array.from([...sides.apart.fit, ...sides.apart.test]).sort();
  const { groups } = denseGroups(columns, rows);
  const onRows = (labels: ClassLabels): ClassLabels => ({ ...labels, values: pickInts(labels.values, rows) });
  const statistics: Statistic[] = [];
  for (const goal of GOALS) {
    const contrast = reading.contrast[goal];
    const own = columns.labels[goal];
    if (contrast === undefined || own === undefined || irrelevant === undefined) continue;
    const site = sites[contrast.siteIndex]!;
    const [ofGoal, ofIrrelevant] = await onlineCodeLengths({
      x: takeRows(request.activations(site), rows),
      tasks: [onRows(own), onRows(irrelevant)],
      groups,
      random: request.random.fork(`selective/${goal}`),
      linalg: request.linalg,
    });
    const entry = (id: string, label: string, code: CodeLength | undefined): Statistic => ({
      id: `L2.${goal}.${id}`,
      label,
      role: goal,
      unit: 'share',
      value:
        code?.state === 'measured'
          ? measured(code.shareOfUniform)
          : undefinedBecause(code?.reason ?? 'nothing was sent'),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the contrast: 1 is what sending costs without the activations',
      site: siteName(site),
    });
    statistics.push(
      entry(
        'code-length',
        `online code length of the ${goal} goal given the activations, as a share of the uniform code`,
        ofGoal,
      ),
      entry('code-length-of-irrelevant', 'the same for the irrelevant variable, same site', ofIrrelevant),
    );
  }
  return statistics;
}
