/** @file evidence: quantiles of Student's t; nothing else. */
import { MesascopeError } from '../core/errors.ts';
import { betaQuantile } from './distribution-beta.ts';

/**
 * The p-quantile of Student's t with `freedom` degrees of freedom, by its relation to the beta distribution: t^2 / (freedom + t^2) is
 * Beta(1 / 2, freedom / 2) (Johnson, Kotz and Balakrishnan 1995, chapter 28). 0 < p < 1, freedom > 0. Throws `BAD_SETTING`.
 */
export function studentQuantile(p: number, freedom: number): number {
  if (!(p > 0 && p < 1 && freedom > 0)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `a t quantile needs 0 < p < 1 and positive degrees of freedom, got ${p} and ${freedom}`,
    );
  }
  if (p === 0.5) return 0;
  const share = betaQuantile(Math.abs(2 * p - 1), 0.5, freedom / 2);
  const size = Math.sqrt((freedom * share) / (1 - share));
  return p < 0.5 ? -size : size;
}
