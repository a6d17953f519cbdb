/** @file test: what a model writes is what transformers writes with it, with caches and without, alone and among others, steered or not. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decodingWarnings,
  type Generation,
  generate,
  promptsWithAnswers,
} from '../../src/behavior/generate.ts';
import { runForward } from '../../src/capture/run-forward.ts';
import type { SteeredPositions } from '../../src/capture/steering.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { type Matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { GRAPH, MODEL, NODE } from '../../src/onnx/fields.ts';
import { MessageWriter } from '../../src/onnx/wire-write.ts';
import { CACHED, cachedPath, codeOf, exportPath } from '../capture/small-models.ts';
import { readSafetensors, type StoredTensor } from '../store/read-safetensors.ts';

const NEW = 7;
const HOOKS = ['blocks.0.resid_post', 'blocks.1.resid_post'];
const tokens = (...row: number[]): ModelInput => ({ kind: 'tokens', tokens: row });

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (value, i) => Math.abs(value - b[i]!)).reduce((most, each) => Math.max(most, each), 0);
}

describe.each(CACHED)('%s', (name) => {
  let model: Model;
  let recorded: ReadonlyMap<string, StoredTensor>;
  const prompts: ModelInput[] = [];
  const ints = (key: string): number[] => Array.from(recorded.get(key)!.data as BigInt64Array, Number);
  const floats = (key: string): Float32Array => recorded.get(key)!.data as Float32Array;
  beforeAll(async () => {
    model = await openModel(cachedPath(name));
    recorded = readSafetensors(cachedPath(name).replace('.onnx', '.safetensors')).tensors;
    prompts.push(...[0, 1, 2].map((row) => tokens(...ints(`row${row}.input`))));
  });
  afterAll(() => model.close());

  it.each(['auto', 'never'] as const)(
    'writes, caches %s, the tokens that transformers writes, by the same logits and states',
    async (caches) => {
      const written = await generate(model, {
        prompts,
        maxNewTokens: NEW,
        caches,
        hooks: HOOKS,
        keepLogits: true,
      });
      for (const [row, one] of written.entries()) {
        expect(one.answer).toEqual(ints(`row${row}.tokens`));
        expect(one.ended).toBe('length');
        expect(farthest(one.logits!.data, floats(`row${row}.logits`))).toBeLessThan(1e-4);
        for (const hook of HOOKS) {
          expect(one.hidden(hook).rows).toBe(one.prompt.length + NEW - 1);
          expect(farthest(one.hidden(hook).data, floats(`row${row}.${hook}`))).toBeLessThan(1e-4);
        }
        for (const [t, token] of one.answer.entries()) {
          const logits = Array.from(takeRows(one.logits!, [t]).data);
          const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
          expect(one.logProbabilities[t]).toBeCloseTo(logits[token]! - Math.log(sum), 5);
        }
      }
    },
  );

  it.each(['auto', 'never'] as const)(
    'steered, caches %s, writes what transformers writes with a hook',
    async (caches) => {
      const steering = [{ hook: HOOKS[0]!, vector: floats('steer'), dose: 1 }];
      const written = await generate(model, {
        prompts,
        maxNewTokens: NEW,
        caches,
        steering,
        keepLogits: true,
      });
      for (const [row, one] of written.entries()) {
        expect(one.answer).toEqual(ints(`row${row}.steered.tokens`));
        expect(farthest(one.logits!.data, floats(`row${row}.steered.logits`))).toBeLessThan(1e-4);
      }
    },
  );

  it('writes the same with caches and without, sampled and steered from any position on', async () => {
    const vector = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i));
    const seen = new Set<string>();
    for (const positions of ['all', 'deciding', 'new'] as const satisfies readonly SteeredPositions[]) {
      const request = {
        prompts: [...prompts, ...prompts],
        maxNewTokens: 9,
        sampling: { kind: 'sampled', temperature: 0.9, topK: 30, topP: 0.95 },
        seed: 4,
        steering: [{ hook: 'blocks.0.resid_mid', vector, dose: 2, positions }],
        hooks: HOOKS,
        keepLogits: true,
      } as const;
      const [cached, plain] = [
        await generate(model, request),
        await generate(model, { ...request, caches: 'never' }),
      ];
      for (const [row, one] of cached.entries()) {
        const other = plain[row]!;
        expect(one.answer).toEqual(other.answer);
        expect(farthest(one.logits!.data, other.logits!.data)).toBeLessThan(1e-4);
        for (const hook of HOOKS)
          expect(farthest(one.hidden(hook).data, other.hidden(hook).data)).toBeLessThan(1e-4);
      }
      // Equal prompts draw anew.
      expect(cached[3]!.answer).not.toEqual(cached[0]!.answer);
      seen.add(JSON.stringify(cached.map(({ answer }) => answer)));
    }
    expect(seen.size).toBe(3);
  });

  it('steers the first choice at the position that decides it, and not where new tokens alone are steered', async () => {
    const logitsOf = async (steering?: { dose: number; positions: SteeredPositions }): Promise<Matrix> => {
      const vector = Float32Array.from({ length: 32 }, (_, i) => Math.cos(3 * i));
      const steered = steering === undefined ? [] : [{ hook: HOOKS[0]!, vector, ...steering }];
      const [one] = await generate(model, {
        prompts: [prompts[1]!],
        maxNewTokens: 3,
        steering: steered,
        keepLogits: true,
      });
      return one!.logits!;
    };
    const plain = await logitsOf();
    const first = (all: Matrix): Float32Array => takeRows(all, [0]).data;
    expect(await logitsOf({ dose: 0, positions: 'all' })).toEqual(plain);
    expect(first(await logitsOf({ dose: 3, positions: 'new' }))).toEqual(first(plain));
    const [all, deciding] = [
      await logitsOf({ dose: 3, positions: 'all' }),
      await logitsOf({ dose: 3, positions: 'deciding' }),
    ];
    expect(farthest(first(all), first(plain))).toBeGreaterThan(0.05);
    expect(farthest(first(deciding), first(plain))).toBeGreaterThan(0.05);
    expect(farthest(first(all), first(deciding))).toBeGreaterThan(0.01);
  });

  it('writes each answer as it would alone, whatever the other prompts are', async () => {
    const random = seededRandom(3);
    const many = Array.from({ length: 12 }, () =>
      tokens(...Array.from({ length: 1 + random.integer(6) }, () => random.integer(60))),
    );
    for (const sampling of [{ kind: 'greedy' }, { kind: 'sampled', temperature: 1.3 }] as const) {
      const request = { maxNewTokens: 8, sampling, seed: 'alone', stop: [13, 47, 0] } as const;
      const together = await generate(model, { ...request, prompts: many });
      for (const [row, prompt] of many.entries()) {
        const [alone] = await generate(model, { ...request, prompts: [prompt] });
        expect(together[row]!.answer).toEqual(alone!.answer);
        expect(farthest(together[row]!.logProbabilities, alone!.logProbabilities)).toBeLessThan(1e-4);
      }
    }
  });

  it('ends at a stop token, and at the last position that the model has', async () => {
    const whole = ints('row1.tokens');
    const stop = whole[3]!;
    const at = whole.indexOf(stop);
    const [short] = await generate(model, { prompts: [prompts[1]!], maxNewTokens: NEW, stop: [stop] });
    expect([short!.answer, short!.ended]).toEqual([whole.slice(0, at + 1), 'stop']);
    // Rotary positions have no table that could end.
    if (name === 'llama-cached') return;
    const room = 24 - 6 + 1;
    const [full] = await generate(model, { prompts: [prompts[1]!], maxNewTokens: room });
    expect(full!.answer).toHaveLength(room);
    const beyond = generate(model, { prompts: [prompts[2]!, prompts[1]!], maxNewTokens: room + 1 });
    await expect(beyond).rejects.toMatchObject({
      code: 'INPUT_TOO_LONG',
      message: 'prompt 2 has 6 tokens and 20 new ones were asked for, but the model has positions for 24',
      remedy: 'Ask for at most 19 new tokens, or shorten the prompt.',
    });
    const [unasked] = await generate(model, { prompts: [prompts[1]!] });
    expect(unasked!.answer).toHaveLength(room);
    const long = tokens(...Array.from({ length: 25 }, () => 3));
    expect(await codeOf(generate(model, { prompts: [long] }))).toBe('INPUT_TOO_LONG');
  });

  it('is read over prompt and answer in one pass afterwards, at the values that it wrote by', async () => {
    const written: Generation[] = await generate(model, { prompts, maxNewTokens: 4, hooks: HOOKS });
    const inputs = promptsWithAnswers(written);
    const request = { inputs, mapping: {}, hooks: HOOKS, positions: [-2, -3], readout: -1, choices: [] };
    const captured = await runForward(model, request);
    for (const [row, one] of written.entries()) {
      for (const position of [-2, -3]) {
        const whole = takeRows(captured.activations(HOOKS[1]!, position), [row]).data;
        const own = one.hidden(HOOKS[1]!);
        expect(farthest(whole, takeRows(own, [own.rows + 1 + position]).data)).toBeLessThan(1e-4);
      }
    }
  });

  it('refuses, by code, what cannot be written or steered', async () => {
    const refused = (change: object): Promise<unknown> =>
      codeOf(generate(model, { prompts: [tokens(1, 2)], maxNewTokens: 2, ...change }));
    expect(await refused({})).toBe('resolved');
    expect(await refused({ maxNewTokens: 0 })).toBe('BAD_SETTING');
    expect(await refused({ prompts: [tokens()] })).toBe('INPUT_INVALID');
    expect(await refused({ prompts: [tokens(60)] })).toBe('TOKEN_RANGE');
    expect(await refused({ prompts: [{ kind: 'text', text: 'a' }] })).toBe('TOKENIZER_MISSING');
    expect(await refused({ prompts: [{ kind: 'tensors', tensors: {} }] })).toBe('INPUT_INVALID');
    for (const sampling of [{ temperature: 0 }, { temperature: 1, topK: 0 }, { temperature: 1, topP: 0 }])
      expect(await refused({ sampling: { kind: 'sampled', ...sampling } })).toBe('BAD_SETTING');
    const steered = (change: object): Promise<unknown> =>
      refused({ steering: [{ hook: HOOKS[0]!, vector: new Float32Array(32), dose: 1, ...change }] });
    expect(await steered({})).toBe('resolved');
    expect(await steered({ hook: 'nowhere' })).toBe('HOOK_UNKNOWN');
    expect(await steered({ hook: 'blocks.0.q' })).toBe('HOOK_UNAVAILABLE');
    expect(await steered({ vector: [1] })).toBe('BAD_SETTING');
    expect(await steered({ dose: Number.NaN })).toBe('BAD_SETTING');
    expect(await refused({ hooks: ['blocks.0.pattern'] })).toBe('HOOK_UNAVAILABLE');
    const [one] = await generate(model, { prompts: [tokens(1)], maxNewTokens: 1 });
    expect(() => one!.hidden(HOOKS[0]!)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    const aborted = generate(model, { prompts }, { signal: AbortSignal.abort() });
    expect(await codeOf(aborted)).toBe('ABORTED');
  });
});

describe('a graph without caches', () => {
  it.each(['decoder-by-hand', 'gpt-neox', 'gpt2-older-exporter', 'llama'])(
    '%s is run anew at each step',
    async (name) => {
      const model = await openModel(exportPath(name));
      const [one] = await generate(model, { prompts: [tokens(4, 9, 1)], maxNewTokens: 5, keepLogits: true });
      const row = [4, 9, 1];
      for (const [t, token] of one!.answer.entries()) {
        const request = {
          mapping: {},
          hooks: [],
          positions: [],
          readout: -1,
          choices: Array.from({ length: 60 }, (_, i) => i),
        };
        const { choiceLogits } = await runForward(model, { ...request, inputs: [tokens(...row)] });
        expect(farthest(choiceLogits!.data, takeRows(one!.logits!, [t]).data)).toBeLessThan(1e-5);
        expect(token).toBe(choiceLogits!.data.indexOf(Math.max(...choiceLogits!.data)));
        row.push(token);
      }
      await model.close();
    },
  );

  it.each(['bert', 'no-residual-mlp'])('that is no language model (%s) is refused', async (name) => {
    const model = await openModel(exportPath(name));
    const code = await codeOf(generate(model, { prompts: [tokens(1, 2)], maxNewTokens: 2 }));
    expect(code).toBe(name === 'bert' ? 'MODEL_UNSUPPORTED' : 'INPUT_INVALID');
    await model.close();
  });
});

describe('a decoder that quantises its activations as it runs', () => {
  it('says that caches change its numbers, and without them nothing', async () => {
    // Protobuf merges what is appended: the same graph with one more node.
    const node = new MessageWriter().string(NODE.input, 'logits');
    for (const output of ['quantised', 'scale', 'zero']) node.string(NODE.output, output);
    node.string(NODE.opType, 'DynamicQuantizeLinear');
    const more = new MessageWriter().message(MODEL.graph, new MessageWriter().message(GRAPH.node, node));
    const bytes = Buffer.concat([readFileSync(cachedPath('llama-cached')), more.finish()]);
    const model = await openModel({ bytes, name: 'model_int8.onnx' });
    expect(model.mixesRows).toBe(true);
    expect(decodingWarnings(model, {})).toEqual([
      expect.stringMatching(/^model_int8\.onnx quantises .* `--no-caches`/),
    ]);
    expect(decodingWarnings(model, { caches: 'never' })).toEqual([]);
    await model.close();
    const plain = await openModel(cachedPath('llama-cached'));
    expect(decodingWarnings(plain, {})).toEqual([]);
    await plain.close();
  });
});
