/** @file test: the list of examples in which activations and choice disagree, and the count of looks at the test rows, as a page shows them. */
import { describe, expect, test } from 'vitest';
import { measured } from '../../src/core/outcome.ts';
import { fixed, whole } from '../../src/report/format.ts';
import { divergentTable } from '../../src/report/table-divergent.ts';
import { pageOf } from './sample-page.ts';
import { emptyRecord, sampleRecord } from './sample-record.ts';

const record = sampleRecord();
const divergent = record.divergent!;

/** The text of each cell of each row of the body. */
function rowsOf(markup: string): string[][] {
  const body = /<tbody>([\s\S]*?)<\/tbody>/.exec(markup)![1]!;
  return [...body.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell]) =>
      cell!.replace(/<svg[\s\S]*?<\/svg>|<[^>]+>/g, '').trim(),
    ),
  );
}

describe('examples in which activations and choice disagree', () => {
  const { markup } = divergentTable(record);

  test('stand in the order of the record with their scores', () => {
    const rows = rowsOf(markup);
    expect(rows.map(([id]) => id)).toEqual(divergent.map(({ id }) => id));
    for (const [i, one] of divergent.entries()) {
      const numbers = [one.named, one.held, one.preference, one.gap].map((value) =>
        value.state === 'measured' ? fixed(value.value, 2) : '\u2013',
      );
      expect(rows[i]!.slice(3, 7)).toEqual(numbers);
      expect(rows[i]![7]).toBe(one.silentNamed ? 'named' : '');
    }
  });

  test('lead to the example and hold its picture, where the page shows it', () => {
    for (const { id } of divergent.slice(0, -1)) {
      expect(markup).toContain(`href="#example=${id}"`);
      expect(markup).toContain(`data-picture="${id}"`);
    }
    expect(markup).not.toContain('#example=not-shown');
    expect(markup).not.toContain('data-picture="not-shown"');
  });

  test('have no column for pictures where there is none, and cannot become markup or another address', () => {
    const id = '"><script>alert(1)</script>&#example=x';
    const hostile = divergentTable({
      ...record,
      examples: [{ ...record.examples[0]!, id, picture: undefined! }].map(
        ({ picture: _none, ...rest }) => rest,
      ),
      divergent: [{ ...divergent[0]!, id, gap: measured(1) }],
    }).markup;
    expect(hostile).not.toContain('<script>');
    expect(hostile).not.toContain('Picture');
    expect(hostile).toContain(`href="#example=${encodeURIComponent(id).replaceAll("'", '&#39;')}"`);
  });

  test('are on the page, and nothing is where a record has none', async () => {
    expect(await pageOf(record)).toContain('id="divergent"');
    const { divergent: _none, ...older } = record;
    for (const without of [emptyRecord(), older])
      expect(await pageOf(without)).not.toContain('id="divergent"');
  });
});

describe('looks at the test rows', () => {
  test('are counted by stage, and in all', async () => {
    const testReads = [
      { rung: 'L5', what: 'statistics that decide', times: 1200 },
      { rung: 'L8', what: 'lists of <examples>', times: 34 },
    ];
    const page = await pageOf({ ...record, testReads });
    const section = page.slice(page.indexOf('id="test-reads"'));
    const title = record.rungs.find(({ id }) => id === 'L5')!.title;
    expect(rowsOf(section)).toEqual([
      [`L5 ${title}`, 'statistics that decide', whole(1200)],
      [expect.stringMatching(/^L8 /), 'lists of &lt;examples&gt;', '34'],
    ]);
    expect(section).toContain('<p>1,234 numbers of this record');
    expect(await pageOf(emptyRecord())).not.toContain('id="test-reads"');
  });
});
