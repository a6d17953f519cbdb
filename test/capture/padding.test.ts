/** @file test: padded rows give what PyTorch recorded of the row alone where a graph can be padded, and where it cannot it is said, with the reason. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { measurePadding, type PaddingCheck } from '../../src/capture/padding.ts';
import type { ModelInput } from '../../src/core/data-set.ts';
import { openModel } from '../../src/model/open-model.ts';
import { temporaryFolder } from '../store/data-file.ts';
import { readSafetensors } from '../store/read-safetensors.ts';
import {
  CACHED,
  cachedPath,
  codeOf,
  EXPORTS,
  exportPath,
  GRID_MODEL,
  randomRows,
  recordedRows,
} from './small-models.ts';

async function padding(
  path: string,
  request: Parameters<typeof measurePadding>[1] = {},
): Promise<PaddingCheck[]> {
  const model = await openModel(path);
  try {
    return await measurePadding(model, request);
  } finally {
    await model.close();
  }
}

/** What each graph allows, from what its script gave it: a mask, position ids, a causal mask of its own. */
const TAKES: Readonly<Record<string, { mask: boolean; positions: boolean; causal: boolean }>> = {
  bert: { mask: true, positions: false, causal: false },
  'bert-classifier': { mask: true, positions: false, causal: false },
  'decoder-by-hand': { mask: false, positions: false, causal: true },
  'encoder-post-norm': { mask: false, positions: false, causal: false },
  'encoder-pre-norm': { mask: false, positions: false, causal: false },
  'gpt-neox': { mask: false, positions: false, causal: true },
  'gpt2-current-exporter': { mask: false, positions: false, causal: true },
  'gpt2-older-exporter': { mask: true, positions: false, causal: true },
  llama: { mask: false, positions: false, causal: true },
  'gpt2-cached': { mask: true, positions: true, causal: true },
  'llama-cached': { mask: true, positions: true, causal: true },
};

describe.each(Object.entries(TAKES))('%s', (name, { mask, positions, causal }) => {
  const path = name.endsWith('-cached') ? cachedPath(name) : exportPath(name);

  it('equals the row alone on the sides that its inputs allow, and says why not on the others', async () => {
    for (const tokens of [1, 4]) {
      const inputs = randomRows({ count: 6, seed: 9, vocabulary: 60 });
      const [left, right] = await padding(path, { inputs, tokens });
      for (const [check, good] of [
        [left!, mask && positions],
        [right!, mask || causal],
      ] as const) {
        expect([check.side, check.state, check.statement]).toEqual([
          check.side,
          good ? 'equal' : 'differs',
          expect.any(String),
        ]);
        if (good) expect(check.difference).toBeLessThan(1e-5);
        else expect(check.difference).toBeGreaterThan(0.05);
        expect(check.statement).toContain(`padded on the ${check.side}`);
      }
      if (left!.state === 'differs')
        expect(left!.statement).toContain(mask ? 'no position ids' : 'no attention mask');
      if (right!.state === 'differs') expect(right!.statement).toContain('read by what stands before it');
    }
  });
});

it('covers every recorded export', () => {
  for (const name of [...EXPORTS, ...CACHED]) expect(TAKES).toHaveProperty([name]);
});

describe('a row padded by hand', () => {
  const int64 = (dims: number[], data: readonly number[]) =>
    ({ type: 'int64', dims, data: BigInt64Array.from(data, BigInt) }) as const;

  it.each(['left', 'right'] as const)(
    'on the %s has the states that PyTorch recorded of it alone',
    async (side) => {
      for (const name of ['gpt2-cached', 'llama-cached', 'gpt2-older-exporter']) {
        if (name === 'gpt2-older-exporter' && side === 'left') continue;
        const cached = name.endsWith('-cached');
        const path = cached ? cachedPath(name) : exportPath(name);
        const truth = readSafetensors(path.replace('.onnx', '.safetensors')).tensors;
        const ints = (key: string): number[] => Array.from(truth.get(key)!.data as BigInt64Array, Number);
        const row = cached
          ? [...ints('row1.input'), ...ints('row1.tokens').slice(0, -1)]
          : (recordedRows(name)[1]!.input as ModelInput & { kind: 'tokens' }).tokens;
        const [before, after] = side === 'left' ? [2, 0] : [0, 2];
        const length = before + row.length + after;
        const at = (of: (i: number) => number): number[] =>
          Array.from({ length }, (_, i) => (i >= before && i < before + row.length ? of(i - before) : 0));
        const model = await openModel(path);
        const [hook] = model.hooks.hooks.filter(({ name: own }) => own === 'blocks.1.resid_post');
        const value = hook!.state === 'available' ? hook!.value : '';
        const plan = {
          steps: [() => ({ outputs: [{ value, pick: 'all' as const }] })],
          optimization: 'basic',
        } as const;
        const feeds = {
          input_ids: int64(
            [1, length],
            at((i) => row[i]!),
          ),
          attention_mask: int64(
            [1, length],
            at(() => 1),
          ),
          ...(cached
            ? {
                position_ids: int64(
                  [1, length],
                  at((i) => i),
                ),
              }
            : {}),
          ...Object.fromEntries(
            model.inputs
              .filter(({ role }) => role === 'cache')
              .map(({ name: input, shape }) => [
                input,
                { type: 'float32', dims: [1, Number(shape![1]), 0, 8], data: new Float32Array(0) } as const,
              ]),
          ),
        };
        const outputs = await model.sessions.use('by hand', plan, ({ session, instrumented }) =>
          session.run(feeds, [instrumented[0]!.outputNames.get(value)!]),
        );
        const got = Object.values(outputs)[0]!.data as Float32Array;
        const expected = truth.get('row1.blocks.1.resid_post')!.data as Float32Array;
        expect(expected.length).toBe(row.length * 32);
        for (const [i, each] of expected.entries()) expect(got[before * 32 + i]).toBeCloseTo(each, 4);
        await model.close();
      }
    },
  );
});

describe('the number type of a model', () => {
  const fixture = (name: string): string =>
    fileURLToPath(new URL(`../fixtures/exports/${name}.onnx`, import.meta.url));

  it('says how close is equal: rounding in 16 bits is not taken for an effect of padding', async () => {
    for (const check of await padding(fixture('llama.float16'))) {
      expect([check.side, check.state]).toEqual([check.side, 'equal']);
      expect(check.limit).toBeGreaterThanOrEqual(4e-3);
    }
  });

  it('is the reason where activations are quantised by all that is fed', async () => {
    for (const check of await padding(fixture('gpt2.int8'))) {
      expect([check.side, check.state]).toEqual([check.side, 'differs']);
      expect(check.statement).toContain('quantised by all values that are fed');
    }
  });
});

describe('a model that cannot be padded', () => {
  it('says so: no tokens, no room, or padding of no tokens', async () => {
    for (const check of await padding(exportPath('no-residual-mlp'))) {
      expect(check).toMatchObject({ state: 'not-applicable', difference: undefined });
      expect(check.statement).toContain('rows of tokens');
    }
    const [full] = await padding(GRID_MODEL, { inputs: randomRows({ count: 2, seed: 1, shortest: 6 }) });
    expect(full!.statement).toBe('The model has positions for 6 tokens, too few for 6 and 3 of padding.');
    expect(await codeOf(padding(GRID_MODEL, { tokens: 0 }))).toBe('BAD_SETTING');
  });
});

describe('an encoder-decoder beside its configuration', () => {
  it('has the rows of its encoder padded, and its decoder fed the token that starts it', async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ decoder_start_token_id: 0 }));
    const bytes = readFileSync(new URL('../fixtures/exports/t5.current.onnx', import.meta.url));
    const model = await openModel({ bytes, name: 't5', folder });
    const checks = await measurePadding(model, { tokens: 4 });
    await model.close();
    for (const { side, state, statement } of checks) {
      expect([side, state]).toEqual([side, 'equal']);
      expect(statement).toBe(
        `The encoder's rows padded on the ${side}, with a mask (the decoder is fed the token that starts it), give what they give alone.`,
      );
    }
    expect(checks).toHaveLength(2);
  });
});
