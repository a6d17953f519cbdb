/** @file model: what is legal in texts and probably not meant, counted as they are tokenized; runs nothing. */
import type { Model } from './open-model.ts';
import type { TokenizedText } from './tokenizer.ts';

/** Texts as the tokenizer was given them; those with parts are chats. */
type Fed = readonly { readonly text: string; readonly parts?: readonly unknown[] }[];

/** Takes texts in any number of pieces, so that a file of any length can be counted without being held. */
export class TextWarnings {
  readonly #model: Model;
  #texts = 0;
  #unknown = 0;
  /** Texts and counterfactuals. */
  #read = 0;
  #doubled = 0;
  #firstDoubled = 0;
  /** The special token that stands in front of every text, if there is one; undefined until it was looked for. */
  #front: { readonly piece: string | undefined } | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  /** The next texts of the data; `texts` are what the tokenizer made of `fed`. */
  add(texts: readonly TokenizedText[], fed: Fed): void {
    const { unknownId } = this.#model.tokenizer();
    this.#texts += texts.length;
    if (unknownId !== undefined) this.#unknown += texts.filter(({ ids }) => ids.includes(unknownId)).length;
    this.addChanged(texts, fed);
  }

  /** Texts in which words are not counted, such as counterfactuals. */
  addChanged(texts: readonly TokenizedText[], fed: Fed): void {
    if (texts.length === 0) return;
    this.#front ??= { piece: this.#model.tokenizer().encode([''])[0]?.pieces[0] };
    const { piece } = this.#front;
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
    const doubled = `the tokenizer puts ${this.#front?.piece} in front of every text, and ${this.#doubled} of ${this.#read} begin with it already (the first is text ${this.#firstDoubled}), so that the model reads it twice: leave special tokens out of the texts`;
    return [...(this.#unknown === 0 ? [] : [unknown]), ...(this.#doubled === 0 ? [] : [doubled])];
  }
}
