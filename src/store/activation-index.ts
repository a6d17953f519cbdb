/** @file store: `index.json` of a folder of activations, the part of the format that other programs read first. */
import { closeSync, fsyncSync, openSync, readSync, renameSync } from 'node:fs';
import { runningSha256, type Sha256 } from '../core/hash.ts';
import type { StoredType } from './placed-shards.ts';
import { TENSOR } from './shards.ts';
import { writeAll, writing } from './write-fault.ts';

/** Version of `index.json`'s shape; docs/activations.md describes it. */
export const ACTIVATIONS_FORMAT = 'mesascope-activations/2';
export const INDEX_FILE = 'index.json';

/** What a folder of activations was made from. */
export type AboutCapture = {
  readonly model: { readonly file: string; readonly sha256: string };
  readonly data: { readonly file: string; readonly sha256: string };
  readonly runtime: string;
  /** Negative ones count from the end of each row; a name stands for a place in each row's text. */
  readonly positions: readonly (number | string)[];
};

/** One hook's tensor, [rows, positions, width], cut into files by rows. */
export type IndexedHook = {
  readonly hook: string;
  readonly shape: readonly number[];
  readonly files: readonly { readonly file: string; readonly rows: number; readonly sha256: Sha256 }[];
};

/** Row i of every tensor belongs to entry i. */
export type ExampleEntry = {
  readonly id: string;
  readonly set: string;
  readonly group: string;
  /** The row's absolute positions, in the order of the second axis, where a name was among those asked for. */
  readonly at?: readonly number[];
};

export type IndexHead = AboutCapture & {
  readonly format: typeof ACTIVATIONS_FORMAT;
  /** Hash of everything that the folder depends on. */
  readonly key: string;
  readonly dtype: StoredType;
  readonly hooks: readonly IndexedHook[];
};

const PIECE_BYTES = 1 << 16;
const HASHED_PIECE_BYTES = 1 << 20;

/** Writes the index beside `path` and renames: it is there whole or not at all. Throws `DISK_FULL`, `NOT_WRITABLE`. */
export function writeIndex(path: string, head: IndexHead, examples: Iterable<ExampleEntry>): void {
  const { format, key, hooks, ...about } = head;
  // Format and key stand first, where `keyOfIndex` looks for them.
  const fields = { format, key, ...about, axes: ['row', 'position', 'width'], tensor: TENSOR, hooks };
  const opening = JSON.stringify(fields, null, 1).replace(/\n\}$/, ',\n "examples": [');
  writing(path, () => {
    const file = openSync(`${path}.tmp`, 'w');
    try {
      let at = 0;
      let piece = opening;
      const write = (): void => {
        const bytes = Buffer.from(piece);
        writeAll(file, bytes, at);
        at += bytes.length;
        piece = '';
      };
      let first = true;
      for (const { id, set, group, at: places } of examples) {
        piece += `${first ? '' : ','}\n  ${JSON.stringify({ id, set, group, at: places })}`;
        first = false;
        if (piece.length > PIECE_BYTES) write();
      }
      piece += '\n ]\n}\n';
      write();
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.tmp`, path);
  });
}

/** The key of an index that `writeIndex` wrote; undefined for anything else. */
export function keyOfIndex(path: string): string | undefined {
  const bytes = Buffer.alloc(512);
  try {
    const file = openSync(path, 'r');
    try {
      const text = bytes.toString('utf8', 0, readSync(file, bytes));
      const opening = /^\{\s*"format": "([^"]*)",\s*"key": "([0-9a-f]{64})"/.exec(text);
      return opening?.[1] === ACTIVATIONS_FORMAT ? opening[2] : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** Of a whole file, read piece by piece; the event loop gets its turn between pieces. */
export async function fileSha256(path: string): Promise<Sha256> {
  const hash = runningSha256();
  // One buffer for all pieces: a stream would leave a new one per piece to the garbage collector.
  const piece = Buffer.alloc(HASHED_PIECE_BYTES);
  const file = openSync(path, 'r');
  try {
    for (let got = readSync(file, piece); got > 0; got = readSync(file, piece)) {
      hash.add(piece.subarray(0, got));
      await new Promise((resume) => setImmediate(resume));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest();
}
