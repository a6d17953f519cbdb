/** @file test: what texts lose in a tokenizer of bytes that lacks some is counted, and nothing is counted where nothing is lost. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/model/open-model.ts';
import { TextWarnings } from '../../src/model/text-warnings.ts';
import { openTokenizer } from '../../src/model/tokenizer.ts';

type Described = { readonly model: { vocab: Record<string, number>; merges: (string | string[])[] } };
const { kinds } = JSON.parse(
  readFileSync(new URL('../fixtures/model/tokenizers.json', import.meta.url), 'utf8'),
) as { readonly kinds: Readonly<Record<string, { readonly tokenizer: Described }>> };

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function warningsOf(tokenizer: Described, texts: readonly string[]): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'warnings-'));
  folders.push(folder);
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  const opened = openTokenizer(path.join(folder, 'model.onnx'));
  const seen = new TextWarnings({ tokenizer: () => opened } as unknown as Model);
  for (const text of texts) seen.add(opened.encode([text]), [{ text }]);
  return seen.sentences();
}

const TEXTS = ['a plain text', '  blanks  and\ttabs\n', 'café ﬁne İstanbul', '日本 👍🏽', ''];

describe('letters without a token', () => {
  it('are counted by the texts that hold some', () => {
    const { model, ...rest } = kinds.byte_pairs!.tokenizer;
    const vocab = Object.fromEntries(Object.entries(model.vocab).filter(([piece]) => !piece.includes('z')));
    const merges = model.merges.filter((merge) => !String(merge).includes('z'));
    const lacking: Described = { ...rest, model: { ...model, vocab, merges } };
    expect(warningsOf(lacking, ['a zebra', ...TEXTS, 'zzz'])).toEqual([
      expect.stringContaining('2 of 7 texts hold letters that the tokenizer has no token for'),
    ]);
  });

  it.each(Object.keys(kinds))(
    'are not missed by %s where it has all of them, or a token for unknown ones',
    (kind) => {
      const said = warningsOf(kinds[kind]!.tokenizer, TEXTS).filter((one) => one.includes('no token for'));
      expect(said).toEqual([]);
    },
  );
});
