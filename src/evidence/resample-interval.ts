/** @file evidence: intervals as values, and how draws become one (percentile, BCa); draws nothing itself. */
import { MesascopeError } from '../core/errors.ts';
import { normalCdf, normalQuantile } from './distribution-normal.ts';
import { studentQuantile } from './distribution-student.ts';
import type { RecordedInterval } from './rung.ts';

export type MeasuredInterval = {
  readonly state: 'measured';
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  /** Nominal coverage, e.g. 0.95. */
  readonly level: number;
  /** The construction in words, e.g. "cluster bootstrap, BCa, 2000 draws". */
  readonly method: string;
  /** Resamples asked for; absent where the interval is a formula. */
  readonly draws?: number;
  /** Draws in which the statistic did not exist. */
  readonly undefinedDraws?: number;
  /** Standard deviation of the draws. */
  readonly standardError?: number;
  /** BCa only: median bias in normal units, and acceleration. */
  readonly bias?: number;
  readonly acceleration?: number;
  /** True when every draw equals the estimate: the sample does not vary, which does not mean that the truth is known. */
  readonly degenerate?: boolean;
};
export type Interval = MeasuredInterval | { readonly state: 'undefined'; readonly reason: string };

export type IntervalMethod = 'bca' | 'percentile';

/** What a bootstrap leaves behind; intervals of several levels can be read off one of these. */
export type BootstrapDraws = {
  readonly estimate: number;
  /** Ascending; only draws in which the statistic existed. */
  readonly values: Float64Array;
  readonly draws: number;
  readonly undefinedDraws: number;
  /** Groups that were resampled; with it the interval is widened for their being few. */
  readonly groups?: number;
  /** Statistic without group g, one per group; undefined where it does not exist. Absent unless asked for. */
  readonly jackknife?: readonly (number | undefined)[];
};

/** More undefined draws than this share, and the interval is undefined: what is left would be a selected sample. */
export const MOST_UNDEFINED_DRAWS = 0.05;

/** Throws `BAD_SETTING` unless 0 < level < 1. */
export function requireLevel(level: number): void {
  if (!(level > 0 && level < 1)) {
    throw new MesascopeError('BAD_SETTING', `a level lies strictly between 0 and 1, got ${level}`, {
      facts: { level },
    });
  }
}

/** The q-quantile of ascending `sorted` by linear interpolation (definition 7 of Hyndman and Fan 1996); NaN-free input, not empty. */
export function quantileOfSorted(sorted: Float64Array, q: number): number {
  const place = Math.min(1, Math.max(0, q)) * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (place - below) * (high - low);
}

/** Skewness of the jackknife values over 6, from delete-one-group values (Efron 1987, eq. 6.6; Efron and Tibshirani 1993, eq. 14.15). */
export function accelerationOf(jackknife: readonly number[]): number {
  let mean = 0;
  for (const value of jackknife) mean += value / jackknife.length;
  let second = 0;
  let third = 0;
  for (const value of jackknife) {
    const gap = mean - value;
    second += gap * gap;
    third += gap * gap * gap;
  }
  return second > 0 ? third / (6 * second ** 1.5) : 0;
}

function standardDeviation(values: Float64Array): number {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let sum = 0;
  for (const value of values) sum += (value - mean) ** 2;
  return values.length > 1 ? Math.sqrt(sum / (values.length - 1)) : 0;
}

/**
 * The tail at which draws are cut so that few groups do not make the interval too short: resampling n groups understates their variance
 * by (n - 1) / n, and a normal tail ignores that it is estimated. normalCdf(sqrt(n / (n - 1)) t) with t the quantile of Student's t with
 * n - 1 degrees of freedom (Hesterberg 2015, The American Statistician 69, section 3.3: expanded percentile interval).
 */
export function expandedTail(tail: number, groups: number | undefined): number {
  if (groups === undefined || groups < 2) return tail;
  return normalCdf(Math.sqrt(groups / (groups - 1)) * studentQuantile(tail, groups - 1));
}

export type IntervalOptions = {
  /** Nominal coverage. Default 0.95. */
  readonly level?: number;
  /** Default `bca`, which needs `jackknife`. */
  readonly method?: IntervalMethod;
};

/**
 * The interval that bootstrap draws give: percentile, or bias-corrected and accelerated (Efron 1987, JASA 82, 171-185). Draws equal
 * to the estimate count half in the median bias, since statistics made of counts tie often. Where the number of groups is given, both
 * ends are taken further out (`expandedTail`). Undefined when more than 5 % of
 * draws are, or when BCa has nothing to go by. Throws `BAD_SETTING`.
 */
export function bootstrapInterval(from: BootstrapDraws, options: IntervalOptions = {}): Interval {
  const level = options.level ?? 0.95;
  const method = options.method ?? 'bca';
  requireLevel(level);
  const { estimate, values, draws, undefinedDraws } = from;
  const nothing = (reason: string): Interval => ({ state: 'undefined', reason });
  if (undefinedDraws > MOST_UNDEFINED_DRAWS * draws) {
    return nothing(`the statistic does not exist in ${undefinedDraws} of ${draws} resamples`);
  }
  const common = {
    state: 'measured',
    estimate,
    level,
    draws,
    undefinedDraws,
    standardError: standardDeviation(values),
  } as const;
  const words = `cluster bootstrap, ${method === 'bca' ? 'BCa' : 'percentile'}, ${draws} draws`;
  const low = values[0]!;
  const high = values[values.length - 1]!;
  // Equality up to rounding: per-group sums of one constant can differ in their last bits between draws.
  const rounding = 1e-12 * Math.max(Math.abs(estimate), Math.abs(low), Math.abs(high));
  if (high - low <= rounding && Math.abs(estimate - low) <= rounding) {
    return { ...common, low: estimate, high: estimate, method: words, degenerate: true };
  }
  // Nothing lies further out than half a draw; with two or three groups the tail would come to 0.
  const tail = Math.max(expandedTail((1 - level) / 2, from.groups), 0.5 / values.length);
  if (method === 'percentile') {
    return {
      ...common,
      low: quantileOfSorted(values, tail),
      high: quantileOfSorted(values, 1 - tail),
      method: words,
    };
  }
  let below = 0;
  for (const value of values) {
    if (value < estimate - rounding) below += 1;
    else if (value <= estimate + rounding) below += 0.5;
  }
  if (below === 0 || below === values.length) {
    return nothing('every resample lies on one side of the estimate, so its bias cannot be corrected');
  }
  const left: number[] = [];
  for (const value of from.jackknife ?? []) {
    if (value === undefined) {
      return nothing('the statistic does not exist without one of the groups, so its skewness is unknown');
    }
    left.push(value);
  }
  if (left.length === 0) {
    throw new MesascopeError('BAD_SETTING', 'a BCa interval needs the statistic without each group');
  }
  const bias = normalQuantile(below / values.length);
  const acceleration = accelerationOf(left);
  const shifted = (p: number): number => {
    const z = bias + normalQuantile(p);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  return {
    ...common,
    low: quantileOfSorted(values, shifted(tail)),
    high: quantileOfSorted(values, shifted(1 - tail)),
    method: words,
    bias,
    acceleration,
  };
}

/** The four fields that a record keeps; undefined where there is no interval. */
export function recordedInterval(interval: Interval): RecordedInterval | undefined {
  if (interval.state === 'undefined') return undefined;
  const { low, high, level, method } = interval;
  return { low, high, level, method };
}
