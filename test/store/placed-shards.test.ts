/** @file store: files of final size: what fails leaves no write under way, and flushing reaches what others wrote. */
import { closeSync, openSync, readSync, rmSync, symlinkSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { createFiles, type PlacedLayout, PlacedShards, placedFiles } from '../../src/store/placed-shards.ts';
import { temporaryFolder } from './data-file.ts';

let base: Omit<PlacedLayout, 'dims' | 'rows' | 'maxShardBytes'>;
beforeEach(async () => {
  base = { folder: await temporaryFolder(), stem: 'embed', dtype: 'float32', metadata: { hook: 'embed' } };
});

const numbers = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, i) => from + i);

/** As full(4) has it: every write to it fails for want of room. */
function fill(path: string): void {
  rmSync(path);
  symlinkSync('/dev/full', path);
}

describe('a full disk', () => {
  it('in the middle of a batch is one error, and no other comes later', async () => {
    const layout = { ...base, dims: [1, 768], rows: 60, maxShardBytes: 2 ** 30 };
    createFiles(layout);
    fill(placedFiles(layout)[0]!.path);
    const unhandled: unknown[] = [];
    const keep = (reason: unknown): unknown => unhandled.push(reason);
    process.on('unhandledRejection', keep);
    try {
      const shards = new PlacedShards(layout);
      // 41 rows that are handed to another thread, and a single one that fails at once.
      const rows = Int32Array.from([...numbers(0, 41), 50]);
      const written = shards.write(rows, new Float32Array(rows.length * 768));
      await expect(written).rejects.toMatchObject({ code: 'DISK_FULL' });
      shards.close();
      await new Promise((resume) => setTimeout(resume, 20));
    } finally {
      process.off('unhandledRejection', keep);
    }
    expect(unhandled).toEqual([]);
  });

  it('of one file is told when the writes to the others have ended', async () => {
    // Two rows of 16 MiB, a file each: the first fails long before the second one is written.
    const width = 2 ** 22;
    const layout = { ...base, dims: [1, width], rows: 2, maxShardBytes: 1024 + 4 * width };
    createFiles(layout);
    const [first, second] = placedFiles(layout).map(({ path }) => path) as [string, string];
    fill(first);
    const shards = new PlacedShards(layout);
    const data = new Float32Array(2 * width).fill(1.5);
    const last = Buffer.alloc(4);
    const written = shards.write(numbers(0, 2), data).catch((cause: unknown) => {
      const file = openSync(second, 'r');
      readSync(file, last, 0, 4, 1024 + 4 * (width - 1));
      closeSync(file);
      throw cause;
    });
    await expect(written).rejects.toMatchObject({ code: 'DISK_FULL', location: { file: first } });
    shards.close();
    expect(last.readFloatLE(0)).toBe(1.5);
  });
});

describe('flushing', () => {
  it.each(['flush', 'flushNow'] as const)(
    '(%s) reaches files that this process never wrote to',
    async (how) => {
      const layout = { ...base, dims: [1, 4], rows: 5, maxShardBytes: 1024 + 2 * 16 };
      createFiles(layout);
      const shards = new PlacedShards(layout);
      await shards.write(numbers(0, 2), new Float32Array(8));
      const { path } = placedFiles(layout)[2]!;
      rmSync(path);
      await expect((async () => shards[how]())()).rejects.toMatchObject({
        code: 'NOT_WRITABLE',
        location: { file: path },
      });
      shards.close();
    },
  );
});
