/** @file test: the small parts of a page, each against what it must say: escaping, numbers, packing, findings. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import { STRENGTH } from '../../src/evidence/verdict-words.ts';
import { float32Base64, scriptJson, uint16Base64 } from '../../src/report/embed.ts';
import { betweenShare } from '../../src/report/figure-geometry.ts';
import { interchangeFigures } from '../../src/report/figure-interchange.ts';
import { mapFigures } from '../../src/report/figure-maps.ts';
import { preferenceFigure, scoreFigure } from '../../src/report/figure-scores.ts';
import {
  byteText,
  durationText,
  fixed,
  inUnit,
  measuredText,
  percent,
  plain,
  pText,
  shortened,
  whole,
} from '../../src/report/format.ts';
import { escapeText, html } from '../../src/report/html.ts';
import { strip, stripDomain } from '../../src/report/marks.ts';
import type { ColumnData } from '../../src/report/page-data.ts';
import { numberColumn, textColumn } from '../../src/report/table.ts';
import { STRENGTHS } from '../../src/report/words.ts';
import { sampleRecord } from './sample-record.ts';

/** As the page's script reads it. */
function cells(column: ColumnData): (string | number | null)[] {
  const floats = (text: string, bytes: number, read: (view: DataView, at: number) => number): number[] => {
    const buffer = Buffer.from(text, 'base64');
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    return Array.from({ length: buffer.length / bytes }, (_, i) => read(view, i * bytes));
  };
  if (column.kind === 'text')
    return floats(column.codes, 2, (v, at) => v.getUint16(at, true)).map((c) => column.levels[c]!);
  if ('values' in column) return [...column.values];
  return floats(column.float32, 4, (v, at) => v.getFloat32(at, true)).map((x) =>
    Number.isNaN(x) ? null : x,
  );
}

describe('text into markup', () => {
  test('leaves nothing that could start or end an element, an attribute or an entity', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { markup } = html`<p title="${text}">${text}</p>`;
        const inner = markup.slice('<p title="'.length, -'</p>'.length);
        expect(inner.split('">').length).toBe(2);
        expect(escapeText(text)).not.toMatch(/[<>"'`]|&(?!amp;|lt;|gt;|quot;|#39;|#96;)/);
      }),
    );
  });

  test('passes markup through once, flattens lists, and drops what is not there', () => {
    const inner = html`<b>${'<'}</b>`;
    expect(html`${[inner, 'a&b', null, undefined, false, 3]}`.markup).toBe('<b>&lt;</b>a&amp;b3');
  });

  test('JSON for a script parses back to the same value and holds no angle bracket', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { markup } = scriptJson(value);
        expect(markup).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.parse(markup)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('packed columns', () => {
  test('text comes back as it was, each distinct value stored once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', '', '<x>', '__proto__')), (values) => {
        const column = textColumn('c', values);
        expect(cells(column)).toEqual(values);
        expect(column.kind === 'text' && column.levels.length).toBe(new Set(values).size);
      }),
    );
  });

  test('numbers come back to float32 precision, gaps as gaps, short columns exactly', () => {
    const number = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }), {
      nil: null,
    });
    fc.assert(
      fc.property(fc.array(number, { maxLength: 200 }), (values) => {
        const expected =
          values.length < 64 ? values : values.map((x) => (x === null ? null : Math.fround(x)));
        expect(cells(numberColumn('n', values))).toEqual(expected);
      }),
    );
    expect(float32Base64([1, null])).toBe('AACAPwAAwH8=');
    expect(uint16Base64([1, 256])).toBe('AQAAAQ==');
  });
});

describe('numbers for readers', () => {
  test('have one form per unit', () => {
    expect(percent(0.9712)).toBe('97\u202f%');
    expect(percent(0.0451)).toBe('4.5\u202f%');
    expect(percent(0.9952)).toBe('99.5\u202f%');
    expect(percent(0.9999)).toBe('>\u202f99.9\u202f%');
    expect(percent(0.0001)).toBe('<\u202f0.1\u202f%');
    expect(percent(0)).toBe('0\u202f%');
    expect(percent(1)).toBe('100\u202f%');
    expect(fixed(-0.004, 2)).toBe('0.00');
    expect(fixed(-1.5, 2)).toBe('\u22121.50');
    expect(inUnit(0.83, 'points')).toBe('+83.0');
    const p = (value: number): string => pText({ state: 'measured', value });
    expect([p(0.001), p(0.05), p(0.0002), p(1)]).toEqual([
      'p\u00a0=\u00a00.001',
      'p\u00a0=\u00a00.050',
      'p\u00a0<\u00a00.001',
      'p\u00a0=\u00a01.000',
    ]);
    expect(inUnit(-0.031, 'points')).toBe('\u22123.1');
    expect(inUnit(1234567, 'count')).toBe('1,234,567');
    expect(plain(2.4e-7)).toBe('2.4\u202f\u00d7\u202f10\u207b\u2077');
    expect(plain(0.05)).toBe('0.05');
    expect(whole(999)).toBe('999');
    expect(byteText(438_217)).toBe('438\u00a0kB');
    expect(durationText(200_000)).toBe('3\u00a0min 20\u00a0s');
    expect(measuredText(undefinedBecause('none'), 'nats')).toBe('\u2013');
    expect(measuredText(measured(5.616), 'nats')).toBe('5.62\u00a0nats');
  });

  test('long names keep both ends, whole characters only', () => {
    expect(shortened('blocks.0.resid_mid', 40)).toBe('blocks.0.resid_mid');
    expect(shortened('abcdefghij', 5)).toBe('ab\u2026ij');
    expect([...shortened('\u{1F469}'.repeat(9), 5)].length).toBe(5);
  });
});

describe('a number on its axis', () => {
  test('lies where its value says, inside the picture even when the value is not inside the axis', () => {
    const at = (value: number): number =>
      Number(/cx="([\d.]+)"/.exec(strip({ unit: 'ratio', value, domain: [0, 1] }).markup)![1]);
    expect(at(0)).toBe(7);
    expect(at(1)).toBe(233);
    expect(at(0.5)).toBe(120);
    expect(at(40)).toBe(233);
  });

  test('has an axis that holds zero, the value, its interval and its nulls', () => {
    const [low, high] = stripDomain([
      {
        unit: 'nats',
        value: 2,
        interval: { low: -3, high: 5 },
        nulls: [
          {
            id: 'n',
            label: 'n',
            draws: 9,
            mean: measured(0),
            low: measured(-7),
            high: measured(6),
            pValue: measured(0.1),
          },
        ],
      },
    ]);
    expect(low).toBeLessThanOrEqual(-7);
    expect(high).toBeGreaterThanOrEqual(6);
  });
});

describe('findings are made by rule from the numbers', () => {
  test('the share between groups is epsilon squared: 1 for groups that are points, near 0 for a random split', () => {
    expect(betweenShare([[0, 0, 5, 5]], ['a', 'a', 'b', 'b'])).toBe(1);
    // Total 17, within 0.5 + 0.5: 1 - (1 / 17)(3 / 2). The second split leaves more within than chance would.
    expect(betweenShare([[0, 1, 4, 5]], ['a', 'a', 'b', 'b'])).toBeCloseTo(1 - 1.5 / 17, 12);
    expect(betweenShare([[0, 2, 1, 3]], ['a', 'a', 'b', 'b'])).toBe(0);
    expect(betweenShare([[1, 1]], ['a', 'b'])).toBeUndefined();
  });

  test('a map names its best site and its value', () => {
    const sites = {
      hooks: ['early', 'late'],
      positions: [-2, -1],
      layers: [
        {
          id: 'probe.proxy',
          label: 'probe',
          unit: 'accuracy' as const,
          chance: 0.04,
          values: [
            [0.1, 0.2],
            [null, 0.9],
          ],
        },
        {
          id: 'control',
          label: 'control',
          unit: 'accuracy' as const,
          chance: 0.04,
          values: [
            [0.05, 0.06],
            [0.03, 0.01],
          ],
        },
      ],
    };
    const [figure, ...others] = mapFigures(sites);
    expect(others).toEqual([]);
    expect(figure!.data.finding).toBe(
      'probe: highest at late @ \u22121, 90\u202f% (chance 4\u202f%). Highest elsewhere: control: 6\u202f%.',
    );
    expect(figure!.table.rows).toBe(4);
    expect(cells(figure!.table.columns[2]!)).toEqual([0.1, 0.2, null, 0.9]);
  });

  test('an exchange is called clear of its null only when its whole interval is', () => {
    const [point] = sampleRecord().interchange.filter(({ role, rank }) => role === 'proxy' && rank === null);
    const find = (low: number): string => {
      const interval = { ...point!.interval!, low, high: 3 };
      const nulls = point!.nulls.map((comparison) => ({ ...comparison, high: measured(1) }));
      return interchangeFigures([{ ...point!, effect: measured(2), interval, nulls }])[0]!.data.finding;
    };
    expect(find(1.1)).toContain('at most 2.00 nats, at embed, clear of its null');
    expect(find(0.9)).toContain('not clear of its null');
  });

  test('scores fall into bins that have an edge at 0 and miss none', () => {
    const { examples } = sampleRecord();
    const figure = scoreFigure(examples)!;
    const [behavior, starts, ends, counts] = figure.table.columns.map(cells);
    const scored = examples.filter(({ score }) => score.state === 'measured');
    expect(counts!.reduce<number>((sum, count) => sum + Number(count), 0)).toBe(scored.length);
    expect(starts).toContain(0);
    for (const [i, start] of starts!.entries()) {
      const inside = scored.filter(
        ({ score, behavior: own }) =>
          own === behavior![i] &&
          score.state === 'measured' &&
          score.value >= Number(start) &&
          score.value < Number(ends![i]),
      );
      expect(Math.abs(inside.length - Number(counts![i])), `bin at ${start}`).toBeLessThanOrEqual(1);
    }
  });

  test('silent examples are counted by the sign of score and preference', () => {
    const { examples } = sampleRecord();
    const both = examples.flatMap(({ score, preference }) =>
      score.state === 'measured' && preference.state === 'measured'
        ? [[score.value, preference.value] as const]
        : [],
    );
    const silent = both.filter(([score, preference]) => score > 0 && preference <= 0).length;
    expect(silent).toBeGreaterThan(0);
    expect(preferenceFigure(examples)!.data.finding).toContain(
      `${silent} read as proxy while preferring the intended action`,
    );
    expect(preferenceFigure([])).toBeUndefined();
  });
});

describe('the numbers beside a verdict', () => {
  test('all have words of their own on the page', () => {
    const older = ['slopeIntended', 'slopeProxy'];
    expect(Object.keys(STRENGTHS).sort()).toEqual([...Object.keys(STRENGTH), ...older].sort());
  });
});
