/** @file evidence: resamples whole groups with replacement; knows statistics only as functions of how often each group was drawn. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { requireRows, requireWeights } from './metric-arguments.ts';
import {
  type BootstrapDraws,
  bootstrapInterval,
  type Interval,
  type IntervalMethod,
} from './resample-interval.ts';

/** How often each group was drawn, indexed like `groups`; one buffer is reused, so copy it to keep it. */
export type GroupStatistic = (groupCounts: Float64Array) => number | undefined;

export type BootstrapOptions = {
  /** Group of every row, non-negative. Numbers without rows are never drawn. */
  readonly groups: Int32Array;
  readonly random: Random;
  /** Default 2000. */
  readonly draws?: number;
  /** Default 0.95. */
  readonly level?: number;
  /** Default `bca`. */
  readonly method?: IntervalMethod;
};

/** `size` is one more than the largest group number; `present` lists the numbers that have rows, ascending. */
export type GroupIndex = { readonly size: number; readonly present: Int32Array };

/** Which groups have rows. Throws `BAD_SETTING` on a negative number. */
export function indexGroups(groups: Int32Array): GroupIndex {
  let size = 0;
  for (const group of groups) {
    if (group < 0) throw new MesascopeError('BAD_SETTING', `a group number is not negative, got ${group}`);
    if (group >= size) size = group + 1;
  }
  const seen = new Uint8Array(size);
  for (const group of groups) seen[group] = 1;
  const present: number[] = [];
  for (let group = 0; group < size; group++) if (seen[group] === 1) present.push(group);
  return { size, present: Int32Array.from(present) };
}

/** Throws `BAD_SETTING` unless `draws` is a positive integer. */
export function requireDraws(draws: number): void {
  if (!(Number.isInteger(draws) && draws >= 1)) {
    throw new MesascopeError('BAD_SETTING', `the number of draws is a positive integer, got ${draws}`);
  }
}

/**
 * Draws for `bootstrapInterval` and `equivalenceTest`; undefined (with the reason) when there are fewer than two groups or the
 * statistic does not exist on the sample itself. The random stream is used in the same way by every statistic, so two calls with equal
 * forks resample the same groups. Throws `BAD_SETTING`.
 */
export function clusterBootstrapDraws(
  options: BootstrapOptions & { readonly statistic: GroupStatistic },
): BootstrapDraws | { readonly state: 'undefined'; readonly reason: string } {
  const { statistic, random } = options;
  const draws = options.draws ?? 2000;
  requireDraws(draws);
  const { size, present } = indexGroups(options.groups);
  if (present.length < 2) {
    return { state: 'undefined', reason: `an interval over groups needs two of them, got ${present.length}` };
  }
  const counts = new Float64Array(size);
  const evaluate = (): number | undefined => {
    const value = statistic(counts);
    return value === undefined || !Number.isFinite(value) ? undefined : value;
  };
  for (const group of present) counts[group] = 1;
  const estimate = evaluate();
  if (estimate === undefined)
    return { state: 'undefined', reason: 'the statistic does not exist on this sample' };
  let jackknife: (number | undefined)[] | undefined;
  if ((options.method ?? 'bca') === 'bca') {
    jackknife = [];
    for (const group of present) {
      counts[group] = 0;
      jackknife.push(evaluate());
      counts[group] = 1;
    }
  }
  const values = new Float64Array(draws);
  let kept = 0;
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0);
    for (let k = 0; k < present.length; k++) {
      const group = present[random.integer(present.length)]!;
      counts[group] = counts[group]! + 1;
    }
    const value = evaluate();
    if (value !== undefined) values[kept++] = value;
  }
  return {
    estimate,
    values: values.slice(0, kept).sort(),
    draws,
    undefinedDraws: draws - kept,
    groups: present.length,
    ...(jackknife === undefined ? {} : { jackknife }),
  };
}

/**
 * Interval of a statistic over groups drawn with replacement (Davison and Hinkley 1997, section 3.8: clusters, not rows), BCa with a
 * delete-one-group jackknife unless `percentile` is asked for. Throws `BAD_SETTING`.
 */
export function clusterBootstrap(
  options: BootstrapOptions & { readonly statistic: GroupStatistic },
): Interval {
  const drawn = clusterBootstrapDraws(options);
  if ('state' in drawn) return drawn;
  return bootstrapInterval(drawn, { level: options.level ?? 0.95, method: options.method ?? 'bca' });
}

/** Sum of `values` (times `weights`) over the rows of each group: [size]. */
function sumByGroup(
  groups: Int32Array,
  values: Float64Array | undefined,
  weights: Float64Array | undefined,
): Float64Array {
  const sums = new Float64Array(indexGroups(groups).size);
  for (let i = 0; i < groups.length; i++) {
    sums[groups[i]!] = sums[groups[i]!]! + (values?.[i] ?? 1) * (weights?.[i] ?? 1);
  }
  return sums;
}

function ratioOfSums(above: Float64Array, below: Float64Array): GroupStatistic {
  return (counts) => {
    let numerator = 0;
    let denominator = 0;
    for (let g = 0; g < counts.length; g++) {
      numerator += counts[g]! * above[g]!;
      denominator += counts[g]! * below[g]!;
    }
    return denominator === 0 ? undefined : numerator / denominator;
  };
}

/** The weighted mean of `values` (one per row) as a function of group counts; for `clusterBootstrap` and its draws. */
export function meanStatistic(options: {
  readonly groups: Int32Array;
  readonly values: Float64Array;
  readonly weights?: Float64Array;
}): GroupStatistic {
  const { groups, values, weights } = options;
  requireRows(groups.length, values.length, 'values');
  requireRows(groups.length, weights?.length, 'weights');
  requireWeights(weights);
  return ratioOfSums(sumByGroup(groups, values, weights), sumByGroup(groups, undefined, weights));
}

/** Sum of `numerator` over sum of `denominator` (one of each per row) as a function of group counts. */
export function ratioStatistic(options: {
  readonly groups: Int32Array;
  readonly numerator: Float64Array;
  readonly denominator: Float64Array;
}): GroupStatistic {
  const { groups, numerator, denominator } = options;
  requireRows(groups.length, numerator.length, 'numerators');
  requireRows(groups.length, denominator.length, 'denominators');
  return ratioOfSums(sumByGroup(groups, numerator, undefined), sumByGroup(groups, denominator, undefined));
}

/** `clusterBootstrap` of a weighted mean over rows, from sums per group: a draw costs one pass over the groups. Throws `MATRIX_SHAPE`, `BAD_SETTING`. */
export function clusterBootstrapMean(
  options: BootstrapOptions & { readonly values: Float64Array; readonly weights?: Float64Array },
): Interval {
  return clusterBootstrap({ ...options, statistic: meanStatistic(options) });
}

/** `clusterBootstrap` of a ratio of means over rows (undefined in draws whose denominator is 0), from sums per group. Throws `MATRIX_SHAPE`, `BAD_SETTING`. */
export function clusterBootstrapRatio(
  options: BootstrapOptions & { readonly numerator: Float64Array; readonly denominator: Float64Array },
): Interval {
  return clusterBootstrap({ ...options, statistic: ratioStatistic(options) });
}
