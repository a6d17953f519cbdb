// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: mounts the figures, their choices and downloads, and draws them again when width or palette change. */

/**
 * @typedef {{
 *   react(element: HTMLElement, traces: object[], layout: object, config: object): Promise<unknown>,
 *   toImage(element: HTMLElement, options: object): Promise<string>
 * }} PlotlyApi
 * @typedef {HTMLElement & { on?(event: string, listener: (event: { points: { customdata?: unknown, data?: { name?: string } }[] }) => void): void }} PlotElement
 * @typedef {{ figure: FigureData, element: PlotElement, choices: Record<string, string> }} Mounted
 */

const plotly = /** @type {PlotlyApi} */ (
  /** @type {{ Plotly?: unknown }} */ (/** @type {unknown} */ (window)).Plotly
);

const CONFIG = {
  displaylogo: false,
  displayModeBar: 'hover',
  modeBarButtonsToRemove: [
    'toImage',
    'sendDataToCloud',
    'editInChartStudio',
    'select2d',
    'lasso2d',
    'autoScale2d',
    'zoomIn2d',
    'zoomOut2d',
  ],
  showSendToCloud: false,
  showEditInChartStudio: false,
  plotlyServerURL: '',
  showTips: false,
  typesetMath: false,
  responsive: false,
  scrollZoom: false,
  doubleClick: 'reset',
};

/** Pixels that fit between the margins of a portrait A4 or Letter page. */
const PAPER_WIDTH = 660;

/** @type {Mounted[]} */
const mounted = [];

/** @param {Mounted} one @param {Palette} palette @param {number} width @returns {Drawn} */
function drawn({ figure, choices }, palette, width) {
  const table = tableOf(figure.table);
  const { drawing } = figure;
  switch (drawing.kind) {
    case 'site-maps':
      return drawMaps(table, drawing, palette, width);
    case 'interchange-by-hook':
      return drawInterchange(table, { along: 'hook', values: drawing.hooks, fixed: choices }, palette, width);
    case 'interchange-by-rank':
      return drawInterchange(table, { along: 'rank', values: drawing.ranks, fixed: choices }, palette, width);
    case 'components': {
      const [x, y] = [drawing.components[Number(choices.x)], drawing.components[Number(choices.y)]];
      const group = choices.group ?? '';
      return drawComponents(
        table,
        { x: x?.column ?? '', y: y?.column ?? '', xLabel: x?.label ?? '', yLabel: y?.label ?? '', group },
        palette,
        width,
      );
    }
    case 'scores':
      return drawScores(table, drawing, palette, width);
    case 'score-against-preference':
      return drawPreference(table, palette, width);
    case 'doses':
      return drawDoses(table, drawing, palette, width);
    case 'baselines':
      return drawBaselines(table, drawing, palette, width);
    case 'calibration':
      return drawCalibration(table, palette, width);
    case 'lens-streams':
      return drawStreams(table, drawing, palette, width);
    case 'lens-shares':
      return drawShares(table, palette, width);
    case 'attention-goals':
      return drawGoalAttention(table, drawing, palette, width);
    case 'attention':
      return drawAttention(table, drawing, choices.block, palette, width);
  }
}

/** @param {Mounted} one */
async function redraw(one) {
  const shown = Math.floor(one.element.clientWidth);
  if (shown === 0) return;
  const width = printing ? Math.min(shown, PAPER_WIDTH) : shown;
  const { traces, layout } = drawn(one, isDark() ? DARK : LIGHT, width);
  const first = one.element.dataset.drawn === undefined;
  await plotly.react(one.element, traces, layout, CONFIG);
  one.element.dataset.drawn = isDark() ? 'dark' : 'light';
  if (first) listen(one);
}

/** All at once: a browser that is about to print waits for no promise. */
async function redrawAll() {
  await Promise.all(mounted.map(redraw));
}

/** Says which example is pointed at, and opens it when it is chosen. @param {Mounted} one */
function listen({ figure, element, choices }) {
  const readout = document.querySelector(`[data-readout="${figure.id}"]`);
  if (readout === null || element.on === undefined) return;
  const exampleOf = (/** @type {{ points: { customdata?: unknown }[] }} */ event) => {
    const id = event.points[0]?.customdata;
    return page.examples.find((example) => example.id === id);
  };
  element.on('plotly_hover', (event) => {
    const example = exampleOf(event);
    if (example === undefined) return;
    const words = [example.set, `behaves ${example.behavior}, reads as ${example.internal}`];
    const group = choices.group === undefined ? undefined : groupOf(figure, choices.group, example.id);
    if (group !== undefined) words.push(group);
    readout.replaceChildren(outside(example.id), ...words.flatMap((text) => [' \u00b7 ', outside(text)]));
  });
  element.on('plotly_unhover', () => readout.replaceChildren());
  element.on('plotly_click', (event) => {
    const example = exampleOf(event);
    if (example !== undefined) location.hash = exampleHash(example.id);
  });
}

/** What an example is under the present colouring: "Label: proxy 7". @param {FigureData} figure @param {string} column @param {string} id */
function groupOf({ table, drawing }, column, id) {
  if (drawing.kind !== 'components') return undefined;
  const row = texts(tableOf(table).column('id')).indexOf(id);
  const name = drawing.colorings.find((coloring) => coloring.column === column)?.label;
  return row < 0 || name === undefined ? undefined : `${name} ${texts(tableOf(table).column(column))[row]}`;
}

/** Choices that a drawing offers, and what they start at. @param {Mounted} one @param {Element} place */
function mountChoices(one, place) {
  const { figure, choices } = one;
  const { drawing } = figure;
  const table = tableOf(figure.table);
  const offer = (
    /** @type {string} */ name,
    /** @type {string} */ text,
    /** @type {{ value: string, text: string }[]} */ options,
    /** @type {string} */ start,
  ) => {
    choices[name] = start;
    if (options.length < 2) return;
    const change = (/** @type {string} */ value) => {
      choices[name] = value;
      void redraw(one);
    };
    place.append(
      options.length <= 3 && name === 'scope'
        ? segments(text, options, start, change)
        : chooser(text, options, start, change),
    );
  };
  const distinct = (/** @type {string} */ name) => [...new Set(texts(table.column(name)))];
  const same = (/** @type {readonly string[]} */ values) => values.map((value) => ({ value, text: value }));
  if (drawing.kind === 'interchange-by-hook' || drawing.kind === 'interchange-by-rank') {
    const scopes = distinct('scope');
    offer(
      'scope',
      'Exchanged',
      scopes.map((value) => ({
        value,
        text: SCOPE_WORDS[/** @type {keyof typeof SCOPE_WORDS} */ (value)] ?? value,
      })),
      scopes[0] ?? '',
    );
    const positions = distinct('position');
    offer('position', 'Position', same(positions), positions.at(-1) ?? '');
    if (drawing.kind === 'interchange-by-hook')
      offer('rank', 'Rank', same(drawing.ranks), drawing.ranks.at(-1) ?? '');
    else offer('hook', 'Hook', same(drawing.hooks), tellingHook(table) ?? drawing.hooks.at(-1) ?? '');
  }
  if (drawing.kind === 'attention' && drawing.byBlock) {
    const blocks = [...new Set(drawing.panels.map(({ block }) => String(block)))];
    offer('block', 'Block', same(blocks), blocks.at(-1) ?? '');
  }
  if (drawing.kind === 'components') {
    const { colorings, components } = drawing;
    const note = el('p', { class: 'coloring-finding' });
    offer(
      'group',
      'Colour by',
      colorings.map(({ column, label: text }) => ({ value: column, text })),
      colorings[0]?.column ?? '',
    );
    const axes = components.map(({ column }, i) => ({ value: String(i), text: column }));
    offer('x', 'Across', axes.length > 2 ? axes : [], '0');
    offer('y', 'Up', axes.length > 2 ? axes : [], components.length > 1 ? '1' : '0');
    const tell = () => {
      const coloring = colorings.find(({ column }) => column === choices.group);
      const groups = distinct(choices.group ?? '').length;
      const hint =
        groups > LEGEND_MOST
          ? ` ${groups} groups are too many for a legend; point at a mark to see its own.`
          : '';
      note.replaceChildren((coloring?.finding ?? '') + hint);
    };
    place.addEventListener('change', tell);
    place.append(note);
    tell();
  }
}

/** Earliest hook that carries nine tenths of the largest effect: later ones pass it on and tell less. @param {Table} table */
function tellingHook(table) {
  // From here on, the first hook carries everything by construction; only exchanges at one site tell where the effect arises.
  const scopes = texts(table.column('scope'));
  const effects = numbers(table.column('effect_nats')).map((effect, i) =>
    scopes[i] === 'one-site' ? effect : null,
  );
  const largest = Math.max(...effects.map((effect) => effect ?? Number.NEGATIVE_INFINITY));
  const first = effects.findIndex((effect) => effect !== null && effect >= 0.9 * largest);
  return first < 0 ? undefined : texts(table.column('hook'))[first];
}

function mountFigures() {
  for (const figure of page.figures) {
    const element = document.querySelector(`[data-figure="${figure.id}"]`);
    const place = document.querySelector(`[data-controls="${figure.id}"]`);
    if (!(element instanceof HTMLElement) || place === null) continue;
    /** @type {Mounted} */
    const one = { figure, element, choices: {} };
    mounted.push(one);
    mountChoices(one, place);
    for (const downloads of document.querySelectorAll(`[data-downloads="${figure.id}"]`))
      mountDownloads(one, downloads);
  }
}
