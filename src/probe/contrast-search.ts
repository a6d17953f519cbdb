/** @file probe: contrast-consistent search in closed form, a direction found without labels in pairs of a statement and its negation. */

import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels } from '../core/split.ts';
import { dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type ColumnMoments, centred, columnMoments, standardised } from '../linalg/moments.ts';
import { type ContrastDirection, checkBinary, leadingDirection } from './contrast-pairs.ts';
import { assembleProbe, type LinearProbe, scoreProbe } from './linear-probe.ts';
import { orientByRanks } from './orientation.ts';
import { checkPairs, joinPairs, type PairedRows } from './pairs.ts';
import { valuesOnRows } from './tasks.ts';

export type ContrastSearchOptions = {
  readonly linalg: Linalg;
  /** Pairs whose labels settle the sign: those of the fit or of the select side. Default the fit side. */
  readonly signFrom?: PairedRows<'fit'> | PairedRows<'select'>;
  /** Give every feature of each half unit spread over the fit pairs, as the paper does. Default true. */
  readonly standardise?: boolean;
};

export type ContrastSearchFit = ContrastDirection &
  (
    | {
        readonly state: 'fitted';
        /**
         * Scores pairs side by side (`joinPairs`, width twice that of an activation). Class 0 scores 0; class 1, that the first half is the one
         * that holds, scores direction . (normalised first - normalised second).
         */
        readonly probe: LinearProbe;
        readonly signP: number;
      }
    | { readonly state: 'undefined'; readonly reason: string }
  );

/**
 * CRC-TPC, the closed form in the paper on contrast-consistent search (Burns et al. 2022, "Discovering Latent Knowledge in Language Models
 * Without Supervision"): each half is normalised by its own mean and spread, which takes out what says which half it is, and pairs are
 * clustered by the sign of the top principal component of first - second. Unlike their search by gradient it has one answer whatever the
 * start, so there is no choosing among restarts. Means and spreads are those of the fit pairs, also where other pairs are scored; the
 * threshold is 0 and never tuned.
 *
 * The direction has no sign of its own. `labels[t].values[example]` of the first example of each pair (1: the first half holds) settle it on the
 * fit or select side, by a rank-sum test; where that leaves it open the state is `undefined` and there is no probe, since the better of
 * two signs is above chance for any direction. pairs [n, width] each; one fit per task, in order, all along one direction.
 *
 * With `standardise` the unit of a feature changes nothing; without, turning all features does not. A constant feature has the weight 0.
 * Throws `NON_FINITE`, `MATRIX_SHAPE`, `LABELS_INVALID`, `BAD_SETTING` for a variable that is not binary, `RANK_DEFICIENT` when no pair differs.
 */
export async function fitContrastSearch(
  pairs: PairedRows<'fit'>,
  tasks: readonly ClassLabels[],
  options: ContrastSearchOptions,
): Promise<ContrastSearchFit[]> {
  const { linalg, signFrom = pairs, standardise = true } = options;
  checkPairs(pairs);
  tasks.forEach(checkBinary);
  const first = half(pairs.first.x, standardise);
  const second = half(pairs.second.x, standardise);
  const differences = {
    ...first.z,
    data: first.z.data.map((value, at) => value - second.z.data[at]!),
  };
  const found = await leadingDirection(differences, linalg);
  const sides = joinPairs<'fit' | 'select'>(signFrom);
  const settings = { kind: 'contrast-search', standardise, signFrom: sides.role } as const;
  const probeOf = (task: ClassLabels, sign: number): LinearProbe => {
    const width = found.direction.length;
    const weights = dense(2, 2 * width);
    found.direction.forEach((value, j) => {
      weights.data[2 * width + j] = sign * value;
      weights.data[3 * width + j] = -sign * value;
    });
    const moments = joined(first.moments, second.moments);
    return assembleProbe(task, settings, moments, { present: [0, 1], weights, bias: new Float64Array(2) });
  };
  const labels = tasks.map((task, t) => valuesOnRows(sides.rows, task, t));
  const scores = tasks.length === 0 ? undefined : await scoreProbe(probeOf(tasks[0]!, 1), sides.x, linalg);
  return tasks.map((task, t): ContrastSearchFit => {
    const ofOne = Float32Array.from({ length: sides.rows.length }, (_, i) => scores!.data[2 * i + 1]!);
    const orientation = orientByRanks(ofOne, labels[t]!);
    if (orientation.state === 'undefined') return { ...found, ...orientation };
    const sign = orientation.state === 'toward' ? 1 : -1;
    return { ...found, state: 'fitted', probe: probeOf(task, sign), signP: orientation.p };
  });
}

/** One half in its own mean and, if asked for, spread. */
function half(x: Matrix, standardise: boolean): { readonly z: Matrix; readonly moments: ColumnMoments } {
  const found = columnMoments(x);
  if (standardise) return { z: standardised(x, found), moments: found };
  return {
    z: centred(x, found.mean),
    moments: { mean: found.mean, deviation: new Float64Array(x.columns).fill(1) },
  };
}

function joined(first: ColumnMoments, second: ColumnMoments): ColumnMoments {
  return {
    mean: Float64Array.of(...first.mean, ...second.mean),
    deviation: Float64Array.of(...first.deviation, ...second.deviation),
  };
}
