// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: the logit lens by stream, shares of the logits by part, and where attention heads look. */

const TOWARDS = 'logits: \u2190 proxy\u2019s action, intended action \u2192';
const UPWARDS = 'logits: up is the intended action';

/** The goal that a difference speaks for, or neither where its interval holds 0. @param {number} value @param {number | null | undefined} low @param {number | null | undefined} high */
function favoured(value, low, high) {
  if (typeof low === 'number' && typeof high === 'number' && low <= 0 && high >= 0) return 'neither';
  return value > 0 ? 'intended' : 'proxy';
}

/** @param {Table} table @param {{ hooks: readonly string[] }} plan @param {Palette} palette @param {number} width @returns {Drawn} */
function drawStreams(table, { hooks }, palette, width) {
  const difference = numbers(table.column('difference_logits'));
  const low = numbers(table.column('low'));
  const high = numbers(table.column('high'));
  const marks = difference.flatMap((y, i) => (y === null ? [] : [{ i, x: i, y }]));
  const band = nullBand(marks, low, high, { palette, color: palette.muted, overhang: 0 });
  const goals = marks.map(({ i, y }) => favoured(y, low[i], high[i]));
  const long = width < 560 || hooks.length > 8;
  return {
    traces: [
      ...(band === undefined ? [] : [band]),
      {
        type: 'scatter',
        mode: 'lines+markers',
        x: marks.map(({ x }) => x),
        y: marks.map(({ y }) => y),
        error_y: errorBars(
          marks.map(({ i, y }) => ({ i, value: y })),
          low,
          high,
          palette.muted,
        ),
        line: { color: palette.muted, width: 1.6 },
        marker: {
          size: 10,
          color: goals.map((goal) => palette.roles[goal] ?? palette.ink),
          symbol: goals.map((goal) => (goal === 'neither' ? 'circle-open' : SYMBOLS[goal])),
        },
        hoverinfo: 'none',
      },
    ],
    layout: baseLayout(palette, {
      width,
      height: long ? 420 : 340,
      margin: { l: 56, r: 16, t: 12, b: long ? 128 : 44 },
      xaxis: baseAxis(palette, {
        range: [-0.5, hooks.length - 0.5],
        tickvals: hooks.map((_, x) => x),
        ticktext: hooks.map((hook) => label(hook, 24)),
        tickangle: long ? -50 : 0,
        showgrid: false,
        zeroline: false,
      }),
      yaxis: baseAxis(palette, { title: axisTitle(palette, UPWARDS), rangemode: 'tozero' }),
    }),
  };
}

/** More parts than this leave no room for the name of each. */
const MOST_PARTS_NAMED = 64;

/** @param {Table} table @param {Palette} palette @param {number} width @returns {Drawn} */
function drawShares(table, palette, width) {
  const part = texts(table.column('part'));
  const block = numbers(table.column('block'));
  const head = numbers(table.column('head'));
  const share = numbers(table.column('share_logits'));
  const low = numbers(table.column('low'));
  const high = numbers(table.column('high'));
  // Half a bar's room before each block and before what belongs to none.
  /** @type {number[]} */
  const places = [];
  let y = 0;
  for (const [i, own] of block.entries()) {
    if (i > 0) y += own === block[i - 1] ? 1 : 1.6;
    places.push(y);
  }
  const named = part.flatMap((text, i) =>
    part.length <= MOST_PARTS_NAMED || head[i] === null ? [{ text, y: places[i] ?? 0 }] : [],
  );
  const bar = part.length > MOST_PARTS_NAMED ? 9 : 21;
  const rows = share.flatMap((x, i) => (x === null ? [] : [{ i, x }]));
  const narrow = width < 560;
  return {
    traces: [
      {
        type: 'bar',
        orientation: 'h',
        x: rows.map(({ x }) => x),
        y: rows.map(({ i }) => places[i]),
        width: 0.72,
        error_x: errorBars(
          rows.map(({ i, x }) => ({ i, value: x })),
          low,
          high,
          palette.ink,
        ),
        marker: {
          color: rows.map(({ i, x }) => palette.roles[favoured(x, low[i], high[i])] ?? palette.ink),
        },
        hoverinfo: 'none',
      },
    ],
    layout: baseLayout(palette, {
      width,
      height: 70 + bar * (y + 1),
      margin: { l: narrow ? 132 : 170, r: 16, t: 8, b: 52 },
      xaxis: baseAxis(palette, { title: axisTitle(palette, TOWARDS), zeroline: true }),
      yaxis: baseAxis(palette, {
        range: [y + 0.7, -0.7],
        tickvals: named.map((one) => one.y),
        ticktext: named.map(({ text }) => label(text, 24)),
        showgrid: false,
        zeroline: false,
      }),
    }),
  };
}

/**
 * @param {Table} table
 * @param {{ heads: readonly string[], even: readonly { role: string, share: number }[] }} plan
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawGoalAttention(table, { heads, even }, palette, width) {
  const head = texts(table.column('head'));
  const role = texts(table.column('role'));
  const low = numbers(table.column('low'));
  const high = numbers(table.column('high'));
  const rowOf = new Map(heads.map((name, y) => [name, y]));
  const narrow = width < 560;
  const top = narrow ? 84 : 40;
  return {
    traces: marksByRole(
      { role, value: numbers(table.column('attention')), low, high, at: (i) => rowOf.get(head[i] ?? '') },
      (order) => (order - 1) * 0.2,
      palette,
    ),
    layout: baseLayout(palette, {
      width,
      height: top + 56 + 30 * heads.length,
      margin: { l: narrow ? 108 : 130, r: 16, t: top, b: 52 },
      ...legendAbove(palette),
      xaxis: baseAxis(palette, {
        title: axisTitle(palette, 'share of attention'),
        range: [-0.02, 1.02],
        tickformat: '.0%',
      }),
      yaxis: baseAxis(palette, {
        range: [heads.length - 0.4, -0.6],
        tickvals: heads.map((_, y) => y),
        ticktext: heads.map((name) => label(name, 24)),
        zeroline: false,
      }),
      shapes: [...new Set(even.map(({ share }) => share))].map((x) => dottedAt(x, palette)),
    }),
  };
}

/**
 * @param {Table} table
 * @param {Extract<import('../page-data.ts').FigureDrawing, { kind: 'attention' }>} drawing
 * @param {string | undefined} block the one that is shown; all without one
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawAttention(table, { queries, keys, panels }, block, palette, width) {
  const shown = block === undefined ? panels : panels.filter((panel) => String(panel.block) === block);
  return drawMaps(table, { hooks: queries, positions: keys, panels: shown, words: true }, palette, width);
}
