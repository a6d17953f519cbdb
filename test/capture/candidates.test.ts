/** @file test: candidates of several tokens get the probabilities of their tokens one after the other, under edits as well. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidates, candidateGroups } from '../../src/capture/candidates.ts';
import { openInterventions } from '../../src/capture/interventions.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import { scoreCandidates } from '../../src/capture/score-candidates.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { cachedPath, codeOf, exportPath, randomRows } from './small-models.ts';

const ALL = Array.from({ length: 60 }, (_, i) => i);
const TOKENS = [[4], [4, 9], [4, 9, 1], [4, 9, 2], [17], [30, 30, 30, 5]];
const tokensOf = (input: ModelInput): readonly number[] => (input.kind === 'tokens' ? input.tokens : []);

/** log p of one token by one row of logits over the whole vocabulary. */
function logProbability({ data }: Matrix, token: number): number {
  const largest = Math.max(...data);
  return data[token]! - largest - Math.log(data.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** Token after token, each by a pass of its own over all that comes before. */
async function oneByOne(
  candidates: Candidates,
  row: readonly number[],
  logitsAfter: (tokens: readonly number[]) => Promise<Matrix>,
): Promise<number[]> {
  const scores: number[] = [];
  for (const tokens of candidates.tokens) {
    let sum = 0;
    for (const [j, token] of tokens.entries())
      sum += logProbability(await logitsAfter([...row, ...tokens.slice(0, j)]), token);
    scores.push(candidates.score === 'sum' ? sum : sum / tokens.length);
  }
  return scores;
}

describe.each(['gpt2-cached', 'gpt-neox', 'decoder-by-hand'])('candidates on %s', (name) => {
  let model: Model;
  const inputs = randomRows({ count: 5, seed: 2, vocabulary: 60 });
  beforeAll(async () => {
    model = await openModel(name === 'gpt2-cached' ? cachedPath(name) : exportPath(name));
  });
  afterAll(() => model.close());

  it.each(['sum', 'mean'] as const)(
    'are scored by the %s over their tokens, whatever else is scored',
    async (score) => {
      const candidates: Candidates = { tokens: TOKENS, score };
      const request = { inputs, mapping: {}, readout: -1, candidates };
      const scores = await scoreCandidates(model, request);
      const logitsAfter = async (tokens: readonly number[]): Promise<Matrix> => {
        const row: ModelInput = { kind: 'tokens', tokens };
        const plain = { mapping: {}, hooks: [], positions: [], readout: -1, choices: ALL };
        return (await runForward(model, { ...plain, inputs: [row] })).choiceLogits!;
      };
      for (const [i, input] of inputs.entries()) {
        const expected = await oneByOne(candidates, tokensOf(input), logitsAfter);
        for (const [k, value] of expected.entries())
          expect(scores.data[i * TOKENS.length + k]).toBeCloseTo(value, 4);
      }
      const small = await scoreCandidates(model, { ...request, maxBatchTokens: 8 });
      for (const [at, value] of scores.data.entries()) expect(small.data[at]).toBeCloseTo(value, 5);
    },
  );

  it('are scored under edits as when each token is read by a pass of its own with the same edit', async () => {
    const hook = 'blocks.1.resid_post';
    const candidates: Candidates = { tokens: TOKENS, score: 'sum' };
    const edits = [{ hook, kind: 'add' as const }];
    const setup = { mapping: {}, edits, readout: -1 };
    const random = seededRandom(6);
    const noise = matrix(
      inputs.length,
      32,
      Float32Array.from({ length: inputs.length * 32 }, () => random.normal()),
    );
    const edited = await openInterventions(model, { ...setup, choices: [], candidates, observe: [hook] });
    const plain = await openInterventions(model, { ...setup, choices: ALL, observe: [hook] });
    for (const position of [-1, -3, 0]) {
      const seen = await edited.observe({ inputs, position, values: [noise] });
      const before = await plain.observe({ inputs, position, values: [noise] });
      for (const [at, value] of before.hidden[0]!.data.entries())
        expect(seen.hidden[0]!.data[at]).toBeCloseTo(value, 4);
      for (const [i, input] of inputs.entries()) {
        const row = tokensOf(input);
        const value = matrix(1, 32, noise.data.slice(i * 32, (i + 1) * 32));
        const expected = await oneByOne(candidates, row, async (tokens) =>
          plain.run({
            inputs: [{ kind: 'tokens', tokens }],
            position: position < 0 ? row.length + position : position,
            values: [value],
          }),
        );
        for (const [k, score] of expected.entries())
          expect(seen.choiceLogits.data[i * TOKENS.length + k]).toBeCloseTo(score, 4);
        // Whatever begins with [4, 9], [4, 9, 1] or [4, 9, 2] begins with [4].
        const apart = [4, 17, 30].map((first) => TOKENS.findIndex(([token]) => token === first));
        const mass = apart.reduce((sum, k) => sum + Math.exp(expected[k]!), 0);
        expect(seen.choiceMass[i]).toBeCloseTo(mass, 5);
      }
    }
  });

  it('keep their scores where no row is edited, rows repeated and reordered', async () => {
    const candidates: Candidates = { tokens: TOKENS, score: 'mean' };
    const setup = {
      mapping: {},
      edits: [{ hook: 'blocks.0.resid_post', kind: 'replace' as const }],
      readout: -1,
    };
    const optimization = 'basic' as const;
    const scores = await scoreCandidates(model, {
      inputs,
      mapping: {},
      readout: -1,
      candidates,
      optimization,
    });
    const edits = await openInterventions(model, { ...setup, choices: [], candidates, optimization });
    const inputRows = [3, 0, 3, 4];
    const after = await edits.run({
      inputs,
      inputRows,
      position: -1,
      values: [matrix(4, 32)],
      edited: [false, false, true, false],
    });
    const rowOf = (from: Matrix, i: number): Float32Array =>
      from.data.slice(i * TOKENS.length, (i + 1) * TOKENS.length);
    for (const [i, row] of inputRows.entries()) {
      if (i === 2) expect(rowOf(after, i)).not.toEqual(rowOf(scores, row));
      else
        for (const [k, value] of rowOf(scores, row).entries())
          expect(rowOf(after, i)[k]).toBeCloseTo(value, 5);
    }
  });

  it('are refused, by code, where they cannot be scored', async () => {
    const refused = (change: object): Promise<unknown> =>
      codeOf(
        scoreCandidates(model, {
          inputs,
          mapping: {},
          readout: -1,
          candidates: { tokens: [[1, 2], [3]], score: 'sum' },
          ...change,
        }),
      );
    expect(await refused({})).toBe('resolved');
    expect(await refused({ readout: -2 })).toBe('BAD_SETTING');
    expect(await refused({ candidates: { tokens: [[1, 60], [3]], score: 'sum' } })).toBe('CHOICE_RANGE');
    expect(await refused({ candidates: { tokens: [[60, 1], [3]], score: 'sum' } })).toBe('TOKEN_RANGE');
    const edits = [{ hook: 'blocks.0.resid_post', kind: 'add' as const }];
    const candidates: Candidates = { tokens: [], score: 'sum' };
    expect(
      await codeOf(openInterventions(model, { mapping: {}, edits, readout: -1, choices: [], candidates })),
    ).toBe('BAD_SETTING');
  });
});

describe('a candidate', () => {
  it('is within another one that it begins with, or that it equals', () => {
    const tokens = [[4, 9], [4], [4, 9, 1], [49], [9, 4], [4, 9], [9, 4, 4]];
    const within = candidateGroups({ tokens, score: 'sum' })
      .flatMap(({ members }) => members)
      .sort((a, b) => a.column - b.column)
      .map((member) => member.within);
    expect(within).toEqual([true, false, true, false, false, true, true]);
    const twice = candidateGroups({ tokens: [[7], [7]], score: 'sum' }).flatMap(({ members }) => members);
    expect(twice.map((member) => member.within)).toEqual([false, true]);
  });
});

describe('a model that reads ahead', () => {
  it('tells no probability of what comes next, and is found out by the rows themselves', async () => {
    const model = await openModel(exportPath('encoder-pre-norm'));
    const candidates: Candidates = { tokens: [[1, 2], [3]], score: 'sum' };
    const request = {
      inputs: randomRows({ count: 3, seed: 1, vocabulary: 60 }),
      mapping: {},
      readout: -1,
      candidates,
    };
    await expect(scoreCandidates(model, request)).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining('reads ahead'),
    });
    // Alike in all but their last token, they are scored by one pass: the rows alone tell.
    const alike: Candidates = {
      tokens: [
        [1, 2],
        [1, 3],
      ],
      score: 'sum',
    };
    await expect(scoreCandidates(model, { ...request, candidates: alike })).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringContaining('reads ahead'),
    });
    await model.close();
    const mlp = await openModel(exportPath('no-residual-mlp'));
    expect(await codeOf(scoreCandidates(mlp, request))).toBe('MODEL_UNSUPPORTED');
    await mlp.close();
  });
});
