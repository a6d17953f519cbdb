// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: the picture of one example; a grid is drawn as a grid, a text as its tokens. */

const MOST_CELLS = 2500;
const MOST_TOKENS = 400;
const CELL = 20;

/** @typedef {NonNullable<Example['picture']>} Picture */

/** @param {Example} example @returns {Element | undefined} */
function pictureOf({ picture }) {
  switch (picture?.kind) {
    case 'grid':
      return gridPicture(picture);
    case 'tokens':
      return tokensPicture(picture);
    default:
      return undefined;
  }
}

/**
 * Words in a line, those that tell a goal on a tint of its colour with its mark before and a line of its own kind below; a reader that
 * speaks hears the role after the word.
 * @param {Extract<Picture, { kind: 'tokens' }>} picture @returns {Element | undefined}
 */
function tokensPicture({ tokens }) {
  if (tokens.length === 0 || tokens.length > MOST_TOKENS) return undefined;
  return el(
    'span',
    { class: 'tokens-picture' },
    ...tokens.flatMap(({ text, role }) => [
      role === undefined
        ? el('span', { class: 'token' }, outside(text))
        : el(
            'span',
            { class: `token token-role role-${role}`, title: role },
            roleMark(role),
            el('span', { class: 'token-text' }, outside(text)),
            el('span', { class: 'visually-hidden' }, ` (${role})`),
          ),
      ' ',
    ]),
  );
}

/** @param {Extract<Picture, { kind: 'grid' }>} picture @returns {Element | undefined} */
function gridPicture({ rows, columns, items }) {
  const drawable =
    Number.isInteger(rows) &&
    Number.isInteger(columns) &&
    rows > 0 &&
    columns > 0 &&
    rows * columns <= MOST_CELLS;
  if (!drawable) return undefined;
  const said = items
    .map(({ label: text, row, column }) => `${text} at row ${row + 1}, column ${column + 1}`)
    .join('; ');
  const [width, height] = [columns * CELL, rows * CELL];
  const drawing = svg('svg', {
    class: 'grid-picture',
    viewBox: `-1 -1 ${width + 2} ${height + 2}`,
    role: 'img',
    'aria-label': `${rows} by ${columns} grid: ${said}`,
  });
  drawing.append(svg('rect', { class: 'grid-board', x: 0, y: 0, width, height, rx: 2 }));
  let lines = '';
  for (let row = 1; row < rows; row++) lines += `M0 ${row * CELL}H${width}`;
  for (let column = 1; column < columns; column++) lines += `M${column * CELL} 0V${height}`;
  drawing.append(svg('path', { class: 'grid-lines', d: lines }));
  /** @type {Map<string, typeof items[number][]>} */
  const cells = new Map();
  for (const item of items) {
    if (!(item.row >= 0 && item.row < rows && item.column >= 0 && item.column < columns)) continue;
    const key = `${item.row},${item.column}`;
    cells.set(key, [...(cells.get(key) ?? []), item]);
  }
  for (const shared of cells.values()) {
    for (const [i, item] of shared.entries()) {
      // Several things in one cell stand side by side, smaller.
      const r = shared.length === 1 ? 6 : 4;
      const shift = (i - (shared.length - 1) / 2) * Math.min(9, 16 / shared.length);
      const x = (item.column + 0.5) * CELL + shift;
      const y = (item.row + 0.5) * CELL;
      drawing.append(
        svg('g', { class: `role-${item.role}` }, svg('title', {}, item.label), roleShape(item.role, x, y, r)),
      );
    }
  }
  return drawing;
}

/** What the marks of the pictures stand for, from the labels that occur. @param {readonly Example[]} examples */
function pictureLegend(examples) {
  /** @type {Map<string, Set<string>>} */
  const labels = new Map();
  for (const { picture } of examples) {
    for (const { role, text } of namedMarks(picture)) {
      labels.set(role, (labels.get(role) ?? new Set()).add(text));
    }
  }
  if (labels.size === 0) return undefined;
  const list = el('ul', { class: 'picture-legend' });
  for (const role of ['agent', 'intended', 'proxy', 'irrelevant', 'other']) {
    const own = labels.get(role);
    if (own === undefined) continue;
    const names = own.size > 4 ? `${[...own].slice(0, 4).join(', ')} \u2026` : [...own].join(', ');
    list.append(el('li', {}, roleMark(role), outside(names), role === 'agent' ? '' : ` (${role})`));
  }
  return list;
}

/** @param {Picture | undefined} picture @returns {{ role: string, text: string }[]} */
function namedMarks(picture) {
  switch (picture?.kind) {
    case 'grid':
      return picture.items.map(({ role, label: text }) => ({ role, text }));
    case 'tokens':
      return picture.tokens.flatMap(({ role, text }) => (role === undefined ? [] : [{ role, text }]));
    default:
      return [];
  }
}
