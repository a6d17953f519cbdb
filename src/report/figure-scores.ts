/** @file report: the internal score of every example: its distribution by behavior, and against what the model preferred. */
import type { Serves } from '../record/parts.ts';
import type { ExampleRecord } from '../record/record.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, percent, whole } from './format.ts';
import { html } from './html.ts';
import { numberColumn, readerTable, textColumn, tidyTable } from './table.ts';
import { SERVES, SERVES_ORDER } from './words.ts';

type Scored = { readonly example: ExampleRecord; readonly score: number };

function scored(examples: readonly ExampleRecord[]): readonly Scored[] {
  return examples.flatMap((example) =>
    example.score.state === 'measured' ? [{ example, score: example.score.value }] : [],
  );
}

/** Score distributions by behavior, in bins that all rows share; undefined without scores. */
export function scoreFigure(examples: readonly ExampleRecord[]): Figure | undefined {
  const rows = scored(examples);
  if (rows.length === 0) return undefined;
  const behaviors = SERVES_ORDER.filter((what) => rows.some(({ example }) => example.behavior === what));
  const bins = binsOf(rows.map(({ score }) => score));
  const counts = behaviors.flatMap((behavior) => {
    const own = rows.filter(({ example }) => example.behavior === behavior);
    return bins.starts.map((start, bin) => ({
      behavior,
      start,
      count: own.filter(({ score }) => bins.indexOf(score) === bin).length,
    }));
  });
  return figure({
    data: {
      id: 'geometry-scores',
      title: 'Internal score by behavior',
      finding: scoreFinding(rows, behaviors),
      table: 'scores-table',
      drawing: { kind: 'scores', behaviors, width: bins.width },
    },
    tableData: tidyTable(
      'scores-table',
      [
        textColumn(
          'behavior',
          counts.map(({ behavior }) => behavior),
        ),
        numberColumn(
          'bin_start',
          counts.map(({ start }) => start),
        ),
        numberColumn(
          'bin_end',
          counts.map(({ start }) => start + bins.width),
        ),
        numberColumn(
          'examples',
          counts.map(({ count }) => count),
        ),
      ],
      counts.length,
    ),
    reader: readerTable({
      caption: 'Examples per bin of the internal score',
      heads: [{ text: 'Score' }, ...behaviors.map((what) => ({ text: SERVES[what], number: true }))],
      rows: bins.starts.map((start, bin) => [
        `${fixed(start, 2)} to ${fixed(start + bins.width, 2)}`,
        ...behaviors.map((_, b) => whole(counts[b * bins.starts.length + bin]!.count)),
      ]),
    }),
    howToRead: html`Score: what the probe gives the proxy's value minus what it gives the intended goal's; right of 0 reads as proxy. One row per behavior, each on its own height.`,
  });
}

/** Each example by internal score and behavioral preference; undefined without examples that have both. */
export function preferenceFigure(examples: readonly ExampleRecord[]): Figure | undefined {
  const rows = scored(examples).flatMap(({ example, score }) =>
    example.preference.state === 'measured' ? [{ example, score, preference: example.preference.value }] : [],
  );
  if (rows.length === 0) return undefined;
  const quadrant = (proxyRead: boolean, proxyDone: boolean): number =>
    rows.filter(({ score, preference }) => score > 0 === proxyRead && preference > 0 === proxyDone).length;
  const silent = quadrant(true, false);
  const agree = quadrant(true, true) + quadrant(false, false);
  const cells = [
    { read: 'intended', does: 'intended', count: quadrant(false, false) },
    { read: 'intended', does: 'proxy', count: quadrant(false, true) },
    { read: 'proxy', does: 'intended', count: silent },
    { read: 'proxy', does: 'proxy', count: quadrant(true, true) },
  ];
  return figure({
    data: {
      id: 'score-against-preference',
      title: 'Each example: what it reads as, what it prefers',
      finding: `Sign of score and preference agree in ${whole(agree)} of ${whole(rows.length)} examples (${percent(agree / rows.length)}); ${whole(silent)} read as proxy while preferring the intended action.`,
      table: 'preference-table',
      drawing: { kind: 'score-against-preference' },
    },
    tableData: tidyTable(
      'preference-table',
      [
        textColumn(
          'id',
          rows.map(({ example }) => example.id),
        ),
        textColumn(
          'set',
          rows.map(({ example }) => example.set),
        ),
        textColumn(
          'behavior',
          rows.map(({ example }) => example.behavior),
        ),
        textColumn(
          'internal',
          rows.map(({ example }) => example.internal),
        ),
        numberColumn(
          'score',
          rows.map(({ score }) => score),
        ),
        numberColumn(
          'preference_nats',
          rows.map(({ preference }) => preference),
        ),
      ],
      rows.length,
    ),
    reader: html`${readerTable({
      caption: 'Examples by sign of score and preference',
      heads: [
        { text: 'Score reads as' },
        { text: 'Prefers the action of' },
        { text: 'Examples', number: true },
      ],
      rows: cells.map(({ read, does, count }) => [read, does, whole(count)]),
    })}<p class="small">Every point is in the CSV and JSON downloads.</p>`,
    howToRead: html`Across: internal score, right reads as proxy. Up: log\u2009\u03c0(proxy's action)\u2009\u2212\u2009log\u2009\u03c0(intended action), in nats. The shaded corner is where behavior looks as intended and the reading does not. Choose a mark to open its example.`,
  });
}

function binsOf(scores: readonly number[]): {
  readonly starts: readonly number[];
  readonly width: number;
  readonly indexOf: (score: number) => number;
} {
  const low = scores.reduce((least, score) => Math.min(least, score), 0);
  const high = scores.reduce((most, score) => Math.max(most, score), 0);
  // A width of 1, 2 or 5 times a power of ten that gives about 30 bins; 0 is always an edge, since it is the threshold.
  const rough = (high - low || 1) / 30;
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = [1, 2, 5, 10].map((step) => step * power).find((step) => step >= rough)!;
  const first = Math.floor(low / width);
  const count = Math.floor(high / width) - first + 1;
  return {
    starts: Array.from({ length: count }, (_, i) => Number(((first + i) * width).toPrecision(12))),
    width,
    indexOf: (score) => Math.floor(score / width) - first,
  };
}

function scoreFinding(rows: readonly Scored[], behaviors: readonly Serves[]): string {
  const parts = behaviors.map((behavior) => {
    const own = rows.filter(({ example }) => example.behavior === behavior).map(({ score }) => score);
    const sorted = own.sort((a, b) => a - b);
    const middle = (sorted.length - 1) / 2;
    const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
    return `${fixed(median, 2)} where it serves ${behavior} (n\u00a0=\u00a0${whole(own.length)})`;
  });
  return `Median score: ${parts.join(', ')}.`;
}
