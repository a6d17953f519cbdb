/** @file store: captures kept by the content they were made from; resumable, one writer each, never a half result. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ActivationCache, CapturePlan, StoredCapture, StoredTensor } from '../core/activation-cache.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { MesascopeError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import { type FolderLock, LOCK_FILE, lockFolder } from './folder-lock.ts';
import {
  DEFAULT_SHARD_BYTES,
  planShards,
  readShards,
  rowsOnDisk,
  type ShardLayout,
  ShardWriter,
} from './shards.ts';
import { replaceFile, writing } from './write-fault.ts';

export type { ActivationCache, CapturePlan, StoredCapture } from '../core/activation-cache.ts';
export type Cache = ActivationCache;

export type CacheOptions = {
  /** Largest shard in bytes; the default is just under 2 GiB. */
  readonly maxShardBytes?: number;
};

const FORMAT = 'mesascope-activations/1';
const INDEX = 'index.json';
const SHARDS = 'shards';

/** `index.json` of one capture: enough to read the shards from any language. */
const indexSchema = z.strictObject({
  format: z.literal(FORMAT),
  key: z.string(),
  /** What the activations depend on; `key` is the SHA-256 of its canonical JSON. */
  identity: z.record(z.string(), z.unknown()),
  dtype: z.literal('F32'),
  complete: z.boolean(),
  /** Rows of each batch, in stored order. */
  batches: z.array(z.int().min(1)),
  /** Stored row i is example `order[i]`; null when they are the same. */
  order: z.array(z.int().min(0)).nullable(),
  /** Stem and shape per row of each tensor, with the rows in each of its files. */
  tensors: z.array(
    z.strictObject({
      name: z.string(),
      stem: z.string(),
      dims: z.array(z.int().min(1)),
      shards: z.array(z.int().min(1)),
    }),
  ),
});
type CaptureIndex = z.infer<typeof indexSchema>;

/**
 * A cache of captures in `folder`, one sub-folder per key.
 *
 * A capture's key is the SHA-256 of its identity in canonical JSON. Batches are appended to one safetensors file per
 * tensor; after a crash or a kill the files' sizes say which batches are whole, and the rest of the last one is cut off.
 * (The system keeps what a killed process wrote. Against a power cut only finished captures are safe: files are flushed
 * before the index calls them complete.) A capture that was written with another batch plan, or is damaged, is begun anew.
 */
export function openCache(folder: string, options: CacheOptions = {}): Cache {
  const maxBytes = options.maxShardBytes ?? DEFAULT_SHARD_BYTES;
  return {
    open(identity, plan) {
      const key = sha256(canonicalJson(identity));
      const place = join(folder, key.slice(0, 2), key);
      const finished = readIndex(place, key);
      if (finished?.complete === true && isWhole(place, finished)) {
        return new CaptureOnDisk({ place, key, identity, plan, maxBytes, index: finished });
      }
      const lock = lockFolder(place);
      try {
        // Read again: another process may have finished it between the first look and the lock.
        let index = readIndex(place, key);
        if (index !== undefined && !(isWhole(place, index) && followsPlan(index, plan))) index = undefined;
        if (index === undefined) clear(place);
        return new CaptureOnDisk({ place, key, identity, plan, maxBytes, index, lock });
      } catch (cause) {
        lock.release();
        throw cause;
      }
    },
  };
}

function readIndex(place: string, key: string): CaptureIndex | undefined {
  try {
    const index = indexSchema.parse(JSON.parse(readFileSync(join(place, INDEX), 'utf8')));
    return index.key === key ? index : undefined;
  } catch {
    return undefined;
  }
}

/** An unfinished capture is whole as far as it goes; a finished one must have every row that its index states. */
function isWhole(place: string, index: CaptureIndex): boolean {
  const rows = index.batches.reduce((sum, batch) => sum + batch, 0);
  return (
    !index.complete ||
    index.tensors.every((tensor) => rowsOnDisk(layoutOf(place, tensor), tensor.shards) === rows)
  );
}

function followsPlan(index: CaptureIndex, plan: CapturePlan): boolean {
  const order = plan.order === undefined ? null : Array.from(plan.order);
  return String(index.batches) === String(plan.batches) && String(index.order) === String(order);
}

/** Empties a capture's folder, but for the lock that we hold. */
function clear(place: string): void {
  writing(place, () => {
    for (const name of readdirSync(place)) {
      if (name !== LOCK_FILE) rmSync(join(place, name), { recursive: true, force: true });
    }
  });
}

function layoutOf(place: string, tensor: StoredTensor & { readonly stem: string }): ShardLayout {
  const { name, stem, dims } = tensor;
  return { folder: join(place, SHARDS), stem, dims, metadata: { format: FORMAT, tensor: name } };
}

type CaptureParts = {
  readonly place: string;
  readonly key: string;
  readonly identity: Readonly<Record<string, unknown>>;
  readonly plan: CapturePlan;
  readonly maxBytes: number;
  readonly index: CaptureIndex | undefined;
  readonly lock?: FolderLock;
};

class CaptureOnDisk implements StoredCapture {
  readonly key: string;
  readonly folder: string;
  readonly #parts: CaptureParts;
  #index: CaptureIndex | undefined;
  #writers: ShardWriter[] | undefined;
  #batchesDone: number;

  constructor(parts: CaptureParts) {
    this.key = parts.key;
    this.folder = parts.place;
    this.#parts = parts;
    this.#index = parts.index;
    this.#batchesDone = this.#countBatches();
  }

  get complete(): boolean {
    return this.#index?.complete ?? false;
  }

  get batchesDone(): number {
    return this.#batchesDone;
  }

  append(tensors: readonly (StoredTensor & { readonly data: Float32Array })[]): void {
    const rows = this.#parts.plan.batches[this.#batchesDone];
    if (rows === undefined || this.complete || this.#parts.lock === undefined) {
      throw new MesascopeError('INTERNAL', 'a batch was appended to a capture that is complete or closed');
    }
    this.#index ??= this.#begin(tensors);
    this.#writers ??= this.#openWriters(this.#index);
    for (const [i, stored] of this.#index.tensors.entries()) {
      const tensor = tensors[i];
      const size = rows * stored.dims.reduce((product, dim) => product * dim, 1);
      if (
        tensor?.name !== stored.name ||
        String(tensor.dims) !== String(stored.dims) ||
        tensor.data.length !== size
      ) {
        throw new MesascopeError(
          'INTERNAL',
          `tensor ${stored.name} of a capture changed its shape between batches`,
        );
      }
      this.#writers[i]!.append(tensor.data);
    }
    this.#batchesDone++;
  }

  finish(): void {
    const index = this.#index;
    if (index === undefined || this.#batchesDone !== this.#parts.plan.batches.length) {
      throw new MesascopeError('INTERNAL', 'a capture was finished before all of its batches were there');
    }
    // After a crash between the last batch and this call there is nothing to append, but the headers are still to write.
    this.#writers ??= this.#openWriters(index);
    for (const writer of this.#writers) writer.finish();
    this.#index = { ...index, complete: true };
    this.#writeIndex(this.#index);
  }

  read(name: string): { readonly dims: readonly number[]; readonly data: Float32Array } {
    const index = this.#index;
    const tensor = index?.tensors.find((stored) => stored.name === name);
    if (index === undefined || !index.complete || tensor === undefined) {
      throw new MesascopeError('INTERNAL', `the capture holds no finished tensor ${name}`);
    }
    const stored = readShards(layoutOf(this.folder, tensor), tensor.shards);
    return { dims: tensor.dims, data: inExampleOrder(stored, index.order, tensor.dims) };
  }

  close(): void {
    for (const writer of this.#writers ?? []) writer.close();
    this.#writers = undefined;
    this.#parts.lock?.release();
  }

  /** Batches that every tensor has in full. */
  #countBatches(): number {
    const index = this.#index;
    if (index === undefined) return 0;
    if (index.complete) return index.batches.length;
    const rows = index.tensors.map((tensor) => rowsOnDisk(layoutOf(this.folder, tensor), tensor.shards));
    const least = Math.min(...rows);
    let done = 0;
    for (let sum = 0; done < index.batches.length; done++) {
      sum += index.batches[done]!;
      if (sum > least) break;
    }
    return done;
  }

  #begin(tensors: readonly StoredTensor[]): CaptureIndex {
    const { place, key, identity, plan, maxBytes } = this.#parts;
    const index: CaptureIndex = {
      format: FORMAT,
      key,
      identity: identity as Record<string, unknown>,
      dtype: 'F32',
      complete: false,
      batches: [...plan.batches],
      order: plan.order === undefined ? null : Array.from(plan.order),
      tensors: tensors.map(({ name, dims }, i) => {
        const shards = planShards(plan.batches, dims, maxBytes);
        return { name, stem: stemOf(name, i), dims: [...dims], shards };
      }),
    };
    writing(place, () => mkdirSync(join(place, SHARDS), { recursive: true }));
    this.#writeIndex(index);
    return index;
  }

  #openWriters(index: CaptureIndex): ShardWriter[] {
    const rows = index.batches.slice(0, this.#batchesDone).reduce((sum, batch) => sum + batch, 0);
    return index.tensors.map((tensor) => new ShardWriter(layoutOf(this.folder, tensor), tensor.shards, rows));
  }

  #writeIndex(index: CaptureIndex): void {
    replaceFile(join(this.folder, INDEX), `${canonicalJson(index)}\n`);
  }
}

/** A file name that keeps what it can of the hook's name; the number keeps two names apart. */
function stemOf(name: string, index: number): string {
  return `${name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 80)}-${index}`;
}

function inExampleOrder(
  stored: Float32Array,
  order: readonly number[] | null,
  dims: readonly number[],
): Float32Array {
  if (order === null) return stored;
  const perRow = dims.reduce((product, dim) => product * dim, 1);
  const data = new Float32Array(stored.length);
  for (const [i, example] of order.entries()) {
    data.set(stored.subarray(i * perRow, (i + 1) * perRow), example * perRow);
  }
  return data;
}
