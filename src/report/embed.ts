/** @file report: puts scripts, styles and data into a page so that nothing in them can end the element; knows no record. */
import { MesascopeError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import type { Html } from './html.ts';

/**
 * JSON for a `<script type="application/json">`: `<`, `>` and `&` are spelled as escapes, so that `</script` and `<!--` cannot
 * occur; U+2028 and U+2029 too, which end a line in older script engines.
 */
export function scriptJson(value: unknown): Html {
  const text = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return { markup: text };
}

/** Source text as it will stand between `<script>` tags, with the hash that the content policy names. */
export type InlineScript = { readonly markup: Html; readonly policy: string; readonly bytes: number };

/** Throws `INTERNAL` when the source would end its own element; no change of the text could be known to keep its meaning. */
export function inlineScript(source: string): InlineScript {
  // HTML parsing turns CR LF into LF before the browser hashes the text.
  const text = source.replace(/\r\n?/g, '\n');
  if (/<\/script|<!--/i.test(text)) {
    throw new MesascopeError('INTERNAL', 'a script of the report contains text that would end its element');
  }
  return { markup: { markup: text }, policy: `'sha256-${base64Hash(text)}'`, bytes: utf8Bytes(text) };
}

/** A style sheet between `<style>` tags. Throws `INTERNAL` as `inlineScript` does. */
export function inlineStyle(source: string): Html {
  if (/<\/style/i.test(source)) {
    throw new MesascopeError(
      'INTERNAL',
      'the style sheet of the report contains text that would end its element',
    );
  }
  return { markup: source };
}

/** Little-endian float32 numbers as base64; null is NaN. Seven digits, a third of the size of JSON. */
export function float32Base64(values: readonly (number | null)[]): string {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [i, value] of values.entries()) view.setFloat32(i * 4, value ?? Number.NaN, true);
  return Buffer.from(view.buffer).toString('base64');
}

/** Little-endian uint16 numbers as base64; each in 0 to 65,535. */
export function uint16Base64(values: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(values.length * 2));
  for (const [i, value] of values.entries()) view.setUint16(i * 2, value, true);
  return Buffer.from(view.buffer).toString('base64');
}

export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

function base64Hash(text: string): string {
  return Buffer.from(sha256(text), 'hex').toString('base64');
}
