/** @file evidence: the smallest share that a number of independent trials can see, by exact binomial tails; draws nothing. */
import { MesascopeError } from '../core/errors.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { betaQuantile } from './distribution-beta.ts';
import { binomialUpperTail } from './distribution-binomial.ts';

/**
 * Smallest true share that is found with the given power among independent trials: the count must be so high that a share of
 * `reference` would give it in at most alpha of samples (exact binomial, one-sided). With a reference of 0 one single count is
 * proof, and the answer is 1 - (1 - power)^(1 / trials). Undefined when no count would do. Throws `BAD_SETTING`.
 */
export function smallestShare(options: {
  readonly trials: number;
  /** What chance or error explains, 0 to 1. Default 0. */
  readonly reference?: number;
  readonly alpha?: number;
  readonly power?: number;
}): Measured {
  const { trials, reference = 0, alpha = 0.05, power = 0.8 } = options;
  if (!(alpha > 0 && alpha <= 0.5 && power >= 0.5 && power < 1)) {
    throw new MesascopeError('BAD_SETTING', `no test has size ${alpha} and power ${power}`);
  }
  const critical = criticalCount({ trials, reference, alpha });
  return critical > trials
    ? undefinedBecause(`${trials} trials are too few to tell any share from ${reference}`)
    : measured(betaQuantile(power, critical, trials - critical + 1));
}

/** Least count that a share of `reference` reaches in at most alpha of samples; trials + 1 when there is none. Throws `BAD_SETTING`. */
export function criticalCount(options: {
  readonly trials: number;
  readonly reference: number;
  readonly alpha: number;
}): number {
  const { trials, reference, alpha } = options;
  let low = 1;
  let high = trials + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (binomialUpperTail(middle, { trials, share: reference }) <= alpha) high = middle;
    else low = middle + 1;
  }
  return low;
}
