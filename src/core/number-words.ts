/** @file core: numbers as a reader meets them; one rule per unit, for every sentence, table and page. */

export type NumberUnit =
  | 'accuracy'
  | 'points'
  | 'nats'
  | 'share'
  | 'ratio'
  | 'log-ratio'
  | 'logits'
  | 'count'
  | 'coefficient'
  | 'bits';

/** Fixed digits with a true minus sign, and none before a zero. */
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
  const text = String(Math.abs(Math.round(value))).replace(/\B(?=(\d{3})+$)/g, ',');
  return Math.round(value) < 0 ? `\u2212${text}` : text;
}

/**
 * A share as a percentage, one decimal below 10 and within 1 of 100 unless whole, else none; only nothing is 0 % and only all is 100 %.
 * `decimals`: those of the numbers beside it (`decimalsOf`).
 */
export function percent(share: number, decimals: number = percentDecimals(share)): string {
  const value = 100 * share;
  if (value !== 0 && Math.abs(value) < 0.05)
    return value > 0 ? '<\u202f0.1\u202f%' : '>\u202f\u22120.1\u202f%';
  if (value < 100 && value >= 99.95) return '>\u202f99.9\u202f%';
  return `${fixed(value, decimals)}\u202f%`;
}

function percentDecimals(share: number): 0 | 1 {
  const size = Math.abs(100 * share);
  if (Number.isInteger(Number(size.toFixed(1)))) return 0;
  return size < 10 || (size > 99 && size < 101) ? 1 : 0;
}

/**
 * Decimals of a number in its unit, and of what stands beside it (its interval, a span): the first value is the number. Percentages take
 * one where any of them needs it; ratios have three significant digits, two decimals at most; undefined where digits do not count decimals.
 */
export function decimalsOf(values: readonly number[], unit: NumberUnit): number | undefined {
  switch (unit) {
    case 'accuracy':
    case 'share':
      return values.some((value) => percentDecimals(value) === 1) ? 1 : 0;
    case 'points':
      return 1;
    case 'ratio': {
      const size = Math.abs(values[0] ?? 0);
      // 9.995 is 10.0, not 9.99 or 10.00.
      return size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    }
    case 'nats':
    case 'coefficient':
    case 'log-ratio':
    case 'bits':
      return 2;
    case 'count':
      return 0;
    case 'logits':
      return undefined;
  }
}

/** A number in its unit, without the unit's name; `decimals` as its neighbors have (`decimalsOf`), by default its own. */
export function inUnit(
  value: number,
  unit: NumberUnit,
  decimals: number | undefined = decimalsOf([value], unit),
): string {
  if (unit === 'accuracy' || unit === 'share') return percent(value, decimals);
  if (unit === 'count') return whole(value);
  if (unit === 'logits' || decimals === undefined) return plain(value);
  if (unit !== 'points') return fixed(value, decimals);
  const text = fixed(100 * value, decimals);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** What follows the number in running text. */
export function unitName(unit: NumberUnit): string {
  return unit === 'nats' || unit === 'logits' || unit === 'points' || unit === 'bits' ? `\u00a0${unit}` : '';
}
