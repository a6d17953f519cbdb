// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: the two palettes of the drawings and what all drawings share; plotly knows no CSS variables. */

/**
 * @typedef {{
 *   ink: string, muted: string, line: string, paper: string, card: string, band: string, shade: string,
 *   roles: Readonly<Record<string, string>>, cycle: readonly string[],
 *   diverging: readonly (readonly [number, string])[]
 * }} Palette
 */

// Okabe and Ito's colours (jfly.uni-koeln.de/color), darkened on white and lightened on black to keep their contrast.
/** @type {Palette} */
const LIGHT = {
  ink: '#1c2024',
  muted: '#5d646c',
  line: '#e3dfd7',
  paper: 'rgba(0,0,0,0)',
  card: '#ffffff',
  band: '0.13',
  shade: 'rgba(200,80,10,0.07)',
  roles: {
    intended: '#0068a8',
    proxy: '#cc5200',
    both: '#00805c',
    neither: '#70767d',
    irrelevant: '#70767d',
  },
  cycle: ['#0068a8', '#cc5200', '#00805c', '#b0568f', '#b07900', '#2f95cf', '#5d646c', '#7a4b9d'],
  diverging: [
    [0, '#a64500'],
    [0.25, '#eba66a'],
    [0.5, '#f7f5f1'],
    [0.75, '#79b0da'],
    [1, '#074f86'],
  ],
};

/** @type {Palette} */
const DARK = {
  ink: '#e9e6e0',
  muted: '#a2a7ae',
  line: '#373b41',
  paper: 'rgba(0,0,0,0)',
  card: '#1d2024',
  band: '0.2',
  shade: 'rgba(240,150,70,0.09)',
  roles: {
    intended: '#5cb8f2',
    proxy: '#f59a4a',
    both: '#36c596',
    neither: '#a2a7ae',
    irrelevant: '#a2a7ae',
  },
  cycle: ['#5cb8f2', '#f59a4a', '#36c596', '#e194c2', '#e8c34a', '#9fd3f7', '#a2a7ae', '#b993dd'],
  diverging: [
    [0, '#ffb877'],
    [0.25, '#96602d'],
    [0.5, '#24282d'],
    [0.75, '#2c689a'],
    [1, '#9bd2ff'],
  ],
};

const SYMBOLS = {
  intended: 'circle',
  proxy: 'diamond',
  both: 'square',
  neither: 'x-thin',
  irrelevant: 'square-open',
};
const SYMBOL_CYCLE = [
  'circle',
  'diamond',
  'square',
  'triangle-up',
  'cross',
  'star',
  'triangle-down',
  'hexagon',
];

const FONT =
  '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Helvetica, Arial, sans-serif';

/** @param {string} hex @param {string} alpha */
function translucent(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

/**
 * Text for a drawing: plotly reads some tags and entities in its labels, so their first characters are spelled as entities,
 * which it turns back after it has looked for tags.
 * @param {string} text
 * @param {number} [most]
 */
function label(text, most = 40) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this replaces.
  const characters = [...text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')];
  const head = Math.ceil((most - 1) / 2);
  const short =
    characters.length <= most
      ? characters
      : [...characters.slice(0, head), '\u2026', ...characters.slice(characters.length - (most - 1 - head))];
  // Isolates keep right-to-left text from turning the rest of a label around.
  return `\u2068${short.join('').replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')}\u2069`;
}

/** A label over at most two lines. @param {string} text @param {number} perLine */
function wrapped(text, perLine) {
  if ([...text].length <= perLine) return label(text, perLine);
  const cut = text.lastIndexOf(' ', perLine);
  if (cut <= 0) return label(text, perLine);
  return `${label(text.slice(0, cut), perLine)}<br>${label(text.slice(cut + 1), perLine)}`;
}

/** What every drawing has in common. @param {Palette} palette @param {Readonly<Record<string, unknown>>} layout */
function baseLayout(palette, layout) {
  return {
    paper_bgcolor: palette.paper,
    plot_bgcolor: palette.paper,
    font: { family: FONT, size: 12, color: palette.ink },
    hovermode: 'closest',
    dragmode: false,
    showlegend: false,
    autosize: false,
    margin: { l: 56, r: 12, t: 8, b: 44 },
    ...layout,
  };
}

/** @param {Palette} palette @param {Readonly<Record<string, unknown>>} axis */
function baseAxis(palette, axis) {
  return {
    gridcolor: palette.line,
    linecolor: palette.line,
    zerolinecolor: palette.muted,
    zerolinewidth: 1,
    tickfont: { size: 11, color: palette.muted },
    ticks: '',
    fixedrange: true,
    ...axis,
  };
}

/** @param {Palette} palette @param {string} text @param {number} [standoff] */
function axisTitle(palette, text, standoff = 10) {
  return { text, standoff, font: { size: 12, color: palette.muted } };
}

/** @param {Palette} palette */
function legendAbove(palette) {
  return {
    showlegend: true,
    legend: {
      orientation: 'h',
      x: 0,
      y: 1,
      yanchor: 'bottom',
      font: { size: 12, color: palette.ink },
      itemclick: false,
      itemdoubleclick: false,
    },
  };
}
