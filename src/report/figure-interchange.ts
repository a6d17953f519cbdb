/** @file report: the interchange figures: effect by hook and by rank of the exchanged subspace, with their null bands. */
import type { InterchangePoint, NullComparison } from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, measuredText, pText, spanText, withInterval } from './format.ts';
import { html, outside } from './html.ts';
import { numberOf, readerTable, tableOf } from './table.ts';
import { ROLE_NAMES } from './words.ts';

const SCOPES = { 'one-site': 'this site alone', 'from-here-on': 'this site and all later ones' } as const;

/** Two drawings over one table; empty when nothing was exchanged. */
export function interchangeFigures(points: readonly InterchangePoint[]): readonly Figure[] {
  if (points.length === 0) return [];
  const hooks = [...new Set(points.map(({ hook }) => hook))];
  const numbers = [...new Set(points.map(({ rank }) => rank))].sort(
    (a, b) => (a ?? Number.MAX_SAFE_INTEGER) - (b ?? Number.MAX_SAFE_INTEGER),
  );
  const ranks = numbers.map(rankText);
  const rows = points.map((point) => ({ point, widest: widestNull(point.nulls) }));
  const tableData = tableOf('interchange-table', rows, [
    { name: 'role', text: ({ point }) => point.role },
    { name: 'scope', text: ({ point }) => point.scope },
    { name: 'hook', text: ({ point }) => point.hook },
    { name: 'position', number: ({ point }) => point.position },
    { name: 'rank', text: ({ point }) => rankText(point.rank) },
    { name: 'effect_nats', number: ({ point }) => numberOf(point.effect) },
    { name: 'low', number: ({ point }) => point.interval?.low ?? null },
    { name: 'high', number: ({ point }) => point.interval?.high ?? null },
    { name: 'widest_null', text: ({ widest }) => widest?.label ?? '' },
    { name: 'null_low', number: ({ widest }) => numberOf(widest?.low) },
    { name: 'null_high', number: ({ widest }) => numberOf(widest?.high) },
    { name: 'share_of_total_effect', number: ({ point }) => numberOf(point.nie) },
    { name: 'interchange_accuracy', number: ({ point }) => numberOf(point.interchangeAccuracy) },
  ]);
  const reader = readerTable({
    caption: 'Interchange by variable, scope, hook and rank',
    heads: [
      { text: 'Variable' },
      { text: 'Exchanged at' },
      { text: 'Scope' },
      { text: 'Rank', number: true },
      { text: 'Effect', number: true },
      { text: 'Widest null', number: true },
      { text: 'Share of total', number: true },
      { text: 'Choice followed', number: true },
    ],
    rows: rows.map(({ point, widest }) => [
      ROLE_NAMES[point.role],
      html`<code>${point.hook} @ ${String(point.position)}</code>`,
      SCOPES[point.scope],
      rankText(point.rank),
      withInterval(point.effect, point.interval, 'nats'),
      widest === undefined
        ? '\u2013'
        : html`<span title="${widest.label}">${nullText(widest)}</span> ${pText(widest.pValue)}`,
      measuredText(point.nie, 'ratio'),
      measuredText(point.interchangeAccuracy, 'share'),
    ]),
  });
  const names = [...new Set(rows.flatMap(({ widest }) => (widest === undefined ? [] : [widest.label])))];
  const howToRead = html`One mark per exchange: mean change of log\u2009\u03c0(new action)\u2009\u2212\u2009log\u2009\u03c0(old action), with its interval. Bands: central 95\u202f% of the widest null of each variable${names.length > 0 && html` (${names.map((name, i) => html`${i > 0 && '; '}${outside(name)}`)})`}. The last hooks pass on the decision itself, so an effect there is trivial; the earliest hook that carries it is what counts.`;
  const common = { table: tableData.id };
  return [
    figure({
      data: {
        id: 'interchange-by-hook',
        title: 'Exchange at each hook',
        finding: hookFinding(points, hooks),
        ...common,
        drawing: { kind: 'interchange-by-hook', hooks, ranks },
      },
      tableData,
      reader,
      howToRead,
    }),
    ...(ranks.length < 2
      ? []
      : [
          figure({
            data: {
              id: 'interchange-by-rank',
              title: 'Exchange within a subspace',
              finding: rankFinding(points),
              ...common,
              drawing: { kind: 'interchange-by-rank', hooks, ranks },
            },
            tableData,
            reader: html`<p class="small">The same numbers as under <a href="#interchange-by-hook">the figure by hook</a>.</p>`,
            howToRead: html`How much of the effect fits into the variable's own subspace of so many dimensions; \u201cwhole\u201d exchanges the entire vector.`,
          }),
        ]),
  ];
}

function rankText(rank: number | null): string {
  return rank === null ? 'whole' : String(rank);
}

function widestNull(nulls: readonly NullComparison[]): NullComparison | undefined {
  const width = ({ low, high }: NullComparison): number =>
    low.state === 'measured' && high.state === 'measured' ? high.value - low.value : -1;
  const [first] = [...nulls].sort((a, b) => width(b) - width(a));
  return first !== undefined && width(first) >= 0 ? first : undefined;
}

function nullText({ low, high }: NullComparison): string {
  return low.state === 'measured' && high.state === 'measured'
    ? spanText(low.value, high.value, 'nats')
    : '\u2013';
}

function effectOf(point: InterchangePoint | undefined): number | undefined {
  return point?.effect.state === 'measured' ? point.effect.value : undefined;
}

/** Largest whole-vector effect of each goal at one site, and the earliest hook with half of it. */
function hookFinding(points: readonly InterchangePoint[], hooks: readonly string[]): string {
  const said = (['intended', 'proxy', 'irrelevant'] as const).flatMap((role) => {
    const own = points.filter(
      (point) => point.role === role && point.scope === 'one-site' && point.rank === null,
    );
    const strongest = own.reduce<InterchangePoint | undefined>(
      (best, point) => ((effectOf(point) ?? -Infinity) > (effectOf(best) ?? -Infinity) ? point : best),
      undefined,
    );
    const top = effectOf(strongest);
    if (strongest === undefined || top === undefined) return [];
    const widest = widestNull(strongest.nulls);
    // The whole interval must clear the band: a mark just outside it says little.
    const least = strongest.interval?.low ?? top;
    const beyond = widest?.high.state === 'measured' ? least > widest.high.value : undefined;
    const half = own.find((point) => (effectOf(point) ?? -Infinity) >= top / 2 && hooks.includes(point.hook));
    const where =
      beyond === true && half !== undefined && half.hook !== strongest.hook
        ? `, half of it from ${half.hook} on`
        : '';
    const judged = beyond === undefined ? '' : beyond ? ', clear of its null' : ', not clear of its null';
    return [`${ROLE_NAMES[role]}: at most ${fixed(top, 2)} nats, at ${strongest.hook}${judged}${where}.`];
  });
  return said.length === 0 ? 'No exchange of the whole vector has a defined effect.' : said.join(' ');
}

/** Share of the largest effect that the earliest telling hook must carry; the last hooks carry all of it and tell nothing. */
const TELLING_SHARE = 0.9;

/** Smallest rank that carries most of the whole vector's effect at the earliest telling hook, for the goal with the largest effect. */
function rankFinding(points: readonly InterchangePoint[]): string {
  const whole = points.filter(({ rank, scope }) => rank === null && scope === 'one-site');
  const largest = whole.reduce<InterchangePoint | undefined>(
    (best, point) => ((effectOf(point) ?? -Infinity) > (effectOf(best) ?? -Infinity) ? point : best),
    undefined,
  );
  const most = effectOf(largest);
  if (largest === undefined || most === undefined || most <= 0)
    return 'No exchange of the whole vector has an effect to divide.';
  // Points come in network order.
  const strongest =
    whole.find(
      (point) =>
        point.role === largest.role &&
        point.position === largest.position &&
        (effectOf(point) ?? -Infinity) >= TELLING_SHARE * most,
    ) ?? largest;
  const top = effectOf(strongest) ?? most;
  const within = points
    .filter(
      (point) =>
        point.rank !== null &&
        point.scope === strongest.scope &&
        point.hook === strongest.hook &&
        point.position === strongest.position &&
        point.role === strongest.role,
    )
    .sort((a, b) => a.rank! - b.rank!);
  const enough = within.find((point) => (effectOf(point) ?? -Infinity) >= TELLING_SHARE * top);
  const at = `${ROLE_NAMES[strongest.role]} at ${strongest.hook}`;
  if (enough === undefined)
    return `${at}: no subspace tried carries nine tenths of the ${fixed(top, 2)} nats of the whole vector.`;
  return `${at}: a subspace of ${enough.rank} ${enough.rank === 1 ? 'dimension' : 'dimensions'} carries ${fixed(effectOf(enough)!, 2)} of the ${fixed(top, 2)} nats of the whole vector.`;
}
