/** @file model: opens a model file once: its index, hooks, inputs and hash, and the sessions that run it. */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { type Sha256, sha256Of } from '../core/hash.ts';
import type { HookMap, ModelIndex, StreamName } from '../onnx/contract.ts';
import { indexModel } from '../onnx/index-model.ts';
import { instrument } from '../onnx/instrument.ts';
import { positionLimit } from '../onnx/position-limit.ts';
import { prepareModel } from '../onnx/prepare-model.ts';
import { countPositions } from '../onnx/structure-streams.ts';
import type { ModelSource } from '../runtime/contract.ts';
import { externalDataPath } from '../runtime/session.ts';
import { type DescribedInput, describeInputs } from './input-roles.ts';
import { noModelAt } from './missing-model.ts';
import { decoderStartBeside, endTokensBeside, type ImageSize, imageSizeBeside } from './model-config.ts';
import { readStructure } from './read-structure.ts';
import { SessionPool } from './session-pool.ts';
import { openTokenizer, type TextTokenizer } from './tokenizer.ts';
import { vocabularySize } from './vocabulary.ts';

export type Model = {
  /** File name without folder, or the name given with the bytes. */
  readonly name: string;
  readonly path?: string;
  /**
   * Of the file's bytes, followed by those of the weight files that it names, in the order of their names. Computed when first
   * asked for: large files are read for it once more.
   */
  readonly sha256: Sha256;
  /** Of the model file and its weight files. */
  readonly byteLength: number;
  /** The graph as it is run: of a large file with its weights left in the file, and with what `changes` says. */
  readonly index: ModelIndex;
  /** How that graph differs from the file's, one sentence each; empty where the file is run as it is. */
  readonly changes: readonly string[];
  readonly hooks: HookMap;
  readonly source: ModelSource;
  readonly inputs: readonly DescribedInput[];
  readonly sessions: SessionPool;
  /** Sessions of the file as it is; the same pool where nothing was changed. */
  readonly shipped: SessionPool;
  /** Path of the model file, or of any file in its folder: weight files that the graph names lie beside it. */
  readonly weightsBeside: string | undefined;
  /** True where a row changes the others of its batch: its activations are quantised over the whole batch. */
  readonly mixesRows: boolean;
  /** Positions of a stream for inputs of the given sizes, batch axis included; undefined where the graph does not tell. */
  countPositions(stream: StreamName, shapes: Readonly<Record<string, readonly number[]>>): number | undefined;
  /** Edge and channels of the images that the configuration beside the model speaks of. */
  imageSize(): ImageSize | undefined;
  /** Token that starts the decoder of an encoder-decoder, as the configuration beside the model names it. */
  decoderStart(): number | undefined;
  /** Tokens that end what the model writes, as the configuration beside it names them; empty where it names none. */
  endTokens(): readonly number[];
  /** The tokenizer in the model's folder, read when first asked for. Throws `TOKENIZER_MISSING`, `TOKENIZER_INVALID`. */
  tokenizer(): TextTokenizer;
  /** Number of token ids that the input can take, where the graph shows its table. */
  vocabularyOf(input: string): number | undefined;
  /**
   * Most tokens that a row may have, where the graph shows a table of positions. `positions` are inputs that are fed 0, 1, 2 ...
   * beside the tokens.
   */
  positionLimitOf(inputs: {
    readonly tokens: string;
    readonly positions: readonly string[];
  }): number | undefined;
  /** Closes every session; the model cannot run afterwards. */
  close(): Promise<void>;
};

/** Bytes of a model held in memory; `folder` is where weight files that it names lie. */
export type ModelBytes = { readonly bytes: Uint8Array; readonly name: string; readonly folder?: string };

export type OpenOptions = {
  /** Hooks found before in a model of the same graph (a twin's); they are looked for otherwise. */
  readonly hooks?: HookMap;
};

/** Operators that find one scale for all rows of a batch. */
const MIXES_ROWS: ReadonlySet<string> = new Set([
  'DynamicQuantizeLinear',
  'DynamicQuantizeMatMul',
  'DynamicQuantizeLSTM',
]);

/** Above this size, weights stay in the file and sessions read them from there. */
const LARGE_FILE_BYTES = 16 * 2 ** 20;
const CHUNK_BYTES = 1 << 20;

/**
 * Opens an ONNX model by path or from bytes. No session is made yet; each is made on first use and kept.
 *
 * Throws `MODEL_NOT_FOUND`, `MODEL_CORRUPT`, `MODEL_LIMIT`, `MODEL_UNSUPPORTED`, `EXTERNAL_DATA_PATH`,
 * `EXTERNAL_DATA_MISSING`. Close it: sessions hold memory that the garbage collector does not see.
 */
export async function openModel(source: string | ModelBytes, options: OpenOptions = {}): Promise<Model> {
  const path = typeof source === 'string' ? source : undefined;
  const size = typeof source === 'string' ? sizeOf(source) : source.bytes.length;
  const large = path !== undefined && size > LARGE_FILE_BYTES;
  const bytes = typeof source === 'string' ? located(path, () => readModel(source, size)) : source.bytes;
  const folder = typeof source === 'string' ? dirname(source) : source.folder;
  const whole = located(path, () => indexModel(bytes));
  const weightsBeside = path ?? (folder === undefined ? undefined : join(folder, 'model.onnx'));
  const weightFiles = externalFiles(whole, weightsBeside);
  // Zeros stand for the large weights in these bytes: only the index of a graph that refers to them leaves this function.
  const asFiled = large ? located(path, () => skeleton(whole, path)) : whole;
  const { index, hooks, changes } = located(path, () => prepareModel(asFiled, options.hooks));
  const sessions = new SessionPool(index, folder);
  const shipped = changes.length === 0 ? sessions : new SessionPool(asFiled, folder);
  const vocabularies = new Map<string, number | undefined>();
  const limits = new Map<string, number | undefined>();
  let hash: Sha256 | undefined;
  let tokenizer: TextTokenizer | undefined;
  return {
    name: typeof source === 'string' ? basename(source) : source.name,
    ...(path === undefined ? {} : { path }),
    get sha256(): Sha256 {
      hash ??= sha256Of(chunksOf(large ? [{ path, bytes: size }, ...weightFiles] : [bytes, ...weightFiles]));
      return hash;
    },
    byteLength: weightFiles.reduce((sum, file) => sum + file.bytes, size),
    index,
    changes,
    hooks,
    source:
      typeof source === 'string'
        ? { kind: 'path', path: source }
        : { kind: 'bytes', bytes, ...(folder === undefined ? {} : { folder }) },
    inputs: describeInputs(index),
    sessions,
    shipped,
    weightsBeside,
    mixesRows: index.nodes.some(({ opType }) => MIXES_ROWS.has(opType)),
    countPositions: (stream, shapes) => countPositions(index, stream, shapes),
    imageSize() {
      return imageSizeBeside(weightsBeside);
    },
    decoderStart() {
      return decoderStartBeside(weightsBeside);
    },
    endTokens() {
      return endTokensBeside(weightsBeside);
    },
    tokenizer() {
      tokenizer ??= openTokenizer(weightsBeside);
      return tokenizer;
    },
    vocabularyOf(input) {
      if (!vocabularies.has(input)) vocabularies.set(input, vocabularySize(index, input));
      return vocabularies.get(input);
    },
    positionLimitOf(inputs) {
      const key = JSON.stringify(inputs);
      if (!limits.has(key)) limits.set(key, positionLimit(index, inputs));
      return limits.get(key);
    },
    async close() {
      await sessions.close();
      if (shipped !== sessions) await shipped.close();
    },
  };
}

/** Closes every session of a model. */
export async function closeModel(model: Model): Promise<void> {
  await model.close();
}

function sizeOf(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === true) return found.size;
  throw noModelAt(path);
}

/** Small files whole, large ones without their weights. */
function readModel(path: string, size: number): Uint8Array {
  try {
    return size > LARGE_FILE_BYTES ? readStructure(path, size) : readFileSync(path);
  } catch (cause) {
    if (cause instanceof MesascopeError) throw cause;
    throw new MesascopeError(
      'MODEL_NOT_FOUND',
      `cannot read the model ${path}: ${(cause as Error).message}`,
      {
        location: { file: path },
        cause,
      },
    );
  }
}

/** Names the file in errors that know only bytes. */
function located<T>(path: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MesascopeError) || path === undefined || error.location !== undefined) throw error;
    const { code, message, remedy, facts, cause } = error;
    throw new MesascopeError(code, message, { location: { file: path }, remedy, facts, cause });
  }
}

/** The same graph with weights of 1 KB and more referred to by offset: indexing and holding it costs kilobytes. */
function skeleton(index: ModelIndex, path: string): ModelIndex {
  const { bytes } = instrument(index, { outputs: [], weights: { kind: 'reference', modelFile: path } });
  return indexModel(bytes);
}

type WeightFile = { readonly path: string; readonly bytes: number };

/** The files that the graph's stored tensors lie in, by name; each must be there and long enough. */
function externalFiles(index: ModelIndex, weightsBeside: string | undefined): WeightFile[] {
  const needed = new Map<string, number>();
  for (const { data } of index.initializers.values()) {
    if (data.kind !== 'external') continue;
    const end = data.offset + (data.length ?? 0);
    needed.set(data.location, Math.max(needed.get(data.location) ?? 0, end));
  }
  return [...needed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([location, end]) => {
      const path = externalDataPath(weightsBeside ?? location, location);
      const found = weightsBeside === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
      if (found?.isFile() !== true || found.size < end) {
        const seen = found === undefined ? 'missing' : `${found.size} bytes long, and ${end} are needed`;
        throw new MesascopeError('EXTERNAL_DATA_MISSING', `the weight file ${location} is ${seen}`, {
          location: { file: path },
          facts: { location, needed: end },
        });
      }
      return { path, bytes: found.size };
    });
}

/** Bytes as they are, and files piece by piece. Throws `MODEL_CORRUPT` when a file is no longer as long as it was. */
function* chunksOf(parts: readonly (Uint8Array | WeightFile)[]): Generator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      yield part;
      continue;
    }
    const file = openSync(part.path, 'r');
    let read = 0;
    try {
      for (let got = readSync(file, chunk); got > 0; got = readSync(file, chunk)) {
        read += got;
        yield chunk.subarray(0, got);
      }
    } finally {
      closeSync(file);
    }
    if (read !== part.bytes) {
      throw new MesascopeError('MODEL_CORRUPT', `${part.path} has changed since it was opened`, {
        location: { file: part.path },
      });
    }
  }
}
