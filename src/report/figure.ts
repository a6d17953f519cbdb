/** @file report: the frame every figure stands in: name, finding, drawing, table of its numbers, downloads. */
import { type Html, type HtmlPart, html } from './html.ts';
import type { FigureData, TableData } from './page-data.ts';

/** A figure as the page needs it: markup that reads without a script, and data for the script. */
export type Figure = { readonly markup: Html; readonly data: FigureData; readonly table: TableData };

export type FigureParts = {
  readonly data: FigureData;
  readonly tableData: TableData;
  /** The numbers for readers; folded away under the drawing. */
  readonly reader: Html;
  /** How to read the drawing, in a sentence. */
  readonly howToRead?: HtmlPart;
};

export function figure({ data, tableData, reader, howToRead }: FigureParts): Figure {
  const { id, title, finding } = data;
  const markup = html`<figure class="figure" id="${id}" aria-labelledby="${id}-title">
<figcaption><h3 id="${id}-title">${title}</h3><p class="finding" id="${id}-finding">${finding}</p></figcaption>
<div class="controls script-only" data-controls="${id}"></div>
<div class="plot script-only" data-figure="${id}" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-finding"></div>
<p class="readout script-only" data-readout="${id}" aria-live="polite"></p>
${howToRead !== undefined && html`<p class="how">${howToRead}</p>`}<div class="figure-foot"><details><summary>Table of its numbers</summary>${reader}</details><div class="script-only downloads" data-downloads="${id}"></div></div>
</figure>`;
  return { markup, data, table: tableData };
}
