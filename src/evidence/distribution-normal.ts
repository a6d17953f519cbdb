/** @file evidence: the standard normal distribution in double precision; knows nothing of data. */
import { MesascopeError } from '../core/errors.ts';

const SQRT_TWO_PI = Math.sqrt(2 * Math.PI);
/** Below this the power series needs fewer terms than the continued fraction; at it, both agree to 1e-15. */
const SERIES_LIMIT = 3;

/** phi(z) = exp(-z^2 / 2) / sqrt(2 pi). */
export function normalDensity(z: number): number {
  return Math.exp((-z * z) / 2) / SQRT_TWO_PI;
}

/**
 * P(Z > z) for z >= SERIES_LIMIT: phi(z) / (z + 1 / (z + 2 / (z + 3 / ...))) (Laplace; Abramowitz and Stegun 26.2.14).
 * Kept apart from 1 - P(Z <= z), which would lose every digit of a small tail.
 */
function farUpperTail(z: number): number {
  // Evaluated from the inside out; 120 levels are exact to double precision from z = 3 on.
  let fraction = z;
  for (let level = 120; level >= 1; level--) fraction = z + level / fraction;
  return normalDensity(z) / fraction;
}

/** P(Z <= z) of a standard normal Z, in [0, 1]; relative error about 1e-15, in the tails too. */
export function normalCdf(z: number): number {
  if (Number.isNaN(z)) throw new MesascopeError('BAD_SETTING', 'the normal distribution function got NaN');
  if (z < -SERIES_LIMIT) return farUpperTail(-z);
  if (z > SERIES_LIMIT) return 1 - farUpperTail(z);
  // 1/2 + phi(z) (z + z^3/3 + z^5/(3 5) + ...): terms of one sign, so nothing cancels (Abramowitz and Stegun 26.2.11).
  let term = z;
  let sum = z;
  for (let odd = 3; Math.abs(term) > 1e-18 * Math.abs(sum); odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 + normalDensity(z) * sum;
}

/**
 * The z with P(Z <= z) = p; -Infinity at 0 and Infinity at 1. Throws `BAD_SETTING` outside [0, 1].
 * Start: Abramowitz and Stegun 26.2.23 (error under 4.5e-4); then Halley steps on `normalCdf`.
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) {
    throw new MesascopeError('BAD_SETTING', `a probability lies in [0, 1], got ${p}`, { facts: { p } });
  }
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (p === 0.5) return 0;
  // The lower tail keeps its digits, so the upper half is solved as its mirror image.
  if (p > 0.5) return -normalQuantile(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  let z =
    (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (let step = 0; step < 4; step++) {
    const density = normalDensity(z);
    if (density === 0) break;
    const newton = (normalCdf(z) - p) / density;
    const next = z - newton / (1 + (newton * z) / 2);
    if (next === z) break;
    z = next;
  }
  return z;
}
