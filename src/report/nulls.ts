/** @file report: which null of a statistic a headline shows, and its span; the rule that decided stands in the record. */
import type { NullComparison, Statistic } from '../record/parts.ts';
import { measuredText, spanText } from './format.ts';

/** The nulls that the rule asks; of older records, all. */
export function decidingNulls({ nulls }: Pick<Statistic, 'nulls'>): readonly NullComparison[] {
  return nulls.filter(({ decides }) => decides !== false);
}

/** Of the nulls that the rule asks, the one that leaves the least room: the largest p, or the widest band where none was tested. */
export function headlineNull(statistic: Pick<Statistic, 'nulls'>): NullComparison | undefined {
  const rank = ({ pValue, high }: NullComparison): number =>
    pValue.state === 'measured'
      ? pValue.value
      : high.state === 'measured'
        ? -1 / (1 + Math.abs(high.value))
        : -2;
  return [...decidingNulls(statistic)].sort((a, b) => rank(b) - rank(a))[0];
}

/** Central 95 % of a null, or its mean. */
export function nullSpan({ low, high, mean }: NullComparison, { unit }: Pick<Statistic, 'unit'>): string {
  return low.state === 'measured' && high.state === 'measured'
    ? spanText(low.value, high.value, unit)
    : measuredText(mean, unit);
}
