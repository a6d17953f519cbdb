// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: reads the data of the page and unpacks its tables; draws nothing. */

/** @typedef {import('../page-data.ts').PageData} PageData */
/** @typedef {import('../page-data.ts').FigureData} FigureData */
/** @typedef {import('../page-data.ts').ColumnData} ColumnData */
/** @typedef {import('../../record/record.ts').ExampleRecord} Example */
/** @typedef {string | number | null} Cell */
/** @typedef {{ readonly rows: number, readonly names: readonly string[], column(name: string): readonly Cell[] }} Table */

/** @type {PageData} */
const page = JSON.parse(/** @type {HTMLElement} */ (document.getElementById('page-data')).textContent ?? '');

/** @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new DataView(bytes.buffer);
}

/** @param {ColumnData} column @returns {Cell[]} */
function cellsOf(column) {
  if (column.kind === 'text') {
    const view = bytesOf(column.codes);
    return Array.from(
      { length: view.byteLength / 2 },
      (_, i) => column.levels[view.getUint16(2 * i, true)] ?? '',
    );
  }
  if ('values' in column) return [...column.values];
  const view = bytesOf(column.float32);
  return Array.from({ length: view.byteLength / 4 }, (_, i) => {
    const value = view.getFloat32(4 * i, true);
    // Seven digits are what float32 holds; more would be noise in a download.
    return Number.isNaN(value) ? null : Number(value.toPrecision(7));
  });
}

/** @type {Map<string, Table>} */
const unpacked = new Map();

/** @param {string} id @returns {Table} */
function tableOf(id) {
  const known = unpacked.get(id);
  if (known !== undefined) return known;
  const data = page.tables.find((candidate) => candidate.id === id);
  const columns = new Map((data?.columns ?? []).map((column) => [column.name, cellsOf(column)]));
  /** @type {Table} */
  const table = {
    rows: data?.rows ?? 0,
    names: [...columns.keys()],
    column: (name) => columns.get(name) ?? [],
  };
  unpacked.set(id, table);
  return table;
}

/** @param {readonly Cell[]} cells @returns {(number | null)[]} */
function numbers(cells) {
  return cells.map((cell) => (typeof cell === 'number' ? cell : null));
}

/** @param {readonly Cell[]} cells @returns {string[]} */
function texts(cells) {
  return cells.map((cell) => String(cell ?? ''));
}
