/** @file report: a record to one offline HTML page; pure: the same record and assets give the same bytes. */
import type { RunRecord } from '../record/record.ts';
import { type InlineScript, inlineScript, inlineStyle, scriptJson, utf8Bytes } from './embed.ts';
import type { Figure } from './figure.ts';
import { baselineFigure, calibrationFigures } from './figure-baselines.ts';
import { doseFigures } from './figure-doses.ts';
import { erasureFigure, sensitivityFigure } from './figure-doubts.ts';
import { geometryFigure } from './figure-geometry.ts';
import { interchangeFigures } from './figure-interchange.ts';
import { mapFigures } from './figure-maps.ts';
import { preferenceFigure, scoreFigure } from './figure-scores.ts';
import { type Html, html, outside } from './html.ts';
import type { PageData, TableData } from './page-data.ts';
import { aboutSection } from './section-about.ts';
import { behaviorSection } from './section-behavior.ts';
import { ladderSection } from './section-ladder.ts';
import { lensesSection, lensFigures } from './section-lenses.ts';
import { verdictLine, verdictSection, warningsSection } from './section-verdict.ts';
import { causalSection, examplesSection, geometrySection, whereSection } from './sections-figures.ts';
import { type ReportView, viewOf } from './view.ts';

/** What a page is made with beside its record; text, so that rendering needs no file system. */
export type ReportAssets = {
  /** `plotly-cartesian.min.js`, with its licence banner. */
  readonly plotly: string;
  /** The page's own script: the files of src/report/client as one. */
  readonly client: string;
  readonly style: string;
};

/** Parts of a page in UTF-8 bytes; they add up to the whole file. */
export type PageBytes = {
  readonly plotly: number;
  readonly client: number;
  readonly style: number;
  readonly data: number;
  readonly markup: number;
  readonly total: number;
};

/**
 * The report of one record as a complete HTML document, for `file://` or any server, asking for nothing else.
 * Text of the record is escaped wherever it stands; nothing in it can become markup, script or an address.
 * Throws `INTERNAL` when an asset would end its own element.
 */
export function renderReport(record: RunRecord, options: { readonly assets: ReportAssets }): string {
  const { assets } = options;
  const view = viewOf(normalized(record) as RunRecord);
  const figures = figuresOf(view.record);
  const all = Object.values(figures).flat();
  const plotly = inlineScript(assets.plotly);
  const client = inlineScript(assets.client);
  const style = inlineStyle(assets.style);
  const data = scriptJson(pageData(view.record, all));
  const page = (bytes: PageBytes | undefined): string =>
    pageMarkup({ view, figures, plotly, client, style, data, bytes });
  // The table of bytes has a fixed width, so filling it in does not change what it counts.
  const total = utf8Bytes(page(undefined));
  const parts = {
    plotly: plotly.bytes,
    client: client.bytes,
    style: utf8Bytes(style.markup),
    data: utf8Bytes(data.markup),
  };
  const markup = total - parts.plotly - parts.client - parts.style - parts.data;
  return page({ ...parts, markup, total });
}

/**
 * The same value with sorted keys, so that a record fresh from a run and the same one read from disk give the same page, and
 * with well-formed text: half a surrogate pair has no UTF-8 form and makes addresses throw.
 */
function normalized(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\p{Surrogate}/gu, '\ufffd');
  if (Array.isArray(value)) return value.map(normalized);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [normalized(key), normalized(item)]));
}

type Figures = {
  readonly behavior: readonly Figure[];
  readonly where: readonly Figure[];
  readonly causal: readonly Figure[];
  readonly geometry: readonly Figure[];
  readonly lenses: readonly Figure[];
};

function figuresOf(record: RunRecord): Figures {
  const some = (candidate: Figure | undefined): readonly Figure[] =>
    candidate === undefined ? [] : [candidate];
  return {
    behavior: some(preferenceFigure(record.examples)),
    where: [
      ...(record.sites === null ? [] : mapFigures(record.sites)),
      ...some(baselineFigure(record.baselines)),
    ],
    causal: [
      ...interchangeFigures(record.interchange),
      ...some(sensitivityFigure(record.sensitivity)),
      ...doseFigures(record.doses),
      ...some(erasureFigure(record.erasure)),
    ],
    geometry: [
      ...(record.geometry === null || record.geometry.components.length === 0
        ? []
        : [geometryFigure(record.geometry, record)]),
      ...some(scoreFigure(record.examples)),
      ...calibrationFigures(record.calibration),
    ],
    lenses: lensFigures(record),
  };
}

function pageData(record: RunRecord, figures: readonly Figure[]): PageData {
  const tables = new Map<string, TableData>(figures.map(({ table }) => [table.id, table]));
  return {
    experiment: record.experiment,
    choices: record.data.choices,
    tables: [...tables.values()],
    figures: figures.map(({ data }) => data),
    examples: record.examples,
  };
}

type PageParts = {
  readonly view: ReportView;
  readonly figures: Figures;
  readonly plotly: InlineScript;
  readonly client: InlineScript;
  readonly style: Html;
  readonly data: Html;
  readonly bytes: PageBytes | undefined;
};

const SECTIONS = [
  ['verdict', 'Verdict'],
  ['warnings', 'Warnings'],
  ['behavior', 'Behavior'],
  ['ladder', 'Ladder'],
  ['where', 'Where'],
  ['causal', 'Causal'],
  ['geometry', 'Geometry'],
  ['lenses', 'Lenses'],
  ['examples', 'Examples'],
  ['about', 'About'],
] as const;

function pageMarkup(parts: PageParts): string {
  const { view, figures, plotly, client, style, data } = parts;
  const { record } = view;
  const all = Object.values(figures).flat();
  // Styles are inline because plotly sets style attributes; pictures are made from data and blobs by downloads.
  const policy = `default-src 'none'; script-src ${plotly.policy} ${client.policy}; connect-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="mesascope">
<title>${record.title} \u00b7 ${verdictLine(view)} \u00b7 Mesascope</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#verdict">Skip to the verdict</a>
<header class="top"><div class="top-inner"><p class="brand">Mesascope</p><nav aria-label="Parts of the report"><ol>${SECTIONS.filter(
    ([id]) => id !== 'lenses' || record.lenses !== undefined,
  ).map(
    ([id, name]) => html`<li><a href="#${id}">${name}</a></li>`,
  )}</ol></nav><div class="script-only theme" id="theme"></div></div></header>
<main>
<div class="title"><p class="eyebrow"><bdi>${record.experiment}</bdi> \u00b7 <bdi>${record.model.file}</bdi></p><h1>${outside(record.title)}</h1></div>
${verdictSection(view)}${warningsSection(view)}${behaviorSection(view, html`${figures.behavior.map(({ markup }) => markup)}`)}${ladderSection(view)}${whereSection(view, figures.where)}${causalSection(view, figures.causal)}${geometrySection(view, figures.geometry)}${lensesSection(record, figures.lenses)}${examplesSection(view)}${aboutSection(
  view,
  all.map(({ data: figure }) => figure),
  bytesTable(parts.bytes),
)}</main>
<footer><p>Made by mesascope from <code>run.json</code>. This page loads nothing and sends nothing.</p></footer>
<script type="application/json" id="page-data">${data}</script>
<script>${plotly.markup}</script>
<script>${client.markup}</script>
</body>
</html>
`.markup;
}

const BYTE_DIGITS = 13;

function bytesTable(bytes: PageBytes | undefined): Html {
  const rows: readonly (readonly [string, keyof PageBytes])[] = [
    ['Drawing library (plotly.js, MIT licence)', 'plotly'],
    ['Script of the page', 'client'],
    ['Style sheet', 'style'],
    ['Data', 'data'],
    ['Text, tables and markup', 'markup'],
    ['Whole file', 'total'],
  ];
  const cell = (part: keyof PageBytes): string =>
    (bytes === undefined ? '' : String(bytes[part]).replace(/\B(?=(\d{3})+$)/g, ',')).padStart(BYTE_DIGITS);
  return html`<table class="bytes"><caption class="visually-hidden">Bytes of this page by part</caption><thead><tr><th scope="col">Part</th><th scope="col" class="number">Bytes</th></tr></thead><tbody>${rows.map(
    ([name, part]) => html`<tr><th scope="row">${name}</th><td class="number">${cell(part)}</td></tr>`,
  )}</tbody></table>`;
}
