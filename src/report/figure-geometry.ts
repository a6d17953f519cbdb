/** @file report: principal components of the activations, coloured by what examples are, do and read as. */
import type { Geometry } from '../record/parts.ts';
import type { ExampleRecord, RunRecord } from '../record/record.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, percent, whole } from './format.ts';
import { html, outside } from './html.ts';
import type { Coloring } from './page-data.ts';
import { numberColumn, readerTable, textColumn, tidyTable } from './table.ts';

type Grouping = {
  readonly column: string;
  readonly label: string;
  readonly groupOf: (example: ExampleRecord) => string;
};

const ABSENT = '(not in the record)';

export function geometryFigure(geometry: Geometry, record: RunRecord): Figure {
  const { components, explained, exampleIds, hook, position } = geometry;
  const examples = new Map(record.examples.map((example) => [example.id, example]));
  const rows = exampleIds.map((id) => examples.get(id));
  const groupings = groupingsOf(record).filter(
    ({ groupOf }) => new Set(rows.map((row) => (row === undefined ? ABSENT : groupOf(row)))).size > 1,
  );
  const valuesOf = ({ groupOf }: Grouping): string[] =>
    rows.map((row) => (row === undefined ? ABSENT : groupOf(row)));
  const plane = components.slice(0, 2);
  const separated = groupings.map((grouping) => ({
    grouping,
    share: betweenShare(plane, valuesOf(grouping)),
  }));
  const colorings = separated.map(
    ({ grouping: { column, label }, share }): Coloring => ({
      column,
      label,
      finding:
        share === undefined
          ? `${label}: groups too small to say how far they lie apart.`
          : `${label}: its groups account for ${percent(share)} of the spread in the first two components.`,
    }),
  );
  const table = 'geometry-table';
  const names = components.map((_, i) => `PC${i + 1}`);
  return figure({
    data: {
      id: 'geometry-components',
      title: 'Activations along their principal components',
      finding: finding(geometry, separated),
      table,
      drawing: {
        kind: 'components',
        components: names.map((column, i) => ({
          column,
          label: explained[i] === undefined ? column : `${column}, ${percent(explained[i])} of variance`,
        })),
        colorings,
      },
    },
    tableData: tidyTable(
      table,
      [
        textColumn('id', exampleIds),
        ...components.map((values, i) =>
          numberColumn(
            names[i]!,
            exampleIds.map((_, row) => values[row] ?? null),
          ),
        ),
        ...groupings.map((grouping) => textColumn(grouping.column, valuesOf(grouping))),
      ],
      exampleIds.length,
    ),
    reader: html`${readerTable({
      caption: 'Share of variance per component',
      heads: [{ text: 'Component' }, { text: 'Share of variance', number: true }],
      rows: names.map((name, i) => [name, explained[i] === undefined ? '\u2013' : percent(explained[i])]),
    })}${separated.map(({ grouping }) => centroids(grouping, valuesOf(grouping), plane))}<p class="small">Every point is in the CSV and JSON downloads.</p>`,
    howToRead: html`One mark per example, at <code>${hook} @ ${String(position)}</code>. Components are directions of greatest spread; they were not chosen to separate anything. Choose a mark to open its example.`,
  });
}

function groupingsOf(record: RunRecord): readonly Grouping[] {
  const goals = (['intended', 'proxy', 'irrelevant'] as const).map(
    (role): Grouping => ({
      column: `label_${role}`,
      label: `Label: ${role}`,
      groupOf: (example) => String(example.goals[role] ?? '\u2013'),
    }),
  );
  const contexts = Object.keys(record.data.contexts).map(
    (name, i): Grouping => ({
      column: `context_${i + 1}`,
      label: `Context: ${name}`,
      groupOf: ({ context }) => (Object.hasOwn(context, name) ? String(context[name]) : '\u2013'),
    }),
  );
  return [
    { column: 'behavior', label: 'Behavior', groupOf: ({ behavior }) => behavior },
    { column: 'internal', label: 'Internal reading', groupOf: ({ internal }) => internal },
    { column: 'set', label: 'Data set', groupOf: ({ set }) => set },
    ...goals,
    ...contexts,
  ];
}

/**
 * Share of the summed variance of the given components that lies between groups, corrected for the number of groups
 * (epsilon squared, Kelley 1935: 1 - (1 - eta^2)(n - 1)/(n - k), not below 0); undefined with too few rows per group.
 */
export function betweenShare(
  components: readonly (readonly number[])[],
  groups: readonly string[],
): number | undefined {
  const n = groups.length;
  const k = new Set(groups).size;
  if (n - k < 1 || components.length === 0) return undefined;
  let total = 0;
  let within = 0;
  for (const values of components) {
    const sums = new Map<string, { sum: number; squares: number; count: number }>();
    const all = { sum: 0, squares: 0, count: 0 };
    for (const [i, group] of groups.entries()) {
      const value = values[i] ?? 0;
      const own = sums.get(group) ?? { sum: 0, squares: 0, count: 0 };
      sums.set(group, own);
      for (const part of [own, all]) {
        part.sum += value;
        part.squares += value * value;
        part.count++;
      }
    }
    const scatter = (part: typeof all): number => part.squares - (part.sum * part.sum) / part.count;
    total += scatter(all);
    for (const own of sums.values()) within += scatter(own);
  }
  if (total <= 0) return undefined;
  return Math.max(0, 1 - ((within / total) * (n - 1)) / (n - k));
}

function finding(
  { explained }: Geometry,
  separated: readonly { readonly grouping: Grouping; readonly share: number | undefined }[],
): string {
  const first = explained.slice(0, 2);
  const held = `The first ${first.length === 1 ? 'component holds' : 'two components hold'} ${percent(first.reduce((sum, share) => sum + share, 0))} of the variance.`;
  const best = separated
    .flatMap(({ grouping, share }) => (share === undefined ? [] : [{ grouping, share }]))
    .sort((a, b) => b.share - a.share)[0];
  return best === undefined
    ? held
    : `${held} Of the colourings, \u201c${best.grouping.label}\u201d lies furthest apart in them: ${percent(best.share)} of the spread is between its groups.`;
}

function centroids(
  { label }: Grouping,
  values: readonly string[],
  plane: readonly (readonly number[])[],
): ReturnType<typeof html> {
  const groups = [...new Set(values)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const mean = (group: string, component: readonly number[]): number => {
    const own = component.filter((_, i) => values[i] === group);
    return own.reduce((sum, value) => sum + value, 0) / own.length;
  };
  return readerTable({
    caption: html`Mean position by ${outside(label)}`,
    heads: [
      { text: 'Group' },
      { text: 'Examples', number: true },
      ...plane.map((_, i) => ({ text: `Mean PC${i + 1}`, number: true })),
    ],
    rows: groups.map((group) => [
      outside(group),
      whole(values.filter((value) => value === group).length),
      ...plane.map((component) => fixed(mean(group, component), 2)),
    ]),
  });
}
