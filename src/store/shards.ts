/** @file store: one tensor's rows as a sequence of safetensors files, appended batch by batch; knows no hook and no model. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { DATA_START, decodeHeader, encodeHeader } from './safetensors.ts';
import { writeAll, writing } from './write-fault.ts';

/** Rows of shape `dims`, in files `{stem}.{00000}.safetensors` of `folder`. */
export type ShardLayout = {
  readonly folder: string;
  readonly stem: string;
  readonly dims: readonly number[];
  readonly metadata: Readonly<Record<string, string>>;
};

/** Rows held by each file, in order. */
export type ShardRows = readonly number[];

/** 2 GiB less the header and some: readers with 32-bit sizes exist. */
export const DEFAULT_SHARD_BYTES: number = 2 ** 31 - 2 ** 20;
/** Name of the one tensor in each file. */
export const TENSOR = 'acts';

export function shardPath({ folder, stem }: Pick<ShardLayout, 'folder' | 'stem'>, index: number): string {
  return join(folder, `${stem}.${String(index).padStart(5, '0')}.safetensors`);
}

/** Rows of each file when files take whole batches up to `maxBytes`; a batch that is larger alone gets a file of its own. */
export function planShards(batches: readonly number[], dims: readonly number[], maxBytes: number): number[] {
  const rowBytes = bytesPerRow({ dims });
  const shards: number[] = [];
  for (const rows of batches) {
    const last = shards.length - 1;
    if (last < 0 || DATA_START + (shards[last]! + rows) * rowBytes > maxBytes) shards.push(rows);
    else shards[last]! += rows;
  }
  return shards;
}

function bytesPerRow({ dims }: Pick<ShardLayout, 'dims'>): number {
  return 4 * dims.reduce((product, size) => product * size, 1);
}

/** Rows that lie on disk in full, counted from the files' sizes: what a crash left of the last row does not count. */
export function rowsOnDisk(layout: ShardLayout, shards: ShardRows): number {
  const rowBytes = bytesPerRow(layout);
  let rows = 0;
  for (let i = 0; i < shards.length; i++) {
    const size = statSync(shardPath(layout, i), { throwIfNoEntry: false })?.size ?? 0;
    const whole = Math.min(shards[i]!, Math.max(0, Math.floor((size - DATA_START) / rowBytes)));
    rows += whole;
    if (whole < shards[i]!) break;
  }
  return rows;
}

/** Appends rows to the shards of one tensor, which are planned beforehand. */
export class ShardWriter {
  readonly #layout: ShardLayout;
  readonly #planned: ShardRows;
  #index = 0;
  #rows: number;
  #file: number | undefined;

  /** Goes on after the first `rows` rows, which must be on disk; what lies beyond them is dropped. */
  constructor(layout: ShardLayout, planned: ShardRows, rows: number) {
    this.#layout = layout;
    this.#planned = planned;
    this.#rows = rows;
    while (this.#index < planned.length - 1 && this.#rows > planned[this.#index]!) {
      this.#rows -= planned[this.#index]!;
      this.#index++;
    }
    writing(layout.folder, () => {
      for (let i = this.#index + (this.#rows > 0 ? 1 : 0); i < planned.length; i++) {
        rmSync(shardPath(layout, i), { force: true });
      }
      if (this.#rows === 0) return;
      this.#file = openSync(shardPath(layout, this.#index), 'r+');
      ftruncateSync(this.#file, DATA_START + this.#rows * bytesPerRow(layout));
    });
  }

  /** Rows x dims values. Throws `DISK_FULL`, `NOT_WRITABLE`; the rows before stay readable. */
  append(data: Float32Array): void {
    const rowBytes = bytesPerRow(this.#layout);
    const full = this.#rows > 0 && this.#rows >= this.#planned[this.#index]!;
    writing(shardPath(this.#layout, this.#index + (full ? 1 : 0)), () => {
      if (full) {
        this.#finishFile();
        this.#index++;
        this.#rows = 0;
      }
      if (this.#file === undefined) {
        this.#file = openSync(shardPath(this.#layout, this.#index), 'w');
        writeAll(this.#file, this.#header(), 0);
      }
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      writeAll(this.#file, bytes, DATA_START + this.#rows * rowBytes);
      this.#rows += data.byteLength / rowBytes;
    });
  }

  /** Writes the final header of the last file and flushes it. */
  finish(): void {
    writing(shardPath(this.#layout, this.#index), () => this.#finishFile());
  }

  /** Lets go of the file as it is; its header still states no rows. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #header(): Uint8Array {
    const { dims, metadata } = this.#layout;
    return encodeHeader({ name: TENSOR, shape: [this.#rows, ...dims], metadata });
  }

  #finishFile(): void {
    if (this.#file === undefined) return;
    writeAll(this.#file, this.#header(), 0);
    fsyncSync(this.#file);
    this.close();
  }
}

/** All rows of finished shards, in stored order. Throws `STORE_CORRUPT`. */
export function readShards(layout: ShardLayout, shards: ShardRows): Float32Array {
  const perRow = bytesPerRow(layout) / 4;
  const data = new Float32Array(shards.reduce((sum, rows) => sum + rows, 0) * perRow);
  let at = 0;
  for (const [i, rows] of shards.entries()) {
    const path = shardPath(layout, i);
    const shape = [rows, ...layout.dims];
    at += readTensor(path, data.subarray(at, at + rows * perRow), shape);
  }
  return data;
}

function readTensor(path: string, into: Float32Array, shape: readonly number[]): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new MesascopeError('STORE_CORRUPT', `${path} is missing or cannot be read`, {
      location: { file: path },
      cause,
    });
  }
  try {
    const head = Buffer.alloc(DATA_START);
    const length = readSync(file, head, 0, DATA_START, 0);
    const header = decodeHeader(head.subarray(0, length), { path, size: fstatSync(file).size });
    if (header.name !== TENSOR || String(header.shape) !== String(shape)) {
      throw new MesascopeError(
        'STORE_CORRUPT',
        `${path} holds ${header.name} [${header.shape}], not ${TENSOR} [${shape}]`,
        { location: { file: path } },
      );
    }
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    for (let done = 0; done < bytes.length; ) {
      const got = readSync(
        file,
        bytes,
        done,
        Math.min(bytes.length - done, 1 << 30),
        header.dataStart + done,
      );
      if (got === 0)
        throw new MesascopeError('STORE_CORRUPT', `${path} ended early`, { location: { file: path } });
      done += got;
    }
    return into.length;
  } finally {
    closeSync(file);
  }
}
