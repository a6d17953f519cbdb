/** @file test: a record in which every text that a file could bring is an attempt to break out of its place. */

import type { RunRecord } from '../../src/record/record.ts';
import { runRecordSchema } from '../../src/record/schema.ts';

/** Each sets `window.pwned`, breaks a layout, or turns the text around it, where it is not kept as text. */
export const ATTACKS: readonly string[] = [
  '</script><script>window.pwned=1</script>',
  '<img src=x onerror="window.pwned=2">',
  '"><svg onload=window.pwned=3><a href="javascript:window.pwned=3">x</a>',
  "' onmouseover='window.pwned=4' style='position:fixed",
  '<b>bold</b><br><a href="javascript:window.pwned=5">link</a>&lt;i&gt;',
  '</title></style><!--<script>',
  'line\u2028separator\u2029and\u0000null',
  '\u202Eright to left \u05d0\u05d1\u05d2\u200f',
  'W'.repeat(320),
  'javascript:window.pwned=6',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it must stay text.
  '$& $1 $` ${window.pwned=7} %{x}',
  '=HYPERLINK("http://example.invalid","x")',
  '\u{1F469}\u200D\u{1F52C}\uD800 lone surrogate',
];

/**
 * `record` with every replaceable text replaced. Which texts those are is found by trying: where the schema still holds with an
 * attack in place, a file could have brought it. Equal texts become equal ones, so references inside the record still hold.
 */
export function hostileRecord(record: RunRecord): RunRecord {
  const replaceable = new Map<string, boolean>();
  const given = new Map<string, string>();
  const attackFor = (text: string): string => {
    const known = given.get(text);
    if (known !== undefined) return known;
    const attack = `${ATTACKS[given.size % ATTACKS.length]!} ${text}`;
    given.set(text, attack);
    return attack;
  };
  const copy = structuredClone(record) as unknown as Json;
  const holds = (pattern: string, change: () => () => void): boolean => {
    const known = replaceable.get(pattern);
    if (known !== undefined) return known;
    const undo = change();
    const fits = runRecordSchema.safeParse(copy).success;
    undo();
    replaceable.set(pattern, fits);
    return fits;
  };
  const visit = (holder: Json, key: string | number, pattern: string): void => {
    const value = at(holder, key);
    if (typeof value === 'string') {
      const change = (): (() => void) => {
        put(holder, key, attackFor(value));
        return () => put(holder, key, value);
      };
      if (holds(pattern, change)) put(holder, key, attackFor(value));
    } else if (Array.isArray(value)) {
      for (const i of value.keys()) visit(value as unknown as Json, i, `${pattern}[]`);
    } else if (typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) visit(value as Json, name, `${pattern}.${name}`);
      renameKeys(value as Json, pattern);
    }
  };
  const renameKeys = (object: Json, pattern: string): void => {
    for (const name of Object.keys(object)) {
      const value = at(object, name);
      const rename = (): (() => void) => {
        delete object[name];
        put(object, attackFor(name), value);
        return () => {
          delete object[attackFor(name)];
          put(object, name, value);
        };
      };
      if (holds(`${pattern}.${name} (key)`, rename)) rename();
    }
  };
  for (const key of Object.keys(copy)) visit(copy, key, key);
  return copy as unknown as RunRecord;
}

type Json = Record<string | number, unknown>;

function at(holder: Json, key: string | number): unknown {
  return holder[key];
}

function put(holder: Json, key: string | number, value: unknown): void {
  holder[key] = value;
}
