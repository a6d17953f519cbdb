// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: what several drawings are made of: error bars, bands of nulls, marks by goal. */

/**
 * Bars from the interval of each mark; a mark without one has none.
 * @param {readonly { i: number, value: number }[]} marks row of the table, and where the mark stands
 * @param {readonly (number | null)[]} low
 * @param {readonly (number | null)[]} high
 * @param {string} color
 */
function errorBars(marks, low, high, color) {
  return {
    type: 'data',
    symmetric: false,
    array: marks.map(({ i, value }) => (high[i] ?? value) - value),
    arrayminus: marks.map(({ i, value }) => value - (low[i] ?? value)),
    color,
    thickness: 1.4,
    width: 3,
  };
}

/**
 * The area between the low and the high end of a null, over the marks that have one; undefined where none has.
 * @param {readonly { i: number, x: number }[]} marks row of the table, and where the mark stands, from left to right
 * @param {readonly (number | null)[]} low
 * @param {readonly (number | null)[]} high
 * @param {{ palette: Palette, color: string, overhang: number }} style how far the band reaches beyond the outer marks
 * @returns {object | undefined}
 */
function nullBand(marks, low, high, { palette, color, overhang }) {
  const banded = marks.filter(({ i }) => typeof low[i] === 'number' && typeof high[i] === 'number');
  const [first, last] = [banded[0], banded.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  // A band of one mark has no width of its own.
  if (overhang === 0 && first === last) return undefined;
  const along = [{ i: first.i, x: first.x - overhang }, ...banded, { i: last.i, x: last.x + overhang }];
  const back = [...along].reverse();
  return {
    type: 'scatter',
    mode: 'lines',
    x: [...along, ...back].map(({ x }) => x),
    y: [...along.map(({ i }) => high[i]), ...back.map(({ i }) => low[i])],
    fill: 'toself',
    fillcolor: translucent(color, palette.band),
    line: { width: 0 },
    hoverinfo: 'skip',
    showlegend: false,
  };
}

/**
 * Marks of each goal beside each other in rows, with their intervals lying down.
 * @param {{
 *   role: readonly string[], value: readonly (number | null)[], low: readonly (number | null)[], high: readonly (number | null)[],
 *   at: (i: number) => number | undefined
 * }} columns of the table; `at` is the height of the row that an entry belongs to, if it is shown
 * @param {(order: number) => number} offset of a goal from its row's height, by its place among the goals
 * @param {Palette} palette
 */
function marksByRole({ role, value, low, high, at }, offset, palette) {
  return ROLE_ORDER.flatMap((name, order) => {
    const rows = role.flatMap((own, i) => {
      const [x, y] = [value[i], at(i)];
      return own === name && typeof x === 'number' && y !== undefined ? [{ i, x, y }] : [];
    });
    if (rows.length === 0) return [];
    const color = palette.roles[name] ?? palette.ink;
    return [
      {
        type: 'scatter',
        mode: 'markers',
        name: ROLE_WORDS[name],
        x: rows.map(({ x }) => x),
        y: rows.map(({ y }) => y + offset(order)),
        error_x: errorBars(
          rows.map(({ i, x }) => ({ i, value: x })),
          low,
          high,
          color,
        ),
        marker: { color, size: 9, symbol: SYMBOLS[name] },
        hoverinfo: 'none',
      },
    ];
  });
}

/** A dotted line over the whole height, for what chance or an even share gives. @param {number} x @param {Palette} palette */
function dottedAt(x, palette) {
  return {
    type: 'line',
    xref: 'x',
    yref: 'paper',
    x0: x,
    x1: x,
    y0: 0,
    y1: 1,
    line: { color: palette.ink, width: 1, dash: 'dot' },
  };
}
