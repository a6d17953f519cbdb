/** @file evidence: how the level of a test is divided over the pushes that are tried, and the draws that the smaller level needs; tests nothing. */

/**
 * Level of each of `count` tests any of which would be taken for a finding (Bonferroni): if no push turns choices beyond its nulls, one of
 * them does so by chance with at most `alpha`, however the tests depend on each other. Above 0, at most `alpha`.
 */
export function levelOf(alpha: number, count: number): number {
  return alpha / Math.max(1, count);
}

/** Random draws with which p = (b + 1) / (M + 1) can reach `level`; at least `least`. */
export function drawsFor(level: number, least: number): number {
  let draws = Math.max(least, Math.ceil(1 / level - 1e-9) - 1);
  // A quotient that is off by its last digit must not make every test fail.
  while (1 / (draws + 1) > level) draws++;
  return draws;
}
