/** @file report: figures of what is read without the network, and of how far a stated probability means what it says. */
import type { BaselineReading, CalibrationTable } from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, measuredText, percent, whole, withInterval } from './format.ts';
import { html, outside } from './html.ts';
import { numberOf, readerTable, tableOf } from './table.ts';
import { ROLE_NAMES } from './words.ts';

/** What the inputs and the outputs give away, beside the probe; undefined without baselines. */
export function baselineFigure(readings: readonly BaselineReading[]): Figure | undefined {
  if (readings.length === 0) return undefined;
  const features = [...new Map(readings.map(({ id, label }) => [id, label]))];
  const rows = readings;
  const best = rows
    .filter(({ id }) => id !== 'probe')
    .reduce<BaselineReading | undefined>(
      (top, row) => ((numberOf(row.accuracy) ?? -1) > (numberOf(top?.accuracy) ?? -1) ? row : top),
      undefined,
    );
  return figure({
    data: {
      id: 'baselines',
      title: 'Without the network',
      finding:
        best === undefined || best.accuracy.state !== 'measured'
          ? 'No baseline could be read.'
          : `At best a baseline reads ${percent(best.accuracy.value)} (${ROLE_NAMES[best.role]}, from ${best.label}). What an input gives away, an activation may only have kept.`,
      table: 'baselines-table',
      drawing: { kind: 'baselines', features: features.map(([id, label]) => ({ id, label })) },
    },
    tableData: tableOf('baselines-table', rows, [
      { name: 'role', text: ({ role }) => role },
      { name: 'features', text: ({ id }) => id },
      { name: 'accuracy', number: ({ accuracy }) => numberOf(accuracy) },
      { name: 'low', number: ({ interval }) => interval?.low ?? null },
      { name: 'high', number: ({ interval }) => interval?.high ?? null },
      { name: 'chance', number: ({ chance }) => chance },
    ]),
    reader: readerTable({
      caption: 'Balanced accuracy of the same probe on other features',
      heads: [
        { text: 'Features' },
        { text: 'Variable' },
        { text: 'Accuracy', number: true },
        { text: 'Chance', number: true },
      ],
      rows: rows.map((row) => [
        outside(row.label),
        ROLE_NAMES[row.role],
        withInterval(row.accuracy, row.interval, 'accuracy'),
        percent(row.chance),
      ]),
    }),
    howToRead: html`The same ridge probe, fitted and read on the same rows, from features that need no network. A variable that the tokens spell out is in the input already.`,
  });
}

/** Stated probability against the share that came true; none without a calibrated score. */
export function calibrationFigures(tables: readonly CalibrationTable[]): readonly Figure[] {
  return tables.map((table) => {
    const bins = table.bins.filter(({ count }) => count > 0);
    return figure({
      data: {
        id: `calibration-${table.id.replace(/[^a-z0-9-]/gi, '-')}`,
        title: 'Calibration of the internal score',
        finding: `${table.label.charAt(0).toUpperCase()}${table.label.slice(1)}: Brier score ${measuredText(table.brier, 'ratio')}, expected calibration error ${measuredText(table.ece, 'ratio')}, over ${whole(table.rows)} rows.`,
        table: `calibration-${table.id}-table`,
        drawing: { kind: 'calibration' },
      },
      tableData: tableOf(`calibration-${table.id}-table`, bins, [
        { name: 'stated', number: ({ stated }) => stated },
        { name: 'observed', number: ({ observed }) => observed },
        { name: 'rows', number: ({ count }) => count },
      ]),
      reader: readerTable({
        caption: 'Stated probability and what came true',
        heads: [
          { text: 'Stated between', number: true },
          { text: 'Rows', number: true },
          { text: 'Mean stated', number: true },
          { text: 'Came true', number: true },
        ],
        rows: table.bins.map(({ low, high, count, stated, observed }) => [
          `${fixed(low, 2)} and ${fixed(high, 2)}`,
          whole(count),
          stated === null ? '\u2013' : fixed(stated, 2),
          observed === null ? '\u2013' : fixed(observed, 2),
        ]),
      }),
      howToRead: html`On the diagonal a stated probability means what it says. Larger marks stand for more rows.`,
    });
  });
}
