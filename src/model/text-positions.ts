/** @file model: which tokens of a text stand for some of its words, and which belong to a response; runs nothing. */
import { locatedAt } from '../core/data-place.ts';
import { MesascopeError } from '../core/errors.ts';
import { contentMask } from './chat-positions.ts';
import { type TokenSpan, tokenSpans } from './token-spans.ts';
import type { NamedText } from './tokenize.ts';
import type { TextTokenizer } from './tokenizer.ts';

export type { NamedText } from './tokenize.ts';

/** Words whose tokens are wanted, as they stand in the text, and which of their occurrences. */
export type SpanRequest = { readonly words: string; readonly which: 'first' | 'last' | 'all' };

const PREFIX = 'span:';

/** `span:WORDS`, with `@first` (as without), `@last` or `@all` behind; undefined for anything else. Throws `BAD_SETTING` where no word is left. */
export function spanRequest(text: string): SpanRequest | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const { words, which = 'first' } = /^(?<words>.*?)(?:@(?<which>first|last|all))?$/s.exec(
    text.slice(PREFIX.length),
  )!.groups as { words: string; which?: SpanRequest['which'] };
  if (words.trim() !== '') return { words, which };
  throw new MesascopeError('BAD_SETTING', `${text} names no words`, {
    remedy: 'For example span:garden, span:garden@last or span:garden@all.',
  });
}

/**
 * Absolute positions, ascending, of the tokens that stand for words of a text. `garden` is not found in `gardens`: a letter or digit
 * must not go on beside it. A blank that a token holds beside the words does not matter; any other character does.
 *
 * Texts and tokens are those of `tokenizedData(model, dataSet)`, in the order of the examples:
 *
 * @example
 * const request = spanRequest('span:garden@last')!;
 * const { fed, texts } = tokenizedData(model, dataSet);
 * const positions = dataSet.examples.map(({ id }, row) =>
 *   positionsOfSpan(tokenizer, { name: id, input: fed[row], tokens: texts[row] }, request));
 *
 * Throws `SPAN_MISSING` and `SPAN_UNCLEAR`, naming the example and pointing at its line, and `TOKENIZER_INVALID`.
 */
export function positionsOfSpan(tokenizer: TextTokenizer, text: NamedText, request: SpanRequest): number[] {
  const { name, input, tokens } = text;
  const found = occurrences(input.text, request.words);
  const wanted =
    request.which === 'all' ? found : found.slice(request.which === 'first' ? 0 : -1).slice(0, 1);
  const facts = { name, words: request.words };
  if (wanted.length === 0) {
    throw new MesascopeError(
      'SPAN_MISSING',
      `example ${JSON.stringify(name)} does not hold the words ${JSON.stringify(request.words)}`,
      { ...locatedAt(input), facts },
    );
  }
  const spans = tokenSpans(tokenizer, input.text, tokens);
  const positions = wanted.flatMap(({ start, end }) => {
    const touching = spans.flatMap((span, position) =>
      span.kind === 'text' && span.start < end && span.end > start ? [{ ...span, position }] : [],
    );
    const beyond = touching.find((span) => span.start < start || span.end > end);
    const unclear = (seen: string): MesascopeError =>
      new MesascopeError(
        'SPAN_UNCLEAR',
        `${JSON.stringify(request.words)} in example ${JSON.stringify(name)} ${seen}`,
        { ...locatedAt(input), facts },
      );
    if (beyond !== undefined)
      throw unclear(
        `shares the token ${JSON.stringify(tokens.pieces[beyond.position])} with what stands beside it`,
      );
    if (!covers(input.text, { start, end }, touching))
      throw unclear('holds tokens whose place in the text cannot be told');
    return touching.map(({ position }) => position);
  });
  return [...new Set(positions)].sort((a, b) => a - b);
}

type Range = { readonly start: number; readonly end: number };

/** Where the words stand, none inside a longer word, from the front and without overlap. */
function occurrences(text: string, words: string): Range[] {
  const wanted = words.trim();
  const letter = /[\p{L}\p{N}\p{M}_]/u;
  const found: Range[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const end = at + wanted.length;
    const before = Array.from(text.slice(Math.max(0, at - 2), at)).at(-1) ?? '';
    const after = Array.from(text.slice(end, end + 2))[0] ?? '';
    const inside =
      (letter.test(before) && letter.test(Array.from(wanted)[0]!)) ||
      (letter.test(after) && letter.test(Array.from(wanted).at(-1)!)) ||
      /^\p{M}/u.test(after);
    if (!inside && at >= (found.at(-1)?.end ?? 0)) found.push({ start: at, end });
  }
  return found;
}

/** True when every character of the range that is no blank belongs to one of the spans. */
function covers(text: string, { start, end }: Range, spans: readonly Range[]): boolean {
  for (let at = start; at < end; at++) {
    if (!/\s/u.test(text[at]!) && !spans.some((span) => span.start <= at && at < span.end)) return false;
  }
  return true;
}

/**
 * Which tokens belong to the response of a text with `responseFrom`: one boolean per token, special tokens behind the text included. A
 * token that begins with the blank that ends the prompt belongs to the response if the rest of it does. Of a chat, those of the content of
 * the assistant's last message, as `roleMask` has them; the tokens that end a message are the template's.
 *
 * Throws `SPAN_MISSING` for a text without a response and a chat without a message of the assistant, `SPAN_UNCLEAR` where a token holds the end of the prompt and the beginning of
 * the response, or its place cannot be told.
 */
export function responseMask(tokenizer: TextTokenizer, named: NamedText): boolean[] {
  const { name, input, tokens } = named;
  if (input.parts !== undefined) {
    const last = input.parts.findLastIndex(({ role }) => role === 'assistant');
    return contentMask(tokenizer, named, { wanted: last < 0 ? [] : [last], role: 'assistant' });
  }
  const { text, responseFrom } = input;
  const facts = { name };
  if (responseFrom === undefined) {
    throw new MesascopeError('SPAN_MISSING', `example ${JSON.stringify(name)} has no response`, {
      ...locatedAt(input),
      facts,
      remedy: 'Give its `response` beside its `text`, or ask for positions.',
    });
  }
  const spans = tokenSpans(tokenizer, text, tokens);
  const lastOfText = spans.findLastIndex(({ kind }) => kind === 'text');
  const sides = spans.map((span, position): boolean | undefined => {
    if (span.kind === 'frame') return position > lastOfText;
    return span.kind === 'unclear' ? undefined : sideOf(span, responseFrom);
  });
  return sides.map((side, position) => {
    // Between two tokens of one side there is only that side.
    const [before, after] = [
      sides.slice(0, position).findLast((each) => each !== undefined),
      sides.slice(position).find((each) => each !== undefined),
    ];
    const settled = side ?? (before === after ? before : undefined);
    if (settled !== undefined) return settled;
    throw new MesascopeError(
      'SPAN_UNCLEAR',
      `the token ${JSON.stringify(tokens.pieces[position])} of example ${JSON.stringify(name)} lies where the response begins, and may belong to either side`,
      {
        ...locatedAt(input),
        facts: { ...facts, position },
        remedy: 'Let the prompt end, or the response begin, at a blank or a line break.',
      },
    );
  });
}

function sideOf(span: TokenSpan & { readonly kind: 'text' }, responseFrom: number): boolean | undefined {
  if (span.start >= responseFrom) return true;
  return span.end <= responseFrom ? false : undefined;
}
