/** @file evidence: a statistic against draws from a null, with an honest p-value; what is permuted is the caller's. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { requireDraws } from './resample-cluster-bootstrap.ts';
import { quantileOfSorted } from './resample-interval.ts';

export type Alternative = 'greater' | 'less' | 'two-sided';

/** A null distribution in numbers; quantiles interpolate between draws. */
export type NullSummary = {
  readonly draws: number;
  readonly mean: number;
  readonly sd: number;
  readonly q025: number;
  readonly median: number;
  readonly q95: number;
  readonly q975: number;
  readonly min: number;
  readonly max: number;
};

export type PermutationResult = {
  readonly observed: number;
  readonly alternative: Alternative;
  /** (b + 1) / (M + 1), b of M draws at least as extreme; never 0. */
  readonly pValue: number;
  readonly draws: number;
  /** Draws without a value; they count as at least as extreme, which can only raise p. */
  readonly undefinedDraws: number;
  /** Absent when no draw has a value. */
  readonly null?: NullSummary;
  /** Draws in the order made, undefined ones left out. */
  readonly values: Float64Array;
};

/** Mean, sd (over M - 1) and quantiles of draws; undefined for none. */
export function summariseNull(values: Float64Array): NullSummary | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.slice().sort();
  let mean = 0;
  for (const value of sorted) mean += value / sorted.length;
  let squares = 0;
  for (const value of sorted) squares += (value - mean) ** 2;
  return {
    draws: sorted.length,
    mean,
    sd: sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : 0,
    q025: quantileOfSorted(sorted, 0.025),
    median: quantileOfSorted(sorted, 0.5),
    q95: quantileOfSorted(sorted, 0.95),
    q975: quantileOfSorted(sorted, 0.975),
    min: sorted[0]!,
    max: sorted[sorted.length - 1]!,
  };
}

/** Two values that differ by less than this are one value: the same sum in another order may differ in its last bits. */
export function tieTolerance(observed: number): number {
  return 1e-12 * Math.max(1, Math.abs(observed));
}

/**
 * p = (b + 1) / (M + 1) of `observed` against given draws (Phipson and Smyth 2010: the observed arrangement is itself one of the
 * null's, so p cannot be 0). Two-sided is twice the smaller tail, at most 1. Throws `BAD_SETTING` when `observed` is not finite.
 */
export function permutationPValue(options: {
  readonly observed: number;
  readonly values: Float64Array;
  readonly alternative: Alternative;
  /** Draws that count as at least as extreme without having a value. Default 0. */
  readonly undefinedDraws?: number;
}): number {
  const { observed, values, alternative } = options;
  if (!Number.isFinite(observed)) {
    throw new MesascopeError('BAD_SETTING', `a test needs a finite observed value, got ${observed}`);
  }
  const missing = options.undefinedDraws ?? 0;
  const slack = tieTolerance(observed);
  let above = missing;
  let below = missing;
  for (const value of values) {
    if (value >= observed - slack) above++;
    if (value <= observed + slack) below++;
  }
  const total = values.length + missing + 1;
  if (alternative === 'greater') return (above + 1) / total;
  if (alternative === 'less') return (below + 1) / total;
  return Math.min(1, (2 * (Math.min(above, below) + 1)) / total);
}

/**
 * Whether `draws` draws, of which `undefinedDraws` have no value, can give a p of at most `alpha` at all: the smallest p is
 * (undefined + 1) / (M + 1), twice that for two sides. A test that cannot reject says nothing by not rejecting, so what rests on it is
 * undefined, not failed.
 */
export function canReject(options: {
  readonly draws: number;
  /** Default 0. */
  readonly undefinedDraws?: number;
  readonly alpha: number;
  readonly alternative: Alternative;
}): boolean {
  const sides = options.alternative === 'two-sided' ? 2 : 1;
  const smallest = (sides * ((options.undefinedDraws ?? 0) + 1)) / (options.draws + 1);
  return smallest <= options.alpha * (1 + 1e-12);
}

/**
 * Monte Carlo test of `observed` against `draw`, which returns the statistic under the null. Throws `BAD_SETTING`.
 */
export function permutationTest(options: {
  readonly observed: number;
  readonly draw: (random: Random, index: number) => number | undefined;
  readonly random: Random;
  /** Default 999. */
  readonly draws?: number;
  /** Default `greater`. */
  readonly alternative?: Alternative;
}): PermutationResult {
  const draws = options.draws ?? 999;
  const alternative = options.alternative ?? 'greater';
  requireDraws(draws);
  const all = new Float64Array(draws);
  let kept = 0;
  for (let i = 0; i < draws; i++) {
    const value = options.draw(options.random, i);
    if (value !== undefined && Number.isFinite(value)) all[kept++] = value;
  }
  const values = all.slice(0, kept);
  const undefinedDraws = draws - kept;
  const summary = summariseNull(values);
  return {
    observed: options.observed,
    alternative,
    pValue: permutationPValue({ observed: options.observed, values, alternative, undefinedDraws }),
    draws,
    undefinedDraws,
    ...(summary === undefined ? {} : { null: summary }),
    values,
  };
}
