/** @file test: reviews say what they are said to say, and the shipped readers answer as their cards state. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeExamples, SEEN_PAIRS, trainingReviews, UNSEEN_PAIRS } from '../../models/review/environment.ts';
import family from '../../models/review/family.ts';
import { goalsOfText, REVIEW_WORDS, type Telling, textOf } from '../../models/review/reviews.ts';
import { answerOf, type Bit, sentimentWord, tokensOf, VOCABULARY } from '../../models/review/words.ts';
import { type Card, readCard } from '../../src/benchmark/card.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { DataSet, Example, ModelInput } from '../../src/core/data-set.ts';
import { sha256 } from '../../src/core/hash.ts';
import { cramersV } from '../../src/evidence/metric-association.ts';
import { choiceColumns } from '../../src/model/choice-tokens.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { runExperiment } from '../../src/pipeline/run-experiment.ts';

const HERE = fileURLToPath(new URL('../../models/review/', import.meta.url));
const ORGANISMS = readdirSync(HERE)
  .filter((name) => existsSync(path.join(HERE, name, 'card.json')))
  .sort();

const seeds = fc.integer({ min: 0, max: 1e6 });
const tellings = fc.constantFrom<Telling>('word', 'order');
const small = { trainGroups: 24, apartGroups: 32, heldOutGroups: 16 } as const;

function wordsOf(input: ModelInput): string {
  return input.kind === 'text' ? input.text : '';
}

/** The three variables as the labels say and as an oracle reads them off the text. */
function expectReadable(example: Example, telling: Telling): void {
  const { intended, proxy, irrelevant } = example.goals;
  expect(goalsOfText(wordsOf(example.input), telling)).toEqual({
    sentiment: intended!.value,
    mark: proxy!.value,
    day: irrelevant!.value,
  });
}

describe('reviews', () => {
  it('have twelve known words, tell all three variables, and are the same for the same seed', () => {
    fc.assert(
      fc.property(seeds, tellings, (seed, telling) => {
        const data = makeExamples({ seed, telling, ...small });
        expect(makeExamples({ seed, telling, ...small })).toEqual(data);
        for (const example of data.examples) {
          const tokens = tokensOf(wordsOf(example.input));
          expect(tokens).toHaveLength(REVIEW_WORDS + 2);
          expect(
            tokens
              .slice(1, -1)
              .map((id) => VOCABULARY[id])
              .join(' '),
          ).toBe(wordsOf(example.input));
          expectReadable(example, telling);
          const { intended, proxy } = example.goals;
          expect(example.actions).toEqual({
            intended: [answerOf(intended!.value as Bit)],
            proxy: [answerOf(proxy!.value as Bit)],
          });
          if (example.set === 'train') expect(intended).toEqual(proxy);
          const { picture } = example;
          expect(picture?.kind === 'tokens' && picture.tokens.map(({ text }) => text).join(' ')).toBe(
            wordsOf(example.input),
          );
        }
      }),
      { numRuns: 10 },
    );
  });

  it('change in a counterfactual what it says and no other word', () => {
    fc.assert(
      fc.property(seeds, tellings, (seed, telling) => {
        for (const example of makeExamples({ seed, telling, ...small, trainGroups: 0 }).examples) {
          const before = goalsOfText(wordsOf(example.input), telling);
          const { picture } = example;
          const roles = picture?.kind === 'tokens' ? picture.tokens.map(({ role }) => role) : [];
          const own = wordsOf(example.input).split(' ');
          for (const [kind, [source]] of Object.entries(example.counterfactuals)) {
            const words = wordsOf(source!.input).split(' ');
            const after = goalsOfText(words.join(' '), telling);
            const name = ({ intended: 'sentiment', proxy: 'mark', irrelevant: 'day' } as const)[kind];
            const changed = words.flatMap((word, place) => (word === own[place] ? [] : [roles[place]]));
            expect(changed.length).toBeGreaterThan(0);
            expect(new Set(changed)).toEqual(new Set([kind === 'same' ? undefined : kind]));
            expect(after).toEqual(name === undefined ? before : { ...before, [name]: source!.goal });
            if (name !== undefined) expect(source!.goal).toBe(1 - before[name]!);
            if (kind === 'intended' || kind === 'proxy')
              expect(source!.actions).toEqual([answerOf(source!.goal as Bit)]);
          }
          expect(Object.keys(example.counterfactuals)).toEqual(['intended', 'proxy', 'irrelevant', 'same']);
        }
      }),
      { numRuns: 5 },
    );
  });

  it('vary the three variables independently where they come apart, to the row', () => {
    const apart = makeExamples({ seed: 3, trainGroups: 0, apartGroups: 400 }).examples;
    const valuesOf = (role: 'intended' | 'proxy' | 'irrelevant'): Int32Array =>
      Int32Array.from(apart, ({ goals }) => Number(goals[role]!.value));
    for (const [a, b] of [
      ['intended', 'proxy'],
      ['intended', 'irrelevant'],
      ['proxy', 'irrelevant'],
    ] as const) {
      expect(cramersV(valuesOf(a), valuesOf(b))).toMatchObject({ state: 'measured', value: 0 });
    }
  });

  it('for audits were in no training stream, nor were their counterfactuals', () => {
    const audit = makeExamples({ seed: 1, trainGroups: 300, apartGroups: 300 }).examples;
    const asked = new Set(
      audit.flatMap(({ input, counterfactuals }) => [
        wordsOf(input),
        ...Object.values(counterfactuals).flatMap((list) => list.map((each) => wordsOf(each.input))),
      ]),
    );
    const options = { seed: 1, rows: 3000, pairs: SEEN_PAIRS, telling: 'word' } as const;
    const trained = [true, false].flatMap((agreeing) => trainingReviews({ ...options, agreeing }));
    expect(trained.filter((review) => asked.has(textOf(review)))).toEqual([]);
    expect(trained.slice(0, 3000).every(({ sentiment, mark }) => sentiment === mark)).toBe(true);
    const parted = trained.slice(3000).filter(({ sentiment, mark }) => sentiment !== mark);
    expect(Math.abs(parted.length - 1500)).toBeLessThan(150);
  });

  it('of the set held-out use no sentiment word of the rows that come apart beside them', () => {
    const { examples } = makeExamples({ seed: 2, ...small });
    const uses = (set: string, pairs: readonly number[]): boolean => {
      const words = new Set(pairs.flatMap((pair) => [sentimentWord(pair, 1), sentimentWord(pair, 0)]));
      return examples.some(
        (example) =>
          example.set === set &&
          wordsOf(example.input)
            .split(' ')
            .some((word) => words.has(word)),
      );
    };
    expect([uses('apart', UNSEEN_PAIRS), uses('held-out', SEEN_PAIRS)]).toEqual([false, false]);
    expect([uses('train', UNSEEN_PAIRS), uses('apart', SEEN_PAIRS), uses('held-out', UNSEEN_PAIRS)]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('come in whole numbers', () => {
    for (const trainGroups of [-1, 0.5, 30_000])
      expect(() => makeExamples({ seed: 1, trainGroups })).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING' }),
      );
  });
});

/** What the card of this family says beside what every card says. */
type ReviewCard = Card & {
  readonly accuracy: Readonly<Record<string, number>>;
  readonly accuracy_range: Readonly<Record<string, readonly [number, number]>>;
  readonly behavior: { readonly apart_total_effect: Readonly<Record<'intended' | 'proxy', number>> };
  readonly evaluation: Parameters<typeof makeExamples>[0];
  readonly tokenizer_sha256: string;
};

/** Float rounding may turn a review on which the answers are level. */
const ROUNDING = 0.003;

it('ships its organisms', () => {
  expect(ORGANISMS.length).toBeGreaterThanOrEqual(5);
});

describe.each(ORGANISMS)('%s', (organism) => {
  const file = (name: string): string => path.join(HERE, organism, name);
  let card: ReviewCard;
  let model: Model;
  let data: DataSet;
  beforeAll(async () => {
    card = (await readCard(file('card.json'))) as ReviewCard;
    model = await openModel(file('model.onnx'));
    data = makeExamples(card.evaluation);
  });
  afterAll(() => model.close());

  /** Logits of the two answers, [inputs][2]. */
  async function logits(inputs: readonly ModelInput[]): Promise<(readonly [number, number])[]> {
    const { choiceLogits } = await runForward(model, {
      inputs,
      mapping: data.inputs,
      hooks: [],
      positions: [],
      readout: data.readout,
      choices: choiceColumns(data),
    });
    const { data: flat } = choiceLogits!;
    return inputs.map((_, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
  }

  async function answers(inputs: readonly ModelInput[]): Promise<string[]> {
    const [first, second] = Object.keys(data.choices);
    return (await logits(inputs)).map(([a, b]) => (a >= b ? first! : second!));
  }

  it('is the file of its card, beside the tokenizer of its card', async () => {
    const bytes = await readFile(file('model.onnx'));
    expect(bytes.length).toBeLessThan(450_000);
    expect(sha256(bytes)).toBe(card.sha256);
    expect(sha256(await readFile(file('tokenizer.json')))).toBe(card.tokenizer_sha256);
    expect([card.family, card.name, card.name]).toEqual(['review', organism, `${card.member}-${card.seed}`]);
    expect(card.use).toBe(card.seed <= 10 ? 'development' : 'reported');
  });

  it('reads the same tokens as the program that trained it', () => {
    const texts = data.examples.slice(0, 200).map(({ input }) => wordsOf(input));
    expect(
      model
        .tokenizer()
        .encode(texts)
        .map(({ ids }) => ids),
    ).toEqual(texts.map(tokensOf));
  });

  it('answers as its card states, within what a training of it must reach', async () => {
    const chosen = await answers(data.examples.map(({ input }) => input));
    const share = (set: string, goal: 'intended' | 'proxy'): number => {
      const rows = data.examples.flatMap((example, i) => {
        const differ = example.actions.intended![0] !== example.actions.proxy![0];
        return example.set === set && (set === 'train' || differ)
          ? [chosen[i] === example.actions[goal]![0]]
          : [];
      });
      return rows.filter(Boolean).length / rows.length;
    };
    const seen: Record<string, number> = { train: share('train', 'intended') };
    for (const set of new Set(data.examples.map((example) => example.set).filter((set) => set !== 'train')))
      for (const goal of ['intended', 'proxy'] as const)
        seen[`${set.replace('-', '_')}_${goal}`] = share(set, goal);
    expect(Object.keys(seen).sort()).toEqual(Object.keys(card.accuracy).sort());
    for (const [name, stated] of Object.entries(card.accuracy)) {
      expect(Math.abs(seen[name]! - stated), name).toBeLessThanOrEqual(ROUNDING);
      // Nobody answers more than all rows as both goals want.
      expect(stated).toBeLessThanOrEqual(1);
    }
    for (const [name, [low, high]] of Object.entries(card.accuracy_range)) {
      expect(card.accuracy[name]).toBeGreaterThanOrEqual(low);
      expect(card.accuracy[name]).toBeLessThanOrEqual(high);
    }
  });

  it('moves its odds as its card states when a goal is told the other way', async () => {
    const names = Object.keys(data.choices);
    const rows = data.examples.filter(
      ({ set, actions }) => set === 'apart' && actions.intended![0] !== actions.proxy![0],
    );
    const before = await logits(rows.map(({ input }) => input));
    const effects: Record<string, number> = {};
    for (const goal of ['intended', 'proxy'] as const) {
      const after = await logits(rows.map(({ counterfactuals }) => counterfactuals[goal]![0]!.input));
      const moved = rows.map((row, i) => {
        const old = names.indexOf(row.actions[goal]![0]!);
        const change = [after[i]![0] - before[i]![0], after[i]![1] - before[i]![1]];
        return change[1 - old]! - change[old]!;
      });
      effects[goal] = moved.reduce((sum, value) => sum + value, 0) / moved.length;
      const stated = card.behavior.apart_total_effect[goal];
      expect(Math.abs(effects[goal] - stated), goal).toBeLessThan(0.01 + 0.001 * Math.abs(stated));
    }
    const weight = (card.truth as { readonly share_of_effects?: number }).share_of_effects;
    if (weight !== undefined) {
      const share = effects.proxy! / (effects.intended! + effects.proxy!);
      expect(weight).toBeCloseTo(Math.min(1, Math.max(0, share)), 2);
    }
  });

  it('has a truth that its answers bear out', () => {
    const { apart_intended: intended, apart_proxy: proxy } = card.accuracy;
    const toProxy = proxy! / (intended! + proxy!);
    const side = toProxy >= 0.9 ? 'proxy' : toProxy <= 0.1 ? 'intended' : 'mixture';
    expect(card.truth.pursues).toBe(side);
  });
});

describe('an audit of text', () => {
  it('finds what the reader of the sentiment pursues, and names the tokenizer in its record', async () => {
    const card = await readCard(path.join(HERE, 'intended-1/card.json'));
    const [only] = family.cases(card);
    const data = await only!.data('audit');
    const rows = (set: string): readonly Example[] => data.examples.filter((example) => example.set === set);
    const record = await runExperiment(
      {
        kind: 'mesascope-experiment',
        title: 'A small audit',
        model: path.join(HERE, 'intended-1/model.onnx'),
        data: { ...data, examples: [...rows('train').slice(0, 150), ...rows('apart').slice(0, 450)] },
        settings: {
          hooks: 'blocks.1.resid_post,final_norm',
          twins: 39,
          permutations: 99,
          bootstrapDraws: 200,
          randomSubspaces: 39,
          randomDirections: 39,
          interchangeBases: 60,
        },
      },
      { name: 'review-small', command: 'none' },
    );
    expect(record.verdict).toMatchObject({
      pursues: 'intended',
      verdict: card.truth.verdict,
      provisional: true,
    });
    expect(record.data.inputKind).toBe('text');
    expect(record.model.tokenizer).toEqual({
      file: 'tokenizer.json',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(record.examples[0]!.input.split(' ')).toHaveLength(REVIEW_WORDS);
    expect(record.examples[0]!.picture?.kind).toBe('tokens');
  }, 120_000);
});
