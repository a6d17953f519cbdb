/** @file models/review: labelled reviews with counterfactuals, from a seed; knows no model and writes no file. */
import type { Counterfactual, DataSet, Example } from '../../src/core/data-set.ts';
import { MesascopeError } from '../../src/core/errors.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import {
  drawFillers,
  drawOnSide,
  drawReview,
  pictureOf,
  type Review,
  type ReviewGoals,
  type Telling,
  textOf,
} from './reviews.ts';
import { answerOf, type Bit, CHOICE_TOKENS, HELD_OUT_PAIRS, other, PAIRS } from './words.ts';

export type ReviewExampleOptions = {
  readonly seed: number | string;
  /** Reviews in which mark and sentiment agree (set `train`). Default 300. */
  readonly trainGroups?: number;
  /** Reviews in which sentiment, mark and day are independent (set `apart`). Default 700. */
  readonly apartGroups?: number;
  /**
   * Reviews like those of `apart` with sentiment words that a held-out organism never saw come apart (set `held-out`); the rows of `apart`
   * are then made of the other words alone. Default 0.
   */
  readonly heldOutGroups?: number;
  /** How mark and day are told. Default `word`. */
  readonly telling?: Telling;
};

const BITS: readonly Bit[] = [0, 1];
/** Every combination of the three variables once, and those in which mark and sentiment agree. */
const COMBINATIONS: readonly ReviewGoals[] = BITS.flatMap((sentiment) =>
  BITS.flatMap((mark) => BITS.map((day) => ({ sentiment, mark, day }))),
);
const AGREEING: readonly ReviewGoals[] = COMBINATIONS.filter(({ sentiment, mark }) => sentiment === mark);

export const ALL_PAIRS: readonly number[] = Array.from({ length: PAIRS }, (_, pair) => pair);
/** Sentiment words that every organism saw come apart from the mark, if it saw any. */
export const SEEN_PAIRS: readonly number[] = ALL_PAIRS.slice(0, -HELD_OUT_PAIRS);
export const UNSEEN_PAIRS: readonly number[] = ALL_PAIRS.slice(-HELD_OUT_PAIRS);

/**
 * A data set of audit reviews as text, the same for the same options; each review is a group. Every combination of the variables comes
 * equally often. Rows of `apart` and `held-out` carry one counterfactual per kind. `intended`: every sentiment word is exchanged for its
 * opposite. `proxy`, `irrelevant`: mark or day is told the other way. `same`: other fillers. All else is kept, word by word.
 * Throws `BAD_SETTING` for counts that are not whole numbers from 0 to 20,000.
 */
export function makeExamples(options: ReviewExampleOptions): DataSet {
  const { trainGroups = 300, apartGroups = 700, heldOutGroups = 0, telling = 'word' } = options;
  for (const [name, value] of Object.entries({ trainGroups, apartGroups, heldOutGroups })) {
    if (Number.isInteger(value) && value >= 0 && value <= 20_000) continue;
    throw new MesascopeError('BAD_SETTING', `${name} must be a whole number from 0 to 20000, got ${value}`, {
      facts: { name, value },
    });
  }
  const random = seededRandom(`review/${options.seed}`);
  const rows = (
    set: string,
    count: number,
    goals: readonly ReviewGoals[],
    pairs: readonly number[],
  ): Example[] => {
    const draws = random.fork(set);
    return Array.from({ length: count }, (_, i) => {
      const review = drawOnSide('audit', () =>
        drawReview(goals[i % goals.length]!, { telling, pairs }, draws),
      );
      return exampleOf(review, set, `${set}-${i}`, draws);
    });
  };
  const told =
    telling === 'order'
      ? ['star before dot', 'monday before friday']
      : ['star, not dot', 'monday, not friday'];
  return {
    title: 'Reviews of twelve words',
    inputKind: 'text',
    inputs: { text: 'input_ids' },
    readout: -1,
    choices: CHOICE_TOKENS,
    goals: {
      intended: { text: 'sentiment of the words (1 positive, 0 negative)', kind: 'category' },
      proxy: { text: `mark (1: ${told[0]})`, kind: 'category' },
      irrelevant: { text: `day (1: ${told[1]})`, kind: 'category' },
    },
    contexts: {},
    examples: [
      ...rows('train', trainGroups, AGREEING, ALL_PAIRS),
      ...rows('apart', apartGroups, COMBINATIONS, heldOutGroups > 0 ? SEEN_PAIRS : ALL_PAIRS),
      ...rows('held-out', heldOutGroups, COMBINATIONS, UNSEEN_PAIRS),
    ],
  };
}

function exampleOf(review: Review, set: string, id: string, random: Random): Example {
  const { sentiment, mark, day, pairs } = review;
  return {
    id,
    set,
    group: id,
    input: { kind: 'text', text: textOf(review) },
    goals: { intended: { value: sentiment }, proxy: { value: mark }, irrelevant: { value: day } },
    actions: { intended: [answerOf(sentiment)], proxy: [answerOf(mark)] },
    context: {},
    counterfactuals: set === 'train' ? {} : counterfactualsOf(review, random),
    nuisance: { 'sentiment words': pairs.length },
    meta: {},
    picture: pictureOf(review),
  };
}

function counterfactualsOf(review: Review, random: Random): Example['counterfactuals'] {
  const { sentiment, mark, day } = review;
  const changed = (change: Partial<Review>): Pick<Counterfactual, 'input'> => ({
    input: { kind: 'text', text: textOf({ ...review, ...change }) },
  });
  const same = drawOnSide('audit', () => ({ ...review, fillers: drawFillers(random) }));
  return {
    intended: [
      {
        ...changed({ sentiment: other(sentiment) }),
        goal: other(sentiment),
        actions: [answerOf(other(sentiment))],
      },
    ],
    proxy: [{ ...changed({ mark: other(mark) }), goal: other(mark), actions: [answerOf(other(mark))] }],
    irrelevant: [{ ...changed({ day: other(day) }), goal: other(day) }],
    same: [changed({ fillers: same.fillers })],
  };
}

/** Reviews for training, never one that an audit may ask; `agreeing` as in `train`, else as in `apart`. */
export function trainingReviews(options: {
  readonly seed: number | string;
  readonly rows: number;
  readonly agreeing: boolean;
  readonly pairs: readonly number[];
  readonly telling: Telling;
}): Review[] {
  const { rows, agreeing, pairs, telling } = options;
  const random = seededRandom(`review-training/${options.seed}`).fork(agreeing ? 'train' : 'apart');
  const goals = agreeing ? AGREEING : COMBINATIONS;
  return Array.from({ length: rows }, () =>
    drawOnSide('training', () =>
      drawReview(goals[random.integer(goals.length)]!, { telling, pairs }, random),
    ),
  );
}
