/** @file model: what is legal in texts and probably not meant, counted as they are tokenized; runs nothing. */
import type { Model } from './open-model.ts';
import { pieceBytes } from './piece-spelling.ts';
import type { TokenizedText } from './tokenizer.ts';

/** Texts as the tokenizer was given them; those with parts are chats. */
type Fed = readonly { readonly text: string; readonly parts?: readonly unknown[] }[];

/** Takes texts in any number of pieces, so that a file of any length can be counted without being held. */
export class TextWarnings {
  readonly #model: Model;
  #texts = 0;
  #unknown = 0;
  #shortened = 0;
  /** Texts and counterfactuals. */
  #read = 0;
  #doubled = 0;
  #firstDoubled = 0;
  /** What the tokenizer makes of no text: the special tokens that it puts around every one. */
  #frame: readonly string[] | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  /** The next texts of the data; `texts` are what the tokenizer made of `fed`. */
  add(texts: readonly TokenizedText[], fed: Fed): void {
    const { unknownId } = this.#model.tokenizer();
    this.#texts += texts.length;
    if (unknownId !== undefined) this.#unknown += texts.filter(({ ids }) => ids.includes(unknownId)).length;
    this.#shortened += texts.filter((tokens, row) => this.#isShortened(tokens, fed[row]!)).length;
    this.addChanged(texts, fed);
  }

  /** Pieces of bytes that are fewer than the text's. Of other pieces it cannot be told: what a normalizer takes away is no loss. */
  #isShortened({ pieces }: TokenizedText, { text, parts }: Fed[number]): boolean {
    const { spelling } = this.#model.tokenizer();
    if (!spelling.bytes) return false;
    const bytesOf = (all: readonly string[]): number =>
      all.reduce(
        (sum, piece) => sum + pieceBytes(piece, spelling).filter((byte) => !BLANK.has(byte)).length,
        0,
      );
    const own = bytesOf(pieces) - (parts === undefined ? bytesOf(this.#around()) : 0);
    const least = Math.min(...[text, text.normalize('NFC'), text.normalize('NFKC')].map(bytesWithoutBlanks));
    return own < least;
  }

  #around(): readonly string[] {
    this.#frame ??= this.#model.tokenizer().encode([''])[0]?.pieces ?? [];
    return this.#frame;
  }

  /** Texts in which words are not counted, such as counterfactuals. */
  addChanged(texts: readonly TokenizedText[], fed: Fed): void {
    if (texts.length === 0) return;
    const [piece] = this.#around();
    for (const [row, { text, parts }] of fed.entries()) {
      this.#read++;
      const { pieces } = texts[row]!;
      // The tokenizer puts nothing in front of a chat.
      const twice = parts === undefined && pieces[0] === piece && pieces[1] === piece;
      if (piece === undefined || !twice || !text.trimStart().startsWith(piece)) continue;
      this.#doubled++;
      if (this.#doubled === 1) this.#firstDoubled = this.#read;
    }
  }

  sentences(): string[] {
    const unknown = `${this.#unknown} of ${this.#texts} texts hold a word that the tokenizer does not know, which every unknown word looks like to the model`;
    const doubled = `the tokenizer puts ${this.#frame?.[0]} in front of every text, and ${this.#doubled} of ${this.#read} begin with it already (the first is text ${this.#firstDoubled}), so that the model reads it twice: leave special tokens out of the texts`;
    const shortened = `${this.#shortened} of ${this.#texts} texts hold letters that the tokenizer has no token for and leaves out, so that the model does not read them`;
    return [
      ...(this.#unknown === 0 ? [] : [unknown]),
      ...(this.#shortened === 0 ? [] : [shortened]),
      ...(this.#doubled === 0 ? [] : [doubled]),
    ];
  }
}

const ENCODER = new TextEncoder();
const BLANK: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]);

/** Normalizers may join blanks or take them away. */
function bytesWithoutBlanks(text: string): number {
  return ENCODER.encode(text.replace(/\s+/gu, '')).length;
}
