/** @file model: values of a chat template as Python compares, prints and trims them; evaluates nothing. */

/** A value of the Jinja library. `value` is what it holds, undefined for None too; lists hold such values, and so do mappings (`Map` by text). */
export type Value = { readonly type: string; readonly value: unknown };

/** As Python's `==`: by what values hold, a truth value being a number, and nothing equal to a text but a text. */
export function equal(a: Value, b: Value): boolean {
  const [left, right] = [a.value, b.value];
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((each: Value, i) => equal(each, right[i] as Value));
  if (isMapping(a) && isMapping(b)) {
    const [one, other] = [a.value, b.value];
    return (
      one.size === other.size &&
      [...one].every(([key, each]) => other.has(key) && equal(each, other.get(key)!))
    );
  }
  if (left === undefined || right === undefined) return a.type === b.type;
  return asNumber(left) === asNumber(right);
}

function asNumber(held: unknown): unknown {
  return typeof held === 'boolean' ? Number(held) : held;
}

export function isUndefined({ type }: Value): boolean {
  return type === 'UndefinedValue';
}

/** A namespace is a map too, but no value to compare, print or go through. */
export function isMapping(value: Value): value is Value & { readonly value: ReadonlyMap<string, Value> } {
  return value.value instanceof Map && value.type !== 'NamespaceValue';
}

/** As Python's `str`; an undefined value is nothing. Throws for functions and namespaces, which no chat is meant to show. */
export function printed(value: Value): string {
  if (typeof value.value === 'string') return value.value;
  return isUndefined(value) ? '' : notation(value);
}

/** As Python's `repr`. */
function notation(value: Value): string {
  const { type, value: held } = value;
  if (held === undefined) return isUndefined(value) ? 'Undefined' : 'None';
  if (typeof held === 'boolean') return held ? 'True' : 'False';
  if (typeof held === 'string') return quoted(held);
  // The library's own spelling: a whole float is 1.0.
  if (typeof held === 'number') return String(value);
  if (Array.isArray(held)) {
    const parts = held.map(notation).join(', ');
    // Of two entries or more: the library reads no other.
    return type === 'TupleValue' ? `(${parts})` : `[${parts}]`;
  }
  if (isMapping(value))
    return `{${[...value.value].map(([key, each]) => `${quoted(key)}: ${notation(each)}`).join(', ')}}`;
  throw new TypeError(`it writes out a ${type}`);
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (letter) => {
    if (letter === '\\' || letter === quote) return `\\${letter}`;
    if (letter === '"' || letter === "'") return letter;
    const code = letter.codePointAt(0)!;
    const hex = code.toString(16);
    if (code < 0x100) return SHORT[letter] ?? `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return `${quote}${inside}${quote}`;
}

/** What `str.strip` takes away without an argument; JavaScript's `trim` takes other letters. */
function isBlank(letter: string): boolean {
  return /\p{White_Space}/u.test(letter) || (letter >= '\x1c' && letter <= '\x1f');
}

/** As Python's `strip` and its kind. `chars` is a text, whose letters are taken away in any order, or null for blanks. */
export function stripped(
  text: string,
  chars: unknown,
  { front, back }: { readonly front: boolean; readonly back: boolean },
): string {
  if (chars !== null && typeof chars !== 'string') throw new TypeError('strip() takes a text, or nothing');
  const letters = Array.from(text);
  const given = new Set(chars);
  const goes = (letter: string): boolean => (chars === null ? isBlank(letter) : given.has(letter));
  let [start, end] = [0, letters.length];
  while (front && start < end && goes(letters[start]!)) start++;
  while (back && end > start && goes(letters[end - 1]!)) end--;
  return letters.slice(start, end).join('');
}

/** As Python's `str.capitalize`. */
export function capitalized(text: string): string {
  return text.toLowerCase().replace(/^./su, (letter) => letter.toUpperCase());
}

type TextMethod = (text: string, given: readonly unknown[]) => string;

const strip =
  (sides: Parameters<typeof stripped>[2]): TextMethod =>
  (text, given) => {
    if (given.length > 1) throw new TypeError('strip() takes one text, or nothing');
    return stripped(text, given[0] ?? null, sides);
  };

/** Methods of texts that the library has by other rules, with what the template gives them. */
export const TEXT_METHODS: ReadonlyMap<string, TextMethod> = new Map<string, TextMethod>([
  ['strip', strip({ front: true, back: true })],
  ['lstrip', strip({ front: true, back: false })],
  ['rstrip', strip({ front: false, back: true })],
  ['capitalize', (text) => capitalized(text)],
  // A word is a run of letters that have a case: it's becomes It'S.
  ['title', (text) => text.replace(/\p{Cased}+/gu, capitalized)],
]);

/** As the filter `title`, whose words end at blanks, hyphens and opening brackets. */
export function titled(text: string): string {
  return text.replace(/[^-\s({[<]+/gu, capitalized);
}

/**
 * Refuses a value that `most` characters cannot spell. What stands several times in a list is written as often, so this is counted
 * before any of it is. Each entry costs `between` characters, and `indent` for each level that it is nested in.
 */
export function mustBeShort(
  value: Value,
  most: number,
  { between = 0, indent = 0 }: { readonly between?: number; readonly indent?: number } = {},
): void {
  let left = most;
  const take = (characters: number): void => {
    left -= characters;
    if (left < 0) throw new RangeError(`it makes a text of more than ${most} characters`);
  };
  const open = [{ each: value, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { each, depth } = next;
    const { value: held } = each;
    take((depth === 0 ? 0 : 1 + between) + depth * indent);
    if (typeof held === 'string') take(held.length);
    else if (Array.isArray(held)) {
      take(held.length);
      for (const entry of held as readonly Value[]) open.push({ each: entry, depth: depth + 1 });
    } else if (held instanceof Map) {
      for (const [key, entry] of held as ReadonlyMap<string, Value>) {
        take(key.length);
        open.push({ each: entry, depth: depth + 1 });
      }
    }
  }
}
