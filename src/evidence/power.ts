/** @file evidence: the smallest effects that a sample of groups can see; formulas only, reads no model and draws nothing. */
import { MesascopeError } from '../core/errors.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { normalCdf, normalQuantile } from './distribution-normal.ts';

/** Rows in groups, as the tests see them: groups are independent, the rows of one are not. */
export type GroupedDesign = {
  /** Rows of every group, each 1 or more. */
  readonly sizes: ArrayLike<number>;
  /** Correlation of the differences of two rows of one group, 0 to 1. Default 1, the worst case: a group counts once however many rows it has. */
  readonly correlation?: number;
  /** Size of the test. Default 0.05. */
  readonly alpha?: number;
  /** Chance to find the effect. Default 0.8. */
  readonly power?: number;
};

type Resolved = {
  readonly groups: number;
  readonly rows: number;
  /** Sum of squared group sizes. */
  readonly squares: number;
  readonly correlation: number;
  readonly alpha: number;
  readonly power: number;
};

function resolve({ sizes, correlation = 1, alpha = 0.05, power = 0.8 }: GroupedDesign): Resolved {
  between('correlation', correlation, 0, 1);
  between('alpha', alpha, 1e-9, 0.5);
  between('power', power, 0.5, 1 - 1e-9);
  let rows = 0;
  let squares = 0;
  for (let g = 0; g < sizes.length; g++) {
    const size = sizes[g]!;
    if (!(size >= 1 && Number.isFinite(size)))
      throw new MesascopeError('BAD_SETTING', `a group has at least one row, got ${size}`);
    rows += size;
    squares += size * size;
  }
  return { groups: sizes.length, rows, squares, correlation, alpha, power };
}

function between(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) {
    throw new MesascopeError('BAD_SETTING', `\`${name}\` lies between ${low} and ${high}, got ${value}`);
  }
}

/** Variance of a mean over rows of variance 1: (n + correlation x (sum of squared sizes - n)) / n^2 (Kish 1965, the design effect). */
function meanVariance({ rows, squares, correlation }: Resolved): number {
  return (rows + correlation * (squares - rows)) / rows ** 2;
}

/** Ratio of a bootstrap standard error over G groups to the unbiased one. */
function bootstrapShrinkage(groups: number): number {
  return Math.sqrt((groups - 1) / groups);
}

const TOO_FEW = undefinedBecause('fewer than two groups: nothing can be tested');

export type ContrastDesign = GroupedDesign & {
  /**
   * Mean square of a row's paired difference. For differences of right and wrong it is the share of rows in which exactly one of two
   * variables is read rightly; weights that balance classes raise it. Default 1/2: both read independently, each in half of the rows.
   */
  readonly discordance?: number;
  /** `swap`: p at most alpha, one-sided. `swap-and-interval` (default, the rule of L2): the two-sided 95 % interval above 0, too. */
  readonly rule?: 'swap' | 'swap-and-interval';
};

/** Level of the recorded intervals. */
const INTERVAL_LEVEL = 0.95;

/**
 * Smallest mean paired difference, such as the accuracy contrast of L2 (0 to 1), that its test finds with the given power.
 *
 * The swap test flips whole groups, so its null has variance (var + d^2 x sum of squared sizes / n^2) at a true difference d, where var is
 * that of the mean: d = z(1 - alpha) x sqrt(null variance) + z(power) x sqrt(var). The interval needs d = `intervalReach` x sqrt(var).
 * The larger one is returned, solved for d, since var depends on it: (discordance - d^2) x the design effect / n. Undefined below
 * two groups, or when not even a difference of 1 would be found. Throws `BAD_SETTING`.
 */
export function smallestContrast(design: ContrastDesign): Measured {
  const resolved = resolve(design);
  const { groups, rows, squares, alpha, power } = resolved;
  const discordance = design.discordance ?? 0.5;
  between('discordance', discordance, 0, Number.MAX_VALUE);
  if (groups < 2) return TOO_FEW;
  const byInterval = (design.rule ?? 'swap-and-interval') === 'swap-and-interval';
  const needed = (d: number): number => {
    // A difference d takes at least a share d of discordant rows.
    const square = Math.max(discordance, d);
    const spread = square - d * d;
    if (spread <= 0) return (normalQuantile(1 - alpha) * d * Math.sqrt(squares)) / rows;
    const variance = spread * meanVariance(resolved);
    const swap =
      normalQuantile(1 - alpha) * Math.sqrt(variance + (d * d * squares) / rows ** 2) +
      normalQuantile(power) * Math.sqrt(variance);
    // Third central moment of a difference that is -1, 0 or 1: its third moment is its mean.
    const skewness = (d - 3 * d * square + 2 * d ** 3) / spread ** 1.5;
    const interval = Math.sqrt(variance) * intervalReach(resolved, { level: INTERVAL_LEVEL, skewness });
    return byInterval ? Math.max(swap, interval) : swap;
  };
  if (needed(1) > 1) return undefinedBecause(`${groups} groups are too few to find any difference`);
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (needed(middle) > middle) low = middle;
    else high = middle;
  }
  return measured(high);
}

/**
 * How many standard errors a mean must lie above a limit for the lower end of its BCa interval to lie above it with the given power. With
 * g = skewness / sqrt(independent rows): the end is estimate - se (z - g (2 z^2 + 1) / 6) (Hall 1988, second order), an estimate in the
 * lower 1 - power tail lies x = z(power) - g (z(power)^2 - 1) / 6 standard errors down (Cornish and Fisher 1938), and its own
 * standard error is then smaller by g x / 2, since mean and variance of a skewed sample go together.
 */
function intervalReach(
  resolved: Resolved,
  { level, skewness }: { readonly level: number; readonly skewness: number },
): number {
  const g = skewness * Math.sqrt(meanVariance(resolved));
  const z = normalQuantile((1 + level) / 2);
  const down = normalQuantile(resolved.power);
  const x = down - (g * (down * down - 1)) / 6;
  return x + (1 - (g * x) / 2) * (z * bootstrapShrinkage(resolved.groups) - (g * (2 * z * z + 1)) / 6);
}

export type MeanDesign = GroupedDesign & {
  /** Standard deviation of a single row's value, in the value's unit. Default 1: the answer is in units of it. */
  readonly sd?: number;
};

export type MeanEffectDesign = MeanDesign & {
  /** What the mean must exceed, 0 or more, in the unit of `sd`. Default 0. */
  readonly margin?: number;
  /** Skewness of a single row's value: effects with a long tail upwards are found sooner, those with one downwards later. Default 0. */
  readonly skewness?: number;
};

function sdOf({ sd = 1 }: MeanDesign): number {
  between('sd', sd, 0, Number.MAX_VALUE);
  return sd;
}

/**
 * Smallest mean whose two-sided BCa interval of level 1 - alpha lies above `margin` with the given power: margin + `intervalReach` x sd x
 * sqrt(design effect / n). In the unit of `sd`. Undefined below two groups. Throws `BAD_SETTING`.
 */
export function smallestMeanEffect(design: MeanEffectDesign): Measured {
  const resolved = resolve(design);
  const { margin = 0, skewness = 0 } = design;
  between('margin', margin, 0, Number.MAX_VALUE);
  between('skewness', skewness, -10, 10);
  if (resolved.groups < 2) return TOO_FEW;
  const reach = intervalReach(resolved, { level: 1 - resolved.alpha, skewness });
  return measured(margin + reach * sdOf(design) * Math.sqrt(meanVariance(resolved)));
}

/**
 * Smallest margin within which a mean of `truth` (default 0) is shown to be near zero by two one-sided tests of size alpha, with the given
 * power (Schuirmann 1987; Phillips 1990 for the power): the m with P(|estimate| + z(1 - alpha) se < m) = power. In the unit of `sd`.
 * Undefined below two groups. Throws `BAD_SETTING`.
 */
export function smallestEquivalenceMargin(design: MeanDesign & { readonly truth?: number }): Measured {
  const resolved = resolve(design);
  const { groups, alpha, power } = resolved;
  if (groups < 2) return TOO_FEW;
  const truth = Math.abs(design.truth ?? 0);
  const se = sdOf(design) * Math.sqrt(meanVariance(resolved));
  if (se === 0) return measured(truth);
  // In units of se, around the truth: the chance that the estimate falls between the two inner limits.
  const chance = (room: number): number => normalCdf(room) - normalCdf(-room - (2 * truth) / se);
  let low = 0;
  let high = 10;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (chance(middle) < power) low = middle;
    else high = middle;
  }
  return measured(truth + (high + normalQuantile(1 - alpha) * bootstrapShrinkage(groups)) * se);
}

/** Mean and standard deviation of |Z|, Z standard normal: sqrt(2 / pi) and sqrt(1 - 2 / pi). */
const MEAN_SIZE = Math.sqrt(2 / Math.PI);
const SD_SIZE = Math.sqrt(1 - 2 / Math.PI);

/**
 * Largest standard deviation of single effects around 0 at which L5 still shows an unused goal to be unused, in the unit of `margin`. Its rule
 * holds the mean SIZE of the effects against the margin, so that scatter counts, whichever way it goes: for normal effects of deviation
 * s the mean size is .798 s with deviation .603 s, and .798 s + (z(1 - alpha) + z(power)) x .603 s x sqrt(design effect / n) = margin.
 * Undefined below two groups. Throws `BAD_SETTING`.
 */
export function largestScatterShownZero(design: GroupedDesign & { readonly margin: number }): Measured {
  const resolved = resolve(design);
  const { groups, alpha, power } = resolved;
  between('margin', design.margin, 0, Number.MAX_VALUE);
  if (groups < 2) return TOO_FEW;
  const z = normalQuantile(1 - alpha) * bootstrapShrinkage(groups) + normalQuantile(power);
  return measured(design.margin / (MEAN_SIZE + z * SD_SIZE * Math.sqrt(meanVariance(resolved))));
}
