// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: interchange effects with intervals and null bands, by hook or by rank. */

/** @typedef {Readonly<Record<string, string>>} Choices */

const ROLE_WORDS = { intended: 'intended goal', proxy: 'proxy', irrelevant: 'irrelevant variable' };
/** @type {readonly ('intended' | 'proxy' | 'irrelevant')[]} */
const ROLE_ORDER = ['intended', 'proxy', 'irrelevant'];
const SCOPE_WORDS = { 'one-site': 'this site alone', 'from-here-on': 'from here on' };

/**
 * @param {Table} table
 * @param {{ along: 'hook' | 'rank', values: readonly string[], fixed: Choices }} plan
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawInterchange(table, plan, palette, width) {
  const { along, values, fixed } = plan;
  const at = texts(table.column(along));
  const role = texts(table.column('role'));
  const effect = numbers(table.column('effect_nats'));
  const low = numbers(table.column('low'));
  const high = numbers(table.column('high'));
  const nullLow = numbers(table.column('null_low'));
  const nullHigh = numbers(table.column('null_high'));
  const conditions = Object.entries(fixed).map(([name, value]) => ({
    cells: texts(table.column(name)),
    value,
  }));
  /** @type {object[]} */
  const bands = [];
  /** @type {object[]} */
  const marks = [];
  for (const [order, name] of ROLE_ORDER.entries()) {
    const rows = values.flatMap((value, x) => {
      const i = at.findIndex(
        (own, row) =>
          own === value && role[row] === name && conditions.every(({ cells, value: v }) => cells[row] === v),
      );
      const measured = effect[i];
      return i < 0 || measured === null || measured === undefined ? [] : [{ i, x, measured }];
    });
    if (rows.length === 0) continue;
    const color = palette.roles[name] ?? palette.ink;
    const band = nullBand(rows, nullLow, nullHigh, { palette, color, overhang: 0.3 });
    if (band !== undefined) bands.push(band);
    marks.push({
      type: 'scatter',
      mode: 'lines+markers',
      name: ROLE_WORDS[name],
      x: rows.map(({ x }) => x + (order - 1) * 0.06),
      y: rows.map(({ measured }) => measured),
      error_y: errorBars(
        rows.map(({ i, measured }) => ({ i, value: measured })),
        low,
        high,
        color,
      ),
      line: { color, width: 1.6, dash: name === 'irrelevant' ? 'dot' : 'solid' },
      marker: { color, size: name === 'proxy' ? 10 : 9, symbol: SYMBOLS[name] },
      hoverinfo: 'none',
    });
  }
  const narrow = width < 560;
  const long = along === 'hook' && (narrow || values.length > 8);
  return {
    traces: [...bands, ...marks],
    layout: baseLayout(palette, {
      width,
      height: long ? 420 : 360,
      margin: { l: 56, r: 12, t: narrow ? 74 : 40, b: long ? 118 : 52 },
      ...legendAbove(palette),
      xaxis: baseAxis(palette, {
        range: [-0.5, values.length - 0.5],
        tickvals: values.map((_, x) => x),
        ticktext: values.map((value) => label(value, 24)),
        tickangle: long ? -50 : 0,
        showgrid: false,
        zeroline: false,
        ...(along === 'rank' && { title: axisTitle(palette, 'rank of the exchanged subspace') }),
      }),
      yaxis: baseAxis(palette, { title: axisTitle(palette, 'effect, nats'), rangemode: 'tozero' }),
    }),
  };
}
