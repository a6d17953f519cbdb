/** @file evidence: shows that an effect is practically zero, which a non-significant test does not; reads intervals, draws nothing. */
import { MesascopeError } from '../core/errors.ts';
import {
  type BootstrapDraws,
  bootstrapInterval,
  type Interval,
  type IntervalMethod,
} from './resample-interval.ts';

export type EquivalenceResult =
  | {
      readonly state: 'measured';
      /** True when the whole interval lies strictly inside (-margin, margin). */
      readonly equivalent: boolean;
      readonly low: number;
      readonly high: number;
      readonly margin: number;
      /** Size of each of the two one-sided tests. */
      readonly level: number;
      /** Every draw was the same: the interval has no width because the sample does not vary. */
      readonly degenerate: boolean;
    }
  | { readonly state: 'undefined'; readonly reason: string };

export type EquivalenceOptions = {
  /** Half-width of the region called zero, in the statistic's unit; chosen before looking. */
  readonly margin: number;
  /** Size of each one-sided test. Default 0.05, which reads a 90 % interval. */
  readonly level?: number;
} & (
  | {
      /** Draws of `clusterBootstrapDraws`. */
      readonly bootstrap: BootstrapDraws | { readonly state: 'undefined'; readonly reason: string };
      /** Default `percentile`, whose ends never lie outside the draws. */
      readonly method?: IntervalMethod;
    }
  | {
      /** An interval of level 1 - 2 x `level`. */
      readonly interval: Interval;
    }
  | {
      readonly estimate: number;
      /** Bootstrap draws of the statistic, in any order. */
      readonly draws: Float64Array;
    }
);

function intervalOf(options: EquivalenceOptions, coverage: number): Interval {
  if ('interval' in options) {
    const { interval } = options;
    if (interval.state === 'measured' && Math.abs(interval.level - coverage) > 1e-9) {
      throw new MesascopeError(
        'BAD_SETTING',
        `two one-sided tests need an interval of level ${coverage}, got ${interval.level}`,
      );
    }
    return interval;
  }
  if ('bootstrap' in options) {
    const { bootstrap } = options;
    if ('state' in bootstrap) return bootstrap;
    return bootstrapInterval(bootstrap, { level: coverage, method: options.method ?? 'percentile' });
  }
  const values = options.draws.filter((value) => Number.isFinite(value)).sort();
  if (values.length === 0) return { state: 'undefined', reason: 'there is no draw' };
  return bootstrapInterval(
    {
      estimate: options.estimate,
      values,
      draws: options.draws.length,
      undefinedDraws: options.draws.length - values.length,
    },
    { level: coverage, method: 'percentile' },
  );
}

/**
 * Two one-sided tests at `level` by interval inclusion (Schuirmann 1987): equivalent to zero when the bootstrap interval of level
 * 1 - 2 x `level` lies inside (-margin, margin). Undefined where the interval is. Throws `BAD_SETTING`.
 */
export function equivalenceTest(options: EquivalenceOptions): EquivalenceResult {
  const { margin } = options;
  const level = options.level ?? 0.05;
  if (!(margin > 0 && Number.isFinite(margin))) {
    throw new MesascopeError('BAD_SETTING', `an equivalence margin is positive and finite, got ${margin}`);
  }
  if (!(level > 0 && level < 0.5)) {
    throw new MesascopeError('BAD_SETTING', `the level of a one-sided test lies in (0, 0.5), got ${level}`);
  }
  const interval = intervalOf(options, 1 - 2 * level);
  if (interval.state === 'undefined') return interval;
  const { low, high } = interval;
  return {
    state: 'measured',
    equivalent: low > -margin && high < margin,
    low,
    high,
    margin,
    level,
    degenerate: interval.degenerate ?? false,
  };
}
