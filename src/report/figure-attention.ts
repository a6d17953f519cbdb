/** @file report: where attention heads look: to the tokens of each goal, to each place, and in one example; weighs nothing. */
import type { GoalRole } from '../core/data-set.ts';
import { GOAL_ROLES } from '../core/data-set.ts';
import type { LensAttention, LensPlace } from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { percent, shortened, whole, withInterval } from './format.ts';
import { type Html, html, outside } from './html.ts';
import type { MapPanel } from './page-data.ts';
import { numberColumn, numberOf, readerTable, tableOf, textColumn, tidyTable } from './table.ts';
import { ROLE_NAMES } from './words.ts';

type Attention = Extract<LensAttention, { state: 'measured' }>;
type Head = Attention['heads'][number];

/** Marks of roles in labels that are plain text; the shapes are those of the other figures. */
const ROLE_SIGNS: Readonly<Record<GoalRole, string>> = {
  intended: '\u25cf',
  proxy: '\u25c6',
  irrelevant: '\u25a1',
};
const SIGNS_SAID =
  'Signs mark tokens that tell one goal alone: \u25cf intended, \u25c6 proxy, \u25a1 irrelevant.';

/** Up to three figures, for what the record holds. */
export function attentionFigures(attention: Attention): readonly Figure[] {
  return [goalsFigure(attention), placesFigure(attention), exampleFigure(attention)].filter(
    (one) => one !== undefined,
  );
}

function headName({ block, head }: Pick<Head, 'block' | 'head'>): string {
  return `block ${block}, head ${head}`;
}

function goalsFigure({ heads, even, rows }: Attention): Figure | undefined {
  const roles = GOAL_ROLES.filter((role) => heads.some(({ onto }) => onto[role] !== undefined));
  if (roles.length === 0) return undefined;
  const marks = heads.flatMap((head) =>
    roles.flatMap((role) => {
      const mean = head.onto[role];
      return mean === undefined ? [] : [{ name: headName(head), role, mean }];
    }),
  );
  return figure({
    data: {
      id: 'attention-goals',
      title: 'Attention from the read-out to the tokens of each goal',
      finding: goalsFinding(heads, roles, even),
      table: 'attention-goals-table',
      drawing: {
        kind: 'attention-goals',
        heads: heads.map(headName),
        even: roles.flatMap((role) => (even[role] === undefined ? [] : [{ role, share: even[role] }])),
      },
    },
    tableData: tableOf('attention-goals-table', marks, [
      { name: 'head', text: ({ name }) => name },
      { name: 'role', text: ({ role }) => role },
      { name: 'attention', number: ({ mean }) => numberOf(mean.value) },
      { name: 'low', number: ({ mean }) => mean.interval?.low ?? null },
      { name: 'high', number: ({ mean }) => mean.interval?.high ?? null },
    ]),
    reader: readerTable({
      caption: 'Mean attention from the read-out to the tokens of each goal, by head',
      heads: [{ text: 'Head' }, ...roles.map((role) => ({ text: ROLE_NAMES[role], number: true }))],
      rows: [
        ...heads.map((head) => [
          headName(head),
          ...roles.map((role) => {
            const mean = head.onto[role];
            return mean === undefined ? '\u2013' : withInterval(mean.value, mean.interval, 'share');
          }),
        ]),
        [
          'looking everywhere alike',
          ...roles.map((role) => (even[role] === undefined ? '\u2013' : percent(even[role]))),
        ],
      ],
    }),
    howToRead: html`The tokens of a goal are those that its counterfactuals change and no other goal\u2019s do, wherever they stand in a row. Means over ${whole(rows)} rows with intervals over groups; dotted: a head that looks at all places alike. Where a head looks is neither what it takes from there nor whether that counts.`,
  });
}

function goalsFinding(heads: readonly Head[], roles: readonly GoalRole[], even: Attention['even']): string {
  const said = roles.flatMap((role) => {
    const most = largest(heads, ({ onto }) => numberOf(onto[role]?.value));
    const value = most === undefined ? null : numberOf(most.onto[role]?.value);
    if (most === undefined || value === null) return [];
    const alike = even[role] === undefined ? '' : ` (${percent(even[role])} if it looked everywhere alike)`;
    return [`${ROLE_NAMES[role]}: most from ${headName(most)}, ${percent(value)}${alike}.`];
  });
  return said.length === 0 ? 'No mean is defined in any of 0 heads.' : said.join(' ');
}

function largest<T>(items: readonly T[], of: (item: T) => number | null): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) =>
      (of(item) ?? -Infinity) > (best === undefined ? -Infinity : (of(best) ?? -Infinity)) ? item : best,
    undefined,
  );
}

/** `−3: [SEP]` for what all rows share, `−3` for the rest. */
function positionName(places: readonly LensPlace[], key: number): string {
  const { text, role } = places[key]!;
  const position = `\u2212${places.length - key}${text === undefined ? '' : ':'}`;
  return [position, role && ROLE_SIGNS[role], text].filter((part) => part !== undefined).join(' ');
}

function placesFigure({ heads, places, rows, ofRows }: Attention): Figure | undefined {
  const keys = places.map((_, key) => positionName(places, key));
  if (heads.length === 0 || keys.length === 0) return undefined;
  const panel = {
    column: 'attention',
    title: 'Attention from the read-out',
    chance: 0,
    span: 1,
    percent: true,
  };
  const cells = heads.flatMap((head) =>
    keys.map((key, k) => ({ head: headName(head), key, value: head.mean[k] ?? null })),
  );
  const top = largest(cells, ({ value }) => value)!;
  return figure({
    data: {
      id: 'attention-places',
      title: 'Attention from the read-out, place by place',
      finding: `Mean over ${whole(rows)} rows of ${places.length} positions${rows < ofRows ? ` (of ${whole(ofRows)} looked at, the ${whole(ofRows - rows)} others have another length or were left out to save time)` : ''}. Most to one place: ${top.head}, ${percent(top.value ?? 0)} to \u201c${top.key}\u201d.`,
      table: 'attention-places-table',
      drawing: { kind: 'attention', queries: heads.map(headName), keys, panels: [panel] },
    },
    tableData: tableOf('attention-places-table', cells, [
      { name: 'head', text: ({ head }) => head },
      { name: 'place', text: ({ key }) => key },
      { name: 'attention', number: ({ value }) => value },
    ]),
    reader: byHead({
      caption: 'Mean attention from the read-out to each place, by head',
      heads,
      keys,
      share: (head, key) => heads[head]?.mean[key] ?? null,
    }),
    howToRead: html`One row per head, places counted from the end of the row. Full colour is all attention on one place, uncoloured none; numbers are per cent, and those below 0.5 are left out. Where rows hold their tokens in changing order, a mean by place says little. ${SIGNS_SAID}`,
  });
}

/** More places than this make no columns: the table has a row for each, and is cut as all long tables are. */
const MOST_COLUMNS = 32;

function byHead(of: {
  readonly caption: string;
  readonly heads: readonly Head[];
  readonly keys: readonly string[];
  readonly share: (head: number, key: number) => number | null;
}): Html {
  const { caption, heads, keys, share } = of;
  const cell = (head: number, key: number): string => {
    const value = share(head, key);
    return value === null ? '\u2013' : percent(value);
  };
  const wide = keys.length <= MOST_COLUMNS;
  return readerTable({
    caption,
    heads: [
      { text: 'Head' },
      ...(wide
        ? keys.map((key) => ({ text: outside(key), number: true }))
        : [{ text: 'Place' }, { text: 'Attention', number: true }]),
    ],
    rows: heads.flatMap((head, h) =>
      wide
        ? [[headName(head), ...keys.map((_, k) => cell(h, k))]]
        : keys.map((key, k) => [headName(head), outside(key), cell(h, k)]),
    ),
  });
}

/** More heads than this are shown one block at a time. */
const MOST_PANELS = 16;

function exampleFigure({ heads, example, readout }: Attention): Figure | undefined {
  const { full, places } = example;
  if (full.state === 'undefined' || heads.length === 0 || places.length === 0) return undefined;
  const keys = places.map((place, key) => placeName(place, places.length - key));
  const size = full.patterns[0]?.length ?? 0;
  // Queries that are no keys (attention to another sequence) have no names of their own.
  const queries = Array.from({ length: size }, (_, query) =>
    size === keys.length ? keys[query]! : `\u2212${size - query}`,
  );
  const cells = queries.flatMap((query, q) => keys.map((key, k) => ({ query, key, q, k })));
  const panels = heads.map((head, i): MapPanel & { readonly block: number } => ({
    column: `head ${i + 1}: ${headName(head)}`,
    title: headName(head),
    chance: 0,
    span: 1,
    percent: true,
    block: head.block,
  }));
  const at = (i: number, q: number, k: number): number | null => full.patterns[i]?.[q]?.[k] ?? null;
  const top = largest(
    heads.flatMap((head, i) => keys.map((key, k) => ({ head, key, value: at(i, readout, k) }))),
    ({ value }) => value,
  );
  const from = queries[readout] ?? 'the read-out';
  return figure({
    data: {
      id: 'attention-example',
      title: 'Attention in one example, head by head',
      finding: `Example ${shortened(example.id, 60)}, ${places.length} positions, read out at \u201c${from}\u201d.${top === undefined ? '' : ` From there most to one place: ${headName(top.head)}, ${percent(top.value ?? 0)} to \u201c${top.key}\u201d.`}`,
      table: 'attention-example-table',
      drawing: {
        kind: 'attention',
        queries,
        keys,
        panels,
        ...(heads.length > MOST_PANELS ? { byBlock: true } : {}),
      },
    },
    tableData: tidyTable(
      'attention-example-table',
      [
        textColumn(
          'from',
          cells.map(({ query }) => query),
        ),
        textColumn(
          'to',
          cells.map(({ key }) => key),
        ),
        ...panels.map(({ column }, i) =>
          numberColumn(
            column,
            cells.map(({ q, k }) => at(i, q, k)),
          ),
        ),
      ],
      cells.length,
    ),
    reader: byHead({
      caption: 'Attention from the read-out in this example, by head',
      heads,
      keys,
      share: (head, key) => at(head, readout, key),
    }),
    howToRead: html`One map per head: each row is a position that looks, each column one that is looked at; numbers are per cent, and those below 0.5 are left out. The table has the rows of the read-out, the downloads have all. ${SIGNS_SAID}`,
  });
}

function placeName({ text, role }: LensPlace, fromEnd: number): string {
  const name = text ?? `\u2212${fromEnd}`;
  return role === undefined ? name : `${ROLE_SIGNS[role]} ${name}`;
}
