/** @file evidence: a threshold from held-out negatives, and what lies above it elsewhere; the rows that are scored never choose it. */
import { MesascopeError } from '../core/errors.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { CRITERIA } from './criteria.ts';
import { betaQuantile } from './distribution-beta.ts';
import { requireRows, requireWeights } from './metric-arguments.ts';

/** A call is positive when its score is strictly above `threshold`. */
export type Threshold =
  | {
      readonly state: 'measured';
      readonly threshold: number;
      /** The rate of false positives that was asked for. */
      readonly rate: number;
      /** Held-out negatives, and how many of them lie above the threshold. */
      readonly negatives: number;
      readonly above: number;
      /** One-sided 95 % upper limit of the rate of false positives, given the two (Clopper and Pearson 1934). */
      readonly rateAtMost: number;
    }
  | { readonly state: 'undefined'; readonly reason: string };

export type ThresholdOptions = {
  /** Scores of negatives that take no part in what is reported (the select side); independent, so one per group where groups repeat. */
  readonly negatives: Float64Array | Float32Array;
  /** Rate of false positives, 0 to 1. */
  readonly rate: number;
  /**
   * `observed` (default): at most this share of the held-out negatives lies above; needs 1 / rate of them. `confident`: with 95 %
   * confidence the true rate is at most this; needs log(.05) / log(1 - rate) of them, about 3 / rate (299 for 1 %).
   */
  readonly promise?: 'observed' | 'confident';
};

/**
 * The lowest threshold at which held-out negatives keep the rate. Undefined, saying how many are needed, when they are too few to support
 * it: "no false positive in 50" is no evidence for a rate of 1 %. Under `confident` the share of all negatives above the
 * (k + 1)-th largest of n is Beta(k + 1, n - k) distributed, and the largest k that keeps its 95 % quantile within the rate is taken (Wilks 1941:
 * distribution-free tolerance limits; k = 0 is the rule of three, Hanley and Lippman-Hand 1983). Throws `BAD_SETTING`.
 */
export function thresholdFromNegatives(options: ThresholdOptions): Threshold {
  const { rate } = options;
  if (!(rate > 0 && rate < 1)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `a rate of false positives lies strictly between 0 and 1, got ${rate}`,
    );
  }
  const sorted = Float64Array.from(options.negatives).sort();
  const n = sorted.length;
  // NaN sorts to the end.
  if (n > 0 && Number.isNaN(sorted[n - 1]!)) {
    return { state: 'undefined', reason: 'a score of a held-out negative is not a number' };
  }
  const confident = options.promise === 'confident';
  const needed = confident ? cleanNegativesNeeded(rate) : Math.ceil(1 / rate - 1e-9);
  if (n < needed) {
    return {
      state: 'undefined',
      reason: `${n} held-out negatives cannot support a false-positive rate of ${rate}: that needs ${needed}`,
    };
  }
  // Rounding must not turn 0.07 x 100 into 6.
  let allowed = Math.floor(rate * n + 1e-9);
  if (confident) while (allowed > 0 && upperLimit(allowed, n) > rate) allowed--;
  const threshold = sorted[n - 1 - allowed]!;
  let above = 0;
  for (const score of sorted) if (score > threshold) above++;
  return { state: 'measured', threshold, rate, negatives: n, above, rateAtMost: upperLimit(above, n) };
}

function upperLimit(above: number, n: number): number {
  return above === n ? 1 : betaQuantile(CRITERIA.thresholdConfidence, above + 1, n - above);
}

/** Negatives without a single false positive before "below `rate`" holds with 95 % confidence: 299 for 1 %. Throws `BAD_SETTING`. */
export function cleanNegativesNeeded(rate: number): number {
  if (!(rate > 0 && rate < 1)) {
    throw new MesascopeError('BAD_SETTING', `a rate lies strictly between 0 and 1, got ${rate}`);
  }
  return Math.ceil(Math.log(1 - CRITERIA.thresholdConfidence) / Math.log1p(-rate) - 1e-9);
}

export type CallsAbove = {
  /** Share of positives above the threshold, and of negatives: weighted. */
  readonly recall: Measured;
  readonly falsePositiveRate: Measured;
};

/**
 * What a threshold from elsewhere does on these rows: `positives[i]` is 1, 0 or -1 (left out). Undefined where the threshold is, without
 * rows of a kind, or with a score that is not a number. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function callsAbove(options: {
  readonly threshold: Threshold;
  readonly scores: Float64Array | Float32Array;
  readonly positives: ArrayLike<number>;
  readonly weights?: Float64Array;
}): CallsAbove {
  const { threshold, scores, positives, weights } = options;
  requireRows(scores.length, positives.length, 'labels');
  requireRows(scores.length, weights?.length, 'weights');
  requireWeights(weights);
  if (threshold.state === 'undefined') {
    const nothing = undefinedBecause(threshold.reason);
    return { recall: nothing, falsePositiveRate: nothing };
  }
  const above = [0, 0];
  const total = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    const kind = positives[i]!;
    if (kind === -1) continue;
    if (kind !== 0 && kind !== 1) {
      throw new MesascopeError(
        'BAD_SETTING',
        `a row is positive (1), negative (0) or left out (-1), got ${kind}`,
      );
    }
    if (Number.isNaN(scores[i]!)) {
      const nothing = undefinedBecause(`the score of row ${i} is not a number`);
      return { recall: nothing, falsePositiveRate: nothing };
    }
    const weight = weights?.[i] ?? 1;
    total[kind]! += weight;
    if (scores[i]! > threshold.threshold) above[kind]! += weight;
  }
  const share = (kind: 0 | 1): Measured =>
    total[kind]! > 0
      ? measured(above[kind]! / total[kind]!)
      : undefinedBecause(kind === 1 ? 'there is no positive row' : 'there is no negative row');
  return { recall: share(1), falsePositiveRate: share(0) };
}

/**
 * Split-conformal threshold: of new scores exchangeable with the given ones, at least 1 - `miss` lie at or below it, whatever their
 * distribution (Vovk et al. 2005; Lei et al. 2018). It is the ceil((n + 1)(1 - miss))-th smallest; undefined below 1 / miss - 1 scores,
 * where only infinity would do. `scores` say how strange a row is. Throws `BAD_SETTING`.
 */
export function conformalThreshold(scores: Float64Array | Float32Array, miss: number): Measured {
  if (!(miss > 0 && miss < 1)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `a conformal miss rate lies strictly between 0 and 1, got ${miss}`,
    );
  }
  const n = scores.length;
  const place = Math.ceil((n + 1) * (1 - miss) - 1e-9);
  if (place > n) {
    return undefinedBecause(
      `${n} scores cannot bound a miss rate of ${miss}: that needs ${Math.ceil(1 / miss - 1e-9) - 1}`,
    );
  }
  const sorted = Float64Array.from(scores).sort();
  if (Number.isNaN(sorted[n - 1]!)) return undefinedBecause('a score is not a number');
  return measured(sorted[place - 1]!);
}
