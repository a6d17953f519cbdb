/** @file store: one tensor's rows in safetensors files of their final size, each written at its place in any order; knows no journal. */
import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, statSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { MesascopeError } from '../core/errors.ts';
import { float32ToHalf } from '../core/half.ts';
import { DATA_START, encodeHeader } from './safetensors.ts';
import { shardPath, TENSOR } from './shards.ts';
import { writeAll, writeFault, writing } from './write-fault.ts';

export type StoredType = 'float32' | 'float16';

export type PlacedLayout = {
  readonly folder: string;
  readonly stem: string;
  /** Shape per row. */
  readonly dims: readonly number[];
  readonly dtype: StoredType;
  readonly metadata: Readonly<Record<string, string>>;
  readonly rows: number;
  /** Largest file in bytes; a row that is larger alone gets a file of its own. */
  readonly maxShardBytes: number;
};

export type PlacedFile = { readonly path: string; readonly rows: number; readonly bytes: number };

/** Smaller pieces are written at once: handing a row of a few kilobytes to another thread costs more than writing it, a fifth of a small model's time. */
const APART_BYTES = 1 << 16;
const flushFile = promisify(fdatasync);
/** Files of one tensor held open at a time: hundreds of tensors must stay below what systems allow a process. */
const MOST_OPEN = 4;

/** The files of a layout, in order of their rows. */
export function placedFiles(layout: PlacedLayout): PlacedFile[] {
  const most = rowsPerFile(layout);
  return Array.from({ length: Math.ceil(layout.rows / most) }, (_, i) => {
    const rows = Math.min(most, layout.rows - i * most);
    return { path: shardPath(layout, i), rows, bytes: DATA_START + rows * rowBytes(layout) };
  });
}

/** True when every file is there in its full length. */
export function hasAllFiles(layout: PlacedLayout): boolean {
  return placedFiles(layout).every(
    ({ path, bytes }) => statSync(path, { throwIfNoEntry: false })?.size === bytes,
  );
}

/**
 * Makes the files, with their headers and no rows yet; where the file system allows, rows take room as they come. Throws `DISK_FULL`,
 * `NOT_WRITABLE`.
 */
export function createFiles(layout: PlacedLayout): void {
  prepareFiles(layout, 'w');
}

/**
 * Writes the headers of files that are there once more: a power cut can leave a file in its full size whose header never reached the
 * disk. Throws `DISK_FULL`, `NOT_WRITABLE`.
 */
export function renewHeaders(layout: PlacedLayout): void {
  prepareFiles(layout, 'r+');
}

function prepareFiles(layout: PlacedLayout, flags: 'w' | 'r+'): void {
  const { dims, metadata, dtype } = layout;
  for (const { path, rows, bytes } of placedFiles(layout)) {
    writing(path, () => {
      const file = openSync(path, flags);
      try {
        const shape = [rows, ...dims];
        const header = { name: TENSOR, shape, metadata, dtype: dtype === 'float16' ? 'F16' : 'F32' } as const;
        writeAll(file, encodeHeader(header), 0);
        ftruncateSync(file, bytes);
      } finally {
        closeSync(file);
      }
    });
  }
}

/** Writes rows into files that `createFiles` made. */
export class PlacedShards {
  readonly #layout: PlacedLayout;
  readonly #files: readonly PlacedFile[];
  /** By index of the file; in order of last use. */
  readonly #open = new Map<number, number>();
  /** At first all: what a process wrote before it was killed may not be on the disk, and flushing a clean file costs next to nothing. */
  readonly #dirty: Set<number>;

  constructor(layout: PlacedLayout) {
    this.#layout = layout;
    this.#files = placedFiles(layout);
    this.#dirty = new Set(this.#files.keys());
  }

  /**
   * `data` is [rows.length, ...dims], `rows` ascending. Large pieces are handed to the system's threads at once, so that they go on
   * while this one computes; the data must not change before the promise resolves. One call at a time. Throws `ACTIVATIONS_RANGE`,
   * `DISK_FULL`, `NOT_WRITABLE`, each when no write is under way any more.
   */
  async write(rows: Int32Array, data: Float32Array): Promise<void> {
    const perRow = this.#layout.dims.reduce((product, size) => product * size, 1);
    const stored = this.#layout.dtype === 'float16' ? this.#halves(rows, data, perRow) : data;
    const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    const size = rowBytes(this.#layout);
    const most = rowsPerFile(this.#layout);
    let underWay: Promise<void>[] = [];
    let last = -1;
    try {
      for (let i = 0; i < rows.length; ) {
        const index = Math.floor(rows[i]! / most);
        const end = (index + 1) * most;
        // Rows that stay neighbours are written together; with inputs of one length that is the whole batch.
        let run = 1;
        while (i + run < rows.length && rows[i + run] === rows[i]! + run && rows[i + run]! < end) run++;
        if (index !== last && this.#open.size >= MOST_OPEN && !this.#open.has(index)) {
          await allEnded(underWay);
          underWay = [];
          this.#closeOldest();
        }
        last = index;
        const file = this.#fileAt(index);
        const position = DATA_START + (rows[i]! - index * most) * size;
        const piece = bytes.subarray(i * size, (i + run) * size);
        if (piece.length >= APART_BYTES) underWay.push(this.#writeAt(file, piece, { position, index }));
        else writing(this.#files[index]!.path, () => writeAll(file, piece, position));
        i += run;
      }
    } catch (cause) {
      // A write that outlives its file would go to whatever is given the file's number next.
      await Promise.allSettled(underWay);
      throw cause;
    }
    await allEnded(underWay);
  }

  /**
   * Returns when what was written, by this process or an earlier one, is on the disk. Throws `DISK_FULL`, `NOT_WRITABLE`; the system
   * may then have dropped what was not flushed.
   */
  async flush(): Promise<void> {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    // A few at a time: there may be more of them than a process may hold open.
    for (let i = 0; i < dirty.length; i += MOST_OPEN) {
      await allEnded(dirty.slice(i, i + MOST_OPEN).map((index) => this.#flushOne(index)));
    }
  }

  /** `flush` for a process that is about to end: it is done when this returns. */
  flushNow(): void {
    for (const index of this.#dirty) {
      this.#dirty.delete(index);
      const { path } = this.#files[index]!;
      writing(path, () => {
        const own = this.#open.get(index);
        const file = own ?? openSync(path, 'r+');
        try {
          fdatasyncSync(file);
        } finally {
          if (own === undefined) closeSync(file);
        }
      });
    }
  }

  close(): void {
    for (const file of this.#open.values()) closeSync(file);
    this.#open.clear();
  }

  async #flushOne(index: number): Promise<void> {
    const { path } = this.#files[index]!;
    const own = this.#open.get(index);
    const file = own ?? writing(path, () => openSync(path, 'r+'));
    try {
      await flushFile(file);
    } catch (cause) {
      throw writeFault(cause, path);
    } finally {
      if (own === undefined) closeSync(file);
    }
  }

  async #writeAt(
    file: number,
    bytes: Uint8Array,
    { position, index }: { readonly position: number; readonly index: number },
  ): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      // A single write is limited to 2 GiB by the system, and may be cut short by a full disk before the error comes.
      done += await writeSome(file, bytes.subarray(done, done + (1 << 30)), position + done).catch(
        (cause) => {
          throw writeFault(cause, this.#files[index]!.path);
        },
      );
    }
  }

  #fileAt(index: number): number {
    const { path } = this.#files[index]!;
    const file = this.#open.get(index) ?? writing(path, () => openSync(path, 'r+'));
    this.#open.delete(index);
    this.#open.set(index, file);
    this.#dirty.add(index);
    return file;
  }

  #closeOldest(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    closeSync(oldest[1]);
    this.#open.delete(oldest[0]);
  }

  #halves(rows: Int32Array, data: Float32Array, perRow: number): Uint16Array {
    const halves = float32ToHalf(data);
    for (let i = 0; i < halves.length; i++) {
      if ((halves[i]! & 0x7c00) !== 0x7c00) continue;
      const row = rows[Math.floor(i / perRow)]!;
      const { hook = this.#layout.stem } = this.#layout.metadata;
      throw new MesascopeError(
        'ACTIVATIONS_RANGE',
        `hook ${hook} is ${data[i]} for example ${row}, which float16 cannot hold`,
        { facts: { of: hook, row, value: data[i] } },
      );
    }
    return halves;
  }
}

/** Waits until all have ended, also when one fails; then throws what the first of those that failed threw. */
export async function allEnded(work: readonly Promise<unknown>[]): Promise<void> {
  for (const one of await Promise.allSettled(work)) if (one.status === 'rejected') throw one.reason;
}

/** Bytes of a row of shape `dims`. */
export function rowBytes({ dims, dtype }: Pick<PlacedLayout, 'dims' | 'dtype'>): number {
  return (dtype === 'float16' ? 2 : 4) * dims.reduce((product, size) => product * size, 1);
}

function rowsPerFile(layout: PlacedLayout): number {
  return Math.max(1, Math.floor((layout.maxShardBytes - DATA_START) / rowBytes(layout)));
}

/** Bytes written, at least one. */
function writeSome(file: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(file, bytes, 0, bytes.length, position, (cause, written) => {
      if (cause === null) resolve(written);
      else reject(cause);
    });
  });
}
