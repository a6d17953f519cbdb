/** @file evidence: the beta distribution in double precision, for exact binomial limits; knows nothing of data. */
import { MesascopeError } from '../core/errors.ts';

/** Lanczos coefficients for g = 7, nine terms (Godfrey 2001); relative error of the gamma function about 1e-15. */
const LANCZOS_G = 7;
const LANCZOS: readonly number[] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Natural logarithm of the gamma function for x > 0. Throws `BAD_SETTING` otherwise. */
export function logGamma(x: number): number {
  if (!(x > 0 && Number.isFinite(x))) {
    throw new MesascopeError('BAD_SETTING', `the logarithm of the gamma function needs x > 0, got ${x}`);
  }
  // Reflection keeps the series away from its poor region near 0.
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const y = x - 1;
  let series = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) series += LANCZOS[i]! / (y + i);
  const base = y + LANCZOS_G + 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(base) - base + Math.log(series);
}

function checkShape(a: number, b: number): void {
  if (!(a > 0 && b > 0 && Number.isFinite(a) && Number.isFinite(b))) {
    throw new MesascopeError('BAD_SETTING', `a beta distribution needs a, b > 0, got ${a} and ${b}`, {
      facts: { a, b },
    });
  }
}

/**
 * The continued fraction of I_x(a, b) (NIST Digital Library 8.17.22), evaluated forward by Lentz's method. It converges in
 * about sqrt(max(a, b)) steps for x below (a + 1) / (a + b + 2).
 */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const guard = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let numerator = 1;
  let denominator = 1 / guard(1 - ((a + b) * x) / (a + 1));
  let fraction = denominator;
  const most = 200 + 20 * Math.ceil(Math.sqrt(Math.max(a, b)));
  for (let m = 1; m <= most; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    denominator = 1 / guard(1 + even * denominator);
    numerator = guard(1 + even / numerator);
    fraction *= denominator * numerator;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    denominator = 1 / guard(1 + odd * denominator);
    numerator = guard(1 + odd / numerator);
    const change = denominator * numerator;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return fraction;
}

/** The regularised incomplete beta function I_x(a, b) = P(X <= x), x in [0, 1]. Throws `BAD_SETTING` outside its domain. */
export function regularisedBeta(x: number, a: number, b: number): number {
  checkShape(a, b);
  if (!(x >= 0 && x <= 1)) throw new MesascopeError('BAD_SETTING', `x lies in [0, 1], got ${x}`);
  if (x === 0 || x === 1) return x;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  // I_x(a, b) = 1 - I_{1-x}(b, a) puts x on the side where the fraction converges fast.
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** The x with I_x(a, b) = p, to about 1e-13. Throws `BAD_SETTING` outside [0, 1]. */
export function betaQuantile(p: number, a: number, b: number): number {
  checkShape(a, b);
  if (!(p >= 0 && p <= 1)) throw new MesascopeError('BAD_SETTING', `a probability lies in [0, 1], got ${p}`);
  if (p === 0 || p === 1) return p;
  // Bisection: the function is monotone, 200 halvings reach the last bit even where x is tiny, and nothing can diverge.
  let low = 0;
  let high = 1;
  for (let step = 0; step < 200 && high - low > 1e-16 * high; step++) {
    const middle = (low + high) / 2;
    if (regularisedBeta(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
