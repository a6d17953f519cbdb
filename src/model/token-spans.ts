/** @file model: where each token lies in its text, found by spelling the pieces out and laying them along it; runs nothing. */
import { pieceBytes } from './piece-spelling.ts';
import type { TextTokenizer, TokenizedText } from './tokenizer.ts';

/**
 * `text`: it stands for `text.slice(start, end)`, UTF-16 units, whole characters with their accents, surrounding blanks left out; a
 * token of blanks alone has `start === end`. `frame`: a special token that the tokenizer put around the text. `unclear`: its place
 * cannot be told, which unknown words and letters that the tokenizer rewrote may cause.
 */
export type TokenSpan =
  | { readonly kind: 'text'; readonly start: number; readonly end: number }
  | { readonly kind: 'frame' }
  | { readonly kind: 'unclear' };

/** One span per token of `tokens`, which is what `tokenizer.encode` made of `text`. Throws `TOKENIZER_INVALID`. */
export function tokenSpans(tokenizer: TextTokenizer, text: string, tokens: TokenizedText): TokenSpan[] {
  const [own, empty] = [tokenizer.encodePlain([text])[0]!, tokenizer.encode([''])[0]!];
  const before = framedBefore(tokens.ids, own.ids, empty.ids);
  if (before === undefined) return tokens.ids.map(() => ({ kind: 'unclear' }));
  const spans = spansOf(tokenizer, text, own);
  return tokens.ids.map((_, i) => spans[i - before] ?? { kind: 'frame' });
}

/** How many tokens of `whole` stand before those of the text itself; undefined when these are not in it. */
function framedBefore(
  whole: readonly number[],
  own: readonly number[],
  empty: readonly number[],
): number | undefined {
  const starts = Array.from({ length: Math.max(0, whole.length - own.length + 1) }, (_, i) => i);
  const fitting = starts.filter((start) => own.every((id, i) => whole[start + i] === id));
  // A text of special tokens can be found in several places; around the right one lies what an empty text gets.
  const framed = fitting.find((start) =>
    equal([...whole.slice(0, start), ...whole.slice(start + own.length)], empty),
  );
  return framed ?? fitting[0];
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** Without unknown words the whole text is one part; with them, each word is laid along by itself, as far as words are tokenized alone. */
function spansOf(tokenizer: TextTokenizer, text: string, own: TokenizedText): readonly TokenSpan[] {
  const unknown = (id: number): boolean => id === -1 || id === tokenizer.unknownId;
  const part = (tokens: TokenizedText, start: number, end: number): TokenSpan[] =>
    laidAlong(unitsOf(text, start, end), lettersOf(tokenizer, tokens, unknown), { tokens, unknown, end });
  if (!own.ids.some(unknown)) return part(own, 0, text.length);
  for (const pattern of [/\S+/g, /\s*\S+/g]) {
    const words = [...text.matchAll(pattern)];
    const pieces = tokenizer.encodePlain(words.map(([word]) => word));
    if (
      !equal(
        pieces.flatMap(({ ids }) => ids),
        own.ids,
      )
    )
      continue;
    return pieces.flatMap((each, w) => part(each, words[w]!.index, words[w]!.index + words[w]![0].length));
  }
  return part(own, 0, text.length);
}

/** A letter as it is compared: without case, accents and compatibility forms. */
type Unit = { readonly folded: string; readonly start: number; readonly end: number };

function unitsOf(text: string, from: number, to: number): Unit[] {
  return [...text.slice(from, to).matchAll(/\P{M}\p{M}*|\p{M}+/gu)].flatMap(({ 0: cluster, index }) =>
    Array.from(folded(cluster), (letter) => ({
      folded: letter,
      start: from + index,
      end: from + index + cluster.length,
    })),
  );
}

function folded(text: string): string {
  return text.normalize('NFKD').toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '');
}

/** A letter that pieces spell, folded, and the tokens that it is spelled by: several where each holds some of its bytes. */
type Letter = {
  readonly folded: string;
  readonly first: number;
  readonly last: number;
  readonly unknown: boolean;
};

function lettersOf(
  { spelling, specialIds }: TextTokenizer,
  { ids, pieces }: TokenizedText,
  unknown: (id: number) => boolean,
): Letter[] {
  const letters: Letter[] = [];
  let bytes: number[] = [];
  let owner: number[] = [];
  const flush = (): void => {
    for (let at = 0; at < bytes.length; ) {
      const size = characterBytes(bytes, at);
      const character = new TextDecoder().decode(Uint8Array.from(bytes.slice(at, at + size)));
      const place = { first: owner[at]!, last: owner[at + size - 1]!, unknown: false };
      const parts = Array.from(folded(character));
      // An accent that is spelled by itself belongs to the letter before it.
      for (const letter of parts.length === 0 ? [''] : parts) letters.push({ folded: letter, ...place });
      at += size;
    }
    [bytes, owner] = [[], []];
  };
  for (const [token, id] of ids.entries()) {
    if (unknown(id)) {
      flush();
      letters.push({ folded: '', first: token, last: token, unknown: true });
      continue;
    }
    const piece = pieces[token]!;
    const own = specialIds.has(id) ? new TextEncoder().encode(piece) : pieceBytes(piece, spelling);
    for (const byte of own) {
      bytes.push(byte);
      owner.push(token);
    }
  }
  flush();
  return letters;
}

/** Bytes of the UTF-8 character that begins here; 1 where none does. */
function characterBytes(bytes: readonly number[], at: number): number {
  const lead = bytes[at]!;
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  for (let i = 1; i < size; i++) if ((bytes[at + i] ?? 0) >> 6 !== 2) return 1;
  return size;
}

const isBlank = (letter: string): boolean => /^\s$/u.test(letter);

/**
 * Compares letters and units from the front as far as they agree, and from the back; a single unknown token between is what is left.
 * Blanks need not agree: tokenizers add, join and drop them.
 */
function laidAlong(
  units: readonly Unit[],
  letters: readonly Letter[],
  of: { readonly tokens: TokenizedText; readonly unknown: (id: number) => boolean; readonly end: number },
): TokenSpan[] {
  const { tokens, unknown, end } = of;
  const found: (Unit | undefined)[] = letters.map(() => undefined);
  const front = agreeing(units, letters, found, 1);
  const back = front.letters === letters.length ? undefined : agreeing(units, letters, found, -1);
  if (back !== undefined) {
    const rest = letters.slice(front.letters, letters.length - back.letters);
    const between = units
      .slice(front.units, units.length - back.units)
      .filter((unit) => !isBlank(unit.folded));
    if (rest.length === 1 && rest[0]!.unknown && between.length > 0)
      found[front.letters] = { folded: '', start: between[0]!.start, end: between.at(-1)!.end };
  }
  const complete = back === undefined;
  const spans: TokenSpan[] = [];
  let at = units[0]?.start ?? end;
  for (const [token, id] of tokens.ids.entries()) {
    const own = letters.flatMap((letter, i) =>
      letter.first <= token && letter.last >= token ? [{ letter, unit: found[i] }] : [],
    );
    const units = own.flatMap(({ unit }) => (unit === undefined ? [] : [unit]));
    const missing = own.some(({ letter, unit }) => unit === undefined && !isBlank(letter.folded));
    if (missing || (units.length === 0 && (unknown(id) || !complete))) spans.push({ kind: 'unclear' });
    else if (units.length === 0) spans.push({ kind: 'text', start: at, end: at });
    else {
      at = Math.max(...units.map((unit) => unit.end));
      spans.push({ kind: 'text', start: Math.min(...units.map(({ start }) => start)), end: at });
    }
  }
  return spans;
}

/** Goes along both as long as they agree, and notes the unit of each letter; how many of each that was. */
function agreeing(
  units: readonly Unit[],
  letters: readonly Letter[],
  found: (Unit | undefined)[],
  direction: 1 | -1,
): { readonly letters: number; readonly units: number } {
  let [l, u] = [0, 0];
  const letterAt = (i: number): number => (direction === 1 ? i : letters.length - 1 - i);
  const unitAt = (i: number): Unit | undefined => units[direction === 1 ? i : units.length - 1 - i];
  while (l < letters.length) {
    const index = letterAt(l);
    const { folded: letter, unknown } = letters[index]!;
    if (unknown) break;
    const unit = unitAt(u);
    if (letter === '') {
      // Of the accents, those before their letter in this direction have no unit yet: the next one is theirs.
      const owner = direction === 1 ? unitAt(u - 1) : unit;
      if (owner !== undefined) found[index] = owner;
      l++;
    } else if (unit !== undefined && letter === unit.folded) {
      if (!isBlank(letter)) found[index] = unit;
      l++;
      u++;
    } else if (isBlank(letter)) l++;
    else if (unit !== undefined && isBlank(unit.folded)) u++;
    else break;
  }
  return { letters: l, units: u };
}
