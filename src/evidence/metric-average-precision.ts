/** @file evidence: how clean the top of a ranking is, for positives that are rare; no thresholds and no resampling. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { ranked, requireRows, requireWeights } from './metric-arguments.ts';

export type RankingOptions = {
  /** Higher means more likely positive. */
  readonly scores: Float64Array | Float32Array;
  /** Per row 1 (positive), 0 (negative) or -1 (left out). */
  readonly positives: ArrayLike<number>;
  /** Per row; default 1 each. */
  readonly weights?: Float64Array;
};

/**
 * Area under the precision-recall curve as average precision, in [0, 1]: the sum over distinct scores of (gain in recall) x precision,
 * so that rows with equal scores enter together and their order cannot matter. No line is drawn between the points, which would be
 * too hopeful (Davis and Goadrich 2006); scikit-learn's `average_precision_score` is the same sum. Chance is the share of
 * positives. Undefined without a positive or a negative row, or with a score that is not a number. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function averagePrecision(options: RankingOptions): Measured {
  const { scores, positives, weights } = options;
  const found = ranked(scores, positives, weights);
  if (typeof found === 'string') return undefinedBecause(found);
  const order = found.reverse();
  let hits = 0;
  let called = 0;
  let sum = 0;
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start]!]!;
    let end = start;
    let gain = 0;
    for (; end < order.length && scores[order[end]!] === score; end++) {
      const weight = weights?.[order[end]!] ?? 1;
      called += weight;
      if (positives[order[end]!] === 1) gain += weight;
    }
    hits += gain;
    if (gain > 0) sum += (gain * hits) / called;
    start = end;
  }
  if (!(hits > 0)) return undefinedBecause('there is no positive row');
  return called > hits ? measured(sum / hits) : undefinedBecause('there is no negative row');
}

/** What `averagePrecision` gives a ranking that knows nothing, in the limit of many rows: the weighted share of positives. Throws as it does. */
export function baseRate({ positives, weights }: Omit<RankingOptions, 'scores'>): Measured {
  requireRows(positives.length, weights?.length, 'weights');
  requireWeights(weights);
  let positive = 0;
  let total = 0;
  for (let i = 0; i < positives.length; i++) {
    if (positives[i] === -1) continue;
    const weight = weights?.[i] ?? 1;
    total += weight;
    if (positives[i] === 1) positive += weight;
  }
  return total > 0 ? measured(positive / total) : undefinedBecause('there is no row');
}
