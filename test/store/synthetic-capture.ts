/** @file test: a small capture with rows of known values, its batches in an order of their own, and what its folder holds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sha256 } from '../../src/core/hash.ts';
import {
  type CaptureFolder,
  openCaptureFolder,
  type PlannedCapture,
} from '../../src/store/capture-folder.ts';

export const ROWS = 23;
export const TENSORS = [
  { name: 'embed', dims: [2, 3] },
  { name: 'blocks.0.resid_post', dims: [1, 5] },
] as const;
/** Batches in the order in which they are run, as a capture groups rows by length. */
export const BATCHES = [
  [0, 3, 4, 5, 22],
  [1],
  [2, 6, 7, 8, 9, 10, 11, 12],
  [13, 15, 17],
  [14, 16, 18, 19, 20, 21],
].map((rows) => Int32Array.from(rows));
export const ABOUT = {
  model: { file: 'model.onnx', sha256: 'aa' },
  data: { file: 'data.jsonl', sha256: 'bb' },
  inputs: { sha256: 'cc' },
  runtime: 'onnxruntime-node 1.30.0',
  positions: [-2, -1],
};
export const EXAMPLES = Array.from({ length: ROWS }, (_, i) => ({
  id: `x"${i}`,
  set: 'train',
  group: `g${i % 7}`,
  length: 3,
}));
/** Three files for the wider tensor, two for the other. */
export const PLAN: PlannedCapture = {
  key: 'c'.repeat(64) as Sha256,
  rows: ROWS,
  batches: BATCHES.length,
  dtype: 'float32',
  maxShardBytes: 1024 + 24 * 10,
};

/** Number u of row r of tensor t is 100 r + 10 t + u, less a third: none is 0, and none is a whole number. */
export const valueAt = (tensor: number, row: number, unit: number): number =>
  Math.fround(100 * row + 10 * tensor + unit - 1 / 3);
export const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export function blocksOf(rows: Int32Array): { name: string; dims: readonly number[]; data: Float32Array }[] {
  return TENSORS.map(({ name, dims }, t) => {
    const size = sizeOf(dims);
    const data = Float32Array.from({ length: rows.length * size }, (_, i) =>
      valueAt(t, rows[Math.floor(i / size)]!, i % size),
    );
    return { name, dims, data };
  });
}

export async function runBatches(folder: CaptureFolder, upTo = BATCHES.length): Promise<void> {
  if (folder.batchesDone < upTo) folder.begin(TENSORS);
  for (const rows of BATCHES.slice(folder.batchesDone, upTo)) await folder.write(rows, blocksOf(rows));
}

export async function wholeCapture(out: string, plan: PlannedCapture = PLAN): Promise<void> {
  const folder = openCaptureFolder(out);
  expect(folder.resume(plan)).toBe('unfinished');
  await runBatches(folder);
  await folder.finish(ABOUT, EXAMPLES);
  folder.close();
}

export const filesOf = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('hex')]),
  );

/** Header and bytes of a file, read as the safetensors documentation has it. */
export function readShard(path: string): { dtype: string; shape: number[]; metadata: unknown; data: Buffer } {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const {
    dtype,
    shape,
    data_offsets: [from, to],
  } = header.acts;
  expect([Object.keys(header).sort(), from, 8 + length + to]).toEqual([
    ['__metadata__', 'acts'],
    0,
    bytes.length,
  ]);
  return { dtype, shape, metadata: header.__metadata__, data: bytes.subarray(8 + length) };
}

/** Goes on in `out`, expects so many batches there, and completes the capture. */
export async function finishFrom(out: string, batches: number): Promise<void> {
  const folder = openCaptureFolder(out);
  expect(folder.resume(PLAN)).toBe('unfinished');
  expect(folder.batchesDone).toBe(batches);
  await runBatches(folder);
  await folder.finish(ABOUT, EXAMPLES);
  folder.close();
}
