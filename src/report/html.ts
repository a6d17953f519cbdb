/** @file report: the only way text becomes markup: everything is escaped unless it is markup already; knows no record. */

/** Markup that is safe to put between tags or into a quoted attribute's place as a whole element. */
export type Html = { readonly markup: string };

export type HtmlPart = string | number | Html | readonly HtmlPart[] | null | undefined | false;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  // A backtick opened an attribute in old browsers; costs nothing.
  '`': '&#96;',
};

/** Escapes text for element content and for quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
export function escapeText(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this replaces.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, '\ufffd')
      .replace(/[&<>"'`]/g, (character) => ESCAPES[character]!)
  );
}

/** Template tag: the literal parts are markup, every value is escaped unless it is `Html`; null, undefined and false are nothing. */
export function html(literals: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
  let markup = literals[0]!;
  for (const [i, value] of values.entries()) markup += render(value) + literals[i + 1]!;
  return { markup };
}

function render(part: HtmlPart): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string') return escapeText(part);
  if (typeof part === 'number') return String(part);
  if ('markup' in part) return part.markup;
  return part.map(render).join('');
}

/** Text that came from outside: isolated, so that right-to-left marks in it cannot reorder what stands beside it. */
export function outside(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

/** Nothing at all. */
export const NOTHING: Html = { markup: '' };
