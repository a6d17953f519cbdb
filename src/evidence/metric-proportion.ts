/** @file evidence: intervals for a proportion of independent trials; for trials that come in groups, resample the groups instead. */
import { MesascopeError } from '../core/errors.ts';
import { betaQuantile } from './distribution-beta.ts';
import { normalQuantile } from './distribution-normal.ts';
import { type Interval, requireLevel } from './resample-interval.ts';

export type ProportionOptions = {
  readonly successes: number;
  readonly trials: number;
  /** Nominal coverage. Default 0.95. */
  readonly level?: number;
};

function check({ successes, trials, level = 0.95 }: ProportionOptions): number {
  requireLevel(level);
  if (!(Number.isInteger(successes) && Number.isInteger(trials) && successes >= 0 && successes <= trials)) {
    throw new MesascopeError('BAD_SETTING', `${successes} successes in ${trials} trials is not a count`, {
      facts: { successes, trials },
    });
  }
  return level;
}

const NO_TRIAL: Interval = { state: 'undefined', reason: 'there is no trial' };

/**
 * Score interval for a proportion (Wilson 1927, JASA 22, 209-212), in [0, 1]; near nominal coverage on average even for few trials
 * (Brown, Cai and DasGupta 2001). Undefined without trials. Throws `BAD_SETTING`.
 */
export function wilsonInterval(options: ProportionOptions): Interval {
  const level = check(options);
  const { successes, trials } = options;
  if (trials === 0) return NO_TRIAL;
  const z = normalQuantile((1 + level) / 2);
  const share = successes / trials;
  const centre = (successes + (z * z) / 2) / (trials + z * z);
  const half =
    ((z * Math.sqrt(trials)) / (trials + z * z)) * Math.sqrt(share * (1 - share) + (z * z) / (4 * trials));
  return {
    state: 'measured',
    estimate: share,
    // The ends at 0 and n are 0 and 1 exactly; the formula reaches them up to rounding only.
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === trials ? 1 : Math.min(1, centre + half),
    level,
    method: 'Wilson score',
  };
}

/**
 * Exact interval for a proportion from binomial tails (Clopper and Pearson 1934, Biometrika 26, 404-413), in [0, 1]: coverage is never
 * below `level`, so it is the one to use for "no failure in n trials". Undefined without trials. Throws `BAD_SETTING`.
 */
export function clopperPearson(options: ProportionOptions): Interval {
  const level = check(options);
  const { successes, trials } = options;
  if (trials === 0) return NO_TRIAL;
  const tail = (1 - level) / 2;
  return {
    state: 'measured',
    estimate: successes / trials,
    low: successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    high: successes === trials ? 1 : betaQuantile(1 - tail, successes + 1, trials - successes),
    level,
    method: 'Clopper-Pearson',
  };
}
