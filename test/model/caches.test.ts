/** @file test: caches go on from the outputs that bear their names, and graphs without them, or of a fixed batch, are written with anew. */
import { describe, expect, it } from 'vitest';
import { generate } from '../../src/behavior/generate.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { cachePairs, cacheRows } from '../../src/model/caches.ts';
import { encode } from '../../src/model/encode.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { buildModel, type ValueSpec } from '../../src/onnx/build.ts';
import { lookupModel } from './graphs.ts';

const cache = (name: string): ValueSpec => ({ name, type: 'float32', shape: ['batch', 2, 'past', 4] });
const tokens = (...row: number[]): ModelInput => ({ kind: 'tokens', tokens: row });

/** logits [batch, position, 5]: after token i comes token i + 1. Caches go through as they are. */
function counting(
  options: {
    readonly batch?: number;
    readonly caches?: readonly (readonly [string, string])[];
    readonly reader?: 'Identity' | 'Concat';
    /** With the switch of a merged decoder. */
    readonly flag?: boolean;
  } = {},
): Promise<Model> {
  const { batch = 'batch', caches = [], reader = 'Identity', flag = false } = options;
  const bytes = buildModel({
    inputs: [
      { name: 'input_ids', type: 'int64', shape: [batch, 'length'] },
      ...caches.map(([past]) => cache(past)),
      ...(flag ? [{ name: 'use_cache_branch', type: 'bool', shape: [1] } as const] : []),
    ],
    outputs: [
      { name: 'logits', type: 'float32', shape: [batch, 'length', 5] },
      ...caches.map(([, present]) => cache(present)),
    ],
    initializers: [
      {
        name: 'table',
        dims: [5, 5],
        type: 'float32',
        data: Float32Array.from({ length: 25 }, (_, i) => ((Math.floor(i / 5) + 1) % 5 === i % 5 ? 3 : 0)),
      },
    ],
    nodes: [
      { opType: 'Gather', inputs: ['table', 'input_ids'], outputs: ['logits'] },
      ...caches.map(([past, present]) => ({
        opType: reader,
        inputs: [past],
        outputs: [present],
        ...(reader === 'Concat' ? { attributes: { axis: { int: 2 } } } : {}),
      })),
    ],
  });
  return openModel({ bytes, name: 'counting' });
}

describe('the caches of a graph', () => {
  it('are paired by name, as exporters write them', async () => {
    for (const [past, present] of [
      ['past_key_values.0.key', 'present.0.key'],
      ['past_key_values.0.key', 'present_key_values.0.key'],
      ['past_0', 'present_0'],
    ] as const) {
      const model = await counting({ caches: [[past, present]] });
      expect(cachePairs(model)).toEqual([{ input: past, output: present }]);
      await model.close();
    }
  });

  it('are none where one has nothing to go on from', async () => {
    const model = await counting({
      caches: [
        ['past_key_values.0.key', 'present.0.key'],
        ['past_key_values.0.value', 'present.1.value'],
      ],
    });
    expect(cachePairs(model)).toEqual([]);
    const bare = await openModel({
      bytes: lookupModel({ extra: [cache('past_key_values.0.key')] }),
      name: 'bare',
    });
    expect(cachePairs(bare)).toEqual([]);
  });

  it("that a graph cannot begin without are not made up: nothing carries them on, or they are an encoder's", async () => {
    for (const [past, present] of [
      ['past_key_values.0.encoder.key', 'present.0.encoder.key'],
      ['past_key_cross_0', 'present_key_cross_0'],
      ['past_key_values.0.key', 'kept'],
    ] as const) {
      const model = await counting({ caches: [[past, present]] });
      expect(model.inputs.map(({ role }) => role)).toEqual(['tokens', 'filled-cache']);
      expect(() => encode(model, [tokens(1)], {})).toThrow(
        expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringContaining(past) }),
      );
      // Data may give them.
      const given = {
        input_ids: { dims: [1], data: [1] },
        [past]: { dims: [2, 1, 4], data: new Array(8).fill(1) },
      };
      expect(encode(model, [{ kind: 'tensors', tensors: given }], {}).rows).toBe(1);
    }
  });

  it('of a merged decoder, or joined with what is computed, begin empty whatever carries them on', async () => {
    const merged = await counting({ caches: [['past_key_values.0.encoder.key', 'kept']], flag: true });
    expect(merged.inputs.map(({ role }) => role)).toEqual(['tokens', 'cache', 'flag']);
    const cut = await counting({ caches: [['past_key_values.0.key', 'kept']], reader: 'Concat' });
    expect(cut.inputs.map(({ role }) => role)).toEqual(['tokens', 'cache']);
    expect(cachePairs(cut)).toEqual([]);
  });

  it('keep the rows that go on, in their order', () => {
    const value = { type: 'float32', dims: [3, 1, 2, 1], data: Float32Array.of(0, 1, 2, 3, 4, 5) } as const;
    expect(cacheRows(value, Int32Array.of(2, 0))).toEqual({
      type: 'float32',
      dims: [2, 1, 2, 1],
      data: Float32Array.of(4, 5, 0, 1),
    });
    expect(cacheRows(value, Int32Array.of(0, 1, 2))).toBe(value);
    const whole = { type: 'int64', dims: [1], data: BigInt64Array.of(1n) } as const;
    expect(() => cacheRows(whole, Int32Array.of(0))).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }),
    );
  });
});

describe('writing with a graph', () => {
  it('that has an encoder is refused for that, whatever its configuration says', async () => {
    const [ids, second] = ['input_ids', 'decoder_input_ids'].map(
      (name): ValueSpec => ({ name, type: 'int64', shape: ['batch', 'length'] }),
    );
    const bytes = buildModel({
      inputs: [ids!, second!],
      outputs: [{ name: 'logits', type: 'int64', shape: ['batch', 'length'] }],
      nodes: [{ opType: 'Add', inputs: [ids!.name, second!.name], outputs: ['logits'] }],
    });
    const model = await openModel({ bytes, name: 'both' });
    await expect(generate(model, { prompts: [tokens(1)] })).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/encoder.*decoder_input_ids/),
    });
  });

  it('that reads the states of an encoder is refused for that, and not for data that do not give them', async () => {
    const states: ValueSpec = {
      name: 'encoder_hidden_states',
      type: 'float32',
      shape: ['batch', 'length', 4],
    };
    const model = await openModel({ bytes: lookupModel({ extra: [states] }), name: 'decoder' });
    await expect(generate(model, { prompts: [tokens(1)] })).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message:
        'decoder cannot write on from prompts: it also reads "encoder_hidden_states"; only decoders alone are written with',
    });
  });

  it('of a fixed batch fills it up, and gives each prompt its own answer', async () => {
    const model = await counting({ batch: 2 });
    const prompts = [tokens(0), tokens(3, 1), tokens(2), tokens(4), tokens(1, 2)];
    const written = await generate(model, { prompts, maxNewTokens: 3, stop: [0] });
    expect(written.map(({ answer, ended }) => [answer, ended])).toEqual([
      [[1, 2, 3], 'length'],
      [[2, 3, 4], 'length'],
      [[3, 4, 0], 'stop'],
      [[0], 'stop'],
      [[3, 4, 0], 'stop'],
    ]);
    await model.close();
  });

  it('whose logits are more than the tokens that it can read stops where it would read another', async () => {
    const bytes = buildModel({
      inputs: [{ name: 'input_ids', type: 'int64', shape: ['batch', 'length'] }],
      outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 'length', 3] }],
      initializers: [
        { name: 'table', dims: [2, 3], type: 'float32', data: Float32Array.of(0, 1, 0, 0, 0, 1) },
      ],
      nodes: [{ opType: 'Gather', inputs: ['table', 'input_ids'], outputs: ['logits'] }],
    });
    const model = await openModel({ bytes, name: 'wide' });
    const [one] = await generate(model, { prompts: [tokens(0)], maxNewTokens: 2 });
    expect(one!.answer).toEqual([1, 2]);
    await expect(generate(model, { prompts: [tokens(0)], maxNewTokens: 3 })).rejects.toMatchObject({
      code: 'TOKEN_RANGE',
      message: 'the model chose the token 2, which it cannot read: its vocabulary has 2',
    });
    await model.close();
  });
});
