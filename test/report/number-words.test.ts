/** @file test: one rule for numbers: a value and its interval agree in unit and decimals, on the page and in sentences. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type NumberUnit, percent, whole } from '../../src/core/number-words.ts';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import { inWords, spoken } from '../../src/evidence/statistic.ts';
import { intervalText, inUnit, measuredText, sharedDecimals, spanText } from '../../src/report/format.ts';
import { pageOf } from './sample-page.ts';
import { sampleRecord } from './sample-record.ts';

/** `62 % [58 %, 66 %]`, with plain spaces. */
function beside(value: number, low: number, high: number, unit: NumberUnit): string {
  const decimals = sharedDecimals(measured(value), { low, high }, unit);
  return `${measuredText(measured(value), unit, decimals)} ${intervalText({ low, high }, unit, decimals)}`.replaceAll(
    /[\u00a0\u202f]/g,
    ' ',
  );
}

const decimalsIn = (text: string): number[] =>
  [...text.matchAll(/\d[\d,]*(?:\.(\d+))?/g)].map(([, after]) => after?.length ?? 0);

describe('a number and its interval', () => {
  test('are in one unit, with the decimals that the finest of them needs', () => {
    expect(beside(0.62, 0.584, 0.661, 'accuracy')).toBe('62 % [58 %, 66 %]');
    expect(beside(0.12, 0.083, 0.171, 'share')).toBe('12.0 % [8.3 %, 17.1 %]');
    expect(beside(0.995, 0.971, 1, 'share')).toBe('99.5 % [97.1 %, 100.0 %]');
    expect(beside(0, 0, 0.012, 'share')).toBe('0.0 % [0.0 %, 1.2 %]');
    expect(beside(0, 0, 0.05, 'share')).toBe('0 % [0 %, 5 %]');
    expect(beside(-0.283, -0.512, 0.101, 'share')).toBe('\u221228 % [\u221251 %, 10 %]');
    expect(beside(0.846, 0.8, 0.9, 'points')).toBe('+84.6 points [+80.0, +90.0]');
    expect(beside(22, 9.4, 31.26, 'ratio')).toBe('22.0 [9.4, 31.3]');
    expect(beside(0.31, 0.2, 12, 'ratio')).toBe('0.31 [0.20, 12.00]');
    expect(spanText(0.004, 0.31, 'share').replaceAll('\u202f', ' ')).toBe('0.4 % to 31.0 %');
  });

  test('have equal decimals whatever their sizes, and keep the order that the numbers have', () => {
    const units: NumberUnit[] = ['accuracy', 'share', 'points', 'nats', 'ratio', 'coefficient', 'count'];
    fc.assert(
      fc.property(
        fc.constantFrom(...units),
        fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.001, max: 0.9994, noNaN: true }))),
        (unit, numbers) => {
          const [low, value, high] = numbers.sort((a, b) => a - b) as [number, number, number];
          const scale = unit === 'ratio' || unit === 'count' ? 300 : 1;
          const text = beside(scale * value, scale * low, scale * high, unit);
          expect(new Set(decimalsIn(text)).size).toBe(1);
          const [said, from, to] = text
            .match(/\d[\d,.]*\d|\d/g)!
            .map((one) => Number(one.replaceAll(',', '')));
          expect(from!).toBeLessThanOrEqual(said!);
          expect(said!).toBeLessThanOrEqual(to!);
        },
      ),
      { seed: 9, numRuns: 500 },
    );
  });

  test('agree on a whole page', async () => {
    const page = (await pageOf(sampleRecord())).replaceAll(/[\u00a0\u202f]/g, ' ');
    const pairs = [
      ...page.matchAll(
        /<strong>([^<]*)<\/strong>(?:[^<]*)<span class="interval"[^>]*>\[([^<\]]*)\]<\/span>/g,
      ),
    ];
    expect(pairs.length).toBeGreaterThan(10);
    for (const [, number, interval] of pairs) {
      // A log ratio is followed by the factor it stands for.
      const own = number!.replace(/ \(.*/, '');
      expect(new Set(decimalsIn(`${own} ${interval}`)).size, `${own} [${interval}]`).toBe(1);
      expect(interval!.split(', ').every((end) => end.includes('%') === own.includes('%'))).toBe(true);
    }
  });
});

describe('a number in a sentence', () => {
  test('is the one of the page, with plain spaces', () => {
    const units: NumberUnit[] = ['accuracy', 'share', 'points', 'nats', 'ratio', 'coefficient', 'count'];
    for (const unit of units)
      for (const value of [22, 0.9, -0.001, 0, 0.053])
        expect(inWords(value, unit)).toBe(inUnit(value, unit).replaceAll('\u202f', ' '));
    expect(spoken({ value: measured(22), unit: 'count' })).toBe('22');
    expect(spoken({ value: measured(22), unit: 'ratio' })).toBe('22.0');
    expect(spoken({ value: measured(0.903), unit: 'accuracy' })).toBe('90 %');
    expect(spoken({ value: measured(-0.001), unit: 'nats' })).toBe('0.00');
    expect(spoken({ value: undefinedBecause('no rows'), unit: 'nats' })).toBe('undefined (no rows)');
    expect(inWords(0.0004, 'points')).toBe('0.0');
  });

  test('says 0 % and 100 % only of nothing and of all, and puts a true minus before a count', () => {
    expect(percent(-0.0001)).toBe('>\u202f\u22120.1\u202f%');
    expect(percent(-0.304)).toBe('\u221230\u202f%');
    expect(percent(1.004)).toBe('100.4\u202f%');
    expect(whole(-1234)).toBe('\u22121,234');
  });
});
