/** @file store: the folder of a long capture: rows at their place in any order, resumable, whole or absent, never over something else. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { halfToFloat32 } from '../../src/core/half.ts';
import type { Sha256 } from '../../src/core/hash.ts';
import { BatchJournal, readJournal } from '../../src/store/batch-journal.ts';
import {
  type CaptureFolder,
  openCaptureFolder,
  type PlannedCapture,
} from '../../src/store/capture-folder.ts';
import { temporaryFolder } from './data-file.ts';

const ROWS = 23;
const TENSORS = [
  { name: 'embed', dims: [2, 3] },
  { name: 'blocks.0.resid_post', dims: [1, 5] },
] as const;
/** Batches in the order in which they are run, as a capture groups rows by length. */
const BATCHES = [
  [0, 3, 4, 5, 22],
  [1],
  [2, 6, 7, 8, 9, 10, 11, 12],
  [13, 15, 17],
  [14, 16, 18, 19, 20, 21],
].map((rows) => Int32Array.from(rows));
const ABOUT = {
  model: { file: 'model.onnx', sha256: 'aa' },
  data: { file: 'data.jsonl', sha256: 'bb' },
  runtime: 'onnxruntime-node 1.30.0',
  positions: [-2, -1],
};
const EXAMPLES = Array.from({ length: ROWS }, (_, i) => ({ id: `x"${i}`, set: 'train', group: `g${i % 7}` }));
/** Three files for the wider tensor, two for the other. */
const PLAN: PlannedCapture = {
  key: 'c'.repeat(64) as Sha256,
  rows: ROWS,
  batches: BATCHES.length,
  dtype: 'float32',
  maxShardBytes: 1024 + 24 * 10,
};

/** Number u of row r of tensor t is 100 r + 10 t + u, less a third: none is 0, and none is a whole number. */
const valueAt = (tensor: number, row: number, unit: number): number =>
  Math.fround(100 * row + 10 * tensor + unit - 1 / 3);
const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function blocksOf(rows: Int32Array): { name: string; dims: readonly number[]; data: Float32Array }[] {
  return TENSORS.map(({ name, dims }, t) => {
    const size = sizeOf(dims);
    const data = Float32Array.from({ length: rows.length * size }, (_, i) =>
      valueAt(t, rows[Math.floor(i / size)]!, i % size),
    );
    return { name, dims, data };
  });
}

async function runBatches(folder: CaptureFolder, upTo = BATCHES.length): Promise<void> {
  if (folder.batchesDone < upTo) folder.begin(TENSORS);
  for (const rows of BATCHES.slice(folder.batchesDone, upTo)) await folder.write(rows, blocksOf(rows));
}

async function wholeCapture(out: string, plan: PlannedCapture = PLAN): Promise<void> {
  const folder = openCaptureFolder(out);
  expect(folder.resume(plan)).toBe('unfinished');
  await runBatches(folder);
  await folder.finish(ABOUT, EXAMPLES);
  folder.close();
}

const filesOf = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('hex')]),
  );

/** Header and bytes of a file, read as the safetensors documentation has it. */
function readShard(path: string): { dtype: string; shape: number[]; metadata: unknown; data: Buffer } {
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

let out: string;
beforeEach(async () => {
  out = join(await temporaryFolder(), 'new', 'acts');
});

describe('a finished capture', () => {
  it('holds every row once in the order of the examples, cut into files, with an index that says so', async () => {
    await wholeCapture(out);
    const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8'));
    expect(index).toMatchObject({
      format: 'mesascope-activations/2',
      key: PLAN.key,
      ...ABOUT,
      dtype: 'float32',
      axes: ['row', 'position', 'width'],
      tensor: 'acts',
      examples: EXAMPLES,
    });
    for (const [t, { name, dims }] of TENSORS.entries()) {
      const { hook, shape, files } = index.hooks[t];
      expect([hook, shape]).toEqual([name, [ROWS, ...dims]]);
      const size = sizeOf(dims);
      let row = 0;
      for (const { file, rows, sha256 } of files) {
        const path = join(out, file);
        const shard = readShard(path);
        expect([shard.dtype, shard.shape, shard.metadata]).toEqual(['F32', [rows, ...dims], { hook: name }]);
        expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(sha256);
        expect(readFileSync(path).length).toBeLessThanOrEqual(PLAN.maxShardBytes!);
        for (let i = 0; i < rows * size; i++) {
          expect(shard.data.readFloatLE(4 * i)).toBe(valueAt(t, row + Math.floor(i / size), i % size));
        }
        row += rows;
      }
      expect([row, files.length]).toEqual([ROWS, t === 0 ? 3 : 2]);
    }
    // Nothing else, here and beside it.
    expect(readdirSync(out).length).toBe(1 + 3 + 2);
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });

  it('in float16 holds the nearest halves, and what is too large is an error that names hook and example', async () => {
    await wholeCapture(out, { ...PLAN, dtype: 'float16' });
    const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8'));
    expect(index.dtype).toBe('float16');
    const { data, dtype, shape } = readShard(join(out, index.hooks[1].files[0].file));
    expect([dtype, shape]).toEqual(['F16', [ROWS, 1, 5]]);
    const bits = Uint16Array.from({ length: data.length / 2 }, (_, i) => data.readUInt16LE(2 * i));
    for (const [i, value] of halfToFloat32(bits).entries()) {
      const wanted = valueAt(1, Math.floor(i / 5), i % 5);
      // Half a unit in the last of 11 bits.
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(2 ** (Math.floor(Math.log2(wanted)) - 11));
    }

    const folder = openCaptureFolder(join(out, '..', 'large'));
    folder.resume({ ...PLAN, dtype: 'float16' });
    folder.begin(TENSORS);
    const blocks = blocksOf(BATCHES[0]!);
    blocks[1]!.data[2 * 5 + 1] = -65520;
    await expect(folder.write(BATCHES[0]!, blocks)).rejects.toMatchObject({
      code: 'ACTIVATIONS_RANGE',
      message: expect.stringContaining('blocks.0.resid_post is -65520 for example 4'),
      facts: { row: 4 },
    });
    folder.close();
  });

  it('is found again by the same request, and left alone by any other', async () => {
    await wholeCapture(out);
    const before = filesOf(out);
    const same = openCaptureFolder(out);
    expect(same.resume(PLAN)).toBe('finished');
    same.close();
    const other = openCaptureFolder(out);
    const code = (): unknown => other.resume({ ...PLAN, key: 'd'.repeat(64) as Sha256 });
    expect(code).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    other.close();
    expect(filesOf(out)).toEqual(before);
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });
});

describe('a place that holds something else', () => {
  it('is refused and left alone', async () => {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'mine.txt'), 'mine');
    expect(() => openCaptureFolder(out)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
    expect(filesOf(out).size).toBe(1);
  });

  it('may be an empty folder; a file in its place is an error with a code', async () => {
    mkdirSync(out, { recursive: true });
    await wholeCapture(out);
    writeFileSync(join(out, '..', 'file'), '');
    for (const place of ['file', 'file/deeper']) {
      expect(() => openCaptureFolder(join(out, '..', place))).toThrow(
        expect.objectContaining({ code: 'NOT_WRITABLE' }),
      );
    }
  });

  it('beside it, an unfinished capture of something else, is kept; and so is whatever a user put there', async () => {
    const first = openCaptureFolder(out);
    first.resume(PLAN);
    await runBatches(first, 2);
    first.close();
    const other = openCaptureFolder(out);
    expect(() => other.resume({ ...PLAN, key: 'd'.repeat(64) as Sha256 })).toThrow(
      expect.objectContaining({ code: 'BAD_SETTING', message: expect.stringContaining('acts.unfinished') }),
    );
    other.close();
    writeFileSync(join(`${out}.unfinished`, 'note.txt'), 'mine');
    await finishFrom(2);
    expect(readdirSync(`${out}.unfinished`)).toEqual(['note.txt']);
  });

  it('is not shared by two processes at a time', () => {
    const first = openCaptureFolder(out);
    expect(() => openCaptureFolder(out)).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
    first.close();
    // Nothing was begun, so nothing is left.
    expect(existsSync(`${out}.unfinished`)).toBe(false);
  });
});

/** Goes on in `out`, expects so many batches there, and completes the capture. */
async function finishFrom(batches: number): Promise<void> {
  const folder = openCaptureFolder(out);
  expect(folder.resume(PLAN)).toBe('unfinished');
  expect(folder.batchesDone).toBe(batches);
  await runBatches(folder);
  await folder.finish(ABOUT, EXAMPLES);
  folder.close();
}

describe('a capture that was stopped', () => {
  it('goes on after any number of batches, whatever a crash left of the journal, and ends in the same bytes', async () => {
    const whole = join(out, '..', 'whole');
    await wholeCapture(whole);
    const wanted = filesOf(whole);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: BATCHES.length }),
        fc.constantFrom('', 'do', 'done ', 'done 5', 'flushed 9999\n', 'nonsense\ndone 5\n', '\0\0\0\0'),
        async (batches, torn) => {
          rmSync(out, { recursive: true, force: true });
          const folder = openCaptureFolder(out);
          folder.resume(PLAN);
          await runBatches(folder, batches);
          folder.close();
          if (batches > 0) appendFileSync(join(`${out}.unfinished`, 'journal'), torn);
          await finishFrom(batches);
          expect(filesOf(out)).toEqual(wanted);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('begins anew where a file was lost or cut', async () => {
    const content = join(`${out}.unfinished`, 'activations');
    for (const damage of [(file: string) => rmSync(file), (file: string) => truncateSync(file, 1100)]) {
      const folder = openCaptureFolder(out);
      folder.resume(PLAN);
      await runBatches(folder, 3);
      folder.close();
      damage(join(content, readdirSync(content)[1]!));
      const again = openCaptureFolder(out);
      again.resume(PLAN);
      expect(again.batchesDone).toBe(0);
      await runBatches(again, 1);
      again.close();
    }
    await finishFrom(1);
  });

  it('between its last batch and its name is finished without running anything', async () => {
    const folder = openCaptureFolder(out);
    folder.resume(PLAN);
    await runBatches(folder);
    folder.close();
    await finishFrom(BATCHES.length);
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });

  it('between its name and the end is found finished, and what lay beside it goes', async () => {
    await wholeCapture(out);
    mkdirSync(`${out}.unfinished`);
    for (const name of ['capture.json', 'journal', 'inputs'])
      writeFileSync(join(`${out}.unfinished`, name), '');
    const folder = openCaptureFolder(out);
    expect(folder.resume(PLAN)).toBe('finished');
    folder.close();
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });
});

describe('the journal', () => {
  const journal = (): string => join(out, '..', 'journal');
  beforeEach(() => mkdirSync(join(out, '..'), { recursive: true }));

  it('after a power cut counts what was flushed, and no more', async () => {
    const first = new BatchJournal(journal(), 100, 'aaa');
    for (let n = 1; n <= 7; n++) first.markDone(n);
    await first.markFlushed(5);
    first.markDone(8);
    first.close();
    expect(readJournal(journal(), 100, 'aaa')).toEqual({ done: 8, flushed: 5 });
    expect(readJournal(journal(), 100, 'bbb')).toEqual({ done: 5, flushed: 5 });
    // A system that does not say when it was started.
    expect(readJournal(journal(), 100, undefined)).toEqual({ done: 5, flushed: 5 });
    const second = new BatchJournal(journal(), 100, 'bbb');
    expect(second.done).toBe(5);
    second.markDone(6);
    second.close();
    // What the first system had written and not flushed is not trusted by the third either.
    expect(readJournal(journal(), 100, 'ccc').done).toBe(5);
    expect(readJournal(journal(), 100, 'aaa').done).toBe(5);
    expect(readJournal(journal(), 100, 'bbb').done).toBe(6);
  });

  it('after flushing failed counts what was flushed before', async () => {
    const one = new BatchJournal(journal(), 100, 'aaa');
    one.markDone(3);
    await one.markFlushed(3);
    one.markDone(4);
    one.markLost();
    one.close();
    expect(readJournal(journal(), 100, 'aaa').done).toBe(3);
  });

  it('flushes by the clock', async () => {
    const folder = openCaptureFolder(out);
    folder.resume({ ...PLAN, flushEveryMs: 0 });
    await runBatches(folder, 3);
    folder.close();
    expect(readFileSync(join(`${out}.unfinished`, 'journal'), 'utf8')).toMatch(/^flushed 3$/m);
  });
});

describe('the room on the disk', () => {
  it('is held against what will be written before anything is, with both numbers and the folder', () => {
    const folder = openCaptureFolder(out);
    const { bavail, bsize } = statfsSync(join(out, '..'));
    const rows = Math.ceil((bavail * bsize) / 24) * 2;
    folder.resume({ ...PLAN, rows, maxShardBytes: 2 ** 45 });
    let thrown: unknown;
    try {
      folder.begin(TENSORS);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'DISK_ROOM',
      location: { file: join(out, '..') },
      facts: { needed: expect.any(Number), free: expect.any(Number) },
    });
    const { needed, free } = (thrown as { facts: { needed: number; free: number } }).facts;
    expect(needed).toBeGreaterThanOrEqual(rows * 4 * (6 + 5));
    expect(free).toBeLessThan(needed);
    expect((thrown as Error).message).toMatch(/will take [\d.]+ GB in .*, and [\d.]+ GB are free there/);
    folder.close();
    expect(existsSync(`${out}.unfinished`)).toBe(false);
  });
});
