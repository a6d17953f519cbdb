/** @file evidence: many sites searched at once against the largest value a null reaches anywhere; what is permuted is the caller's. */
import { MesascopeError } from '../core/errors.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { requireRows } from './metric-arguments.ts';
import { requireDraws } from './resample-cluster-bootstrap.ts';
import { type NullSummary, permutationPValue, summariseNull } from './resample-permutation.ts';

export type MaxStatisticResult = {
  /** Single-step adjusted p per site: the chance that the largest null value over all sites reaches this one. */
  readonly adjusted: readonly Measured[];
  /** p of each site against its own null alone; for the reader, decides nothing. */
  readonly unadjusted: readonly Measured[];
  /** Each site's own null. */
  readonly nulls: readonly (NullSummary | undefined)[];
  /** The maximum over sites per draw (in units of the null's sd when studentised). */
  readonly maximum: NullSummary | undefined;
  /** The site with the largest (studentised) statistic; undefined when no site has a value. */
  readonly best: { readonly site: number; readonly observed: number; readonly pValue: number } | undefined;
  readonly draws: number;
  /** Draws in which some site had no value; they count as reaching every site. */
  readonly undefinedDraws: number;
};

/**
 * Single-step maximum-statistic test (Westfall and Young 1993, section 2.3): controls the chance of any false discovery over all
 * sites under any dependence between them, because every draw rearranges all sites together. Larger is more extreme.
 *
 * `draw` returns the statistics of all sites under one rearrangement, [sites]; it may reuse its array. With `studentize` each site is
 * centred and scaled by its null (draws and observed value pooled, which keeps them exchangeable), so that a noisy site
 * does not drown the others. A site whose observed value is undefined is left out of the maximum. Throws `BAD_SETTING`, `MATRIX_SHAPE`.
 */
export function maxStatisticTest(options: {
  readonly observed: readonly (number | undefined)[];
  readonly draw: (random: Random, index: number) => Float64Array;
  readonly random: Random;
  /** Default 999. */
  readonly draws?: number;
  /** Default false. */
  readonly studentize?: boolean;
}): MaxStatisticResult {
  const { observed, draw, random } = options;
  const draws = options.draws ?? 999;
  const studentize = options.studentize ?? false;
  requireDraws(draws);
  for (const value of observed) {
    if (value !== undefined && !Number.isFinite(value)) {
      throw new MesascopeError('BAD_SETTING', `a site's statistic is finite or undefined, got ${value}`);
    }
  }
  const sites = observed.length;
  // [sites, draws]: one row per site, so that a site's null is contiguous.
  const table = new Float64Array(sites * draws);
  for (let i = 0; i < draws; i++) {
    const values = draw(random, i);
    requireRows(sites, values.length, 'statistics in a draw');
    for (let s = 0; s < sites; s++) table[s * draws + i] = values[s]!;
  }
  const maxima = new Float64Array(draws).fill(-Infinity);
  const missing = new Uint8Array(draws);
  const standing: (number | undefined)[] = [];
  const unadjusted: Measured[] = [];
  const nulls: (NullSummary | undefined)[] = [];
  for (let s = 0; s < sites; s++) {
    const own = table.subarray(s * draws, (s + 1) * draws);
    const seen = observed[s];
    if (seen === undefined) {
      standing.push(undefined);
      unadjusted.push(undefinedBecause('the statistic does not exist at this site'));
      nulls.push(undefined);
      continue;
    }
    const finite = own.filter((value) => Number.isFinite(value));
    const summary = summariseNull(finite);
    nulls.push(summary);
    unadjusted.push(
      measured(
        permutationPValue({
          observed: seen,
          values: finite,
          alternative: 'greater',
          undefinedDraws: draws - finite.length,
        }),
      ),
    );
    let centre = 0;
    let scale = 1;
    if (studentize) {
      const pooled = summariseNull(Float64Array.of(seen, ...finite))!;
      centre = pooled.mean;
      // A site whose null never varies carries no information; it stands at 0 and cannot win.
      scale = pooled.sd > 0 ? pooled.sd : Number.POSITIVE_INFINITY;
    }
    standing.push((seen - centre) / scale);
    for (let i = 0; i < draws; i++) {
      const value = own[i]!;
      if (!Number.isFinite(value)) missing[i] = 1;
      else maxima[i] = Math.max(maxima[i]!, (value - centre) / scale);
    }
  }
  const whole = maxima.filter((value, i) => missing[i] === 0 && Number.isFinite(value));
  const undefinedDraws = missing.reduce((sum, flag) => sum + flag, 0);
  let best: { site: number; observed: number; pValue: number } | undefined;
  let bestStanding = -Infinity;
  const adjusted = standing.map((value, site): Measured => {
    if (value === undefined) return undefinedBecause('the statistic does not exist at this site');
    const pValue = permutationPValue({
      observed: value,
      values: whole,
      alternative: 'greater',
      undefinedDraws,
    });
    if (value > bestStanding) {
      bestStanding = value;
      best = { site, observed: observed[site]!, pValue };
    }
    return measured(pValue);
  });
  return { adjusted, unadjusted, nulls, maximum: summariseNull(whole), best, draws, undefinedDraws };
}
