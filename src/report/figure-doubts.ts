/** @file report: figures that put a finding to the test at other places: erasure from each hook on, and exchange at other hooks. */
import type {
  ErasurePoint,
  Measured,
  NullComparison,
  RecordedInterval,
  SensitivityPoint,
} from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, measuredText, percent, withInterval } from './format.ts';
import { html } from './html.ts';
import { numberOf, readerTable, tableOf } from './table.ts';
import { ROLE_NAMES } from './words.ts';

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
  return tableOf(id, rows, [
    { name: 'role', text: ({ role }) => role },
    { name: 'scope', text: () => scope },
    { name: 'hook', text: ({ hook }) => hook },
    { name: 'position', number: ({ position }) => position },
    { name: 'rank', text: () => 'whole' },
    { name: 'effect_nats', number: ({ effect }) => numberOf(effect) },
    { name: 'low', number: ({ interval }) => interval?.low ?? null },
    { name: 'high', number: ({ interval }) => interval?.high ?? null },
    { name: 'null_low', number: (row) => numberOf(row.null?.low) },
    { name: 'null_high', number: (row) => numberOf(row.null?.high) },
  ]);
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
    const largest = Math.max(...own.map(({ effect }) => numberOf(effect) ?? -Infinity));
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
        withInterval(point.effect, point.interval, 'nats'),
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
        withInterval(point.intended, point.intendedInterval, 'nats'),
        withInterval(point.proxy, point.proxyInterval, 'nats'),
        measuredText(point.proxyWeight, 'ratio'),
        point.chosen ? 'yes' : '',
      ]),
    }),
    howToRead: html`The verdict rests on the hook that the select side chose. A finding that holds at one hook alone deserves doubt; the last hooks hold the decision itself.`,
  });
}
