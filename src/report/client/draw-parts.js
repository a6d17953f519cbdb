// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: what several drawings are made of: error bars and the bands of nulls. */

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
