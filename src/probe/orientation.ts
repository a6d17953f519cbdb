/** @file probe: which way round an unlabelled direction is to be read, or that the labels at hand do not settle it. */

/** `toward`: larger means class 1. `away`: larger means class 0. `undefined`: chance would do as well. */
export type Orientation =
  | { readonly state: 'toward' | 'away'; readonly p: number }
  | { readonly state: 'undefined'; readonly reason: string };

/**
 * Two-sided level at which a sign counts as settled. A direction that has nothing to do with the labels is read either way round by chance;
 * taking the better way would lift its accuracy above chance, which is what max(accuracy, 1 - accuracy) does.
 */
export const SIGN_LEVEL = 0.05;

/** The exact two-sided sign test (Dixon and Mood 1946) of `toward` votes against `away` votes, whole numbers. */
export function orientByVotes({
  toward,
  away,
}: {
  readonly toward: number;
  readonly away: number;
}): Orientation {
  const votes = toward + away;
  if (votes === 0) return { state: 'undefined', reason: 'no pair has labels that tell its two halves apart' };
  const p = Math.min(1, 2 * lowerTail(Math.min(toward, away), votes));
  if (p > SIGN_LEVEL) {
    return {
      state: 'undefined',
      reason: `${toward} of ${votes} pairs lie one way and ${away} the other, which a fair coin does with p = ${p.toPrecision(2)}`,
    };
  }
  return { state: toward > away ? 'toward' : 'away', p };
}

/** P(at most k of n fair coins), the terms by ratios so that none overflows. */
function lowerTail(k: number, n: number): number {
  let log = -n * Math.LN2;
  let sum = Math.exp(log);
  for (let i = 1; i <= k; i++) {
    log += Math.log((n - i + 1) / i);
    sum += Math.exp(log);
  }
  return sum;
}

/** Below so many rows of either class the normal approximation is not to be trusted. */
const MIN_ROWS = 4;

/**
 * The two-sided rank-sum test (Mann and Whitney 1947; normal approximation with the correction for ties and for continuity) of whether
 * `scores` are larger in class 1 than in class 0. `labels[i]` is 0, 1 or -1 for a row that is left out. Unlike the share of rows on the right
 * side of 0 it is not swayed by how many rows each class has.
 */
export function orientByRanks(scores: Float64Array | Float32Array, labels: Int32Array): Orientation {
  const rows = Array.from(labels.keys()).filter((i) => labels[i] !== -1);
  const ones = rows.filter((i) => labels[i] === 1).length;
  const zeros = rows.length - ones;
  if (Math.min(ones, zeros) < MIN_ROWS) {
    return {
      state: 'undefined',
      reason: `${zeros} and ${ones} rows of the two classes are too few to settle a sign; ${MIN_ROWS} of each are needed`,
    };
  }
  rows.sort((i, j) => scores[i]! - scores[j]!);
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < rows.length; ) {
    let end = from + 1;
    while (end < rows.length && scores[rows[end]!] === scores[rows[from]!]) end += 1;
    const middle = (from + 1 + end) / 2;
    for (let k = from; k < end; k++) if (labels[rows[k]!] === 1) rankSum += middle;
    ties += (end - from) ** 3 - (end - from);
    from = end;
  }
  const n = rows.length;
  const above = rankSum - (ones * (n + 1)) / 2;
  const variance = ((ones * zeros) / 12) * (n + 1 - ties / (n * (n - 1)));
  const z = variance > 0 ? Math.max(0, Math.abs(above) - 0.5) / Math.sqrt(variance) : 0;
  const p = twoSided(z);
  if (p > SIGN_LEVEL) {
    return {
      state: 'undefined',
      reason: `the scores of ${zeros} and ${ones} rows of the two classes are no further apart than chance puts them (p = ${p.toPrecision(2)})`,
    };
  }
  return { state: above > 0 ? 'toward' : 'away', p };
}

/** P(|Z| > z) of a standard normal, z >= 0, to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26). */
function twoSided(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const poly =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.min(1, poly * Math.exp(-x * x));
}
