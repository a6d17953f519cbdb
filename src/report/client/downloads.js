// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: the numbers and the drawing of a figure as files; nothing leaves the machine. */

/** @param {Mounted} one @param {Element} place */
function mountDownloads(one, place) {
  const { figure } = one;
  const name = `${page.experiment.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 60)}-${figure.id}`;
  const offer = (/** @type {string} */ text, /** @type {() => void} */ save) => {
    const button = el(
      'button',
      { type: 'button', 'aria-label': `${text} of \u201c${figure.title}\u201d` },
      text,
    );
    button.addEventListener('click', save);
    place.append(button);
  };
  offer('CSV', () => saveText(csvOf(tableOf(figure.table)), 'text/csv', `${name}.csv`));
  offer('JSON', () => saveText(jsonOf(figure), 'application/json', `${name}.json`));
  offer('SVG', () => void saveDrawing(one, `${name}.svg`));
}

/** @param {Mounted} one @param {string} fileName */
async function saveDrawing({ element }, fileName) {
  const { clientWidth, clientHeight } = element;
  const url = await plotly.toImage(element, { format: 'svg', width: clientWidth, height: clientHeight });
  const comma = url.indexOf(',');
  saveText(decodeURIComponent(url.slice(comma + 1)), 'image/svg+xml', fileName);
}

/** RFC 4180, with a header row. @param {Table} table */
function csvOf(table) {
  const columns = table.names.map((name) => table.column(name));
  const lines = [table.names.map(csvCell).join(',')];
  for (let row = 0; row < table.rows; row++)
    lines.push(columns.map((cells) => csvCell(cells[row] ?? null)).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

/** @param {Cell} cell */
function csvCell(cell) {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  // Spreadsheets run text that starts like a formula; a quote mark in front keeps it text.
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** @param {FigureData} figure */
function jsonOf(figure) {
  const table = tableOf(figure.table);
  const columns = table.names.map((name) => ({ name, values: table.column(name) }));
  const { id, title, finding } = figure;
  return `${JSON.stringify({ id, title, finding, rows: table.rows, columns }, null, 1)}\n`;
}
