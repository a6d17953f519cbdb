/** @file report: numbers as a reader meets them; one rule per unit, used by every section. */
import type { Measured, RecordedInterval, StatisticUnit } from '../record/parts.ts';
import { type Html, html } from './html.ts';

export type Unit = StatisticUnit;

/** Fixed digits with a true minus sign. */
export function fixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

/** At most three significant digits; powers of ten outside the usual range. */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 0.001 && size < 1e5) {
    const text = String(Number(value.toPrecision(3)));
    return text.replace('-', '\u2212');
  }
  const [mantissa, exponent] = value.toExponential(1).split('e');
  return `${mantissa!.replace('-', '\u2212')}\u202f\u00d7\u202f10${superscript(Number(exponent))}`;
}

function superscript(exponent: number): string {
  const digits = '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079';
  const text = [...String(Math.abs(exponent))].map((digit) => digits[Number(digit)]!).join('');
  return exponent < 0 ? `\u207b${text}` : text;
}

/** `1,200`. */
export function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A share as a percentage: whole from 10 to 99, else one decimal; only nothing is 0 % and only all is 100 %. */
export function percent(share: number): string {
  const value = 100 * share;
  if (value > 0 && value < 0.05) return '<\u202f0.1\u202f%';
  if (value < 100 && value >= 99.95) return '>\u202f99.9\u202f%';
  const digits = Number.isInteger(Number(value.toFixed(1))) || (value >= 10 && value <= 99) ? 0 : 1;
  return `${fixed(value, digits)}\u202f%`;
}

/** A number in its unit, without the unit's name. */
export function inUnit(value: number, unit: Unit): string {
  switch (unit) {
    case 'accuracy':
    case 'share':
      return percent(value);
    case 'points':
      return (value > 0 ? '+' : '') + fixed(100 * value, 1);
    case 'nats':
    case 'coefficient':
    case 'ratio':
    case 'log-ratio':
    case 'bits':
      return fixed(value, 2);
    case 'logits':
      return plain(value);
    case 'count':
      return whole(value);
  }
}

/** What follows the number in running text. */
export function unitName(unit: Unit): string {
  return unit === 'nats' || unit === 'logits' || unit === 'points' || unit === 'bits' ? `\u00a0${unit}` : '';
}

/** The number with its unit, or a dash; the reason for a missing one stands elsewhere. */
export function measuredText(value: Measured, unit: Unit): string {
  return value.state === 'measured' ? inUnit(value.value, unit) + unitName(unit) : '\u2013';
}

/** `[5.27, 5.95]`. */
export function intervalText(interval: Pick<RecordedInterval, 'low' | 'high'>, unit: Unit): string {
  return `[${inUnit(interval.low, unit)}, ${inUnit(interval.high, unit)}]`;
}

/** An effect in nats, with its interval where there is one. */
export function natsWithInterval(value: Measured, interval: RecordedInterval | undefined): Html {
  return html`${measuredText(value, 'nats')}${interval !== undefined && html` <span class="interval">${intervalText(interval, 'nats')}</span>`}`;
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
