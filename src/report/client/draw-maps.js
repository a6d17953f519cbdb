// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: hook-by-position maps side by side, one colour scale per unit, centred at chance. */

/** @typedef {{ traces: object[], layout: Record<string, unknown> }} Drawn */
/** @typedef {Extract<import('../page-data.ts').FigureDrawing, { kind: 'site-maps' }>} SiteMaps */

const MOST_CELLS_WITH_TEXT = 400;

/**
 * `words`: positions are words, written upwards.
 * @typedef {{ hooks: readonly string[], positions: readonly (number | string)[], panels: SiteMaps['panels'], words?: boolean }} Maps
 */

/** Pixels: of a word written upwards, of a cell under one, and of the widest cell over a word. */
const WORD = { height: 74, least: 13, most: 52 };

/** @param {Table} table @param {Maps} drawing @param {Palette} palette @param {number} width @returns {Drawn} */
function drawMaps(table, drawing, palette, width) {
  const { hooks, positions, panels, words = false } = drawing;
  const longest = Math.max(...hooks.map((hook) => Math.min(24, hook.length)), 1);
  const left = Math.min(width * 0.36, 14 + 6.3 * longest);
  const gap = 16;
  const fits = Math.max(1, Math.floor((width - left + gap) / (150 + gap)));
  const rows = Math.ceil(panels.length / fits);
  const perRow = words ? Math.ceil(panels.length / rows) : Math.min(panels.length, fits);
  const cell = hooks.length > 30 ? 13 : hooks.length > 16 ? 18 : 26;
  const head = 40;
  const foot = words ? WORD.height : 22;
  const inner = cell * hooks.length;
  const height = rows * (head + inner + foot);
  const wide = (width - left - gap * (perRow - 1) - 4) / perRow;
  const panelWidth = words ? Math.min(wide, WORD.most * positions.length) : wide;
  const withText =
    hooks.length * positions.length < MOST_CELLS_WITH_TEXT && panelWidth / positions.length >= 17;
  /** @type {object[]} */
  const traces = [];
  /** @type {object[]} */
  const annotations = [];
  /** @type {Record<string, unknown>} */
  const axes = {};
  for (const [i, panel] of panels.entries()) {
    const row = Math.floor(i / perRow);
    const column = i % perRow;
    const x0 = (left + column * (panelWidth + gap)) / width;
    const x1 = x0 + panelWidth / width;
    const y1 = 1 - (row * (head + inner + foot) + head) / height;
    const y0 = y1 - inner / height;
    const suffix = i === 0 ? '' : String(i + 1);
    const flat = numbers(table.column(panel.column));
    const z = hooks.map((_, h) => positions.map((__, p) => flat[h * positions.length + p] ?? null));
    traces.push({
      type: 'heatmap',
      x: positions.map((_, p) => p),
      y: hooks.map((_, h) => h),
      z,
      zmin: panel.chance - panel.span,
      zmax: panel.chance + panel.span,
      colorscale: palette.diverging,
      showscale: false,
      hoverinfo: 'none',
      xgap: 1.5,
      ygap: 1.5,
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
    });
    // As a trace of its own: the text of a heat map has one colour, and none can be read on every cell.
    if (withText) {
      const cells = z.flatMap((line, h) =>
        line.flatMap((value, p) => (value === null || (words && value < 0.005) ? [] : [{ h, p, value }])),
      );
      traces.push({
        type: 'scatter',
        mode: 'text',
        x: cells.map(({ p }) => p),
        y: cells.map(({ h }) => h),
        text: cells.map(({ value }) => cellText(value, panel.percent)),
        textfont: {
          size: words ? 9.5 : 10.5,
          family: FONT,
          color: cells.map(({ value }) => inkOn(cellColor(palette, (value - panel.chance) / panel.span))),
        },
        hoverinfo: 'none',
        xaxis: `x${suffix}`,
        yaxis: `y${suffix}`,
      });
    }
    const holes = z.flatMap((line, h) => line.flatMap((value, p) => (value === null ? [{ h, p }] : [])));
    traces.push({
      type: 'scatter',
      mode: 'markers',
      x: holes.map(({ p }) => p),
      y: holes.map(({ h }) => h),
      marker: { size: 3, color: palette.muted, opacity: 0.6 },
      hoverinfo: 'none',
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
    });
    const tick = Math.max(1, Math.ceil((positions.length * (words ? WORD.least : 20)) / panelWidth));
    const shown = positions
      .map((position, p) => ({ position, p }))
      .filter(({ p }) => (positions.length - 1 - p) % tick === 0);
    axes[`xaxis${suffix}`] = baseAxis(palette, {
      domain: [x0, Math.min(1, x1)],
      anchor: `y${suffix}`,
      range: [-0.5, positions.length - 0.5],
      tickvals: shown.map(({ p }) => p),
      ticktext: shown.map(({ position }) =>
        words ? label(String(position), 12) : String(position).replace('-', '\u2212'),
      ),
      ...(words && { tickangle: -60 }),
      showgrid: false,
      zeroline: false,
    });
    axes[`yaxis${suffix}`] = baseAxis(palette, {
      domain: [Math.max(0, y0), Math.min(1, y1)],
      anchor: `x${suffix}`,
      range: [hooks.length - 0.5, -0.5],
      tickvals: hooks.map((_, h) => h),
      ticktext: hooks.map((hook) => label(hook, 24)),
      showticklabels: column === 0,
      showgrid: false,
      zeroline: false,
    });
    annotations.push({
      xref: 'paper',
      yref: 'paper',
      x: x0,
      y: y1,
      xanchor: 'left',
      yanchor: 'bottom',
      yshift: 5,
      align: 'left',
      showarrow: false,
      text: wrapped(panel.title, Math.max(12, Math.floor(panelWidth / 6.2))),
      font: { size: 12, color: palette.ink },
    });
  }
  return {
    traces,
    layout: baseLayout(palette, { ...axes, annotations, width, height, margin: { l: 0, r: 0, t: 0, b: 0 } }),
  };
}

/** Percent without its sign, or two digits of nats: short enough for a cell. @param {number} value @param {boolean} percent */
function cellText(value, percent) {
  const text = percent ? (100 * value).toFixed(0) : value.toFixed(Math.abs(value) >= 9.95 ? 0 : 1);
  return text.replace(/^-0(\.0)?$/, '0$1').replace('-', '\u2212');
}

/**
 * Red, green and blue (0 to 255) of a cell, as plotly mixes them: straight lines in sRGB between the stops of the scale.
 * @param {Palette} palette @param {number} distance from -1 to 1, in spans from chance
 */
function cellColor(palette, distance) {
  const at = Math.min(1, Math.max(0, (1 + distance) / 2));
  const stops = palette.diverging;
  const upper = Math.max(
    1,
    stops.findIndex(([stop]) => stop >= at),
  );
  const [from, low] = stops[upper - 1] ?? [0, palette.card];
  const [to, high] = stops[upper] ?? [1, palette.card];
  const share = (at - from) / (to - from);
  return [1, 3, 5].map((place) => {
    const [a, b] = [low, high].map((hex) => Number.parseInt(hex.slice(place, place + 2), 16));
    return (a ?? 0) + share * ((b ?? 0) - (a ?? 0));
  });
}

/**
 * Black or white, whichever stands out more (relative luminance and contrast as WCAG 2.2 defines them): one of the two has a ratio of
 * at least 4.58 to any colour.
 * @param {readonly number[]} color
 */
function inkOn(color) {
  const [r = 0, g = 0, b = 0] = color.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}
