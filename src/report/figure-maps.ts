/** @file report: the hook-by-position maps of one variable, side by side: probe, twins, control, variance share, causal effect. */
import type { GoalRole } from '../core/data-set.ts';
import type { SiteLayer, SiteMap } from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { inUnit, unitName } from './format.ts';
import { type Html, html, outside } from './html.ts';
import type { MapPanel } from './page-data.ts';
import { numberColumn, readerTable, textColumn, tidyTable } from './table.ts';
import { isRole, ROLE_NAMES } from './words.ts';

const ROLES: readonly GoalRole[] = ['intended', 'proxy', 'irrelevant'];

/** One figure per variable, each with the layers that speak of no variable (the control task) beside its own. */
export function mapFigures(sites: SiteMap): readonly Figure[] {
  const groups = ROLES.map((role) => ({
    id: `map-${role}`,
    title: `Where: ${ROLE_NAMES[role].toLowerCase()}`,
    own: sites.layers.filter((layer) => roleOf(layer) === role),
  })).filter(({ own }) => own.length > 0);
  const shared = sites.layers.filter((layer) => roleOf(layer) === undefined);
  const figures = groups.map(({ own, ...rest }) =>
    mapFigure(sites, { ...rest, layers: besideAccuracy(own, shared) }),
  );
  return groups.length === 0 && shared.length > 0
    ? [mapFigure(sites, { id: 'map-shared', title: 'Where', layers: shared })]
    : figures;
}

function roleOf(layer: SiteLayer): GoalRole | undefined {
  const last = layer.id.slice(layer.id.lastIndexOf('.') + 1);
  return isRole(last) ? last : undefined;
}

/** Control layers follow the last layer of accuracies, so that what is compared stands together. */
function besideAccuracy(own: readonly SiteLayer[], shared: readonly SiteLayer[]): readonly SiteLayer[] {
  const accuracies = own.filter(({ unit }) => unit === 'accuracy');
  return [...accuracies, ...shared, ...own.filter(({ unit }) => unit !== 'accuracy')];
}

function mapFigure(
  sites: SiteMap,
  options: { readonly id: string; readonly title: string; readonly layers: readonly SiteLayer[] },
): Figure {
  const { hooks, positions } = sites;
  const { id, title, layers } = options;
  const places = hooks.flatMap((hook, h) => positions.map((position, p) => ({ hook, position, h, p })));
  const panels = layers.map(
    (layer, i): MapPanel => ({
      column: `map ${i + 1}: ${layer.label}`,
      title: layer.label,
      chance: layer.chance,
      span: spanOf(sites, layer.unit),
      percent: layer.unit !== 'nats',
    }),
  );
  const valueAt = (layer: SiteLayer, h: number, p: number): number | null => layer.values[h]?.[p] ?? null;
  return figure({
    data: {
      id,
      title,
      finding: finding(sites, layers),
      table: `${id}-table`,
      drawing: { kind: 'site-maps', hooks, positions, panels },
    },
    tableData: tidyTable(
      `${id}-table`,
      [
        textColumn(
          'hook',
          places.map(({ hook }) => hook),
        ),
        numberColumn(
          'position',
          places.map(({ position }) => position),
        ),
        ...layers.map((layer, i) =>
          numberColumn(
            panels[i]!.column,
            places.map(({ h, p }) => valueAt(layer, h, p)),
          ),
        ),
      ],
      places.length,
    ),
    reader: readerTable({
      caption: `${title}, by hook and position`,
      heads: [
        { text: 'Hook' },
        { text: 'Position', number: true },
        ...layers.map((layer) => ({ text: outside(layer.label), number: true })),
      ],
      rows: places.map(({ hook, position, h, p }) => [
        html`<code>${hook}</code>`,
        String(position).replace('-', '\u2212'),
        ...layers.map((layer) => cellText(layer, valueAt(layer, h, p))),
      ]),
    }),
  });
}

function cellText(layer: SiteLayer, value: number | null): string {
  return value === null ? '\u2013' : inUnit(value, layer.unit);
}

/** Largest distance from chance over every layer of a unit, so that figures can be compared by colour. */
function spanOf({ layers }: SiteMap, unit: SiteLayer['unit']): number {
  let span = 0;
  for (const layer of layers) {
    if (layer.unit !== unit) continue;
    for (const value of layer.values.flat()) {
      if (value !== null) span = Math.max(span, Math.abs(value - layer.chance));
    }
  }
  return span === 0 ? 1 : span;
}

function peakOf(
  sites: SiteMap,
  layer: SiteLayer,
): { readonly value: number; readonly site: string } | undefined {
  let best: { value: number; site: string } | undefined;
  for (const [h, row] of layer.values.entries()) {
    for (const [p, value] of row.entries()) {
      if (value === null || (best !== undefined && value <= best.value)) continue;
      best = { value, site: `${sites.hooks[h]} @ ${String(sites.positions[p]).replace('-', '\u2212')}` };
    }
  }
  return best;
}

/** Best site of the first layer, then the best of every other one: "...; twins 21 %, control 9 %". */
function finding(sites: SiteMap, layers: readonly SiteLayer[]): string {
  const peaks = layers.map((layer) => ({ layer, peak: peakOf(sites, layer) }));
  const first = peaks.find(({ peak }) => peak !== undefined);
  if (first?.peak === undefined) return 'No site has a defined value.';
  const { layer, peak } = first;
  const others = peaks.flatMap((other) =>
    other === first || other.peak === undefined
      ? []
      : [`${other.layer.label}: ${inUnit(other.peak.value, other.layer.unit)}${unitName(other.layer.unit)}`],
  );
  return `${layer.label}: highest at ${peak.site}, ${inUnit(peak.value, layer.unit)}${unitName(layer.unit)} (chance ${inUnit(layer.chance, layer.unit)}).${
    others.length === 0 ? '' : ` Highest elsewhere: ${others.join('; ')}.`
  }`;
}

/** How to read the maps, with what full colour stands for; the same for every figure, so it is said once. */
export function mapScale(sites: SiteMap): Html {
  const units = [...new Set(sites.layers.map(({ unit }) => unit))];
  const ends = units.map(
    (unit) => `${inUnit(spanOf(sites, unit), unit)}${unitName(unit)} for ${unitWords(unit)}`,
  );
  return html`Hooks in network order, positions counted from the end. Uncoloured is what nothing at all would give (chance, or no effect); blue lies above it, orange below. Full colour is a distance of ${ends.join(', ')}, the same in every figure; a dot marks a site without a value.`;
}

function unitWords(unit: SiteLayer['unit']): string {
  return unit === 'accuracy' ? 'accuracies' : unit === 'share' ? 'shares of variance' : 'effects';
}
