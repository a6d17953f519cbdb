/** @file test: models of many architectures and exports, fused and quantised ones among them, read as PyTorch computes them; the table in
 *  docs/models.md has all of them. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runForward } from '../../src/capture/run-forward.ts';
import { seededRandom } from '../../src/core/random.ts';
import { batchByLength } from '../../src/model/batches.ts';
import { encode } from '../../src/model/encode.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import { captureToFolder } from '../../src/pipeline/capture-to-folder.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { readActivations } from '../capture/read-activations.ts';
import { largestDifference, readRows } from '../onnx/hooks-fixtures.ts';
import { temporaryFolder } from '../store/data-file.ts';
import { measureExport } from './measure.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/exports/${name}`, import.meta.url));

/** How far values may lie from PyTorch's float32 ones: of the largest value, or in direction where weights are rounded. */
type Bound = { readonly largest: number } | { readonly cosine: number };
const FLOAT32 = { largest: 1e-5 };
const FINAL_NORM = ['final_norm'];
const RESID_MID = ['blocks.0.resid_mid', 'blocks.1.resid_mid'];
const INSIDE = ['attn_scores', 'pattern'].flatMap((part) => [`blocks.0.${part}`, `blocks.1.${part}`]);

const CASES: readonly (readonly [
  name: string,
  of: { readonly missing?: readonly string[]; readonly bound?: Bound; readonly changes?: number },
])[] = [
  ['opt.older', { changes: 1 }],
  ['phi.current', { missing: RESID_MID }],
  ['gemma2.current', {}],
  ['qwen2.current', {}],
  ['distilbert.current', { missing: FINAL_NORM }],
  ['roberta.current', { missing: FINAL_NORM }],
  ['vit.current', {}],
  ['t5.current', {}],
  ['gpt2.optimum-merged', { changes: 1 }],
  ['gpt2.fused', { changes: 2 }],
  ['bert.fused', { missing: FINAL_NORM, changes: 3 }],
  ['llama-two-heads.genai', { missing: INSIDE, changes: 2 }],
  ['llama.float16', { bound: { largest: 4e-3 } }],
  ['llama.bfloat16', { bound: { largest: 2e-2 } }],
  ['gpt2.int8', { bound: { cosine: 0.995 } }],
  ['bert.qdq', { missing: FINAL_NORM, bound: { cosine: 0.995 } }],
  // The nearest that a value of the other block comes is .86: attention patterns resemble each other.
  ['llama.int4', { bound: { cosine: 0.93 } }],
];

describe.each(CASES)('%s', (name, { missing = [], bound = FLOAT32, changes = 0 }) => {
  const measured = measureExport(fixture(`${name}.onnx`), fixture(`${name.split('.')[0]}.safetensors`));

  it('offers what PyTorch records, and a reason for each hook that it lacks', async () => {
    const { missing: found, unread, noResidual, compared } = await measured;
    expect(noResidual).toBeUndefined();
    expect(found.map((one) => one.name).sort()).toEqual([...missing].sort());
    for (const { reason } of found) expect(reason).toMatch(/^[a-z].{20,}/);
    expect(unread.filter((hook) => !missing.includes(hook))).toEqual([]);
    expect(compared.length).toBeGreaterThan(20);
  });

  it("holds PyTorch's values under the same names", async () => {
    for (const { hook, largest, cosine } of (await measured).compared) {
      if ('largest' in bound) expect(largest, hook).toBeLessThan(bound.largest);
      else expect(cosine, hook).toBeGreaterThan(bound.cosine);
    }
  });

  it('passes every self-check that applies', async () => {
    const { checks } = await measured;
    expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
    const passed = checks.filter(({ state }) => state === 'passed').map(({ id }) => id);
    expect(passed).toEqual(
      expect.arrayContaining([
        'residual-identity',
        'batch-equals-alone',
        'edit-changes-output',
        'no-op-edit',
      ]),
    );
    expect(passed.includes('run-equals-file')).toBe(changes > 0);
    expect(checks.find(({ id }) => id === 'no-op-edit')?.value).toBe(0);
  });

  it('is run as the file has it, or says what was written in another way', async () => {
    const model = await openModel(fixture(`${name}.onnx`));
    expect(model.changes).toHaveLength(changes);
    await model.close();
  });
});

describe('a fused encoder', () => {
  it('gives what the file gives where a mask leaves positions out', async () => {
    const model = await openModel(fixture('bert.fused.onnx'));
    const [row] = readRows(readFileSync(fixture('bert.safetensors'))).slice(-1);
    const length = row!.feeds.input_ids!.dims[1]!;
    const kept = BigInt64Array.from({ length }, (_, i) => (i < length - 3 ? 1n : 0n));
    const feeds = {
      ...row!.feeds,
      attention_mask: { type: 'int64', dims: [1, length], data: kept } as const,
    };
    const [ours, theirs, whole] = [
      await logits(model, 'sessions', feeds),
      await logits(model, 'shipped', feeds),
      await logits(model, 'shipped', row!.feeds),
    ];
    expect(largestDifference(ours, theirs)).toBeLessThan(1e-5);
    // The mask does something, or the comparison says nothing.
    expect(largestDifference(theirs, whole)).toBeGreaterThan(1e-3);
    await model.close();
  });
});

async function logits(
  model: Model,
  pool: 'sessions' | 'shipped',
  feeds: Readonly<Record<string, TensorValue>>,
): Promise<Float32Array> {
  const output = model.index.outputs[0]!.name;
  const plan = { steps: [], optimization: 'basic' as const };
  const known = Object.fromEntries(
    Object.entries(feeds).filter(([name]) => model.inputs.some((input) => input.name === name)),
  );
  return model[pool].use('whole', plan, async ({ session }) => {
    const value = (await session.run(known, [output]))[output]!;
    return value.data as Float32Array;
  });
}

describe('a model that quantises activations over the whole batch', () => {
  it('is run one row at a time, since its rows change each other', async () => {
    const model = await openModel(fixture('gpt2.int8.onnx'));
    const tokens = [3, 9, 20, 31];
    const other = [40, 41, 59, 7];
    const encoded = encode(
      model,
      [tokens, other].map((row) => ({ kind: 'tokens', tokens: row }) as const),
      {},
    );
    expect(model.mixesRows).toBe(true);
    expect(encoded.fixedBatch).toBe(1);
    const alone = await logits(model, 'sessions', encoded.feeds(Int32Array.of(0)));
    const together = await logits(model, 'sessions', encoded.feeds(Int32Array.of(0, 1)));
    // What batches would have done to it.
    expect(largestDifference(alone, together.slice(0, alone.length))).toBeGreaterThan(1e-3);
    await model.close();
  });
});

describe('positions', () => {
  it('of an image are its patches and the class token, not its channels', async () => {
    const model = await openModel(fixture('vit.current.onnx'));
    const pixels = { dims: [3, 16, 16], data: new Array<number>(3 * 16 * 16).fill(0) };
    const encoded = encode(model, [{ kind: 'tensors', tensors: { pixel_values: pixels } }], {});
    expect(encoded.positionsIn('main')).toEqual(Int32Array.of((16 / 8) ** 2 + 1));
    await model.close();
  });

  it('of images are picked from each image by a capture into a folder, and batches are counted in them', async () => {
    const model = await openModel(fixture('vit.current.onnx'));
    const random = seededRandom('images');
    const images = Array.from({ length: 7 }, () => ({
      dims: [3, 16, 16],
      data: Array.from({ length: 3 * 16 * 16 }, () => random.normal()),
    }));
    const folder = await temporaryFolder();
    const data = join(folder, 'images.jsonl');
    const lines = [
      { format: 'mesascope-data/1', title: 'images', input: 'tensors' },
      ...images.map((image, i) => ({
        id: `${i}`,
        set: 'any',
        group: `${i}`,
        tensors: { pixel_values: image },
      })),
    ];
    writeFileSync(data, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const hook = 'blocks.1.resid_post';
    // As many as an image has channels, and the first ones: not all of its five positions.
    const positions = [0, 1, 2];
    const out = join(folder, 'acts');
    await captureToFolder(model, { data, hooks: hook, positions, out });
    const inputs = images.map((image) => ({ kind: 'tensors', tensors: { pixel_values: image } }) as const);
    const request = { mapping: {}, hooks: [hook], positions, readout: -1, choices: [] };
    const read = readActivations(out);
    for (const [row, input] of inputs.entries()) {
      const alone = await runForward(model, { ...request, inputs: [input] });
      const written = read.row(hook, row);
      for (const position of positions) {
        const { data: values, columns } = alone.activations(hook, position);
        for (const [i, value] of values.entries())
          expect(written[position * columns + i]).toBeCloseTo(value, 4);
      }
    }
    const encoded = encode(model, inputs, {});
    const sizes = batchByLength(encoded, { maxRows: 100, maxTokens: 11 }).batches.map(
      (batch) => batch.length,
    );
    expect(sizes).toEqual([2, 2, 2, 1]);
    await model.close();
  });

  it('of a decoder begin with the token that its configuration names, which its inputs are then known by', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'model.onnx');
    copyFileSync(fixture('t5.current.onnx'), path);
    const hashOf = async (start: number): Promise<string> => {
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ decoder_start_token_id: start }));
      const model = await openModel(path);
      const encoded = encode(model, [{ kind: 'tokens', tokens: [5, 6, 7] }], {});
      expect(encoded.feeds(Int32Array.of(0)).decoder_input_ids!.data).toEqual(
        BigInt64Array.of(BigInt(start)),
      );
      await model.close();
      return encoded.sha256;
    };
    const first = await hashOf(0);
    expect(await hashOf(1)).not.toBe(first);
    expect(await hashOf(0)).toBe(first);
  });

  it('of an encoder and its decoder are counted apart', async () => {
    const model = await openModel(fixture('t5.current.onnx'));
    const ids = (count: number): { dims: number[]; data: number[] } => ({
      dims: [count],
      data: new Array<number>(count).fill(5),
    });
    const tensors = { input_ids: ids(7), decoder_input_ids: ids(3) };
    const encoded = encode(model, [{ kind: 'tensors', tensors }], {});
    expect([encoded.positionsIn('encoder')[0], encoded.positionsIn('main')[0]]).toEqual([7, 3]);
    expect(encoded.feeds(Int32Array.of(0)).attention_mask!.dims).toEqual([1, 7]);
    await model.close();
  });
});
