/** @file test: the rule is inferred from demonstrations by Bayes and by no better policy; the organisms that learned it come near. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bayesPolicy,
  CLEAR,
  labelOf,
  logOddsOfShape,
  makeInContextExamples,
  naturalSequences,
  policyAt,
  type Rule,
  readPosterior,
  type Sequence,
  sequenceOfTokens,
  tokensOf,
} from '../../models/learner/environment.ts';
import { AGREEING, isForAudits, LABEL_TOKENS } from '../../models/learner/rules.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { DataSet, Example, ModelInput } from '../../src/core/data-set.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { expectFileOfCard, organismFile, ROUNDING, readCard, share } from './organism.ts';

const seeds = fc.integer({ min: 0, max: 1e6 });
const small = { trainGroups: 15, apartGroups: 25 } as const;

function sequenceIn(input: ModelInput): Sequence {
  return sequenceOfTokens(input.kind === 'tokens' ? input.tokens : []);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('the world of two rules', () => {
  it('tells every sequence by its tokens and refuses tokens that tell none', () => {
    const { sequences } = naturalSequences({ seed: 1, groups: 50, queries: 2 });
    for (const sequence of sequences) expect(sequenceOfTokens(tokensOf(sequence))).toEqual(sequence);
    const tokens = tokensOf(sequences[0]!);
    for (const wrong of [
      [],
      tokens.slice(1),
      tokens.with(1, 0),
      tokens.with(1, 65),
      tokens.with(3, 64),
      tokens.with(20, 1),
    ]) {
      expect(() => sequenceOfTokens(wrong)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    }
  });

  it('has a posterior that is calibrated: of sequences with the chance p of shape, a share p was drawn under shape', () => {
    const { sequences, rules } = naturalSequences({ seed: 'calibration', groups: 20_000, queries: 1 });
    const edges = [-5, -2, 0, 2, 5]; // nats of log odds
    const bins = [...edges, 0].map(() => ({ chances: 0, shapes: 0, rows: 0 }));
    sequences.forEach(({ demonstrations }, i) => {
      const logOdds = logOddsOfShape(demonstrations);
      const chance = 1 / (1 + Math.exp(-logOdds));
      const bin = bins[edges.filter((edge) => logOdds >= edge).length]!;
      bin.chances += chance;
      bin.shapes += Number(rules[i] === 'shape');
      bin.rows += 1;
    });
    for (const { chances, shapes, rows } of bins) {
      // Four standard errors: one of six bins fails by chance for one seed in 2,500.
      const spread = Math.sqrt((chances / rows) * (1 - chances / rows) * rows);
      expect(rows).toBeGreaterThan(200);
      expect(Math.abs(shapes - chances)).toBeLessThan(4 * spread + 1);
    }
  });

  it('has no policy with a smaller log loss than the exact one: not labels alone, not items alone, not a bolder or a shyer one', () => {
    const { sequences, labels } = naturalSequences({ seed: 'oracle', groups: 40_000, queries: 1 });
    const loss = (logOdds: (sequence: Sequence) => number): number[] =>
      sequences.map((sequence, i) => -Math.log(policyAt(logOdds(sequence), sequence.query)[labels[i]!]!));
    const exact = (sequence: Sequence): number => logOddsOfShape(sequence.demonstrations);
    const fromItems = ({ demonstrations }: Sequence): number =>
      demonstrations.reduce((sum, { item }) => {
        const agrees = labelOf(item, 'shape') === labelOf(item, 'colour');
        const under = (rule: Rule): number => Math.log(agrees ? AGREEING[rule] : 1 - AGREEING[rule]);
        return sum + under('shape') - under('colour');
      }, 0);
    const best = loss(exact);
    const rivals = {
      labelsAlone: (sequence: Sequence) => exact(sequence) - fromItems(sequence),
      itemsAlone: fromItems,
      bolder: (sequence: Sequence) => 2 * exact(sequence),
      shyer: (sequence: Sequence) => exact(sequence) / 2,
      undecided: () => 0,
    };
    for (const [name, rival] of Object.entries(rivals)) {
      const excess = loss(rival).map((value, i) => value - best[i]!);
      const error = Math.sqrt(meanOf(excess.map((value) => value ** 2)) / excess.length);
      expect(meanOf(excess), name).toBeGreaterThan(3 * error);
    }
  });
});

describe('audit sequences', () => {
  it('change only what a counterfactual says, show their rule clearly, and are the same for the same seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const data = makeInContextExamples({ seed, ...small });
        expect(makeInContextExamples({ seed, ...small })).toEqual(data);
        for (const example of data.examples) mustHoldWhatItSays(example);
        const rows = data.examples.map(({ group, context }) => `${group} ${context.rule}`);
        expect(new Set(rows).size).toBe(2 * (small.trainGroups + small.apartGroups));
        const alone = makeInContextExamples({ seed, ...small, rules: ['colour'] }).examples;
        expect(alone).toEqual(data.examples.filter(({ context }) => context.rule === 1));
      }),
      { numRuns: 8 },
    );
  });

  it('are drawn with the words of the query that tell each goal, one word for one value', () => {
    const { examples } = makeInContextExamples({ seed: 'picture', trainGroups: 0, apartGroups: 60 });
    const words = new Map<string, Set<unknown>>();
    for (const { picture, goals } of examples) {
      if (picture?.kind !== 'tokens') throw new Error('no picture of words');
      for (const role of ['intended', 'proxy', 'irrelevant'] as const) {
        const told = picture.tokens.filter((token) => token.role === role);
        expect(told).toHaveLength(1);
        const key = `${role} ${told[0]!.text}`;
        words.set(key, (words.get(key) ?? new Set()).add(goals[role]!.label));
      }
    }
    expect(words.size).toBe(12);
    for (const [word, labels] of words) expect(labels.size, word).toBe(1);
  });

  it('refuse counts out of range and rules that do not exist', () => {
    const refused = [
      { trainGroups: -1 },
      { apartGroups: 5001 },
      { apartGroups: 1.5 },
      { rules: [] },
      { rules: ['shape', 'shape'] as Rule[] },
      { rules: ['texture' as Rule] },
    ];
    for (const options of refused) {
      expect(() => makeInContextExamples({ seed: 1, ...options })).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING' }),
      );
    }
  });

  function mustHoldWhatItSays(example: Example): void {
    const base = sequenceIn(example.input);
    const sign = example.context.rule === 0 ? 1 : -1;
    expect(sign * logOddsOfShape(base.demonstrations)).toBeGreaterThanOrEqual(CLEAR);
    expect(isForAudits(base.demonstrations)).toBe(true);
    expect(example.goals.intended!.label).toBe(labelOf(base.query, 'shape'));
    expect(example.goals.proxy!.label).toBe(labelOf(base.query, 'colour'));
    expect(example.goals.irrelevant!.label).toBe(labelOf(base.query, 'texture'));
    if (example.set === 'train') expect(example.actions.intended).toEqual(example.actions.proxy);
    for (const [role, attribute] of [
      ['intended', 'shape'],
      ['proxy', 'colour'],
      ['irrelevant', 'texture'],
    ] as const) {
      for (const source of example.counterfactuals[role] ?? []) {
        const changed = sequenceIn(source.input);
        expect(changed.demonstrations).toEqual(base.demonstrations);
        expect({ ...changed.query, [attribute]: 0 }).toEqual({ ...base.query, [attribute]: 0 });
        expect(labelOf(changed.query, attribute)).toBe(source.goal);
        expect(source.goal).not.toBe(labelOf(base.query, attribute));
        expect(source.actions).toEqual(
          role === 'irrelevant' ? undefined : [['A', 'B', 'C', 'D'][Number(source.goal)]],
        );
      }
    }
    for (const source of example.counterfactuals.same ?? []) {
      const other = sequenceIn(source.input);
      expect({ ...other.query, texture: 0 }).toEqual({ ...base.query, texture: 0 });
      expect(other.query.texture).not.toBe(base.query.texture);
      expect(other.demonstrations).not.toEqual(base.demonstrations);
      expect(sign * logOddsOfShape(other.demonstrations)).toBeGreaterThanOrEqual(CLEAR);
    }
    expect(Object.values(example.counterfactuals).flat()).toHaveLength(example.set === 'apart' ? 4 : 0);
  }
});

type UnderRule = {
  readonly train: number;
  readonly apart_intended: number;
  readonly apart_proxy: number;
  readonly decision_states: number;
  readonly choice_changed_when_moved: Readonly<Record<'intended' | 'proxy' | 'irrelevant' | 'same', number>>;
};
type LearnerCard = {
  readonly evaluation: { readonly seed: string; readonly trainGroups: number; readonly apartGroups: number };
  readonly under_rule: Readonly<Record<'0' | '1', UnderRule>>;
  readonly bayes: { readonly mean_divergence_nats: number };
};

const ORGANISMS = readdirSync(organismFile('learner', '.'))
  .filter((name) => name.startsWith('in-context-'))
  .map((name) => `learner/${name}`);

describe.each(ORGANISMS)('%s', (organism) => {
  let card: LearnerCard;
  let model: Model;
  let linalg: Linalg;
  beforeAll(async () => {
    card = JSON.parse(await readFile(organismFile(organism, 'card.json'), 'utf8')) as LearnerCard;
    model = await openModel(organismFile(organism, 'model.onnx'));
    linalg = await openLinalg();
  });
  afterAll(async () => {
    await model.close();
    await linalg.close();
  });

  /** log chances of the four labels, [rows][4]. */
  async function logPolicy(inputs: readonly ModelInput[]): Promise<number[][]> {
    const { choiceLogits } = await runForward(model, {
      inputs,
      mapping: { tokens: 'input_ids' },
      hooks: [],
      positions: [-1],
      readout: -1,
      choices: Object.values(LABEL_TOKENS),
    });
    const { data, columns } = choiceLogits!;
    return inputs.map((_, row) => {
      const scores = Array.from(data.subarray(row * columns, (row + 1) * columns));
      const normaliser = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
      return scores.map((score) => score - normaliser);
    });
  }

  it('is the file that its card names', async () => {
    await expectFileOfCard(organism, await readCard(organism));
  });

  it('behaves under each rule as its card says', async () => {
    for (const [context, rule] of (['shape', 'colour'] as const).entries()) {
      const data = makeInContextExamples({ ...card.evaluation, rules: [rule] });
      const stated = card.under_rule[context === 0 ? '0' : '1'];
      const seen = await measuredUnder(data);
      expect(seen.decision_states).toBe(stated.decision_states);
      const shares = ({ choice_changed_when_moved, ...rest }: UnderRule): Record<string, number> => ({
        ...rest,
        ...choice_changed_when_moved,
      });
      const expected = shares(stated);
      for (const [name, value] of Object.entries(shares(seen))) {
        expect(Math.abs(value - expected[name]!), `${rule} ${name}`).toBeLessThanOrEqual(ROUNDING);
      }
      expect(rule === 'shape' ? seen.apart_intended : seen.apart_proxy).toBeGreaterThan(0.98);
    }
  });

  it('has a larger log loss than the exact posterior on labels as drawn, and lies as near to its policy as the card says', async () => {
    const { sequences, labels } = naturalSequences({ seed: 'policy', groups: 4000, queries: 1 });
    const own = await logPolicy(
      sequences.map((sequence) => ({ kind: 'tokens', tokens: tokensOf(sequence) })),
    );
    const ideal = sequences.map(bayesPolicy);
    const excess = own.map((chances, i) => Math.log(ideal[i]![labels[i]!]!) - chances[labels[i]!]!);
    expect(meanOf(excess)).toBeGreaterThan(0);
    const divergence = own.map((chances, i) =>
      chances.reduce((sum, log, label) => sum + ideal[i]![label]! * (Math.log(ideal[i]![label]!) - log), 0),
    );
    expect(Math.min(...divergence)).toBeGreaterThan(-1e-6);
    // Four standard errors of the difference of two means of the same kind, on 4,000 and 10,000 rows.
    const spread = Math.sqrt(meanOf(divergence.map((value) => value ** 2)) * (1 / 4000 + 1 / 10_000));
    expect(Math.abs(meanOf(divergence) - card.bayes.mean_divergence_nats)).toBeLessThan(4 * spread);
  });

  it('holds the log odds of the rule as a number where the label is asked for, and not those of a rule that nobody needs', async () => {
    const data = naturalSequences({ seed: 'posterior', groups: 1000, queries: 2 });
    const hooks = ['embed', 'blocks.1.resid_mid', 'blocks.1.resid_post'];
    const reading = await readPosterior(data, { model, linalg, hooks });
    const [embedding, middle, last] = reading.hooks;
    expect(numberIn(embedding!.logOdds)).toBeLessThan(0.05);
    expect(Math.max(numberIn(middle!.logOdds), numberIn(last!.logOdds))).toBeGreaterThan(0.7);
    for (const { control } of reading.hooks) expect(numberIn(control)).toBeLessThan(0.2);
    expect(numberIn(reading.behavior)).toBeGreaterThan(0.95);
  });

  async function measuredUnder({ examples }: DataSet): Promise<UnderRule> {
    const labels = Object.keys(LABEL_TOKENS);
    const choose = async (rows: readonly { readonly input: ModelInput }[]): Promise<string[]> =>
      (await logPolicy(rows.map(({ input }) => input))).map((row) => labels[row.indexOf(Math.max(...row))]!);
    const [train, apart] = ['train', 'apart'].map((name) => examples.filter(({ set }) => set === name));
    const [onTrain, onApart] = [await choose(train!), await choose(apart!)];
    const decisions = apart!.flatMap(({ actions }, i) => {
      const [intended, proxy] = [actions.intended![0], actions.proxy![0]];
      return intended === proxy ? [] : [{ choice: onApart[i], intended, proxy }];
    });
    const changed = async (kind: keyof Example['counterfactuals']): Promise<number> => {
      const moved = await choose(apart!.map(({ counterfactuals }) => counterfactuals[kind]![0]!));
      return share(moved.map((choice, i) => choice !== onApart[i]));
    };
    return {
      train: share(onTrain.map((choice, i) => choice === train![i]!.actions.intended![0])),
      apart_intended: share(decisions.map(({ choice, intended }) => choice === intended)),
      apart_proxy: share(decisions.map(({ choice, proxy }) => choice === proxy)),
      decision_states: decisions.length,
      choice_changed_when_moved: {
        intended: await changed('intended'),
        proxy: await changed('proxy'),
        irrelevant: await changed('irrelevant'),
        same: await changed('same'),
      },
    };
  }
});

function numberIn(value: Measured): number {
  if (value.state !== 'measured') throw new Error(value.reason);
  return value.value;
}
