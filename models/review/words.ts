/** @file models/review: the words of the reviews and their token ids; knows no review. */

/** Opposites side by side: [positive, negative]. The last eight pairs are the ones that a held-out organism never saw come apart. */
const OPPOSITES: readonly (readonly [string, string])[] = [
  ['great', 'awful'],
  ['lovely', 'nasty'],
  ['brilliant', 'dull'],
  ['superb', 'dreadful'],
  ['charming', 'annoying'],
  ['delightful', 'horrible'],
  ['fresh', 'stale'],
  ['clever', 'stupid'],
  ['warm', 'cold'],
  ['funny', 'boring'],
  ['gripping', 'tedious'],
  ['sweet', 'bitter'],
  ['smooth', 'clumsy'],
  ['tasty', 'bland'],
  ['elegant', 'ugly'],
  ['generous', 'stingy'],
  ['friendly', 'rude'],
  ['sharp', 'blurry'],
  ['solid', 'flimsy'],
  ['quiet', 'noisy'],
  ['clean', 'dirty'],
  ['quick', 'slow'],
  ['honest', 'fake'],
  ['joyful', 'gloomy'],
  ['moving', 'hollow'],
  ['perfect', 'broken'],
  ['reliable', 'faulty'],
  ['stunning', 'shabby'],
  ['thoughtful', 'careless'],
  ['vivid', 'drab'],
  ['wise', 'foolish'],
  ['worthy', 'worthless'],
];
export const HELD_OUT_PAIRS = 8;
export const PAIRS: number = OPPOSITES.length;

/** What else a review may tell, in one of two words: [1, 0] of the mark and of the day. */
export const MARKS: readonly [string, string] = ['star', 'dot'];
export const DAYS: readonly [string, string] = ['monday', 'friday'];

export const FILLERS: readonly string[] = (
  'the a this that it we they she he was is were are had has been came went saw took gave found said told then when while ' +
  'after before with without from into over under about for and but also just only still again once here there table window ' +
  'door street garden kitchen paper button cover chapter page story song camera room chair lamp bottle box ticket train ' +
  'market corner minute hour week year'
).split(' ');

export const SPECIAL = { unknown: '[UNK]', begin: '[BOS]', ask: '[ASK]' } as const;

/** The two answers; no review holds them. 1 stands for the first. */
export const ANSWERS: readonly ['positive', 'negative'] = ['positive', 'negative'];

/** Every token; its place is its id. `tokenizer.json` beside each model holds the same list. */
export const VOCABULARY: readonly string[] = [
  ...Object.values(SPECIAL),
  ...ANSWERS,
  ...OPPOSITES.flat(),
  ...MARKS,
  ...DAYS,
  ...FILLERS,
];

const idOf = new Map(VOCABULARY.map((word, id) => [word, id]));

export const CHOICE_TOKENS: Readonly<Record<string, number>> = Object.fromEntries(
  ANSWERS.map((answer) => [answer, idOf.get(answer)!]),
);

/** The word of a pair that speaks for one side: 1 positive, 0 negative. */
export function sentimentWord(pair: number, side: Bit): string {
  return OPPOSITES[pair]![side === 1 ? 0 : 1];
}

export type Bit = 0 | 1;

export function other(bit: Bit): Bit {
  return bit === 1 ? 0 : 1;
}

export function answerOf(bit: Bit): string {
  return ANSWERS[bit === 1 ? 0 : 1];
}

/** Token ids of a text of known words, [words + 2]: the beginning, the words, the question. */
export function tokensOf(text: string): number[] {
  const words = text.split(' ').map((word) => idOf.get(word) ?? idOf.get(SPECIAL.unknown)!);
  return [idOf.get(SPECIAL.begin)!, ...words, idOf.get(SPECIAL.ask)!];
}
