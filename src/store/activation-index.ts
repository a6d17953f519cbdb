/** @file store: `index.json` of a folder of activations, the part of the format that other programs read first. */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { MesascopeError } from '../core/errors.ts';
import { runningSha256, type Sha256 } from '../core/hash.ts';
import { rowBytes, type StoredType } from './placed-shards.ts';
import { DATA_START } from './safetensors.ts';
import { TENSOR } from './shards.ts';
import { flushFolder, writeAll, writing } from './write-fault.ts';

/** Version of `index.json`'s shape; docs/activations.md describes it. */
export const ACTIVATIONS_FORMAT = 'mesascope-activations/2';
export const INDEX_FILE = 'index.json';

/** What a folder of activations was made from. */
export type AboutCapture = {
  readonly model: { readonly file: string; readonly sha256: string };
  readonly data: { readonly file: string; readonly sha256: string };
  /** Of the inputs as the model is fed them, token ids and shapes. */
  readonly inputs: { readonly sha256: string };
  /** What turned texts and chats into tokens, its chat template included; absent where the data hold none. */
  readonly tokenizer?: { readonly file: string; readonly sha256: string };
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
  /** Positions of the row in the stream that was captured. */
  readonly length: number;
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

/** What stands between the head of an index and its examples; no string of the head can hold its line break. */
const BEFORE_EXAMPLES = ',\n "examples": [';
const END = '\n ]\n}\n';
const PIECE_BYTES = 1 << 16;
const HASHED_PIECE_BYTES = 1 << 20;

/** Writes the index beside `path` and renames: it is there whole or not at all. Throws `DISK_FULL`, `NOT_WRITABLE`. */
export function writeIndex(path: string, head: IndexHead, examples: Iterable<ExampleEntry>): void {
  const { format, key, hooks, ...about } = head;
  // Format and key stand first, where `keyOfIndex` looks for them.
  const fields = { format, key, ...about, axes: ['row', 'position', 'width'], tensor: TENSOR, hooks };
  const opening = JSON.stringify(fields, null, 1).replace(/\n\}$/, BEFORE_EXAMPLES);
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
      for (const { id, set, group, length, at: places } of examples) {
        piece += `${first ? '' : ','}\n  ${JSON.stringify({ id, set, group, length, at: places })}`;
        first = false;
        if (piece.length > PIECE_BYTES) write();
      }
      piece += END;
      write();
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.tmp`, path);
    flushFolder(dirname(path));
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

/** What the sizes of a folder's files follow from. */
const headSchema = z.object({
  dtype: z.enum(['float32', 'float16']),
  hooks: z.array(
    z.object({
      shape: z.array(z.int().min(1)).min(1),
      files: z.array(z.object({ file: z.string(), rows: z.int().min(1) })),
    }),
  ),
});

/**
 * A finished folder must hold every file that its index names, in its full size, and the whole of the index. Bytes are not compared: to
 * hash what a long capture left takes minutes. Throws `STORE_CORRUPT`.
 */
export function mustBeWhole(folder: string): void {
  const index = join(folder, INDEX_FILE);
  const head = readHead(index);
  if (head === undefined) throw corrupt(index, 'is damaged or cut short');
  for (const { shape, files } of head.hooks) {
    const bytesPerRow = rowBytes({ dims: shape.slice(1), dtype: head.dtype });
    for (const { file, rows } of files) {
      const path = join(folder, file);
      const bytes = DATA_START + rows * bytesPerRow;
      const size = statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) throw corrupt(path, 'is missing');
      if (size !== bytes) throw corrupt(path, `has ${size} bytes, and ${bytes} were written`);
    }
  }
}

function corrupt(path: string, what: string): MesascopeError {
  return new MesascopeError('STORE_CORRUPT', `of a finished capture, ${path} ${what}`, {
    location: { file: path },
    remedy: 'Put the file back, or delete the whole folder and run the same command again.',
  });
}

/** Of an index that `writeIndex` wrote to its end, what stands before the examples, of which there may be any number. */
function readHead(path: string): z.infer<typeof headSchema> | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const read = (from: number, to: number): Buffer => {
        const bytes = Buffer.alloc(to - from);
        return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from));
      };
      if (read(Math.max(0, size - END.length), size).toString() !== END) return undefined;
      for (let bytes = PIECE_BYTES; ; bytes *= 2) {
        const start = read(0, Math.min(bytes, size));
        const end = start.indexOf(BEFORE_EXAMPLES);
        if (end >= 0) return headSchema.parse(JSON.parse(`${start.toString('utf8', 0, end)}}`));
        if (bytes >= size) return undefined;
      }
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
