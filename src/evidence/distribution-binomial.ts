/** @file evidence: the binomial distribution in double precision, for exact tests of counts; knows nothing of data. */
import { MesascopeError } from '../core/errors.ts';
import { regularisedBeta } from './distribution-beta.ts';
import { requireLevel } from './resample-interval.ts';

export type BinomialShape = {
  readonly trials: number;
  /** Chance of a success in each trial, 0 to 1. */
  readonly share: number;
};

function check({ trials, share }: BinomialShape): void {
  if (!(Number.isInteger(trials) && trials >= 0)) {
    throw new MesascopeError('BAD_SETTING', `the number of trials is a whole number, got ${trials}`);
  }
  if (!(share >= 0 && share <= 1)) {
    throw new MesascopeError('BAD_SETTING', `a share lies in [0, 1], got ${share}`);
  }
}

/** P(X >= k) = I_share(k, trials - k + 1) (NIST Digital Library 8.17.5); small tails keep their digits. Throws `BAD_SETTING`. */
export function binomialUpperTail(k: number, shape: BinomialShape): number {
  check(shape);
  const { trials, share } = shape;
  const count = Math.ceil(k);
  if (count <= 0) return 1;
  return count > trials ? 0 : regularisedBeta(share, count, trials - count + 1);
}

/** P(X <= k) = I_(1 - share)(trials - k, k + 1). Throws `BAD_SETTING`. */
export function binomialCdf(k: number, shape: BinomialShape): number {
  check(shape);
  const { trials, share } = shape;
  const count = Math.floor(k);
  if (count < 0) return 0;
  return count >= trials ? 1 : regularisedBeta(1 - share, trials - count, count + 1);
}

/** Smallest k with P(X <= k) >= p, for p in [0, 1]. Throws `BAD_SETTING`. */
export function binomialQuantile(p: number, shape: BinomialShape): number {
  if (!(p >= 0 && p <= 1)) throw new MesascopeError('BAD_SETTING', `a probability lies in [0, 1], got ${p}`);
  check(shape);
  let low = 0;
  let high = shape.trials;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (binomialCdf(middle, shape) >= p) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Central range of a count whose share is known: outside it lies at most (1 - level) / 2 on either side. It answers "are 27 rejections of
 * 400 at .05 still chance?". Throws `BAD_SETTING`.
 */
export function binomialRange(options: BinomialShape & { readonly level?: number }): {
  readonly low: number;
  readonly high: number;
} {
  const level = options.level ?? 0.95;
  requireLevel(level);
  const tail = (1 - level) / 2;
  return { low: binomialQuantile(tail, options), high: binomialQuantile(1 - tail, options) };
}
