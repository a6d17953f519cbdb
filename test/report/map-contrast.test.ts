/** @file test: the numbers in the cells of a map can be read on every colour that a cell can have, in both palettes. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

type Stops = readonly (readonly [number, string])[];
type Drawn = {
  readonly traces: readonly {
    readonly type: string;
    readonly mode?: string;
    readonly colorscale?: Stops;
    readonly zmin?: number;
    readonly zmax?: number;
    readonly z?: readonly (readonly number[])[];
    readonly x: readonly number[];
    readonly y: readonly number[];
    readonly text?: readonly string[];
    readonly textfont?: { readonly color: readonly string[] };
  }[];
};

const CLIENT = new URL('../../src/report/client/', import.meta.url);
const script = ['palette.js', 'draw-maps.js']
  .map((file) => readFileSync(new URL(file, CLIENT), 'utf8'))
  .join('\n');
/** One row of cells from `-span` to `span` about chance, drawn by the page's own script. */
function drawRow(palette: 'LIGHT' | 'DARK', values: readonly number[]): Drawn {
  const drawing = {
    hooks: ['embed'],
    positions: values.map((_, i) => i - values.length),
    panels: [{ column: 'map', title: 'Map', chance: 0.25, span: 0.5, percent: true }],
  };
  const table = { column: () => values };
  const code = `${script}\nconst numbers = (column) => column; drawMaps(table, drawing, ${palette}, 8000)`;
  return runInNewContext(code, { table, drawing }) as Drawn;
}

/** Relative luminance (WCAG 2.2, "relative luminance"). */
function luminance(rgb: readonly number[]): number {
  const [r, g, b] = rgb.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const rgbOf = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

function mixed(stops: Stops, at: number): number[] {
  const upper = stops.findIndex(([stop], i) => i > 0 && at <= stop);
  const [from, low] = stops[upper - 1]!;
  const [to, high] = stops[upper]!;
  const [a, b] = [rgbOf(low), rgbOf(high)];
  return a.map((channel, i) => channel + ((at - from) / (to - from)) * (b[i]! - channel));
}

describe.each(['LIGHT', 'DARK'] as const)('a number in a cell of the %s palette', (palette) => {
  it('has a contrast of at least 4.5 to 1 with the colour of its cell', () => {
    const values = Array.from({ length: 201 }, (_, i) => -0.25 + i / 200);
    const { traces } = drawRow(palette, values);
    const cells = traces.find(({ type }) => type === 'heatmap')!;
    const digits = traces.find(({ mode }) => mode === 'text')!;
    expect(digits.text).toHaveLength(values.length);
    const ratios = digits.x.map((p, i) => {
      const at = (cells.z![digits.y[i]!]![p]! - cells.zmin!) / (cells.zmax! - cells.zmin!);
      const [a, b] = [mixed(cells.colorscale!, at), rgbOf(digits.textfont!.color[i]!)].map(luminance);
      return (Math.max(a!, b!) + 0.05) / (Math.min(a!, b!) + 0.05);
    });
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(4.5);
  });
});
