/** @file evidence: adjusts a family of p-values that were computed apart; for sites of one search use the maximum statistic instead. */
import { MesascopeError } from '../core/errors.ts';

function ascending(pValues: readonly number[]): readonly number[] {
  for (const p of pValues) {
    if (!(p >= 0 && p <= 1)) throw new MesascopeError('BAD_SETTING', `a p-value lies in [0, 1], got ${p}`);
  }
  return pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]! || a - b);
}

/** Step-down adjusted p-values in the given order; controls the chance of any false discovery (Holm 1979). Throws `BAD_SETTING`. */
export function holm(pValues: readonly number[]): readonly number[] {
  const adjusted = new Array<number>(pValues.length).fill(0);
  let floor = 0;
  ascending(pValues).forEach((index, rank) => {
    floor = Math.max(floor, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = floor;
  });
  return adjusted;
}

/**
 * Step-up adjusted p-values in the given order; controls the expected share of false discoveries for independent or positively
 * dependent tests (Benjamini and Hochberg 1995). Throws `BAD_SETTING`.
 */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  const adjusted = new Array<number>(pValues.length).fill(0);
  const order = ascending(pValues);
  let ceiling = 1;
  for (let rank = order.length - 1; rank >= 0; rank--) {
    const index = order[rank]!;
    ceiling = Math.min(ceiling, (pValues.length / (rank + 1)) * pValues[index]!);
    adjusted[index] = ceiling;
  }
  return adjusted;
}
