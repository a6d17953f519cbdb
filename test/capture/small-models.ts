/** @file test: the models that capture tests run on, inputs for them, and what PyTorch says about the exports. */
import { fileURLToPath } from 'node:url';
import type { ModelInput } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';
import { readSafetensors, type StoredTensor } from '../store/read-safetensors.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** The trained organism: 2 layers of width 64, 106 tokens, 6 of them in a row. */
export const GRID_MODEL: string = path('models/grid/intended/model.onnx');
export const GRID_HOOKS = [
  'embed',
  'blocks.0.resid_mid',
  'blocks.0.resid_post',
  'blocks.1.resid_post',
] as const;
export const GRID_VOCABULARY = 106;

/** `count` rows of seeded random tokens of `shortest` to `longest` positions. */
export function randomRows(options: {
  readonly count: number;
  readonly seed: number;
  readonly shortest?: number;
  readonly longest?: number;
  readonly vocabulary?: number;
}): ModelInput[] {
  const { count, seed, shortest = 3, longest = 6, vocabulary = GRID_VOCABULARY } = options;
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => ({
    kind: 'tokens',
    tokens: Array.from({ length: shortest + random.integer(longest - shortest + 1) }, () =>
      random.integer(vocabulary),
    ),
  }));
}

/** Random-weight exports, with what PyTorch hooks recorded for three rows of different lengths (test/fixtures/onnx/make.py). */
export const EXPORTS = [
  'bert',
  'decoder-by-hand',
  'encoder-post-norm',
  'encoder-pre-norm',
  'gpt-neox',
  'gpt2-current-exporter',
  'gpt2-older-exporter',
  'llama',
] as const;

export function exportPath(name: string): string {
  return path(`test/fixtures/onnx/${name}.onnx`);
}

/** Random-weight decoders with key-value caches, and what transformers writes with them (test/fixtures/decoders/make.py). */
export const CACHED = ['gpt2-cached', 'llama-cached'] as const;

export function cachedPath(name: string): string {
  return path(`test/fixtures/decoders/${name}.onnx`);
}

export type RecordedRow = { readonly input: ModelInput; readonly values: ReadonlyMap<string, StoredTensor> };

export function recordedRows(name: string): RecordedRow[] {
  const { tensors } = readSafetensors(path(`test/fixtures/onnx/${name}.safetensors`));
  return [0, 1, 2].map((row) => {
    const values = new Map<string, StoredTensor>();
    for (const [key, tensor] of tensors) {
      if (key.startsWith(`row${row}.`)) values.set(key.slice(`row${row}.`.length), tensor);
    }
    const given = [...values].filter(([key]) => key.startsWith('input.'));
    const numbers = (tensor: StoredTensor): number[] => Array.from(tensor.data as BigInt64Array, Number);
    // Token types were recorded with ones among them, which tokens alone cannot say.
    const input: ModelInput = values.has('input.token_type_ids')
      ? {
          kind: 'tensors',
          tensors: Object.fromEntries(
            given.map(([key, tensor]) => [
              key.slice('input.'.length),
              { dims: tensor.shape.slice(1), data: numbers(tensor) },
            ]),
          ),
        }
      : { kind: 'tokens', tokens: numbers(values.get('input.input_ids')!) };
    return { input, values };
  });
}

/** The code that a promise is refused with; `resolved` when it is not. */
export async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  );
}

/** A capture of a few hundred small batches, for the tests that interrupt one. */
export const KILL_REQUEST = {
  inputs: randomRows({ count: 2400, seed: 11, shortest: 4 }),
  mapping: {},
  hooks: GRID_HOOKS,
  positions: [-2, -1],
  readout: -1,
  choices: [101, 102],
  optimization: 'basic',
  maxBatchTokens: 48,
} as const;
