/** @file model: which tokens of a chat stand for what its messages say; runs nothing. */
import { locatedAt } from '../core/data-place.ts';
import { MesascopeError } from '../core/errors.ts';
import { type TokenSpan, tokenSpans } from './token-spans.ts';
import type { NamedText } from './tokenize.ts';
import type { TextTokenizer } from './tokenizer.ts';

/**
 * Which tokens stand for the contents of a role's messages: one boolean per token. The headers and ends that the template writes around a
 * message are no content, nor are blanks around it.
 *
 * Throws `SPAN_MISSING` where no message of the role says anything (or the input is no chat), `SPAN_UNCLEAR` where the template changes a
 * content so that its place cannot be told, or a token holds an end of it and what stands beside it.
 *
 * @example
 * const { fed, texts } = tokenizedData(model, dataSet);
 * const mask = roleMask(model.tokenizer(), { name: 'x17', input: fed[0], tokens: texts[0] }, 'user');
 */
export function roleMask(tokenizer: TextTokenizer, named: NamedText, role: string): boolean[] {
  const wanted = (named.input.parts ?? []).flatMap((part, i) => (part.role === role ? [i] : []));
  return contentMask(tokenizer, named, { wanted, role });
}

/** The tokens of these messages, all of one role. Throws as `roleMask` does. */
export function contentMask(
  tokenizer: TextTokenizer,
  { name, input, tokens }: NamedText,
  { wanted, role }: { readonly wanted: readonly number[]; readonly role: string },
): boolean[] {
  const { text, parts = [] } = input;
  const at = locatedAt(input);
  const unclear = (seen: string, facts: object, remedy: string): MesascopeError =>
    new MesascopeError('SPAN_UNCLEAR', seen, { ...at, facts: { name, role, ...facts }, remedy });
  const ranges = wanted.flatMap((message) => {
    const part = parts[message]!;
    if (part.state === 'located') return part.ranges;
    throw unclear(
      `message ${message} of example ${JSON.stringify(name)} is changed by the chat template, so that its place in the text cannot be told`,
      { message },
      'Leave out what the template looks for in a message (for instance text of the thinking that precedes an answer), or ask for positions.',
    );
  });
  if (ranges.length === 0) {
    throw new MesascopeError(
      'SPAN_MISSING',
      `example ${JSON.stringify(name)} has no message of the role ${JSON.stringify(role)} that says anything`,
      {
        ...at,
        facts: { name, role },
        remedy: 'Give such a message, or ask for positions.',
      },
    );
  }
  const spans = tokenSpans(tokenizer, text, tokens);
  const owners = spans.map((span) => ownerOf(span, ranges));
  // Both ends of a content must be seen: a token without a place next to the template's could be either's.
  for (const [owner, { start, end }] of ranges.entries()) {
    const holds = (place: number): boolean =>
      spans.some(
        (span, i) => owners[i] === owner && span.kind === 'text' && span.start <= place && place < span.end,
      );
    if (holds(start) && holds(end - 1)) continue;
    if (owners.includes(BOTH)) break;
    throw unclear(
      `a message of the role ${JSON.stringify(role)} in example ${JSON.stringify(name)} begins or ends with tokens whose place in the text cannot be told`,
      { start, end },
      'Let the message begin and end with words that the tokenizer knows.',
    );
  }
  const before = [...owners];
  for (let i = 1; i < before.length; i++) before[i] ??= before[i - 1];
  const after = [...owners];
  for (let i = after.length - 2; i >= 0; i--) after[i] ??= after[i + 1];
  return owners.map((owner, position) => {
    // Between two tokens of one content there is only that content.
    const settled =
      owner ??
      ((before[position] ?? NONE) === (after[position] ?? NONE) ? (before[position] ?? NONE) : undefined);
    if (settled !== undefined && settled !== BOTH) return settled !== NONE;
    // Contents begin and end with letters, so a blank beside one is no part of it.
    if (settled === undefined && spans[position]!.kind === 'text') return false;
    throw unclear(
      `the token ${JSON.stringify(tokens.pieces[position])} of example ${JSON.stringify(name)} lies where a message of the role ${JSON.stringify(role)} begins or ends, and may belong to either side`,
      { position },
      'Let the message begin and end with a letter or a mark that the tokenizer keeps apart from the template.',
    );
  });
}

/** No content, and a content together with what stands beside it. */
const [NONE, BOTH] = [-1, -2];

/** The range that a token lies in; undefined for blanks, and for tokens whose place cannot be told. */
function ownerOf(
  span: TokenSpan,
  ranges: readonly { readonly start: number; readonly end: number }[],
): number | undefined {
  if (span.kind === 'frame') return NONE;
  if (span.kind === 'unclear' || span.start === span.end) return undefined;
  const touched = ranges.findIndex(({ start, end }) => span.start < end && span.end > start);
  if (touched < 0) return NONE;
  const { start, end } = ranges[touched]!;
  return span.start >= start && span.end <= end ? touched : BOTH;
}
