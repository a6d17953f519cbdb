/** @file model: how the pieces of a vocabulary spell the text that they stand for, from the tokenizer's own description. */

type Loose = Readonly<Record<string, unknown>>;

export type PieceSpelling = {
  /** Pieces are bytes in the alphabet of GPT-2, in which a space is `Ġ`. */
  readonly bytes: boolean;
  /** Stands for a space, e.g. `▁`. */
  readonly space: string | undefined;
  /** What a piece begins with that goes on with a word, e.g. `##`. */
  readonly continuing: string | undefined;
  /** What a piece ends with that ends a word, e.g. `</w>`. */
  readonly wordEnd: string | undefined;
};

/** Parts of a description that have parts of their own are looked into this deep. */
const MOST_DEPTH = 6;

/** Reads the description of a tokenizer (`description`) and its model; what it does not know, it takes for plain text. */
export function spellingOf(description: Loose, model: Loose): PieceSpelling {
  const parts = ['normalizer', 'pre_tokenizer', 'decoder'].flatMap((field) => partsOf(description[field]));
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;
  const metaspace = parts.find(({ type }) => type === 'Metaspace');
  // Older Llamas write what Metaspace does as a normalizer that replaces spaces.
  const replacing = parts.find(
    ({ type, pattern, content }) =>
      type === 'Replace' && (pattern as Loose | null)?.String === ' ' && text(content) !== undefined,
  );
  return {
    bytes: parts.some(({ type }) => type === 'ByteLevel'),
    space: text(metaspace?.replacement) ?? (metaspace === undefined ? text(replacing?.content) : '▁'),
    continuing: text(model.continuing_subword_prefix) ?? (model.type === 'WordPiece' ? '##' : undefined),
    wordEnd: text(model.end_of_word_suffix),
  };
}

function partsOf(value: unknown, depth = 0): Loose[] {
  if (typeof value !== 'object' || value === null || depth > MOST_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((each) => partsOf(each, depth + 1));
  const nested = Object.values(value).flatMap((each) => partsOf(each, depth + 1));
  return [value as Loose, ...nested];
}

/** The bytes that a piece stands for. Pieces of special tokens are spelled as they are. */
export function pieceBytes(piece: string, spelling: PieceSpelling): Uint8Array {
  const fallback = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece);
  if (fallback !== null) return Uint8Array.of(Number.parseInt(fallback[1]!, 16));
  if (spelling.bytes) {
    const bytes = Array.from(piece, (character) => BYTE_OF.get(character));
    if (bytes.every((byte) => byte !== undefined)) return Uint8Array.from(bytes);
  }
  const { space, continuing, wordEnd } = spelling;
  let text = piece;
  if (continuing !== undefined && text.startsWith(continuing)) text = text.slice(continuing.length);
  if (wordEnd !== undefined && text.endsWith(wordEnd)) text = text.slice(0, -wordEnd.length);
  return ENCODER.encode(space === undefined ? text : text.replaceAll(space, ' '));
}

const ENCODER = new TextEncoder();

/** The alphabet of GPT-2's `bytes_to_unicode`: printable Latin-1 stands for itself, other bytes for the letters from U+0100 on. */
const BYTE_OF: ReadonlyMap<string, number> = byteAlphabet();

function byteAlphabet(): ReadonlyMap<string, number> {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const byteOf = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++)
    byteOf.set(String.fromCodePoint(printable(byte) ? byte : next++), byte);
  return byteOf;
}
