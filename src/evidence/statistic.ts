/** @file evidence: puts numbers, intervals and nulls into the recorded form; decides nothing. */
import { inUnit } from '../core/number-words.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { type Interval, recordedInterval } from './resample-interval.ts';
import type { NullSummary } from './resample-permutation.ts';
import type { NullComparison, RecordedInterval, RungState, Statistic, StatisticUnit } from './rung.ts';

/** The estimate of an interval, or why there is none. */
export function estimateOf(interval: Interval): Measured {
  return interval.state === 'measured' ? measured(interval.estimate) : undefinedBecause(interval.reason);
}

/** `{ interval }` or nothing, to spread into a statistic. */
export function intervalPart(interval: Interval): { readonly interval?: RecordedInterval } {
  const recorded = recordedInterval(interval);
  return recorded === undefined ? {} : { interval: recorded };
}

/** A null distribution with its test; `summary` is undefined where no draw was possible. */
export function nullOf(
  id: string,
  label: string,
  summary: NullSummary | undefined,
  pValue: number | undefined,
): NullComparison {
  const none = undefinedBecause('no draw of this null could be evaluated');
  return {
    id,
    label,
    draws: summary?.draws ?? 0,
    mean: summary === undefined ? none : measured(summary.mean),
    low: summary === undefined ? none : measured(summary.q025),
    high: summary === undefined ? none : measured(summary.q975),
    pValue: pValue === undefined ? undefinedBecause('no test against this null') : measured(pValue),
    decides: true,
  };
}

/** A null that is itself one measured effect: its mean with a 95 % interval in place of a distribution. */
export function intervalNull(
  id: string,
  label: string,
  interval: Interval | undefined,
  pValue: number | undefined,
  /** Draws behind the p-value, where there is one; 1 stands for the one measured effect. */
  draws = 1,
): NullComparison {
  const none = undefinedBecause('this null could not be measured');
  const measuredNull = interval?.state === 'measured' ? interval : undefined;
  return {
    id,
    label,
    draws: measuredNull === undefined ? 0 : draws,
    mean: measuredNull === undefined ? none : measured(measuredNull.estimate),
    low: measuredNull === undefined ? none : measured(measuredNull.low),
    high: measuredNull === undefined ? none : measured(measuredNull.high),
    pValue: pValue === undefined ? undefinedBecause('no test against this null') : measured(pValue),
    decides: true,
  };
}

/** The same null where no rule asks it. */
export function shownOnly(comparison: NullComparison): NullComparison {
  return { ...comparison, decides: false };
}

/** Three-way outcome of a rule: undefined when it cannot be evaluated. */
export function stateOf(holds: boolean | undefined): 'passed' | 'failed' | 'undefined' {
  return holds === undefined ? 'undefined' : holds ? 'passed' : 'failed';
}

/** A rung passes for a goal when every deciding statistic passes; one that is undefined leaves it undefined. */
export function rungStateOf(statistics: readonly Statistic[]): RungState {
  const deciding = statistics.filter((statistic) => statistic.state !== 'reported');
  if (deciding.length === 0) return 'undefined';
  if (deciding.some((statistic) => statistic.state === 'failed')) return 'failed';
  return deciding.some((statistic) => statistic.state === 'undefined') ? 'undefined' : 'passed';
}

/** Best outcome over goals: passed, then failed, then undefined, then not-run. */
export function bestState(states: readonly RungState[]): RungState {
  for (const state of ['passed', 'failed', 'undefined', 'not-run'] as const) {
    if (states.includes(state)) return state;
  }
  return 'not-run';
}

/** A number for a sentence, as the page writes one of that unit and without the unit's name; plain spaces, since sentences also stand in a terminal. */
export function inWords(value: number, unit: StatisticUnit): string {
  return inUnit(value, unit).replaceAll('\u202f', ' ');
}

/** The value of a statistic for a sentence, or the reason there is none. */
export function spoken({ value, unit }: Pick<Statistic, 'value' | 'unit'>): string {
  return value.state === 'measured' ? inWords(value.value, unit) : `undefined (${value.reason})`;
}
