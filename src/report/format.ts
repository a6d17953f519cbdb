/** @file report: numbers with their intervals, p-values, sizes and times, for every section; the rule per unit is core's. */
import { decimalsOf, fixed, inUnit, percent, plain, unitName, whole } from '../core/number-words.ts';
import type { Measured, RecordedInterval, StatisticUnit } from '../record/parts.ts';
import { type Html, html } from './html.ts';

export { fixed, inUnit, percent, plain, unitName, whole };

export type Unit = StatisticUnit;

/** The number with its unit, or a dash; the reason for a missing one stands elsewhere. `decimals` as in `inUnit`. */
export function measuredText(value: Measured, unit: Unit, decimals?: number): string {
  return value.state === 'measured' ? inUnit(value.value, unit, decimals) + unitName(unit) : '\u2013';
}

/** Decimals that a number and its interval share. */
export function sharedDecimals(
  value: Measured | number | undefined,
  interval: Pick<RecordedInterval, 'low' | 'high'> | undefined,
  unit: Unit,
): number | undefined {
  const number = typeof value === 'object' && value.state === 'measured' ? value.value : value;
  const own = typeof number === 'number' ? [number] : [];
  return decimalsOf([...own, ...(interval === undefined ? [] : [interval.low, interval.high])], unit);
}

/** `[5.27, 5.95]`, with the decimals of the number before it (`sharedDecimals`). */
export function intervalText(
  interval: Pick<RecordedInterval, 'low' | 'high'>,
  unit: Unit,
  decimals: number | undefined,
): string {
  return `[${inUnit(interval.low, unit, decimals)}, ${inUnit(interval.high, unit, decimals)}]`;
}

/** `0.12 to 0.31`, both with the same decimals. */
export function spanText(low: number, high: number, unit: Unit): string {
  const decimals = decimalsOf([high, low], unit);
  return `${inUnit(low, unit, decimals)} to ${inUnit(high, unit, decimals)}`;
}

/** A number with its unit and, where there is one, its interval: the cell of a table. */
export function withInterval(value: Measured, interval: RecordedInterval | undefined, unit: Unit): Html {
  const decimals = sharedDecimals(value, interval, unit);
  return html`${measuredText(value, unit, decimals)}${interval !== undefined && html` <span class="interval">${intervalText(interval, unit, decimals)}</span>`}`;
}

/** `p = 0.001`: three decimals, as many as a thousand draws can tell; smaller ones as a bound. */
export function pText(value: Measured): string {
  if (value.state !== 'measured') return '';
  return value.value < 0.0005 ? 'p\u00a0<\u00a00.001' : `p\u00a0=\u00a0${fixed(value.value, 3)}`;
}

/** Decimal units: `438 kB`. */
export function byteText(bytes: number): string {
  if (bytes < 1000) return `${bytes}\u00a0bytes`;
  const step = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** step).toPrecision(3)}\u00a0${['kB', 'MB', 'GB'][step - 1]}`;
}

/** `41 s`, `3 min 20 s`. */
export function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}\u00a0s`;
  const total = Math.round(seconds);
  return total < 60 ? `${total}\u00a0s` : `${Math.floor(total / 60)}\u00a0min ${total % 60}\u00a0s`;
}

/** Shortened in the middle, so that both ends of a name stay readable; counts characters, not code units. */
export function shortened(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${characters.slice(0, head).join('')}\u2026${characters.slice(characters.length - (most - 1 - head)).join('')}`;
}
