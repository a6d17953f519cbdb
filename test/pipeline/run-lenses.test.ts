/** @file test: lenses on networks whose weights are written down: each part's share, the logits and where heads look come out as written. */
import { describe, expect, it } from 'vitest';
import { makeExamples } from '../../models/grid/environment.ts';
import { makeExamples as makeReviews } from '../../models/review/environment.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { DataSet, Example } from '../../src/core/data-set.ts';
import { matrix } from '../../src/core/matrix.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import type { LensMean, LensReadings } from '../../src/evidence/lens-figures.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { tokenizedData } from '../../src/model/tokenize.ts';
import { columnsOf } from '../../src/pipeline/columns-of.ts';
import { goalLabels } from '../../src/pipeline/goal-labels.ts';
import { DEFAULT_SETTINGS } from '../../src/pipeline/resolve-settings.ts';
import { runLenses } from '../../src/pipeline/run-lenses.ts';
import { splitByGroup } from '../../src/store/group-split.ts';
import { exportPath } from '../capture/small-models.ts';
import { organismFile } from '../models/organism.ts';
import { LOGIT, voteOf } from '../models/subspaces.ts';

const BOARDS = makeExamples({ seed: 'lenses', trainGroups: 10, apartGroups: 150 });
const SETTINGS = { ...DEFAULT_SETTINGS, bootstrapDraws: 200, lensRows: 40 };

type Looked = { readonly lenses: LensReadings | undefined; readonly columns: Columns };

/** As a run does it, without the rest of a run. */
async function look(
  model: Model,
  given: DataSet,
  change: { readonly lensRows?: number; readonly seed?: number; readonly signal?: AbortSignal } = {},
): Promise<Looked> {
  const { dataSet, texts } = tokenizedData(model, given);
  const split = splitByGroup({ groups: dataSet.examples.map(({ group }) => group), seed: 1 });
  const goals = goalLabels(dataSet, { coding: undefined, fit: split.fit.rows });
  const choices = Object.keys(dataSet.choices).length;
  const choiceLogits = matrix(dataSet.examples.length, choices);
  const columns = columnsOf({ dataSet, goals, split, choiceLogits });
  const { signal, ...settings } = change;
  const lenses = await runLenses({
    mapped: { model, dataSet },
    pieces: texts?.map(({ pieces }) => pieces),
    columns,
    settings: { ...SETTINGS, ...settings },
    control: signal === undefined ? {} : { signal },
  });
  return { lenses, columns };
}

async function lookAt(organism: string, data = BOARDS): Promise<LensReadings> {
  const model = await openModel(organismFile(organism, 'model.onnx'));
  const { lenses } = await look(model, data);
  await model.close();
  return lenses!;
}

function measured<T extends { readonly state: string }>(part: T): Extract<T, { state: 'measured' }> {
  if (part.state !== 'measured') throw new Error(JSON.stringify(part));
  return part as Extract<T, { state: 'measured' }>;
}

function numberIn({ value }: LensMean): number {
  if (value.state === 'undefined') throw new Error(value.reason);
  return value.value;
}

/** The rows that a look may choose from: test side, come-apart, one action each and not the same. */
function contested({ split }: Columns, { examples }: DataSet): Example[] {
  return [...split.test.rows]
    .map((row) => examples[row]!)
    .filter(({ set, actions: { intended = [], proxy = [] } }) => {
      return set === 'apart' && intended.length === 1 && proxy.length === 1 && intended[0] !== proxy[0];
    });
}

describe('a network that counts .7 of the gem’s vote and .3 of the halo’s', () => {
  it('says in its last MLP, and nowhere else, the difference that the votes make', async () => {
    const model = await openModel(organismFile('compiled/mixture', 'model.onnx'));
    const { lenses, columns } = await look(model, BOARDS, { lensRows: 100_000 });
    await model.close();
    const { rows, ofRows, groups, streams, shares } = lenses!;
    const own = contested(columns, BOARDS);
    expect([rows, ofRows, groups]).toEqual([
      own.length,
      own.length,
      new Set(own.map(({ group }) => group)).size,
    ]);
    expect(rows).toBeGreaterThan(30);
    // The truth from the boards and the votes alone.
    const actions = Object.keys(BOARDS.choices);
    const differences = own.map(({ goals, actions: { intended, proxy }, picture }) => {
      const agent = picture?.kind === 'grid' && picture.items.find(({ role }) => role === 'agent');
      if (!agent) throw new Error('no agent');
      const at = 5 * agent.row + agent.column;
      const gem = voteOf(at, Number(goals.intended!.cell));
      const halo = voteOf(at, Number(goals.proxy!.cell));
      const [i, p] = [actions.indexOf(intended![0]!), actions.indexOf(proxy![0]!)];
      return LOGIT * (0.7 * (gem[i]! - gem[p]!) + 0.3 * (halo[i]! - halo[p]!));
    });
    const truth = differences.reduce((sum, value) => sum + value, 0) / own.length;
    expect(Math.abs(truth)).toBeGreaterThan(1);
    const { points } = measured(streams);
    expect(points.map(({ hook }) => hook)).toEqual(['embed', 'blocks.0.resid_post', 'blocks.1.resid_post']);
    const [embed, first, last] = points.map(({ difference }) => numberIn(difference));
    expect([embed, first]).toEqual([expect.closeTo(0, 4), expect.closeTo(0, 4)]);
    expect(last).toBeCloseTo(truth, 3);
    const { parts, total, error, whole } = measured(shares);
    expect(numberIn(total)).toBeCloseTo(truth, 3);
    expect([whole, error < 1e-4]).toEqual([[], true]);
    for (const { part, difference } of parts)
      expect(numberIn(difference), part).toBeCloseTo(part === 'blocks.1.mlp_out' ? truth : 0, 3);
    const sum = parts.reduce((all, { difference }) => all + numberIn(difference), 0);
    expect(sum).toBeCloseTo(truth, 3);
    const { interval } = points[2]!.difference;
    expect(interval!.low).toBeLessThan(truth);
    expect(interval!.high).toBeGreaterThan(truth);
  });
});

describe('heads that were written to look at one object each', () => {
  it('look at it alone, wherever it stands', async () => {
    const { attention } = await lookAt('compiled/intended');
    const { heads, even, rows, ofRows, readout, places, example, missing } = measured(attention);
    expect([rows, ofRows, readout, missing]).toEqual([40, 40, 5, []]);
    expect(Object.values(even)).toEqual([1, 1, 1].map((one) => expect.closeTo(one / 6, 9)));
    const onto = heads.map(({ block, head, onto: own }) => [
      block,
      head,
      ...(['intended', 'proxy', 'irrelevant'] as const).map(
        (role) => Math.round(1e4 * numberIn(own[role]!)) / 1e4,
      ),
    ]);
    // Block 0: gem, halo, rock, and one that looks at the beginning; block 1: the agent, which is no goal.
    expect(onto).toEqual([
      [0, 0, 1, 0, 0],
      [0, 1, 0, 1, 0],
      [0, 2, 0, 0, 1],
      [0, 3, 0, 0, 0],
      [1, 0, 0, 0, 0],
      [1, 1, 0, 0, 0],
      [1, 2, 0, 0, 0],
      [1, 3, 0, 0, 0],
    ]);
    expect(heads[3]!.mean).toEqual([1, 0, 0, 0, 0, 0]);
    for (const { mean } of heads) expect(mean.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 3);
    // Only the first and the last token are the same in all rows; objects change places.
    expect(places[0]).toEqual({ text: '0' });
    expect(places[5]).toEqual({ text: '105' });
    expect(places.slice(1, 5)).toEqual([{}, {}, {}, {}]);
    const roles = example.places.map(({ role }) => role);
    expect(roles.filter((role) => role !== undefined).sort()).toEqual(['intended', 'irrelevant', 'proxy']);
    const { patterns } = measured(example.full);
    expect([patterns.length, patterns[0]!.length, patterns[0]![0]!.length]).toEqual([8, 6, 6]);
    for (const [head, role] of (['intended', 'proxy', 'irrelevant'] as const).entries())
      expect(patterns[head]![5]!.indexOf(1)).toBe(roles.indexOf(role));
    const shown = BOARDS.examples.find(({ id }) => id === example.id)!.input;
    expect(shown.kind === 'tokens' && shown.tokens.map(String)).toEqual(
      example.places.map(({ text }) => text),
    );
  });
});

describe('rows of text', () => {
  it('name their tokens as the tokenizer cut them', async () => {
    const data = makeReviews({ seed: 'lenses', trainGroups: 10, apartGroups: 60 });
    const { attention, streams } = await lookAt('review/intended-1', data);
    expect(streams.state).toBe('measured');
    const { example, places } = measured(attention);
    const text = data.examples.find(({ id }) => id === example.id)!.input;
    const words = example.places.map((place) => place.text);
    // One token before the words and one after them, which are the same in every row.
    expect(text.kind === 'text' && text.text.split(' ')).toEqual(words.slice(1, -1));
    expect([places[0]!.text, places.at(-1)!.text]).toEqual([words[0], words.at(-1)]);
    expect(example.places.some(({ role }) => role === 'proxy')).toBe(true);
  });
});

describe('a look', () => {
  it('is the same for the same seed, and at other rows for another', async () => {
    const model = await openModel(organismFile('grid/ambiguous-1', 'model.onnx'));
    const [first, again, other] = [
      await look(model, BOARDS, { seed: 3 }),
      await look(model, BOARDS, { seed: 3 }),
      await look(model, BOARDS, { seed: 4 }),
    ];
    expect(again.lenses).toEqual(first.lenses);
    expect(other.lenses).not.toEqual(first.lenses);
    await model.close();
  });

  it('gives at the last stream, and as the sum of all parts, what the model says', async () => {
    const model = await openModel(organismFile('grid/ambiguous-1', 'model.onnx'));
    const { lenses, columns } = await look(model, BOARDS, { lensRows: 100_000 });
    const own = contested(columns, BOARDS);
    const { choiceLogits } = await runForward(model, {
      inputs: own.map(({ input }) => input),
      mapping: BOARDS.inputs,
      hooks: [],
      positions: [],
      readout: -1,
      choices: Object.values(BOARDS.choices).map(Number),
    });
    const actions = Object.keys(BOARDS.choices);
    const said = own.map(({ actions: { intended, proxy } }, row) => {
      const of = (goal: readonly string[]): number =>
        choiceLogits!.data[row * actions.length + actions.indexOf(goal[0]!)]!;
      return of(intended!) - of(proxy!);
    });
    const mean = said.reduce((sum, value) => sum + value, 0) / said.length;
    const { streams, shares } = lenses!;
    expect(numberIn(measured(streams).points.at(-1)!.difference)).toBeCloseTo(mean, 4);
    expect(numberIn(measured(shares).total)).toBeCloseTo(mean, 4);
    const parts = measured(shares).parts.map(({ difference }) => numberIn(difference));
    expect(parts.reduce((sum, value) => sum + value, 0)).toBeCloseTo(mean, 3);
    await model.close();
  });

  it('is left out where no row is asked for, and stops when it is told to', async () => {
    const model = await openModel(organismFile('grid/ambiguous-1', 'model.onnx'));
    expect((await look(model, BOARDS, { lensRows: 0 })).lenses).toBeUndefined();
    const stopped = look(model, BOARDS, { signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
    await model.close();
  });
});

describe('what a graph or the data do not allow', () => {
  it('is undefined with the reason: no row in which the goals call for different actions', async () => {
    const agreed = BOARDS.examples.map((example) => ({
      ...example,
      actions: { intended: ['up'], proxy: ['up'] },
    }));
    const lenses = await lookAt('compiled/intended', { ...BOARDS, examples: agreed });
    const nothing = { state: 'undefined', reason: expect.stringContaining('in no test row') };
    expect(lenses).toEqual({
      rows: 0,
      groups: 0,
      ofRows: 0,
      streams: nothing,
      shares: nothing,
      attention: nothing,
    });
  });

  it('is undefined with the reason: choices of several tokens, whose patterns are there all the same', async () => {
    const [up, down, ...rest] = Object.entries(BOARDS.choices);
    const choices = Object.fromEntries([[up![0], [101, 5]], [down![0], [102, 5]], ...rest]);
    const lenses = await lookAt('compiled/intended', { ...BOARDS, choices, candidates: 'sum' });
    expect(lenses.streams).toEqual({ state: 'undefined', reason: expect.stringContaining('several tokens') });
    expect(lenses.shares).toEqual(lenses.streams);
    expect(lenses.attention.state).toBe('measured');
  });

  /** The boards' rows in the small vocabulary of the exports, with two of its tokens as the choices. */
  function inVocabulary(length: number): DataSet {
    return {
      ...BOARDS,
      inputs: { tokens: 'input_ids' },
      choices: { up: 1, down: 2, left: 3, right: 4 },
      examples: BOARDS.examples.map((example) => ({
        ...example,
        counterfactuals: {},
        input: {
          kind: 'tokens',
          tokens:
            example.input.kind === 'tokens' ? example.input.tokens.slice(0, length).map((id) => id % 40) : [],
        },
      })),
    };
  }

  it.each([
    ['no-residual-lstm', /No residual stream/, /No residual stream/, /No residual stream/],
    ['encoder-post-norm', undefined, /./, undefined],
  ])('is undefined with the reason: %s', async (name, noStreams, noShares, noAttention) => {
    const model = await openModel(exportPath(name));
    const data = inVocabulary(6);
    const inputs = { tokens: model.inputs.find(({ role }) => role === 'tokens')?.name ?? 'input_ids' };
    const { lenses } = await look(model, { ...data, inputs });
    await model.close();
    for (const [part, reason] of [
      [lenses!.streams, noStreams],
      [lenses!.shares, noShares],
      [lenses!.attention, noAttention],
    ] as const) {
      if (reason === undefined) expect(part.state).toBe('measured');
      else expect(part).toEqual({ state: 'undefined', reason: expect.stringMatching(reason) });
    }
  });

  it('is undefined with the reason: patterns of long rows, and of one example; fewer rows are averaged', async () => {
    const model = await openModel(exportPath('llama'));
    const repeated = (length: number): DataSet => {
      const data = inVocabulary(6);
      const examples = data.examples.map((example, i) => ({
        ...example,
        input: { kind: 'tokens' as const, tokens: Array.from({ length }, (_, at) => (7 * i + at) % 40) },
      }));
      return { ...data, examples };
    };
    const { lenses: long } = await look(model, repeated(513), { lensRows: 2 });
    expect([long!.streams.state, long!.shares.state]).toEqual(['measured', 'measured']);
    expect(long!.attention).toEqual({ state: 'undefined', reason: expect.stringContaining('513 positions') });
    // The same rows as arrays of ids: what counts is the positions that the model has.
    const arrays = repeated(513).examples.map((example) => ({
      ...example,
      input: {
        kind: 'tensors' as const,
        tensors: {
          input_ids: { dims: [513], data: example.input.kind === 'tokens' ? example.input.tokens : [] },
        },
      },
    }));
    const tensors = { ...repeated(513), inputKind: 'tensors', inputs: {}, examples: arrays } as const;
    expect((await look(model, tensors, { lensRows: 2 })).lenses!.attention).toEqual(long!.attention);
    const { lenses } = await look(model, repeated(400));
    const { rows, ofRows, heads, example, readout } = measured(lenses!.attention);
    expect([rows < ofRows, ofRows, heads.length, readout]).toEqual([true, 40, 8, 399]);
    expect(rows).toBe(Math.floor(4_000_000 / (2 * 400 ** 2)));
    expect(example.full).toEqual({ state: 'undefined', reason: expect.stringContaining('400 by 400') });
    await model.close();
  });
});
