/** @file test: words and responses are found in their tokens, and what is not clear is refused with the example's name. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { rememberPlace } from '../../src/core/data-place.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import type { MesascopeError } from '../../src/core/errors.ts';
import {
  type NamedText,
  positionsOfSpan,
  responseMask,
  type SpanRequest,
  spanRequest,
} from '../../src/model/text-positions.ts';
import { openTokenizer, type TextTokenizer } from '../../src/model/tokenizer.ts';

const { kinds } = JSON.parse(
  readFileSync(new URL('../fixtures/model/tokenizers.json', import.meta.url), 'utf8'),
) as { readonly kinds: Readonly<Record<string, { readonly tokenizer: object }>> };
const KINDS = Object.keys(kinds);

const folders: string[] = [];
function open(tokenizer: object): TextTokenizer {
  const folder = mkdtempSync(path.join(tmpdir(), 'positions-'));
  folders.push(folder);
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  return openTokenizer(path.join(folder, 'model.onnx'));
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
const tokenizers = new Map(KINDS.map((kind) => [kind, open(kinds[kind]!.tokenizer)]));

function named(tokenizer: TextTokenizer, text: string, responseFrom?: number): NamedText {
  const input: ModelInput & { kind: 'text' } =
    responseFrom === undefined ? { kind: 'text', text } : { kind: 'text', text, responseFrom };
  rememberPlace(input, { file: 'data.jsonl', line: 7, headerLine: 1 });
  return { name: 'x7', input, tokens: tokenizer.encode([text])[0]! };
}

function fault(work: () => unknown): MesascopeError {
  try {
    work();
  } catch (error) {
    return error as MesascopeError;
  }
  return expect.unreachable('nothing was thrown');
}

describe('what `span:` asks for', () => {
  it('is words and which of their occurrences', () => {
    expect(spanRequest('span:garden')).toEqual({ words: 'garden', which: 'first' });
    expect(spanRequest('span:the dog@last')).toEqual({ words: 'the dog', which: 'last' });
    expect(spanRequest('span:me@home@all')).toEqual({ words: 'me@home', which: 'all' });
    expect(spanRequest('span:me@home')).toEqual({ words: 'me@home', which: 'first' });
    expect(spanRequest('-1,-2')).toBeUndefined();
    for (const bad of ['span:', 'span: ', 'span:@last'])
      expect(fault(() => spanRequest(bad)).code).toBe('BAD_SETTING');
  });
});

describe.each(KINDS)('the positions of words, %s', (kind) => {
  const tokenizer = tokenizers.get(kind)!;
  const text = 'the dog and a lovely garden and the dog';
  /** What the tokens at the positions spell, blanks and joining marks left out. */
  const spelled = (of: NamedText, request: SpanRequest): string =>
    positionsOfSpan(tokenizer, of, request)
      .map((position) => of.tokens.pieces[position]!.replace(/[Ġ▁]|^##/g, ''))
      .join('');

  it('are those of the tokens that spell them, first, last and all', () => {
    const one = named(tokenizer, text);
    expect(spelled(one, { words: 'garden', which: 'first' })).toBe('garden');
    expect(spelled(one, { words: 'the dog', which: 'all' })).toBe('thedogthedog');
    const [first, last] = (['first', 'last'] as const).map((which) =>
      positionsOfSpan(tokenizer, one, { words: 'dog', which }),
    );
    expect(Math.max(...first!)).toBeLessThan(Math.min(...last!));
    expect(positionsOfSpan(tokenizer, one, { words: 'dog', which: 'all' })).toEqual([...first!, ...last!]);
    // The first token is the special one that the tokenizer puts in front.
    expect(positionsOfSpan(tokenizer, one, { words: 'the', which: 'first' })[0]).toBe(1);
  });

  it('are refused where the words do not occur, also as a part of longer ones', () => {
    const one = named(tokenizer, 'the gardens, undone');
    for (const words of ['zebra', 'garden', 'done', 'The']) {
      const error = fault(() => positionsOfSpan(tokenizer, one, { words, which: 'all' }));
      expect([error.code, error.location]).toEqual(['SPAN_MISSING', { file: 'data.jsonl', line: 7 }]);
      expect(error.message).toContain('"x7"');
    }
  });
});

describe('words that share a token with what stands beside them', () => {
  it('are refused with that token, and found where the token holds a blank beside them', () => {
    const words = tokenizers.get('word_level')!;
    const over = fault(() =>
      positionsOfSpan(words, named(words, "said it isn't over; he"), { words: 'over', which: 'first' }),
    );
    expect([over.code, over.location?.line]).toEqual(['SPAN_UNCLEAR', 7]);
    expect(over.message).toBe('"over" in example "x7" shares the token "over;" with what stands beside it');
    const bytes = tokenizers.get('byte_pairs')!;
    const one = named(bytes, "said it isn't over; he");
    const [position] = positionsOfSpan(bytes, one, { words: 'over', which: 'first' });
    expect(one.tokens.pieces[position!]).toBe('Ġover');
  });

  it('or whose tokens are unknown ones that cannot be told apart, are refused', () => {
    const pieces = tokenizers.get('unigram')!;
    const one = named(pieces, 'a ☃b☃c☃ d');
    const error = fault(() => positionsOfSpan(pieces, one, { words: '☃b☃c☃', which: 'first' }));
    expect(error.code).toBe('SPAN_UNCLEAR');
  });
});

describe.each(KINDS)('the tokens of a response, %s', (kind) => {
  const tokenizer = tokenizers.get(kind)!;

  it('are those behind the prompt, the special token at the end included', () => {
    const prompt = 'a lovely dog';
    for (const [text, from] of [
      [`${prompt} and a garden`, prompt.length],
      [`${prompt} and a garden`, prompt.length + 1],
    ] as const) {
      const one = named(tokenizer, text, from);
      const mask = responseMask(tokenizer, one);
      const first = mask.indexOf(true);
      const own = tokenizer.encode([prompt])[0]!.ids;
      // Without the special token at the end, the prompt's tokens are those that it has alone; a blank of its own may follow.
      expect(first - (own.length - 1)).toBeGreaterThanOrEqual(0);
      expect(first - (own.length - 1)).toBeLessThanOrEqual(1);
      expect(mask).toEqual(mask.map((_, i) => i >= first));
      const pieces = one.tokens.pieces.slice(first, -1).map((piece) => piece.replace(/[Ġ▁]|^##/g, ''));
      expect(pieces.join('')).toBe('andagarden');
    }
  });

  it('are none where there is no response, and unclear where it begins within a token', () => {
    const bare = fault(() => responseMask(tokenizer, named(tokenizer, 'a dog')));
    expect([bare.code, bare.location?.line]).toEqual(['SPAN_MISSING', 7]);
    // "the" is one token of each of them.
    const error = fault(() => responseMask(tokenizer, named(tokenizer, 'the dog', 1)));
    expect([error.code, error.location?.line]).toEqual(['SPAN_UNCLEAR', 7]);
  });
});
