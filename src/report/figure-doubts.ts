/** @file report: figures that put a finding to the test: erasure, other hooks, baselines, calibration; and the tables beside them. */
import type {
  BaselineReading,
  CalibrationTable,
  ErasurePoint,
  LeakReading,
  Measured,
  NullComparison,
  RecordedInterval,
  SensitivityPoint,
  StratumEffect,
} from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, intervalText, measuredText, percent, whole } from './format.ts';
import { type Html, html, outside } from './html.ts';
import { numberColumn, readerTable, textColumn, tidyTable } from './table.ts';
import { ROLE_NAMES } from './words.ts';

const number = (of: Measured | undefined): number | null => (of?.state === 'measured' ? of.value : null);

function withInterval(value: Measured, interval: RecordedInterval | undefined): Html {
  return html`${measuredText(value, 'nats')}${interval !== undefined && html` <span class="interval">${intervalText(interval, 'nats')}</span>`}`;
}

type HookEffect = {
  readonly role: 'intended' | 'proxy' | 'irrelevant';
  readonly hook: string;
  readonly position: number;
  readonly effect: Measured;
  readonly interval?: RecordedInterval;
  readonly null?: NullComparison;
};

/** The columns that the drawing of effects by hook reads. */
function hookTable(id: string, scope: string, rows: readonly HookEffect[]): Figure['table'] {
  return tidyTable(
    id,
    [
      textColumn(
        'role',
        rows.map(({ role }) => role),
      ),
      textColumn(
        'scope',
        rows.map(() => scope),
      ),
      textColumn(
        'hook',
        rows.map(({ hook }) => hook),
      ),
      numberColumn(
        'position',
        rows.map(({ position }) => position),
      ),
      textColumn(
        'rank',
        rows.map(() => 'whole'),
      ),
      numberColumn(
        'effect_nats',
        rows.map(({ effect }) => number(effect)),
      ),
      numberColumn(
        'low',
        rows.map(({ interval }) => interval?.low ?? null),
      ),
      numberColumn(
        'high',
        rows.map(({ interval }) => interval?.high ?? null),
      ),
      numberColumn(
        'null_low',
        rows.map((row) => number(row.null?.low)),
      ),
      numberColumn(
        'null_high',
        rows.map((row) => number(row.null?.high)),
      ),
    ],
    rows.length,
  );
}

/** What is lost when a goal is erased from a hook on; undefined when nothing was erased. */
export function erasureFigure(points: readonly ErasurePoint[]): Figure | undefined {
  if (points.length === 0) return undefined;
  const hooks = [...new Set(points.map(({ hook }) => hook))];
  const rows = points.map((point): HookEffect => {
    const [first] = point.nulls;
    return { ...point, ...(first === undefined ? {} : { null: first }) };
  });
  const said = (['intended', 'proxy'] as const).flatMap((role) => {
    const own = points.filter((point) => point.role === role);
    const largest = Math.max(...own.map(({ effect }) => number(effect) ?? -Infinity));
    return own.length === 0 || largest === -Infinity
      ? []
      : [`${ROLE_NAMES[role]}: erasing it costs at most ${fixed(largest, 2)} nats.`];
  });
  return figure({
    data: {
      id: 'erasure',
      title: 'Erasure from each hook on',
      finding: said.length === 0 ? 'No erasure has a defined effect.' : said.join(' '),
      table: 'erasure-table',
      drawing: { kind: 'interchange-by-hook', hooks, ranks: ['whole'] },
    },
    tableData: hookTable('erasure-table', 'from-here-on', rows),
    reader: readerTable({
      caption: 'Linear erasure at a hook and at all later ones',
      heads: [
        { text: 'Variable' },
        { text: 'From' },
        { text: 'Fall of the preference', number: true },
        { text: 'Random erasure', number: true },
        { text: 'Still read', number: true },
        { text: 'Chance', number: true },
        { text: 'Lost of the others', number: true },
      ],
      rows: points.map((point) => [
        ROLE_NAMES[point.role],
        html`<code>${point.hook} @ ${String(point.position)}</code>`,
        withInterval(point.effect, point.interval),
        point.nulls.map(({ high }) => measuredText(high, 'nats')).join(', ') || '\u2013',
        measuredText(point.accuracyAfter, 'accuracy'),
        percent(point.chance),
        measuredText(point.othersLost, 'points'),
      ]),
    }),
    howToRead: html`How much log probability the recommended action loses when every linear trace of a goal is taken out at the read-out, from this hook to the last (LEACE). Supporting evidence only: a goal that is stored twice survives the erasure of one copy.`,
  });
}

/** The causal effects had another hook been chosen; undefined when nothing was exchanged. */
export function sensitivityFigure(points: readonly SensitivityPoint[]): Figure | undefined {
  if (points.length === 0) return undefined;
  const hooks = [...new Set(points.map(({ hook }) => hook))];
  const rows = points.flatMap(({ hook, position, intended, proxy, intendedInterval, proxyInterval }) => [
    {
      role: 'intended' as const,
      hook,
      position,
      effect: intended,
      ...(intendedInterval === undefined ? {} : { interval: intendedInterval }),
    },
    {
      role: 'proxy' as const,
      hook,
      position,
      effect: proxy,
      ...(proxyInterval === undefined ? {} : { interval: proxyInterval }),
    },
  ]);
  const chosen = points.find((point) => point.chosen);
  const weights = points.flatMap(({ proxyWeight }) =>
    proxyWeight.state === 'measured' ? [proxyWeight.value] : [],
  );
  const range =
    weights.length === 0
      ? 'The weight of the proxy is undefined at every hook.'
      : `The weight of the proxy lies between ${fixed(Math.min(...weights), 2)} and ${fixed(Math.max(...weights), 2)} over the hooks where it is defined.`;
  return figure({
    data: {
      id: 'sensitivity',
      title: 'Had another hook been chosen',
      finding: chosen === undefined ? range : `Chosen: ${chosen.hook}. ${range}`,
      table: 'sensitivity-table',
      drawing: { kind: 'interchange-by-hook', hooks, ranks: ['whole'] },
    },
    tableData: hookTable('sensitivity-table', 'one-site', rows),
    reader: readerTable({
      caption: 'Effects of exchanging each goal, by hook',
      heads: [
        { text: 'Hook' },
        { text: 'Intended goal', number: true },
        { text: 'Proxy', number: true },
        { text: 'Weight of the proxy', number: true },
        { text: 'Chosen' },
      ],
      rows: points.map((point) => [
        html`<code>${point.hook} @ ${String(point.position)}</code>`,
        withInterval(point.intended, point.intendedInterval),
        withInterval(point.proxy, point.proxyInterval),
        measuredText(point.proxyWeight, 'ratio'),
        point.chosen ? 'yes' : '',
      ]),
    }),
    howToRead: html`The verdict rests on the hook that the select side chose. A finding that holds at one hook alone deserves doubt; the last hooks hold the decision itself.`,
  });
}

/** What the inputs and the outputs give away, beside the probe; undefined without baselines. */
export function baselineFigure(readings: readonly BaselineReading[]): Figure | undefined {
  if (readings.length === 0) return undefined;
  const features = [...new Map(readings.map(({ id, label }) => [id, label]))];
  const rows = readings;
  const best = rows
    .filter(({ id }) => id !== 'probe')
    .reduce<BaselineReading | undefined>(
      (top, row) => ((number(row.accuracy) ?? -1) > (number(top?.accuracy) ?? -1) ? row : top),
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
    tableData: tidyTable(
      'baselines-table',
      [
        textColumn(
          'role',
          rows.map(({ role }) => role),
        ),
        textColumn(
          'features',
          rows.map(({ id }) => id),
        ),
        numberColumn(
          'accuracy',
          rows.map(({ accuracy }) => number(accuracy)),
        ),
        numberColumn(
          'low',
          rows.map(({ interval }) => interval?.low ?? null),
        ),
        numberColumn(
          'high',
          rows.map(({ interval }) => interval?.high ?? null),
        ),
        numberColumn(
          'chance',
          rows.map(({ chance }) => chance),
        ),
      ],
      rows.length,
    ),
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
        html`${measuredText(row.accuracy, 'accuracy')}${row.interval !== undefined && html` <span class="interval">${intervalText(row.interval, 'accuracy')}</span>`}`,
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
      tableData: tidyTable(
        `calibration-${table.id}-table`,
        [
          numberColumn(
            'stated',
            bins.map(({ stated }) => stated),
          ),
          numberColumn(
            'observed',
            bins.map(({ observed }) => observed),
          ),
          numberColumn(
            'rows',
            bins.map(({ count }) => count),
          ),
        ],
        bins.length,
      ),
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

/** Effects within contexts and nuisance values. */
export function strataTable(strata: readonly StratumEffect[]): Html {
  return html`${
    strata.length > 0 &&
    html`<h3 id="strata">Within contexts and nuisance values</h3>${readerTable({
      caption: 'Effect of exchanging each goal, by the value of another variable',
      heads: [
        { text: 'Variable' },
        { text: 'Value' },
        { text: 'Bases', number: true },
        { text: 'Groups', number: true },
        { text: 'Intended goal', number: true },
        { text: 'Proxy', number: true },
        { text: 'Intended' },
        { text: 'Proxy' },
      ],
      rows: strata.map((stratum) => [
        html`${outside(stratum.variable)} (${stratum.kind})`,
        outside(stratum.value),
        whole(stratum.bases),
        whole(stratum.groups),
        withInterval(stratum.intended, stratum.intendedInterval),
        withInterval(stratum.proxy, stratum.proxyInterval),
        stratum.use.intended,
        stratum.use.proxy,
      ]),
    })}`
  }`;
}

/** What a split by row would have added. */
export function leakTable(leaks: readonly LeakReading[]): Html {
  return html`${
    leaks.length > 0 &&
    html`<h3 id="leaks">What a careless split would add</h3>${readerTable({
      caption: 'Accuracy with rows split at random, and with groups kept whole',
      heads: [
        { text: 'Variable' },
        { text: 'Read at' },
        { text: 'By row', number: true },
        { text: 'By group', number: true },
        { text: 'Difference', number: true },
      ],
      rows: leaks.map((leak) => [
        ROLE_NAMES[leak.role],
        html`<code>${leak.hook} @ ${String(leak.position)}</code>`,
        measuredText(leak.rowSplit, 'accuracy'),
        measuredText(leak.groupSplit, 'accuracy'),
        measuredText(leak.difference, 'points'),
      ]),
    })}`
  }`;
}
