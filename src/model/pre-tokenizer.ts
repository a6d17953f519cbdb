/** @file model: how a tokenizer file splits a text, told so that the library does what Python's tokenizers does; splits nothing. */

type Loose = Readonly<Record<string, unknown>>;

/** Letters of each kind by the rules of Rust, which knows more than ASCII: inside of a character class. */
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const BLANK = '\\p{White_Space}';
const PUNCTUATION = '\\p{P}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E';
const NUMBER = '\\p{N}';

/**
 * The description of a pre-tokenizer (null for none), with each part that the library reads otherwise than Python replaced by one that
 * means there what it means in Python. Parts that are not looked into stay as they are. Throws an
 * `Error` for a way to split that is not known here.
 */
export function asLibrarySplits(description: unknown): unknown {
  if (typeof description !== 'object' || description === null) return description;
  const part = description as Loose;
  switch (part.type) {
    case 'Sequence':
      return Array.isArray(part.pretokenizers)
        ? { ...part, pretokenizers: part.pretokenizers.map(asLibrarySplits) }
        : part;
    case 'Whitespace':
      return piecesOf(`[${WORD}]+|[^${WORD}${BLANK}]+`);
    case 'WhitespaceSplit':
      return piecesOf(`[^${BLANK}]+`);
    case 'Digits':
      return between(classOf(NUMBER), part.individual_digits === true ? 'Isolated' : 'Contiguous');
    case 'Punctuation':
      return between(classOf(PUNCTUATION), String(part.behavior ?? 'Isolated'));
    case 'Split':
      return splitOf(part);
    default:
      return part;
  }
}

/** The library takes what the expression finds, and leaves out the rest. */
function piecesOf(regex: string): Loose {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Removed', invert: true };
}

/** An expression that finds one delimiter, never an empty one, and one that finds a letter at which none begins. */
type Delimiter = { readonly one: string; readonly other: string };

function classOf(letters: string): Delimiter {
  return { one: `[${letters}]`, other: `[^${letters}]` };
}

function splitOf(part: Loose): Loose {
  const { pattern, invert } = part as { readonly pattern?: Loose | null; readonly invert?: unknown };
  const behavior = String(part.behavior);
  if (typeof pattern?.String === 'string' && pattern.String !== '') {
    const one = `(?:${pattern.String.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')})`;
    return between({ one, other: `(?:(?!${one})[\\s\\S])` }, behavior, invert === true);
  }
  if (typeof pattern?.Regex !== 'string') throw new Error('it has a `Split` without a pattern');
  // What lies between the matches is a piece as well, whichever of the two is called the delimiter.
  if (behavior === 'Isolated') return { ...part, invert: false };
  // The library would keep what a group finds.
  const groups = /(?<!\\)\((?!\?)|\(\?<(?![=!])/.test(pattern.Regex);
  if (behavior === 'Removed' && (invert === true || !groups)) return part;
  throw new Error(`it splits by an expression with \`${behavior}\`, which is not known here`);
}

/** `inverted`: what is called a delimiter is what lies between those that are found. */
function between({ one, other }: Delimiter, behavior: string, inverted = false): Loose {
  switch (behavior) {
    case 'Isolated':
      return piecesOf(`${one}|${other}+`);
    case 'Contiguous':
      return piecesOf(`${one}+|${other}+`);
    case 'Removed':
      return piecesOf(inverted ? one : `${other}+`);
    case 'MergedWithPrevious':
      return piecesOf(inverted ? `${one}${other}*|${other}+` : `${other}*${one}|${other}+`);
    case 'MergedWithNext':
      return piecesOf(inverted ? `${other}*${one}|${other}+` : `${one}${other}*|${other}+`);
    default:
      throw new Error(`it splits with \`${behavior}\`, which is not known here`);
  }
}
