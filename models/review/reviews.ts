/** @file models/review: reviews from a stream of random numbers, what they tell, and which of them are kept for audits. */
import type { GoalRole, Picture } from '../../src/core/data-set.ts';
import { sha256 } from '../../src/core/hash.ts';
import type { Random } from '../../src/core/random.ts';
import { type Bit, DAYS, FILLERS, MARKS, PAIRS, sentimentWord } from './words.ts';

export const REVIEW_WORDS = 12;
const FEWEST_SENTIMENT = 2;
const MOST_SENTIMENT = 3;

/**
 * How mark and day are told. `word`: by which of two words stands there (an easy feature, one token). `order`: both words stand there, and
 * which of them comes first tells it (a hard one: no token tells it alone). The sentiment is told in the same way under both.
 */
export type Telling = 'word' | 'order';

/** One review; a word's meaning is in the lists of places, so that one variable can be changed and nothing else. */
export type Review = {
  readonly telling: Telling;
  /** 1 positive, 0 negative: the side that every sentiment word speaks for. */
  readonly sentiment: Bit;
  readonly mark: Bit;
  readonly day: Bit;
  /** Pairs of opposites, [two or three], and where their words stand. */
  readonly pairs: readonly number[];
  readonly places: readonly number[];
  /** One place each, or two under `order`. */
  readonly markPlaces: readonly number[];
  readonly dayPlaces: readonly number[];
  /** A filler per place, [12]; only those at free places are seen. */
  readonly fillers: readonly string[];
};

export type ReviewGoals = Pick<Review, 'sentiment' | 'mark' | 'day'>;

/** A review of the given goals, with words of `pairs` alone. */
export function drawReview(
  goals: ReviewGoals,
  options: { readonly telling: Telling; readonly pairs: readonly number[] },
  random: Random,
): Review {
  const { telling, pairs } = options;
  const count = FEWEST_SENTIMENT + random.integer(MOST_SENTIMENT - FEWEST_SENTIMENT + 1);
  const each = telling === 'order' ? 2 : 1;
  const places = random.shuffled(Array.from({ length: REVIEW_WORDS }, (_, place) => place));
  const ordered = (from: number): number[] => places.slice(from, from + each).sort((a, b) => a - b);
  return {
    telling,
    ...goals,
    pairs: random.shuffled(pairs).slice(0, count),
    places: places.slice(0, count),
    markPlaces: ordered(count),
    dayPlaces: ordered(count + each),
    fillers: drawFillers(random),
  };
}

export function drawFillers(random: Random): string[] {
  return Array.from({ length: REVIEW_WORDS }, () => FILLERS[random.integer(FILLERS.length)]!);
}

/** A word and the variable that it tells. */
type SaidWord = { readonly text: string; readonly role?: GoalRole };

function saidWords(review: Review): SaidWord[] {
  const words: SaidWord[] = review.fillers.map((text) => ({ text }));
  review.pairs.forEach((pair, i) => {
    words[review.places[i]!] = { text: sentimentWord(pair, review.sentiment), role: 'intended' };
  });
  const tell = (
    places: readonly number[],
    [yes, no]: readonly [string, string],
    bit: Bit,
    role: GoalRole,
  ) => {
    const inOrder = bit === 1 ? [yes, no] : [no, yes];
    places.forEach((place, i) => {
      words[place] = { text: inOrder[i]!, role };
    });
  };
  tell(review.markPlaces, MARKS, review.mark, 'proxy');
  tell(review.dayPlaces, DAYS, review.day, 'irrelevant');
  return words;
}

/** Twelve words, a space between two. */
export function textOf(review: Review): string {
  return saidWords(review)
    .map(({ text }) => text)
    .join(' ');
}

export function pictureOf(review: Review): Picture {
  return { kind: 'tokens', tokens: saidWords(review) };
}

/**
 * What an oracle reads off a text alone: the side of its sentiment words, its mark and its day; undefined where the text does not tell one.
 * The inverse of `textOf` as far as the goals go.
 */
export function goalsOfText(text: string, telling: Telling): Partial<ReviewGoals> {
  const words = text.split(' ');
  const said = (word: string): boolean => words.includes(word);
  const spoken = ([1, 0] as const).filter((side) =>
    Array.from({ length: PAIRS }, (_, pair) => sentimentWord(pair, side)).some(said),
  );
  const told = ([yes, no]: readonly [string, string]): Bit | undefined => {
    const [first, second] = [words.indexOf(yes), words.indexOf(no)];
    if (telling === 'order') return first < 0 || second < 0 ? undefined : first < second ? 1 : 0;
    return first < 0 === second < 0 ? undefined : first >= 0 ? 1 : 0;
  };
  const found = {
    sentiment: spoken.length === 1 ? spoken[0] : undefined,
    mark: told(MARKS),
    day: told(DAYS),
  };
  return Object.fromEntries(Object.entries(found).filter(([, bit]) => bit !== undefined));
}

/**
 * A fifth of all reviews is kept for audits: by a hash of what is left when sentiment, mark and day are taken out, so that a review and its
 * counterfactuals are on one side, and no audit input was in any training stream.
 */
export function isForAudit(review: Review): boolean {
  const bare = saidWords({ ...review, sentiment: 1, mark: 1, day: 1 }).map(({ text }) => text);
  return Number.parseInt(sha256(`mesascope-review/1:${bare.join(' ')}`).slice(0, 8), 16) % 5 === 0;
}

/** Draws until the review is on the wanted side: five times on average for audits. */
export function drawOnSide(side: 'audit' | 'training', draw: () => Review): Review {
  for (;;) {
    const review = draw();
    if (isForAudit(review) === (side === 'audit')) return review;
  }
}
