/** @file test: every input of a graph is fed or refused by name; rows become batches of one shape and keep their order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelInput } from '../../src/core/data-set.ts';
import { batchByLength, fedRows } from '../../src/model/batches.ts';
import { type Encoded, encode } from '../../src/model/encode.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { buildModel, type ValueSpec } from '../../src/onnx/build.ts';
import { lookupModel, VOCABULARY } from './graphs.ts';

const open = (bytes: Uint8Array): Promise<Model> => openModel({ bytes, name: 'small' });
const tokens = (...rows: readonly (readonly number[])[]): ModelInput[] =>
  rows.map((row) => ({ kind: 'tokens', tokens: row }));
const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'nothing thrown';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};
const all = (encoded: Encoded): Int32Array => Int32Array.from({ length: encoded.rows }, (_, i) => i);

describe('the inputs of a decoder or an encoder', () => {
  const extra: ValueSpec[] = [
    { name: 'attention_mask', type: 'int64', shape: ['batch', 'total'] },
    { name: 'position_ids', type: 'int64', shape: ['batch', 'length'] },
    { name: 'token_type_ids', type: 'int32', shape: ['batch', 'length'] },
    { name: 'past_key_values.0.key', type: 'float32', shape: ['batch', 2, 'past', 8] },
    { name: 'past_key_values.0.value', type: 'float32', shape: ['batch', 2, 'past', 8] },
    { name: 'use_cache_branch', type: 'bool', shape: [1] },
    { name: 'cache_position', type: 'int64', shape: ['length'] },
  ];

  it('are told apart by name and type, and derived from the tokens', async () => {
    const model = await open(lookupModel({ extra }));
    expect(model.inputs.map(({ role }) => role)).toEqual([
      'tokens',
      'attention-mask',
      'positions',
      'token-types',
      'cache',
      'cache',
      'flag',
      'positions',
    ]);
    const feeds = encode(model, tokens([1, 2, 3], [4, 5, 6]), {}).feeds(Int32Array.of(1, 0));
    expect(feeds.input_ids).toEqual({
      type: 'int64',
      dims: [2, 3],
      data: BigInt64Array.of(4n, 5n, 6n, 1n, 2n, 3n),
    });
    expect(feeds.attention_mask!.data).toEqual(BigInt64Array.of(1n, 1n, 1n, 1n, 1n, 1n));
    expect(feeds.position_ids!.data).toEqual(BigInt64Array.of(0n, 1n, 2n, 0n, 1n, 2n));
    expect(feeds.token_type_ids).toEqual({ type: 'int32', dims: [2, 3], data: new Int32Array(6) });
    expect(feeds['past_key_values.0.key']).toEqual({
      type: 'float32',
      dims: [2, 2, 0, 8],
      data: new Float32Array(0),
    });
    expect(feeds.use_cache_branch).toEqual({ type: 'bool', dims: [1], data: Uint8Array.of(0) });
    expect(feeds.cache_position).toEqual({ type: 'int64', dims: [3], data: BigInt64Array.of(0n, 1n, 2n) });
  });

  it('run: ONNX Runtime takes what is fed, empty caches included', async () => {
    const model = await open(lookupModel({ extra: extra.slice(0, 5) }));
    const feeds = encode(model, tokens([1, 2, 3]), {}).feeds(Int32Array.of(0));
    const outputs = await model.sessions.use('plain', { steps: [], optimization: 'all' }, ({ session }) =>
      session.run(feeds),
    );
    expect(outputs.logits!.dims).toEqual([1, 3, 4]);
    await model.close();
  });

  it('may have any names: the only integer input is the tokens, and the data may say which it is', async () => {
    const model = await open(lookupModel({ name: 'src', type: 'int32', cast: true }));
    const feeds = encode(model, tokens([6, 0]), {}).feeds(Int32Array.of(0));
    expect(feeds.src).toEqual({ type: 'int32', dims: [1, 2], data: Int32Array.of(6, 0) });
    const two = lookupModel({
      name: 'a',
      extra: [{ name: 'position_ids', type: 'int64', shape: ['batch', 'length'] }],
    });
    expect(encode(await open(two), tokens([1]), { tokens: 'a' }).rows).toBe(1);
  });

  it('that nothing can supply are refused by name', async () => {
    const model = await open(
      lookupModel({ extra: [{ name: 'pixel_values', type: 'float32', shape: ['batch', 3] }] }),
    );
    expect(() => encode(model, tokens([1]), {})).toThrow(/"pixel_values" \(float32\)/);
    expect(codeOf(() => encode(model, tokens([1]), {}))).toBe('INPUT_UNKNOWN');
    const plain = await open(lookupModel());
    expect(codeOf(() => encode(plain, tokens([1]), { tokens: 'input_id' }))).toBe('INPUT_UNKNOWN');
    const vague = {
      name: 'past_key_values.0.key',
      type: 'float32',
      shape: ['batch', 'heads', 'past', 8],
    } as const;
    const cached = await open(lookupModel({ extra: [vague] }));
    expect(codeOf(() => encode(cached, tokens([1]), {}))).toBe('INPUT_UNKNOWN');
  });

  it('are refused when the data are of another kind', async () => {
    const model = await open(lookupModel());
    const mixed: ModelInput[] = [...tokens([1]), { kind: 'text', text: 'a' }];
    expect(codeOf(() => encode(model, mixed, {}))).toBe('INPUT_INVALID');
    expect(codeOf(() => encode(model, mixed.slice(1), {}))).toBe('TOKENIZER_MISSING');
    expect(codeOf(() => encode(model, tokens([]), {}))).toBe('INPUT_INVALID');
    const floats = await open(
      buildModel({
        inputs: [{ name: 'x', type: 'float32', shape: ['batch', 2] }],
        outputs: [{ name: 'y', type: 'float32', shape: ['batch', 2] }],
        nodes: [{ opType: 'Neg', inputs: ['x'], outputs: ['y'] }],
      }),
    );
    expect(codeOf(() => encode(floats, tokens([1]), {}))).toBe('INPUT_INVALID');
  });
});

describe('token ids', () => {
  it('outside the table that they index are refused before anything runs, with example and position', async () => {
    for (const bytes of [lookupModel(), lookupModel({ name: 'src', type: 'int32', cast: true })]) {
      const model = await open(bytes);
      expect(model.vocabularyOf(model.inputs[0]!.name)).toBe(VOCABULARY);
      for (const id of [VOCABULARY, -1, 2 ** 32 + 1, 0.5, Number.NaN]) {
        expect(codeOf(() => encode(model, tokens([1, 2], [1, 2, id]), {}))).toBe('TOKEN_RANGE');
      }
      expect(() => encode(model, tokens([1, 2], [1, 2, VOCABULARY]), {})).toThrow(
        'example 1 has the token id 7 at position 2, outside the vocabulary of 7',
      );
      expect(encode(model, tokens([0, VOCABULARY - 1]), {}).rows).toBe(1);
    }
  });

  it('of another number than the graph takes are refused', async () => {
    const model = await open(lookupModel({ shape: [2, 3] }));
    expect(codeOf(() => encode(model, tokens([1, 2]), {}))).toBe('INPUT_INVALID');
    expect(encode(model, tokens([1, 2, 3]), {}).fixedBatch).toBe(2);
  });
});

describe('tensors', () => {
  const model = (): Promise<Model> =>
    open(
      buildModel({
        inputs: [
          { name: 'x', type: 'float32', shape: ['batch', 'length', 2] },
          { name: 'flags', type: 'bool', shape: ['batch'] },
        ],
        outputs: [{ name: 'y', type: 'float32', shape: ['batch', 'length', 2] }],
        nodes: [{ opType: 'Neg', inputs: ['x'], outputs: ['y'] }],
      }),
    );
  const row = (dims: number[], data: number[]): ModelInput => ({
    kind: 'tensors',
    tensors: { board: { dims, data }, flags: { dims: [], data: [1] } },
  });

  it('are fed under the names that the data map them to, with or without a batch axis of one', async () => {
    const inputs = [row([2, 2], [1, 2, 3, 4]), row([1, 2, 2], [5, 6, 7, 8]), row([1, 2], [9, 10])];
    const encoded = encode(await model(), inputs, { board: 'x' });
    expect([...encoded.lengths]).toEqual([2, 2, 1]);
    const feeds = encoded.feeds(Int32Array.of(0, 1));
    expect(feeds.x).toEqual({
      type: 'float32',
      dims: [2, 2, 2],
      data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    });
    expect(feeds.flags).toEqual({ type: 'bool', dims: [2], data: Uint8Array.of(1, 1) });
    const { batches } = batchByLength(encoded, { maxRows: 10, maxTokens: 100 });
    expect(batches.map((batch) => [...batch])).toEqual([[0, 1], [2]]);
  });

  it('of a shape that the graph does not take, or given for some rows alone, are refused', async () => {
    const opened = await model();
    for (const bad of [row([2, 3], [1, 2, 3, 4, 5, 6]), row([2, 2], [1]), row([4], [1, 2, 3, 4])]) {
      expect(codeOf(() => encode(opened, [bad], { board: 'x' }))).toBe('INPUT_INVALID');
    }
    const other: ModelInput = { kind: 'tensors', tensors: { board: { dims: [1, 2], data: [1, 2] } } };
    expect(codeOf(() => encode(opened, [row([1, 2], [1, 2]), other], { board: 'x' }))).toBe('INPUT_INVALID');
    expect(codeOf(() => encode(opened, [other], { board: 'x' }))).toBe('INPUT_UNKNOWN');
    expect(codeOf(() => encode(opened, [other], { board: 'z' }))).toBe('INPUT_UNKNOWN');
  });
});

describe('the hash of encoded inputs', () => {
  it('changes with any token, with where rows end, with their order and with where they go', async () => {
    const model = await open(lookupModel());
    const hash = (...rows: number[][]): string => encode(model, tokens(...rows), {}).sha256;
    const base = hash([1, 2], [3]);
    expect(hash([1, 2], [3])).toBe(base);
    for (const other of [hash([1, 2], [4]), hash([1], [2, 3]), hash([3], [1, 2]), hash([1, 2, 3])]) {
      expect(other).not.toBe(base);
    }
    const renamed = await open(lookupModel({ name: 'ids' }));
    expect(encode(renamed, tokens([1, 2], [3]), {}).sha256).not.toBe(base);
  });
});

describe('batches', () => {
  it('hold every row once, one length each, within both limits, and know the order they visit', async () => {
    const model = await open(lookupModel());
    const lists = fc.array(
      fc.array(fc.integer({ min: 0, max: VOCABULARY - 1 }), { minLength: 1, maxLength: 6 }),
      {
        minLength: 1,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(
        lists,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        (rows, maxRows, maxTokens) => {
          const encoded = encode(model, tokens(...rows), {});
          const { batches, plan } = batchByLength(encoded, { maxRows, maxTokens });
          const visited = batches.flatMap((batch) => [...batch]);
          expect([...visited].sort((a, b) => a - b)).toEqual([...all(encoded)]);
          expect(plan.order === undefined ? [...all(encoded)] : [...plan.order]).toEqual(visited);
          expect(plan.batches).toEqual(batches.map((batch) => batch.length));
          for (const batch of batches) {
            const lengths = new Set(Array.from(batch, (row) => rows[row]!.length));
            expect(lengths.size).toBe(1);
            expect(batch.length).toBeLessThanOrEqual(maxRows);
            expect(batch.length === 1 || batch.length * [...lengths][0]! <= maxTokens).toBe(true);
          }
        },
      ),
    );
  });

  it('take selected and repeated rows, and fill up the batch that a graph fixes', async () => {
    const encoded = encode(await open(lookupModel({ shape: [3, 'length'] })), tokens([1], [2, 3], [4]), {});
    const rows = Int32Array.of(2, 1, 2, 0, 2);
    const { batches } = batchByLength(encoded, { maxRows: 100, maxTokens: 100 }, rows);
    expect(batches.map((batch) => [...batch])).toEqual([[0, 2, 3], [4], [1]]);
    expect(batches.map((batch) => [...fedRows(encoded, batch, rows)])).toEqual([
      [2, 2, 0],
      [2, 2, 2],
      [1, 1, 1],
    ]);
  });
});
