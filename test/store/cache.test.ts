/** @file test: captures on disk are whole, resumable, readable by others, and written by one process at a time. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CapturePlan, StoredCapture } from '../../src/core/activation-cache.ts';
import { openCache } from '../../src/store/cache.ts';
import { lockFolder } from '../../src/store/folder-lock.ts';
import { decodeHeader, encodeHeader } from '../../src/store/safetensors.ts';
import { replaceFile } from '../../src/store/write-fault.ts';
import { temporaryFolder } from './data-file.ts';
import { readSafetensors } from './read-safetensors.ts';

const IDENTITY = { model: 'abc', hooks: ['blocks.0.resid_post'], positions: [-1] };
const DIMS = [2, 3];

/** Row r of a tensor holds r, r + .1, ... so that a lost or doubled row shows. */
function rowsFrom(first: number, rows: number, dims: readonly number[]): Float32Array {
  const perRow = dims.reduce((a, b) => a * b, 1);
  return Float32Array.from(
    { length: rows * perRow },
    (_, i) => first + Math.floor(i / perRow) + (i % perRow) / 10,
  );
}

function appendBatches(capture: StoredCapture, plan: CapturePlan, upTo: number): void {
  for (let batch = capture.batchesDone; batch < upTo; batch++) {
    const first = plan.batches.slice(0, batch).reduce((a, b) => a + b, 0);
    capture.append([
      { name: 'blocks.0.resid_post', dims: DIMS, data: rowsFrom(first, plan.batches[batch]!, DIMS) },
      { name: 'choice-logits', dims: [4], data: rowsFrom(first, plan.batches[batch]!, [4]) },
    ]);
  }
}

const shardFiles = (capture: StoredCapture): string[] => {
  const folder = join(capture.folder, 'shards');
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
};
const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'nothing thrown';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('a capture in the cache', () => {
  const plan: CapturePlan = { order: undefined, batches: [3, 3, 2] };

  it('is read back as it was written, by the same identity however its keys are ordered', async () => {
    const folder = await temporaryFolder();
    const first = openCache(folder).open(IDENTITY, plan);
    expect([first.complete, first.batchesDone]).toEqual([false, 0]);
    appendBatches(first, plan, 3);
    first.finish();
    first.close();
    const { model, ...rest } = IDENTITY;
    const again = openCache(folder).open({ ...rest, model }, plan);
    expect(again.complete).toBe(true);
    expect(again.key).toBe(first.key);
    expect(again.read('blocks.0.resid_post')).toEqual({ dims: DIMS, data: rowsFrom(0, 8, DIMS) });
    expect(again.read('choice-logits').data).toEqual(rowsFrom(0, 8, [4]));
    expect(openCache(folder).open({ ...IDENTITY, positions: [-2] }, plan).complete).toBe(false);
  });

  it('is one safetensors file per tensor, with data at a multiple of 64 bytes, for an independent reader', async () => {
    const capture = openCache(await temporaryFolder()).open(IDENTITY, plan);
    appendBatches(capture, plan, 3);
    capture.finish();
    capture.close();
    const files = shardFiles(capture);
    expect(files.map((file) => file.split('/').at(-1))).toEqual([
      'blocks.0.resid_post-0.00000.safetensors',
      'choice-logits-1.00000.safetensors',
    ]);
    const { tensors, metadata, dataStart } = readSafetensors(files[0]!);
    expect(dataStart % 64).toBe(0);
    expect(tensors.get('acts')).toEqual({ dtype: 'F32', shape: [8, 2, 3], data: rowsFrom(0, 8, DIMS) });
    expect(metadata.tensor).toBe('blocks.0.resid_post');
    const index = JSON.parse(readFileSync(join(capture.folder, 'index.json'), 'utf8'));
    expect(index).toMatchObject({
      complete: true,
      dtype: 'F32',
      identity: IDENTITY,
      order: null,
      batches: [3, 3, 2],
    });
  });

  it('gives rows in the order of the examples when they were visited in another', async () => {
    const turned: CapturePlan = { order: Int32Array.of(2, 0, 3, 1), batches: [2, 2] };
    const folder = await temporaryFolder();
    const capture = openCache(folder).open(IDENTITY, turned);
    appendBatches(capture, turned, 2);
    capture.finish();
    const rows = capture.read('choice-logits').data;
    expect([0, 1, 2, 3].map((row) => Math.floor(rows[row * 4]!))).toEqual([1, 3, 0, 2]);
  });

  it('goes on after any number of whole batches, whatever a crash left of the next, and ends in the same bytes', async () => {
    const folder = await temporaryFolder();
    const whole = openCache(join(folder, 'whole'), { maxShardBytes: 1024 + 5 * 24 }).open(IDENTITY, plan);
    appendBatches(whole, plan, 3);
    whole.finish();
    whole.close();
    const bytes = shardFiles(whole).map((file) => readFileSync(file));
    // The small limit makes two shards of each tensor.
    expect(bytes.length).toBe(4);
    let run = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        // Less than the smallest batch: a killed process leaves a beginning, never a whole batch of other bytes.
        fc.array(fc.integer({ min: 0, max: 31 }), { minLength: 2, maxLength: 2 }),
        fc.integer({ min: 0, max: 40 }),
        (done, torn, cut) => {
          const cache = openCache(join(folder, String(run++)), { maxShardBytes: 1024 + 5 * 24 });
          const broken = cache.open(IDENTITY, plan);
          appendBatches(broken, plan, done);
          broken.close();
          if (done > 0) {
            // A crash may have written some of the next batch to some files, or lost the end of the last.
            for (const [i, stem] of ['blocks.0', 'choice-logits'].entries()) {
              const file = shardFiles(broken)
                .filter((name) => name.includes(stem))
                .at(-1)!;
              appendFileSync(file, Buffer.alloc(torn[i]!, 7));
            }
            const last = shardFiles(broken).at(-1)!;
            truncateSync(last, Math.max(0, statSync(last).size - cut));
          }
          const resumed = cache.open(IDENTITY, plan);
          expect(resumed.batchesDone).toBeLessThanOrEqual(done);
          appendBatches(resumed, plan, 3);
          resumed.finish();
          resumed.close();
          expect(shardFiles(resumed).map((file) => readFileSync(file))).toEqual(bytes);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is begun anew when its batches were planned otherwise, or a finished shard is damaged', async () => {
    const folder = await temporaryFolder();
    const cache = openCache(folder);
    const first = cache.open(IDENTITY, plan);
    appendBatches(first, plan, 2);
    first.close();
    const other = cache.open(IDENTITY, { order: undefined, batches: [4, 4] });
    expect(other.batchesDone).toBe(0);
    other.close();
    const again = cache.open(IDENTITY, plan);
    appendBatches(again, plan, 3);
    again.finish();
    again.close();
    truncateSync(shardFiles(again)[0]!, 1100);
    const damaged = cache.open(IDENTITY, plan);
    expect([damaged.complete, damaged.batchesDone]).toEqual([false, 0]);
    damaged.close();
    writeFileSync(join(again.folder, 'index.json'), '{"format": "mesascope-activations/1"');
    const unreadable = cache.open(IDENTITY, plan);
    expect(unreadable.complete).toBe(false);
    unreadable.close();
  });

  it('refuses a header that was tampered with, by code', async () => {
    const capture = openCache(await temporaryFolder()).open(IDENTITY, plan);
    appendBatches(capture, plan, 3);
    capture.finish();
    const [file] = shardFiles(capture);
    const bytes = readFileSync(file!);
    bytes.write('F16', bytes.indexOf('F32'));
    writeFileSync(file!, bytes);
    expect(codeOf(() => capture.read('blocks.0.resid_post'))).toBe('STORE_CORRUPT');
    unlinkSync(file!);
    expect(codeOf(() => capture.read('blocks.0.resid_post'))).toBe('STORE_CORRUPT');
  });

  it('is locked while it is written, and free again afterwards', async () => {
    const folder = await temporaryFolder();
    const cache = openCache(folder);
    const first = cache.open(IDENTITY, plan);
    expect(codeOf(() => cache.open(IDENTITY, plan))).toBe('RUN_LOCKED');
    first.close();
    cache.open(IDENTITY, plan).close();
  });

  it('leaves what was finished intact when the disk is full', async () => {
    const folder = await temporaryFolder();
    const cache = openCache(folder, { maxShardBytes: 1024 + 3 * 24 });
    const capture = cache.open(IDENTITY, plan);
    appendBatches(capture, plan, 1);
    // /dev/full takes every write with ENOSPC (full(4)); here it stands where the next shard would be.
    symlinkSync('/dev/full', join(capture.folder, 'shards', 'blocks.0.resid_post-0.00001.safetensors'));
    expect(codeOf(() => appendBatches(capture, plan, 2))).toBe('DISK_FULL');
    capture.close();
    unlinkSync(join(capture.folder, 'shards', 'blocks.0.resid_post-0.00001.safetensors'));
    const resumed = cache.open(IDENTITY, plan);
    expect(resumed.batchesDone).toBe(1);
    appendBatches(resumed, plan, 3);
    resumed.finish();
    expect(resumed.read('blocks.0.resid_post').data).toEqual(rowsFrom(0, 8, DIMS));
    resumed.close();
  });

  it('says so when its folder cannot be written', async () => {
    const file = join(await temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(codeOf(() => openCache(join(file, 'cache')).open(IDENTITY, plan))).toBe('NOT_WRITABLE');
    expect(codeOf(() => replaceFile(join(file, 'run.json'), '{}'))).toBe('NOT_WRITABLE');
  });
});

describe('a folder lock', () => {
  const lockOf = (pid: number): string => JSON.stringify({ pid, started: null, claim: 1 });

  it('of a dead process, or one whose id was given to another, is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    const stale = [
      lockOf(pid),
      JSON.stringify({ pid: process.pid, started: '1', claim: 1 }),
      '',
      '{"pid": "x"}',
      'not a lock',
    ];
    for (const contents of stale) {
      const folder = await temporaryFolder();
      writeFileSync(join(folder, 'lock'), contents);
      const lock = lockFolder(folder);
      expect(JSON.parse(readFileSync(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
      lock.release();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('of a living process stands, and release takes away no lock but its own', async () => {
    const folder = await temporaryFolder();
    const mine = lockFolder(folder);
    expect(codeOf(() => lockFolder(folder))).toBe('RUN_LOCKED');
    mine.release();
    const theirs = lockOf(process.ppid);
    writeFileSync(join(folder, 'lock'), theirs);
    mine.release();
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(theirs);
    expect(codeOf(() => lockFolder(folder))).toBe('RUN_LOCKED');
  });

  it('of another machine or container stands until it is deleted, also where no process here has its id', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'lock');
    const first = lockFolder(folder);
    // No system gives out ids as large.
    const dead = { ...JSON.parse(readFileSync(path, 'utf8')), pid: 2 ** 30 };
    first.release();
    for (const other of [{ host: 'elsewhere' }, { namespace: 'pid:[1]' }]) {
      const theirs = JSON.stringify({ ...dead, ...other });
      writeFileSync(path, theirs);
      expect(() => lockFolder(folder)).toThrow(
        expect.objectContaining({
          code: 'RUN_LOCKED',
          message: expect.stringContaining('another machine or container'),
          remedy: expect.stringContaining('delete the file `lock`'),
        }),
      );
      expect(readFileSync(path, 'utf8')).toBe(theirs);
    }
    writeFileSync(path, JSON.stringify(dead));
    lockFolder(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a safetensors header', () => {
  it('round-trips, and any damage to it is refused by code', () => {
    const header = { name: 'acts', shape: [3, 5], metadata: { tensor: 'embed' } };
    const bytes = encodeHeader(header);
    const file = { path: 'x', size: bytes.length + 60 };
    expect(decodeHeader(bytes, file)).toEqual({ ...header, dataStart: bytes.length });
    expect(codeOf(() => decodeHeader(bytes, { ...file, size: file.size - 1 }))).toBe('STORE_CORRUPT');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 160 }), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = value;
        const code = codeOf(() => decodeHeader(damaged, file));
        expect(['STORE_CORRUPT', 'nothing thrown']).toContain(code);
      }),
    );
  });

  it('refuses names that do not fit', () => {
    expect(codeOf(() => encodeHeader({ name: 'x'.repeat(2000), shape: [1], metadata: {} }))).toBe(
      'BAD_SETTING',
    );
  });

  it('replaces a file whole or not at all', async () => {
    const folder = await temporaryFolder();
    replaceFile(join(folder, 'run.json'), 'old');
    mkdirSync(join(folder, `run.json.${process.pid}.tmp`));
    expect(codeOf(() => replaceFile(join(folder, 'run.json'), 'new'))).toBe('NOT_WRITABLE');
    expect(readFileSync(join(folder, 'run.json'), 'utf8')).toBe('old');
  });
});
