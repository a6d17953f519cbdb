/** @file evidence: whether numbers could be draws of a uniform distribution (Kolmogorov and Smirnov); used to check p-values. */
import { logGamma } from './distribution-beta.ts';

export type KolmogorovResult =
  | {
      readonly state: 'measured';
      /** Largest distance between the shares below and the straight line, 1 / (2 n) to 1. */
      readonly statistic: number;
      readonly pValue: number;
      readonly n: number;
      /** How the p-value was computed. */
      readonly method: 'exact' | 'asymptotic';
    }
  | { readonly state: 'undefined'; readonly reason: string };

/** Above this the exact distribution costs seconds, and the asymptotic one is right to four digits. */
const MOST_EXACT = 5000;

/**
 * One-sample two-sided Kolmogorov-Smirnov test of `values` against the uniform distribution on [0, 1]. The p-value is exact for
 * independent continuous draws. Permutation p-values lie on a lattice of step 1 / (M + 1), which can add up to one step to the statistic: use it
 * with many draws, or add a uniform share of one step to each p. Undefined without values, or with one outside [0, 1].
 */
export function kolmogorovUniform(values: ArrayLike<number>): KolmogorovResult {
  const n = values.length;
  if (n === 0) return { state: 'undefined', reason: 'there is no value' };
  const sorted = Float64Array.from(values).sort();
  let statistic = 0;
  for (let i = 0; i < n; i++) {
    const value = sorted[i]!;
    if (!(value >= 0 && value <= 1))
      return { state: 'undefined', reason: `the value ${value} lies outside [0, 1]` };
    statistic = Math.max(statistic, (i + 1) / n - value, value - i / n);
  }
  return {
    state: 'measured',
    statistic,
    pValue: kolmogorovTail(n, statistic),
    n,
    method: n <= MOST_EXACT ? 'exact' : 'asymptotic',
  };
}

/** P(D_n >= d) for the two-sided statistic of n uniform draws. */
export function kolmogorovTail(n: number, d: number): number {
  if (d <= 1 / (2 * n)) return 1;
  if (d >= 1) return 0;
  // From here on both one-sided events together are rarer than 1e-13 (Miller 1956), and from one half on they exclude each other.
  if (n * d * d >= 4 || d >= 0.5) return Math.min(1, 2 * oneSidedTail(n, d));
  return n <= MOST_EXACT ? Math.min(1, Math.max(0, 1 - marsagliaTsangWang(n, d))) : limitingTail(n, d);
}

/** P(D+_n >= d) = d sum over j of C(n, j) (d + j / n)^(j - 1) (1 - d - j / n)^(n - j) (Birnbaum and Tingey 1951). */
function oneSidedTail(n: number, d: number): number {
  let sum = 0;
  for (let j = 0; j <= Math.floor(n * (1 - d) + 1e-12); j++) {
    const left = 1 - d - j / n;
    if (left <= 0) continue;
    sum += Math.exp(
      logGamma(n + 1) -
        logGamma(j + 1) -
        logGamma(n - j + 1) +
        (j - 1) * Math.log(d + j / n) +
        (n - j) * Math.log(left),
    );
  }
  return d * sum;
}

/**
 * P(D_n < d) = n! / n^n times the middle element of H^n (Durbin 1973; Marsaglia, Tsang and Wang 2003, J. Stat. Software 8(18)).
 * With k = ceil(n d) and h = k - n d, H is (2k - 1) square with 1 / (i - j + 1)! on and below its first superdiagonal,
 * corrected in its first column and last row for the part of a step that h cuts off.
 */
function marsagliaTsangWang(n: number, d: number): number {
  const k = Math.ceil(n * d);
  const m = 2 * k - 1;
  const h = k - n * d;
  const matrix = new Float64Array(m * m);
  for (let i = 0; i < m; i++) for (let j = 0; j <= Math.min(m - 1, i + 1); j++) matrix[i * m + j] = 1;
  for (let i = 0; i < m; i++) {
    matrix[i * m]! -= h ** (i + 1);
    matrix[(m - 1) * m + i]! -= h ** (m - i);
  }
  if (2 * h > 1) matrix[(m - 1) * m]! += (2 * h - 1) ** m;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= Math.min(m - 1, i + 1); j++) {
      // 1 / (i - j + 1)!, by division step by step: the factorial itself would overflow.
      for (let g = 2; g <= i - j + 1; g++) matrix[i * m + j]! /= g;
    }
  }
  const power = powerOf({ values: matrix, exponent: 0 }, m, n);
  // n! / n^n in logarithms, with the powers of ten that were taken out.
  const scale = logGamma(n + 1) - n * Math.log(n) + power.exponent * Math.LN10;
  return Math.exp(scale) * power.values[(k - 1) * m + (k - 1)]!;
}

type Scaled = { readonly values: Float64Array; readonly exponent: number };

/** base^n by squaring; powers of ten are taken out before they overflow. */
function powerOf(base: Scaled, m: number, n: number): Scaled {
  if (n === 1) return base;
  const half = powerOf(base, m, n >> 1);
  const square = rescaled(product(half.values, half.values, m), 2 * half.exponent, m);
  return n % 2 === 0
    ? square
    : rescaled(product(base.values, square.values, m), base.exponent + square.exponent, m);
}

function rescaled(values: Float64Array, exponent: number, m: number): Scaled {
  const middle = values[(m >> 1) * m + (m >> 1)]!;
  if (middle < 1e140) return { values, exponent };
  return { values: values.map((value) => value * 1e-140), exponent: exponent + 140 };
}

/** [m, m] x [m, m]. */
function product(a: Float64Array, b: Float64Array, m: number): Float64Array {
  const out = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < m; k++) {
      const left = a[i * m + k]!;
      if (left === 0) continue;
      for (let j = 0; j < m; j++) out[i * m + j]! += left * b[k * m + j]!;
    }
  }
  return out;
}

/**
 * 2 sum (-1)^(j - 1) exp(-2 j^2 x^2) (Kolmogorov 1933) at x = sqrt(n) d + 1 / (6 sqrt n): the shift is the term of order 1 / sqrt n of
 * the expansion of Pelz and Good (1976), and leaves an error of order 1 / n.
 */
function limitingTail(n: number, d: number): number {
  const x = Math.sqrt(n) * d + 1 / (6 * Math.sqrt(n));
  // The series alternates and converges slowly near 0, where the tail is 1 to double precision anyway.
  if (x < 0.2) return 1;
  let sum = 0;
  for (let j = 1; j <= 100; j++) sum += (j % 2 === 1 ? 2 : -2) * Math.exp(-2 * j * j * x * x);
  return Math.min(1, Math.max(0, sum));
}
