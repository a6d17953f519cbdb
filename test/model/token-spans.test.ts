/** @file test: tokens lie in their texts where the Python package tokenizers says they lie, and where that cannot be told it is said. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tokenSpans } from '../../src/model/token-spans.ts';
import { openTokenizer, type TextTokenizer } from '../../src/model/tokenizer.ts';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/model/${name}.json`, import.meta.url), 'utf8'));
const { texts, kinds } = fixture('tokenizers') as {
  readonly texts: readonly string[];
  readonly kinds: Readonly<Record<string, { readonly tokenizer: object }>>;
};
const recorded = (
  fixture('offsets') as {
    readonly kinds: Readonly<
      Record<
        string,
        {
          readonly offsets: readonly (readonly (readonly [number, number])[])[];
          readonly decoded: readonly string[];
        }
      >
    >;
  }
).kinds;

const folders: string[] = [];
function open(tokenizer: object): TextTokenizer {
  const folder = mkdtempSync(path.join(tmpdir(), 'spans-'));
  folders.push(folder);
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  return openTokenizer(path.join(folder, 'model.onnx'));
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** An offset in code points as UTF-16, widened to whole letters with their accents, blanks at its ends left out. */
function asSpan(text: string, [from, to]: readonly [number, number]): readonly [number, number] {
  const points = Array.from(text);
  const accent = (i: number): boolean => /^\p{M}$/u.test(points[i] ?? '');
  let [first, last] = [from, to];
  while (first > 0 && accent(first)) first--;
  while (accent(last)) last++;
  while (first < last && /^\s$/u.test(points[first]!)) first++;
  while (last > first && /^\s$/u.test(points[last - 1]!)) last--;
  const units = (count: number): number => points.slice(0, count).join('').length;
  return [units(first), units(last)];
}

describe.each(Object.keys(kinds))('the tokens of %s', (kind) => {
  const tokenizer = open(kinds[kind]!.tokenizer);
  const encoded = tokenizer.encode(texts);

  it('lie where the Python package says', () => {
    let placed = 0;
    for (const [t, text] of texts.entries()) {
      const spans = tokenSpans(tokenizer, text, encoded[t]!);
      expect(spans).toHaveLength(encoded[t]!.ids.length);
      for (const [i, span] of spans.entries()) {
        const where = `${JSON.stringify(text)}, token ${i} ${encoded[t]!.pieces[i]}`;
        const frame = i === 0 || i === spans.length - 1;
        expect([where, span.kind === 'frame']).toEqual([where, frame]);
        // What an unknown piece stands for is not always to be told; of known ones alone, every place is.
        if (span.kind === 'unclear')
          expect([where, encoded[t]!.ids.includes(tokenizer.unknownId!)]).toEqual([where, true]);
        if (span.kind !== 'text' || span.start === span.end) continue;
        placed++;
        expect([where, span.start, span.end]).toEqual([
          where,
          ...asSpan(text, recorded[kind]!.offsets[t]![i]!),
        ]);
      }
    }
    expect(placed).toBeGreaterThan(40);
  });

  it('give the text again that the Python package gives', () => {
    expect(encoded.map(({ ids }) => tokenizer.decode(ids))).toEqual(recorded[kind]!.decoded);
  });
});
