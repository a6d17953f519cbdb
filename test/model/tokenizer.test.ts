/** @file test: text becomes the token ids that Python's tokenizers gives, and a tokenizer file is not trusted. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { openTokenizer } from '../../src/model/tokenizer.ts';

type Recorded = {
  readonly texts: readonly string[];
  readonly kinds: Readonly<
    Record<
      string,
      {
        readonly tokenizer: Readonly<Record<string, unknown>>;
        readonly ids: readonly (readonly number[])[];
        readonly pieces: readonly (readonly string[])[];
      }
    >
  >;
};

const recorded = JSON.parse(
  readFileSync(new URL('../fixtures/model/tokenizers.json', import.meta.url), 'utf8'),
) as Recorded;

const splits = JSON.parse(
  readFileSync(new URL('../fixtures/model/splits.json', import.meta.url), 'utf8'),
) as {
  readonly texts: readonly string[];
  readonly kinds: Readonly<
    Record<string, { readonly tokenizer: object; readonly ids: readonly (readonly number[])[] }>
  >;
};

const folders: string[] = [];

/** A path beside which these files lie. */
function beside(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenizer-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return path.join(folder, 'model.onnx');
}

function fault(work: () => unknown): MesascopeError {
  try {
    work();
  } catch (error) {
    if (error instanceof MesascopeError) return error;
    throw error;
  }
  return expect.unreachable('nothing was thrown');
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

describe('text in tokens', () => {
  it.each(Object.keys(recorded.kinds))('%s: the ids and pieces of the Python package', (kind) => {
    const { tokenizer, ids, pieces } = recorded.kinds[kind]!;
    const found = openTokenizer(beside({ 'tokenizer.json': tokenizer })).encode(recorded.texts);
    recorded.texts.forEach((text, i) => {
      expect([text, found[i]!.ids]).toEqual([text, ids[i]]);
      // The package spells an unknown piece of this kind as the text has it; the vocabulary says what the model is fed.
      const fed =
        kind === 'unigram' ? pieces[i]!.map((piece, at) => (ids[i]![at] === 0 ? '[UNK]' : piece)) : pieces[i];
      expect(found[i]!.pieces).toEqual(fed);
    });
  });

  it.each(Object.keys(splits.kinds))('splits where the Python package does: %s', (kind) => {
    const { tokenizer, ids } = splits.kinds[kind]!;
    const found = openTokenizer(beside({ 'tokenizer.json': tokenizer })).encode(splits.texts);
    splits.texts.forEach((text, i) => {
      expect([text, found[i]!.ids]).toEqual([text, ids[i]]);
    });
  });

  it('has the special tokens of the file once per text, however many texts are asked for', () => {
    const { tokenizer } = recorded.kinds.word_level!;
    const open = openTokenizer(beside({ 'tokenizer.json': tokenizer }));
    const rows = open.encode(
      Array.from({ length: 300 }, (_, i) => (i % 2 === 0 ? 'the dog' : 'a lovely garden')),
    );
    rows.forEach(({ ids }, i) => {
      expect(ids).toHaveLength(i % 2 === 0 ? 4 : 5);
      expect([ids[0], ids.at(-1)]).toEqual([1, 2]);
    });
  });

  it('takes the word for unknown ones from the tokenizer itself, or from the configuration beside it', () => {
    const { tokenizer } = recorded.kinds.word_level!;
    expect(openTokenizer(beside({ 'tokenizer.json': tokenizer })).unknownId).toBe(0);
    const { unk_token: _, ...model } = tokenizer.model as Readonly<Record<string, unknown>>;
    const nameless = { ...tokenizer, model };
    const config = { unk_token: { content: '[UNK]', special: true } };
    const configured = openTokenizer(beside({ 'tokenizer.json': nameless, 'tokenizer_config.json': config }));
    expect(configured.encode(['the zebra'])[0]!.ids.at(2)).toBe(0);
    const bare = openTokenizer(beside({ 'tokenizer.json': nameless }));
    expect(bare.encode(['the zebra'])[0]!.ids.at(2)).toBe(-1);
    expect(bare.sha256).not.toBe(configured.sha256);
  });
});

it('the word for unknown ones of a tokenizer of pieces is its own, whatever the configuration calls one', () => {
  const unknownOf = (kind: string, change: object = {}): number | undefined => {
    const { tokenizer } = recorded.kinds[kind]!;
    const model = { ...(tokenizer.model as object), ...change };
    const config = { unk_token: '[END]' };
    const files = { 'tokenizer.json': { ...tokenizer, model }, 'tokenizer_config.json': config };
    return openTokenizer(beside(files)).unknownId;
  };
  expect(unknownOf('byte_pairs')).toBeUndefined();
  expect(unknownOf('byte_pairs', { unk_token: '[UNK]' })).toBe(0);
  expect(unknownOf('word_piece')).toBe(0);
  expect(unknownOf('unigram')).toBe(0);
  expect(unknownOf('unigram', { unk_id: null })).toBeUndefined();
  expect(unknownOf('word_level')).toBe(0);
});

describe('a tokenizer file', () => {
  it('is found above a folder called onnx, where converters put it, and nowhere else above', () => {
    const { tokenizer } = recorded.kinds.word_level!;
    const above = path.dirname(beside({ 'tokenizer.json': tokenizer }));
    expect(openTokenizer(path.join(above, 'onnx', 'model.onnx')).encode(['the'])[0]!.ids).not.toHaveLength(0);
    const other = path.join(above, 'graphs', 'model.onnx');
    expect(fault(() => openTokenizer(other)).code).toBe('TOKENIZER_MISSING');
    const near = path.join(above, 'onnx');
    mkdirSync(near);
    writeFileSync(path.join(near, 'tokenizer.json'), '{}');
    expect(fault(() => openTokenizer(path.join(near, 'model.onnx'))).code).toBe('TOKENIZER_INVALID');
  });

  it('that is not there is named, with what to do', () => {
    const place = beside({});
    const error = fault(() => openTokenizer(place));
    expect([error.code, error.exitCode]).toEqual(['TOKENIZER_MISSING', 3]);
    expect(error.message).toContain(path.join(path.dirname(place), 'tokenizer.json'));
    expect(error.remedy).toContain('`tokenizer.json`');
    expect(fault(() => openTokenizer(undefined)).code).toBe('TOKENIZER_MISSING');
  });

  const { tokenizer } = recorded.kinds.word_level!;
  const model = tokenizer.model as Readonly<Record<string, unknown>>;
  it.each<[string, unknown]>([
    ['that is no JSON', '{"model": '],
    ['that is a list', []],
    ['without a model', {}],
    ['without a vocabulary', { model: { type: 'BPE', merges: [] } }],
    ['of a kind that nobody knows', { ...tokenizer, model: { type: 'Oracle', vocab: 7 } }],
    ['with added tokens that are none', { ...tokenizer, added_tokens: [{ id: 'x' }] }],
    ['with a normalizer that nobody knows', { ...tokenizer, normalizer: { type: 'Oracle' } }],
    [
      'with a pattern that is none',
      {
        ...tokenizer,
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated', invert: false },
      },
    ],
    ['with a split without a pattern', { ...tokenizer, pre_tokenizer: { type: 'Split' } }],
    ...[
      ['MergedWithNext', '-+'],
      ['Contiguous', '-'],
      ['Removed', '(a|b)'],
      ['Turned', '-'],
    ].map(([behavior, Regex]): [string, unknown] => [
      `with ${Regex} ${behavior}`,
      { ...tokenizer, pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior, invert: false } },
    ]),
    [
      'with a token that is one as a whole word only',
      { ...tokenizer, added_tokens: [{ id: 3, content: 'the', single_word: true }] },
    ],
  ])('%s is refused with its path', (_, content) => {
    const place = beside({ 'tokenizer.json': content });
    const error = fault(() => openTokenizer(place).encode(['a b']));
    expect(error.code).toBe('TOKENIZER_INVALID');
    expect(error.location?.file).toBe(path.join(path.dirname(place), 'tokenizer.json'));
  });

  it('with ids that are no ids gives none', () => {
    const vocab = { ...(model.vocab as object), the: '__proto__', dog: 1.5, a: -4 };
    const place = beside({ 'tokenizer.json': { ...tokenizer, model: { ...model, vocab } } });
    expect(openTokenizer(place).encode(['the dog a'])[0]!.ids).toEqual([1, -1, -1, -1, 2]);
  });

  it('with a pattern that would run for years is stopped, and the text named', { timeout: 60_000 }, () => {
    const split = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };
    const place = beside({ 'tokenizer.json': { ...tokenizer, pre_tokenizer: split } });
    const open = openTokenizer(place, { mostMs: 300 });
    const error = fault(() => open.encode(['a dog', `${'a'.repeat(60)}!`]));
    expect(error.code).toBe('TOKENIZER_INVALID');
    expect(error.facts.row).toBe(1);
    expect(error.message).toContain('0.3 s');
  });
});
