/** @file test: which null a headline shows: only one that the rule asked, and of those the one that leaves the least room. */
import { describe, expect, test } from 'vitest';
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { NullComparison, Statistic } from '../../src/record/parts.ts';
import { headlineNull, nullSpan } from '../../src/report/nulls.ts';
import { ladderSection } from '../../src/report/section-ladder.ts';
import { viewOf } from '../../src/report/view.ts';
import { sampleRecord } from './sample-record.ts';

function against(id: string, p: number | undefined, decides?: boolean): NullComparison {
  const none = undefinedBecause('not tested');
  return {
    id,
    label: `null ${id}`,
    draws: 39,
    mean: measured(0),
    low: measured(-1),
    high: measured(id.length),
    pValue: p === undefined ? none : measured(p),
    ...(decides === undefined ? {} : { decides }),
  };
}

const idOf = (...nulls: readonly NullComparison[]): string | undefined => headlineNull({ nulls })?.id;

describe('the null of a headline', () => {
  test('is the one with the largest p among those that the rule asks', () => {
    expect(idOf(against('a', 0.025, true), against('b', 0.15, false))).toBe('a');
    expect(idOf(against('a', 0.025, true), against('b', 0.15, true))).toBe('b');
    expect(idOf(against('a', 0.15, false))).toBeUndefined();
  });

  test('may be any in a record that does not tell, and the widest where none was tested', () => {
    expect(idOf(against('a', 0.025), against('b', 0.15))).toBe('b');
    expect(idOf(against('a', undefined), against('wide', undefined))).toBe('wide');
  });

  test('is the only one beside the number of a rung; the others stand in its details, marked as shown', () => {
    const fall: Statistic = {
      id: 'L7.proxy.fall',
      label: 'fall',
      role: 'proxy',
      unit: 'nats',
      value: measured(3.6),
      nulls: [against('outside', 0.025, true), against('anywhere', 0.15, false)],
      state: 'passed',
      criterion: 'p at most 0.05',
    };
    const record = sampleRecord();
    const page = ladderSection(
      viewOf({
        ...record,
        rungs: record.rungs.map((rung) => (rung.id === 'L7' ? { ...rung, statistics: [fall] } : rung)),
      }),
    ).markup;
    const [headline, details] = page.slice(page.indexOf('id="rung-L7"')).split('<details');
    expect(headline).toContain('0.025');
    expect(headline).not.toContain('0.150');
    expect(details).toContain('Null, for information: <bdi>null anywhere');
    expect(details).toContain('Null: <bdi>null outside');
  });

  test('is spanned by its central 95 %, or told by its mean', () => {
    expect(nullSpan(against('abc', 0.1), { unit: 'nats' })).toBe('\u22121.00 to 3.00');
    const mean = { ...against('abc', 0.1), low: undefinedBecause('one number') };
    expect(nullSpan(mean, { unit: 'nats' })).toBe('0.00\u00a0nats');
  });
});

describe('the outcome of L8', () => {
  test('is named by what was found, and finding nothing is no failure', () => {
    const record = sampleRecord();
    const page = (state: 'passed' | 'failed' | 'undefined'): string => {
      const rungs = record.rungs.map((rung) => (rung.id === 'L8' ? { ...rung, state } : rung));
      const text = ladderSection(viewOf({ ...record, rungs })).markup;
      return text.slice(text.indexOf('id="rung-L8"'));
    };
    const heading = (state: 'passed' | 'failed' | 'undefined'): string =>
      /<h3>([\s\S]*?)<\/h3>/.exec(page(state))![1]!;
    expect(heading('failed')).toContain('none found');
    expect(heading('failed')).not.toContain('state-failed');
    expect(heading('passed')).toContain('>found<');
    expect(heading('undefined')).toContain('cannot be told');
  });
});
