/** @file report: tidy tables: as data for the page's script, and as HTML for readers; decides no content. */
import type { Measured } from '../record/parts.ts';
import { float32Base64, uint16Base64 } from './embed.ts';
import { type Html, type HtmlPart, html } from './html.ts';
import type { ColumnData, TableData } from './page-data.ts';

/** Longer number columns are packed: base64 float32 takes a third of JSON, and seven digits are more than a figure shows. */
const PACK_FROM = 64;

export function textColumn(name: string, values: readonly string[]): ColumnData {
  const levels = [...new Set(values)];
  const codeOf = new Map(levels.map((level, code) => [level, code]));
  return { kind: 'text', name, levels, codes: uint16Base64(values.map((value) => codeOf.get(value)!)) };
}

export function numberColumn(name: string, values: readonly (number | null)[]): ColumnData {
  return values.length < PACK_FROM
    ? { kind: 'number', name, values }
    : { kind: 'number', name, float32: float32Base64(values) };
}

export function tidyTable(id: string, columns: readonly ColumnData[], rows: number): TableData {
  return { id, rows, columns };
}

/** One column of a tidy table, as what each row gives for it. */
export type ColumnOf<Row> =
  | { readonly name: string; readonly text: (row: Row) => string }
  | { readonly name: string; readonly number: (row: Row) => number | null };

/** A tidy table from rows, one per mark of a figure. */
export function tableOf<Row>(id: string, rows: readonly Row[], columns: readonly ColumnOf<Row>[]): TableData {
  return tidyTable(
    id,
    columns.map((column) =>
      'text' in column
        ? textColumn(column.name, rows.map(column.text))
        : numberColumn(column.name, rows.map(column.number)),
    ),
    rows.length,
  );
}

/** A measured number as a cell of a tidy table; none where it is undefined or absent. */
export function numberOf(value: Measured | undefined): number | null {
  return value?.state === 'measured' ? value.value : null;
}

/** Longer tables would outweigh the rest of the page; what is left out is in the downloads and in run.json. */
const MOST_ROWS = 240;

export type HeadCell = { readonly text: HtmlPart; readonly number?: boolean };

/** A table for readers. The first cell of each row heads it; columns of numbers are right-aligned. */
export function readerTable(options: {
  readonly caption: HtmlPart;
  readonly heads: readonly HeadCell[];
  readonly rows: readonly (readonly HtmlPart[])[];
}): Html {
  const { caption, heads } = options;
  const rows = options.rows.slice(0, MOST_ROWS);
  const left = options.rows.length - rows.length;
  const className = (i: number): Html | undefined => (heads[i]?.number ? html` class="number"` : undefined);
  return html`<div class="table-frame" tabindex="0" role="region" aria-label="${captionText(caption)}"><table><caption>${caption}</caption><thead><tr>${heads.map(
    (head, i) => html`<th scope="col"${className(i)}>${head.text}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, i) =>
        i === 0 ? html`<th scope="row"${className(i)}>${cell}</th>` : html`<td${className(i)}>${cell}</td>`,
      )}</tr>`,
  )}</tbody></table></div>${left > 0 && html`<p class="small">${left} more rows are in the downloads and in <code>run.json</code>.</p>`}`;
}

function captionText(caption: HtmlPart): string {
  return typeof caption === 'string' ? caption : 'table';
}
