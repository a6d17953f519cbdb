// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: makes elements; text only ever becomes text nodes, and no address comes from data. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  append(element, children);
  return element;
}

/** @param {string} tag @param {Readonly<Record<string, string | number>>} [attributes] @param {...Child} children */
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  append(element, children);
  return element;
}

/** @param {Element} element @param {readonly Child[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Text from outside, isolated from the direction of what stands around it. @param {string} text */
function outside(text) {
  return el('bdi', {}, text);
}

/** @param {string} role @param {string} [className] */
function roleMark(role, className = 'mark') {
  const mark = svg('svg', {
    class: `${className} role-${role}`,
    viewBox: '0 0 16 16',
    'aria-hidden': 'true',
  });
  mark.append(roleShape(role, 8, 8, 6));
  return mark;
}

/** The shapes of src/report/marks.ts, at any place and size. @param {string} role @param {number} x @param {number} y @param {number} r */
function roleShape(role, x, y, r) {
  switch (role) {
    case 'intended':
      return svg('circle', { cx: x, cy: y, r, fill: 'currentColor' });
    case 'proxy': {
      const d = r * 1.18;
      return svg('path', {
        d: `M${x} ${y - d}L${x + d} ${y} ${x} ${y + d} ${x - d} ${y}z`,
        fill: 'currentColor',
      });
    }
    case 'both':
      return svg('rect', { x: x - r, y: y - r, width: 2 * r, height: 2 * r, fill: 'currentColor' });
    case 'irrelevant': {
      const s = r * 0.8;
      return svg('rect', {
        x: x - s,
        y: y - s,
        width: 2 * s,
        height: 2 * s,
        fill: 'none',
        stroke: 'currentColor',
        'stroke-width': r * 0.34,
      });
    }
    case 'agent':
      return svg(
        'g',
        {},
        svg('circle', { cx: x, cy: y, r, fill: 'none', stroke: 'currentColor', 'stroke-width': r * 0.32 }),
        svg('circle', { cx: x, cy: y, r: r * 0.36, fill: 'currentColor' }),
      );
    case 'neither':
      return svg('path', {
        d: `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`,
        stroke: 'currentColor',
        'stroke-width': r * 0.4,
        'stroke-linecap': 'round',
      });
    default:
      return svg('circle', { cx: x, cy: y, r: r * 0.45, fill: 'currentColor' });
  }
}

/** A labelled choice from a list. @param {string} label @param {readonly { value: string, text: string }[]} choices @param {string} chosen @param {(value: string) => void} onChange */
function chooser(label, choices, chosen, onChange) {
  const select = el('select', {});
  for (const { value, text } of choices) {
    const option = el('option', { value }, text);
    option.selected = value === chosen;
    select.append(option);
  }
  select.addEventListener('change', () => onChange(select.value));
  return el('label', { class: 'chooser' }, el('span', {}, label), select);
}

let groupCount = 0;

/** A few exclusive choices side by side. @param {string} label @param {readonly { value: string, text: string }[]} choices @param {string} chosen @param {(value: string) => void} onChange */
function segments(label, choices, chosen, onChange) {
  const name = `segments-${++groupCount}`;
  const group = el('fieldset', { class: 'segments' }, el('legend', { class: 'visually-hidden' }, label));
  for (const { value, text } of choices) {
    const input = el('input', { type: 'radio', name, value });
    input.checked = value === chosen;
    input.addEventListener('change', () => onChange(value));
    group.append(el('label', {}, input, el('span', {}, text)));
  }
  return group;
}

/** @param {string} text @param {string} type @param {string} fileName */
function saveText(text, type, fileName) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el('a', { href: url, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
