/** @file evidence: what L8 reads of each come-apart row: two scores, and the same for the irrelevant variable; judges nothing. */

import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type Columns, rowsOnSide, type Site } from './columns.ts';
import {
  fitSharpness,
  oddsBetween,
  oddsOf,
  reliability,
  type ScoredRows,
  scoredRows,
} from './divergence-score.ts';
import type { CalibrationTable } from './figures.ts';
import { bestSite } from './probe-map.ts';
import type { Activations, NetworkReading, Sides } from './reading.ts';

/** One score of every select and test row of the come-apart set, and the same with the irrelevant variable in the proxy's place. */
export type Score = {
  readonly site: Site;
  /** Nats by row; a row that cannot be scored is absent. */
  readonly proxy: ReadonlyMap<number, number>;
  readonly irrelevant: ReadonlyMap<number, number>;
  readonly calibration: CalibrationTable;
  /** 1 / temperature. */
  readonly sharpness: number;
};

export type ScoreRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly sites: readonly Site[];
  readonly readout: number;
  readonly activations: Activations;
  readonly model: NetworkReading;
  readonly linalg: Linalg;
};

/**
 * `named`: log-odds of the proxy's value against the intended goal's in the probe of L4, which was fitted where they coincide; calibrated on the
 * training-like select rows. Undefined without that probe.
 */
export async function namedScore(request: ScoreRequest): Promise<Score | undefined> {
  const { columns, sides, sites, activations, model, linalg } = request;
  const { intended, proxy, irrelevant } = columns.labels;
  if (model.apart === undefined || intended === undefined || proxy === undefined) return undefined;
  const site = sites[model.apart.siteIndex]!;
  const read = (rows: Int32Array): Promise<ScoredRows> =>
    scoredRows({ probe: model.apart!.reading.probe, x: activations(site), rows, labels: intended, linalg });
  const sharpness = fitSharpness([await read(sides.train.select)]);
  const rows = scoredSides(sides);
  const { scores } = await read(rows);
  const against = (values: Int32Array): Map<number, number> =>
    mapOf(rows, (row, i) =>
      values[row] === intended.values[row]
        ? undefined
        : oddsBetween(scores, i, { a: values[row]!, b: intended.values[row]!, sharpness }),
    );
  return {
    site,
    sharpness,
    proxy: against(proxy.values),
    // A value that is the proxy's too is no negative.
    irrelevant:
      irrelevant === undefined
        ? new Map()
        : against(irrelevant.values.map((value, row) => (value === proxy.values[row] ? -1 : value))),
    calibration: reliability(await read(rowsOnSide(columns, 'test', columns.train)), sharpness, {
      id: 'L8.named',
      label: 'the value that the frozen probe names, on training-like test rows',
    }),
  };
}

/**
 * `held`: log-odds of the proxy's value against all others in a probe of its own, fitted on come-apart rows, at the hook of the read-out where
 * it is read best beyond the irrelevant variable on select rows. The irrelevant variable's score comes from its own probe, with one
 * sharpness for both, so that neither gains by its calibration. Undefined without both probes.
 */
export async function heldScore(request: ScoreRequest): Promise<Score | undefined> {
  const { columns, sides, sites, activations, model, linalg } = request;
  const { proxy, irrelevant } = columns.labels;
  const siteIndex = heldSite(request, model);
  if (siteIndex === undefined || proxy === undefined || irrelevant === undefined) return undefined;
  const x = activations(sites[siteIndex]!);
  const rows = scoredSides(sides);
  const read = async (role: 'proxy' | 'irrelevant', of: Int32Array): Promise<ScoredRows> =>
    scoredRows({
      probe: model.map.get(role)![siteIndex]!.probe,
      x,
      rows: of,
      labels: role === 'proxy' ? proxy : irrelevant,
      linalg,
    });
  const sharpness = fitSharpness([
    await read('proxy', sides.apart.select),
    await read('irrelevant', sides.apart.select),
  ]);
  const odds = ({ scores, values }: ScoredRows): Map<number, number> =>
    mapOf(rows, (_, i) => oddsOf(scores, i, { a: values[i]!, sharpness }));
  return {
    site: sites[siteIndex]!,
    sharpness,
    proxy: odds(await read('proxy', rows)),
    irrelevant: odds(await read('irrelevant', rows)),
    calibration: reliability(await read('proxy', sides.apart.test), sharpness, {
      id: 'L8.held',
      label: "the value that the proxy's own probe names, on come-apart test rows",
    }),
  };
}

/** Index of the hook at the read-out where the proxy is read best beyond the irrelevant variable on select rows, in any network. */
export function heldSite(
  { sites, readout }: { readonly sites: readonly Site[]; readonly readout: number },
  { map }: NetworkReading,
): number | undefined {
  const proxy = map.get('proxy');
  const irrelevant = map.get('irrelevant');
  if (proxy === undefined || irrelevant === undefined) return undefined;
  return bestSite(
    sites.map(({ position }, i) => {
      const [a, b] = [proxy[i]!.selectAccuracy, irrelevant[i]!.selectAccuracy];
      if (position !== readout) return undefinedBecause('not the read-out');
      if (a.state === 'undefined') return a;
      return b.state === 'undefined' ? b : measured(a.value - b.value);
    }),
  );
}

function scoredSides(sides: Sides): Int32Array {
  return Int32Array.from([...sides.apart.select, ...sides.apart.test]);
}

function mapOf(rows: Int32Array, score: (row: number, i: number) => number | undefined): Map<number, number> {
  const scores = new Map<number, number>();
  for (const [i, row] of rows.entries()) {
    const value = score(row, i);
    if (value !== undefined) scores.set(row, value);
  }
  return scores;
}
