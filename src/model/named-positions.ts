/** @file model: positions that are told by what stands there, one per text: the end of some words, of the prompt, of the response. */
import { locatedAt } from '../core/data-place.ts';
import { MesascopeError } from '../core/errors.ts';
import type { StreamName } from '../onnx/contract.ts';
import type { Model } from './open-model.ts';
import { positionsOfSpan, responseMask, spanRequest } from './text-positions.ts';
import { tokenSpans } from './token-spans.ts';
import type { NamedText } from './tokenize.ts';
import type { TextTokenizer } from './tokenizer.ts';

/**
 * A position as it is asked for: a number, negative from the end of the row, or a name: `span:WORDS`, `span:WORDS@last`, `prompt`,
 * `response`.
 */
export type Position = number | string;

/** Throws `BAD_SETTING` for what is neither a whole number nor such a name. */
export function positionFrom(text: string): Position {
  const given = text.trim();
  if (given !== '' && Number.isInteger(Number(given))) return Number(given);
  mustBePositionName(given);
  return given;
}

/** Throws `BAD_SETTING`. */
export function mustBePositionName(name: string): void {
  if (name === 'prompt' || name === 'response') return;
  const request = spanRequest(name);
  if (request?.which === 'all') {
    throw new MesascopeError('BAD_SETTING', `${name} may be several positions, and each row has one here`, {
      remedy: `Name the first or the last: span:${request.words} or span:${request.words}@last.`,
    });
  }
  if (request !== undefined) return;
  throw new MesascopeError('BAD_SETTING', `${JSON.stringify(name)} is not a position`, {
    remedy:
      'A position is a whole number (negative from the end), span:WORDS (the last token of these words; no comma in them), prompt or response.',
  });
}

/**
 * The absolute position of a name in a text, counted in its tokens: of `span:WORDS` the last token of the words' first occurrence, of
 * `span:WORDS@last` of their last one; of `prompt` the last token before the response, of `response` its own last token, special tokens
 * behind the text left aside.
 *
 * Throws `SPAN_MISSING` and `SPAN_UNCLEAR`, naming the example and pointing at its line, and `TOKENIZER_INVALID`, `BAD_SETTING`.
 */
export function positionNamed(tokenizer: TextTokenizer, text: NamedText, name: string): number {
  mustBePositionName(name);
  const request = spanRequest(name);
  if (request !== undefined) return positionsOfSpan(tokenizer, text, request).at(-1)!;
  const mask = responseMask(tokenizer, text);
  const spans = tokenSpans(tokenizer, text.input.text, text.tokens);
  const at =
    name === 'prompt'
      ? mask.indexOf(true) - 1
      : mask.findLastIndex((inside, position) => inside && spans[position]!.kind !== 'frame');
  if (at >= 0) return at;
  throw new MesascopeError(
    'SPAN_MISSING',
    `example ${JSON.stringify(text.name)} has no token ${name === 'prompt' ? 'before' : 'in'} its response`,
    { ...locatedAt(text.input), facts: { name: text.name, position: name } },
  );
}

/** Throws `BAD_SETTING` where the positions of a stream are not those of the text's tokens (patches of an image, a decoder's own tokens). */
export function mustCountTokens(model: Model, stream: StreamName, name: string): void {
  const sequence = model.hooks.sequences?.[stream];
  if (sequence === undefined) return;
  const tokens = model.inputs.find(({ role }) => role === 'tokens');
  if (sequence.kind === 'input' && sequence.input === tokens?.name) return;
  throw new MesascopeError(
    'BAD_SETTING',
    `${name} is a place in the text, and the ${stream} stream of ${model.name} has other positions than the text's tokens`,
    { facts: { stream }, remedy: 'Name positions by number.' },
  );
}
