/** @file cli: captured activations as a folder for other programs: safetensors shards and one index. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { DEFAULT_SHARD_BYTES, planShards, ShardWriter, shardPath } from '../store/shards.ts';

/** Version of `index.json`'s shape. */
export const ACTIVATIONS_FORMAT = 'mesascope-activations/1';

/** One hook's values of every example: [rows, positions, width]. */
export type HookActivations = {
  readonly hook: string;
  readonly positions: number;
  readonly width: number;
  /** Values of one row, [positions, width]. */
  readonly row: (index: number) => Float32Array;
};

export type ActivationIndex = {
  readonly format: typeof ACTIVATIONS_FORMAT;
  readonly model: { readonly file: string; readonly sha256: string };
  readonly data: { readonly file: string; readonly sha256: string };
  readonly runtime: string;
  /** Negative ones count from the end of each row. */
  readonly positions: readonly number[];
  readonly dtype: 'float32';
  readonly axes: readonly ['row', 'position', 'width'];
  /** Name of the one tensor in each file. */
  readonly tensor: string;
  /** Row i of every tensor belongs to example i. */
  readonly examples: readonly { readonly id: string; readonly set: string; readonly group: string }[];
  readonly hooks: readonly {
    readonly hook: string;
    readonly shape: readonly [number, number, number];
    readonly files: readonly { readonly file: string; readonly rows: number; readonly sha256: string }[];
  }[];
};

/** The name that the store gives the one tensor of a shard. */
const TENSOR = 'acts';
/** Rows handed to the writer at a time. */
const CHUNK_ROWS = 256;

/** Throws `BAD_SETTING` when something is in the folder already: it may be the only copy of earlier work. */
export async function mustBeFree(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  if ((await readdir(folder)).length === 0) return;
  throw new MesascopeError('BAD_SETTING', `the folder ${folder} is not empty`, {
    remedy: 'Name a new folder, or empty this one.',
  });
}

/**
 * Writes shards and index beside `folder`, then renames: the folder appears complete or not at all. Throws `DISK_FULL`,
 * `NOT_WRITABLE`.
 */
export async function writeActivations(
  folder: string,
  activations: Iterable<HookActivations>,
  about: Omit<ActivationIndex, 'format' | 'dtype' | 'axes' | 'tensor' | 'hooks'>,
): Promise<ActivationIndex> {
  await mkdir(path.dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    const hooks: ActivationIndex['hooks'][number][] = [];
    for (const one of activations) hooks.push(await writeHook(unfinished, one, about.examples.length));
    const index: ActivationIndex = {
      format: ACTIVATIONS_FORMAT,
      ...about,
      dtype: 'float32',
      axes: ['row', 'position', 'width'],
      tensor: TENSOR,
      hooks,
    };
    await writeFile(path.join(unfinished, 'index.json'), `${JSON.stringify(index, null, 1)}\n`);
    // Fails on a folder that has been filled since `mustBeFree`, and so never overwrites anything.
    if (existsSync(folder)) await rmdir(folder);
    await rename(unfinished, folder);
    return index;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function writeHook(
  folder: string,
  { hook, positions, width, row }: HookActivations,
  rows: number,
): Promise<ActivationIndex['hooks'][number]> {
  const layout = { folder, stem: hook, dims: [positions, width], metadata: { hook } };
  const chunks = Array.from({ length: Math.ceil(rows / CHUNK_ROWS) }, (_, chunk) =>
    Math.min(CHUNK_ROWS, rows - chunk * CHUNK_ROWS),
  );
  const shards = planShards(chunks, layout.dims, DEFAULT_SHARD_BYTES);
  const writer = new ShardWriter(layout, shards, 0);
  try {
    let at = 0;
    for (const size of chunks) {
      const block = new Float32Array(size * positions * width); // [chunk, positions, width]
      for (let i = 0; i < size; i++, at++) block.set(row(at), i * positions * width);
      writer.append(block);
    }
    writer.finish();
  } finally {
    writer.close();
  }
  const files = [];
  for (const [shard, held] of shards.entries()) {
    const file = shardPath(layout, shard);
    files.push({ file: path.basename(file), rows: held, sha256: await fileHash(file) });
  }
  return { hook, shape: [rows, positions, width], files };
}

async function fileHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
