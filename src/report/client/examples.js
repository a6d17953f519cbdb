// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: the example browser: filters, cards, one example in full, and a link to each that works from a file. */

const PER_PAGE = 24;
const PREFIX = '#example=';

/** @param {string} id */
function exampleHash(id) {
  return PREFIX + encodeURIComponent(id);
}

/** Behaves as one goal while it reads as the other. @param {Example} example */
function diverges({ behavior, internal, silent }) {
  return (
    silent ||
    (behavior === 'intended' && internal === 'proxy') ||
    (behavior === 'proxy' && internal === 'intended')
  );
}

function mountExamples() {
  const place = document.getElementById('example-browser');
  if (place === null) return;
  const { examples } = page;
  const some = examples.some(diverges);
  const filter = { show: some ? 'diverges' : 'all', set: '', behavior: '', internal: '', text: '' };
  let shown = PER_PAGE;
  const detail = el('div', { id: 'example-detail', tabindex: '-1' });
  const status = el('p', { class: 'example-count', role: 'status' });
  const list = el('ul', { class: 'example-list' });
  const more = el('button', { type: 'button', class: 'more' }, 'Show more');

  const matches = () =>
    examples.filter(
      (example) =>
        (filter.show === 'all' || (filter.show === 'silent' ? example.silent : diverges(example))) &&
        (filter.set === '' || example.set === filter.set) &&
        (filter.behavior === '' || example.behavior === filter.behavior) &&
        (filter.internal === '' || example.internal === filter.internal) &&
        (filter.text === '' || example.id.includes(filter.text) || example.group.includes(filter.text)),
    );
  const fill = () => {
    const found = matches();
    status.textContent = `${found.length} of ${examples.length} examples`;
    list.replaceChildren(...found.slice(0, shown).map(card));
    more.hidden = found.length <= shown;
  };
  const set = (/** @type {keyof typeof filter} */ name, /** @type {string} */ value) => {
    filter[name] = value;
    shown = PER_PAGE;
    fill();
  };
  more.addEventListener('click', () => {
    shown += PER_PAGE;
    fill();
  });
  const distinct = (/** @type {(example: Example) => string} */ of) => [...new Set(examples.map(of))].sort();
  const any = (/** @type {readonly string[]} */ values) => [
    { value: '', text: 'any' },
    ...values.map((value) => ({ value, text: value })),
  ];
  const search = el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
  search.addEventListener('input', () => set('text', search.value.trim()));
  const shows = [
    { value: 'diverges', text: 'Diverges' },
    { value: 'silent', text: 'Silent' },
    { value: 'all', text: 'All' },
  ];
  place.append(
    detail,
    el(
      'div',
      { class: 'filters' },
      segments('Which examples', shows, filter.show, (value) => set('show', value)),
      chooser('Set', any(distinct(({ set: own }) => own)), '', (value) => set('set', value)),
      chooser('Behavior', any(distinct(({ behavior }) => behavior)), '', (value) => set('behavior', value)),
      chooser('Reads as', any(distinct(({ internal }) => internal)), '', (value) => set('internal', value)),
      el('label', { class: 'chooser' }, el('span', {}, 'Id or group'), search),
    ),
    el('div', { class: 'example-head' }, status, pictureLegend(examples)),
    list,
    more,
  );
  fill();
  const open = () => {
    const example = exampleInAddress();
    detail.replaceChildren(
      ...(example === undefined ? [] : [example === null ? notThere() : detailOf(example, matches())]),
    );
    if (example === undefined) return;
    detail.scrollIntoView({ block: 'start' });
    detail.focus({ preventScroll: true });
  };
  window.addEventListener('hashchange', open);
  open();
}

/** Pictures of examples that stand in tables of the page. */
function mountPictures() {
  const byId = new Map(page.examples.map((example) => [example.id, example]));
  for (const place of document.querySelectorAll('[data-picture]')) {
    const example = byId.get(place.getAttribute('data-picture') ?? '');
    const picture = example === undefined ? undefined : pictureOf(example);
    if (picture !== undefined) place.replaceChildren(picture);
  }
}

/** undefined: the address names none; null: it names one that is not here. @returns {Example | null | undefined} */
function exampleInAddress() {
  if (!location.hash.startsWith(PREFIX)) return undefined;
  try {
    const id = decodeURIComponent(location.hash.slice(PREFIX.length));
    return page.examples.find((example) => example.id === id) ?? null;
  } catch {
    return null;
  }
}

function notThere() {
  return el(
    'p',
    { class: 'example-missing' },
    'The address names an example that this record does not show.',
  );
}

/** @param {Example} example */
function card(example) {
  const { id, set, behavior, internal, silent } = example;
  return el(
    'li',
    {},
    el(
      'a',
      { class: silent ? 'example-card silent' : 'example-card', href: exampleHash(id) },
      pictureOf(example) ?? el('span', { class: 'example-input' }, outside(example.input.slice(0, 160))),
      el(
        'span',
        { class: 'example-id' },
        outside(id),
        silent
          ? el('span', { class: 'silent-word' }, 'silent')
          : el('span', { class: 'small' }, outside(set)),
      ),
      el(
        'span',
        { class: 'example-reading' },
        el('span', { class: 'axis-word' }, 'behaves'),
        roleMark(behavior),
        behavior,
      ),
      el(
        'span',
        { class: 'example-reading' },
        el('span', { class: 'axis-word' }, 'reads as'),
        roleMark(internal),
        internal,
      ),
    ),
  );
}

/** As `percent` of core writes it. @param {number} share */
function percentText(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.05) return '<\u202f0.1\u202f%';
  if (value < 100 && value >= 99.95) return '>\u202f99.9\u202f%';
  const decimals = Number.isInteger(Number(value.toFixed(1))) || (value >= 10 && value <= 99) ? 0 : 1;
  return `${value.toFixed(decimals)}\u202f%`;
}

/** @param {import('../../record/parts.ts').Measured} value @param {string} unit */
function measuredText(value, unit) {
  return value.state === 'measured'
    ? `${value.value
        .toFixed(2)
        .replace(/^-(0\.00)$/, '$1')
        .replace('-', '\u2212')}${unit}`
    : `undefined: ${value.reason}`;
}

/** @param {Example} example @param {readonly Example[]} among */
function detailOf(example, among) {
  const { id, set, group, behavior, internal, silent, chosen, probabilities, goals, recommended, context } =
    example;
  const names = [
    ...page.choices,
    ...Object.keys(probabilities).filter((name) => !page.choices.includes(name)),
  ];
  const bars = el('dl', { class: 'choice-bars' });
  for (const name of names) {
    const share = Object.hasOwn(probabilities, name) ? (probabilities[name] ?? 0) : 0;
    const fill = el('span', { class: name === chosen ? 'bar-fill chosen' : 'bar-fill' });
    fill.style.width = `${Math.min(100, Math.max(0, 100 * share)).toFixed(1)}%`;
    const serves = /** @type {const} */ (['intended', 'proxy']).filter((role) =>
      recommended[role]?.includes(name),
    );
    bars.append(
      el(
        'div',
        { class: 'bar' },
        el(
          'dt',
          {},
          outside(name),
          ...serves.map((role) => roleMark(role)),
          name === chosen && el('span', { class: 'chosen-word' }, 'chosen'),
        ),
        el('dd', { class: 'bar-track', 'aria-hidden': 'true' }, fill),
        el('dd', { class: 'bar-number' }, percentText(share)),
      ),
    );
  }
  const facts = el('dl', { class: 'facts' });
  /** @type {(name: Child, ...value: Child[]) => void} */
  const fact = (name, ...value) => facts.append(el('div', {}, el('dt', {}, name), el('dd', {}, ...value)));
  fact('Behavior', roleMark(behavior), behavior);
  fact('Reads as', roleMark(internal), internal);
  fact('Internal score', measuredText(example.score, ''));
  fact('Preference', measuredText(example.preference, '\u00a0nats'));
  for (const role of /** @type {const} */ (['intended', 'proxy', 'irrelevant'])) {
    if (goals[role] !== undefined) fact(`Value, ${role}`, outside(String(goals[role])));
  }
  for (const [name, value] of Object.entries(context)) fact(outside(name), outside(String(value)));
  fact('Set, group', outside(set), ', ', outside(group));
  const at = among.indexOf(example);
  const step = (/** @type {number} */ by, /** @type {string} */ text) => {
    const next = among[at + by];
    return at < 0 || next === undefined ? undefined : el('a', { href: exampleHash(next.id) }, text);
  };
  return el(
    'article',
    { class: 'example-detail', 'aria-label': `Example ${id}` },
    el(
      'header',
      {},
      el('h3', {}, 'Example ', outside(id)),
      silent && el('span', { class: 'silent-word' }, 'silent'),
      el(
        'nav',
        { 'aria-label': 'Neighbouring examples' },
        step(-1, 'Previous'),
        step(1, 'Next'),
        el('a', { href: '#examples' }, 'Close'),
      ),
    ),
    el(
      'div',
      { class: 'example-columns' },
      pictureOf(example),
      el('div', {}, el('h4', {}, 'Probability of each choice'), bars),
      facts,
    ),
    el('details', {}, el('summary', {}, 'Input'), el('pre', { tabindex: '0' }, example.input)),
  );
}
