/** @file store: the folder of a capture: rows at their place whatever the order of the batches; whole or absent, never over something else. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { halfToFloat32 } from '../../src/core/half.ts';
import type { Sha256 } from '../../src/core/hash.ts';
import { openCaptureFolder } from '../../src/store/capture-folder.ts';
import { temporaryFolder } from './data-file.ts';
import {
  ABOUT,
  BATCHES,
  blocksOf,
  EXAMPLES,
  filesOf,
  finishFrom,
  PLAN,
  ROWS,
  readShard,
  runBatches,
  sizeOf,
  TENSORS,
  valueAt,
  wholeCapture,
} from './synthetic-capture.ts';

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

  it('of large rows over more files than are held open holds every row once', async () => {
    const [rows, width] = [40, 20_000];
    const folder = openCaptureFolder(out);
    // Two rows per file.
    folder.resume({ ...PLAN, rows, batches: 3, maxShardBytes: 1024 + 2 * 4 * width });
    const tensor = { name: 'wide', dims: [1, width] };
    folder.begin([tensor]);
    for (let batch = 0; batch < 3; batch++) {
      const own = Int32Array.from({ length: rows }, (_, i) => i).filter((row) => (row * 7) % 3 === batch);
      const data = Float32Array.from(
        { length: own.length * width },
        (_, i) => own[Math.floor(i / width)]! + 0.5,
      );
      await folder.write(own, [{ ...tensor, data }]);
    }
    const examples = Array.from({ length: rows }, (_, i) => ({
      id: `${i}`,
      set: 'train',
      group: 'g',
      length: 1,
    }));
    const [hook] = await folder.finish(ABOUT, examples);
    folder.close();
    expect(hook!.files.length).toBe(20);
    for (const [i, { file }] of hook!.files.entries()) {
      const { data, shape } = readShard(join(out, file));
      expect(shape).toEqual([2, 1, width]);
      const values = new Float32Array(Uint8Array.from(data).buffer);
      const wanted = Float32Array.from({ length: 2 * width }, (_, j) => 2 * i + Math.floor(j / width) + 0.5);
      expect(values).toEqual(wanted);
    }
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

  it.each([
    ['is gone', 'embed.00001.safetensors', (path: string) => rmSync(path)],
    ['is cut short', 'embed.00002.safetensors', (path: string) => truncateSync(path, 1030)],
    ['is longer', 'blocks.0.resid_post.00000.safetensors', (path: string) => appendFileSync(path, ' ')],
    ['is cut short', 'index.json', (path: string) => truncateSync(path, statSync(path).size - 9)],
  ])('of which a file %s (%s) is not taken for finished', async (_, file, damage) => {
    await wholeCapture(out);
    damage(join(out, file));
    const folder = openCaptureFolder(out);
    expect(() => folder.resume(PLAN)).toThrow(
      expect.objectContaining({
        code: 'STORE_CORRUPT',
        location: { file: join(out, file) },
        remedy: expect.stringContaining('delete the whole folder'),
      }),
    );
    folder.close();
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });

  it('of more hooks than fit into the first piece of its index is found again', async () => {
    const name = 'as long a name as a hook may have '.repeat(10);
    const tensors = Array.from({ length: 120 }, (_, i) => ({ name: `${name}${i}`, dims: [1, 2] }));
    const plan = { ...PLAN, rows: 1, batches: 1, dtype: 'float16' } as const;
    const folder = openCaptureFolder(out);
    folder.resume(plan);
    folder.begin(tensors);
    const blocks = tensors.map((tensor) => ({ ...tensor, data: Float32Array.of(1, 2) }));
    await folder.write(Int32Array.of(0), blocks);
    await folder.finish(ABOUT, EXAMPLES.slice(0, 1));
    folder.close();
    expect(statSync(join(out, 'index.json')).size).toBeGreaterThan(2 ** 16);
    const again = openCaptureFolder(out);
    expect(again.resume(plan)).toBe('finished');
    again.close();
  });
});

describe('a place that holds something else', () => {
  it.each(['mine.txt', 'lock', 'lock.txt'])('(%s) is refused and left alone', async (name) => {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, name), 'mine');
    expect(() => openCaptureFolder(out)).toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
    expect(filesOf(out).size).toBe(1);
  });

  it.each(['mine.txt', 'inputs', 'journal', 'capture.json', 'lock.txt'])(
    '(%s) where the unfinished capture is to lie is refused and left alone',
    (name) => {
      const place = `${out}.unfinished`;
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, name), 'mine');
      expect(() => openCaptureFolder(out)).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING', message: expect.stringContaining(name) }),
      );
      expect(readdirSync(join(out, '..'))).toEqual(['acts.unfinished']);
      expect(readdirSync(place)).toEqual([name]);
      expect(readFileSync(join(place, name), 'utf8')).toBe('mine');
    },
  );

  it('may be an empty folder; a file or a link in its place, which no folder can replace, is refused before anything runs', async () => {
    mkdirSync(out, { recursive: true });
    await wholeCapture(out);
    const beside = join(out, '..');
    writeFileSync(join(beside, 'file'), '');
    mkdirSync(join(beside, 'empty'));
    symlinkSync('empty', join(beside, 'link'));
    symlinkSync('nowhere', join(beside, 'dangling'));
    const before = readdirSync(beside);
    for (const [place, code, remedy] of [
      ['file', 'BAD_SETTING', 'Name a new folder.'],
      ['file/deeper', 'NOT_WRITABLE', 'Choose a folder that you may write to.'],
      ['link', 'BAD_SETTING', 'Name a new folder inside the one that it leads to.'],
      ['dangling', 'BAD_SETTING', 'Name a new folder inside the one that it leads to.'],
    ]) {
      expect(() => openCaptureFolder(join(beside, place!))).toThrow(
        expect.objectContaining({ code, remedy }),
      );
    }
    expect(readdirSync(beside)).toEqual(before);
    // What is finished is found through a link, too.
    symlinkSync('acts', join(beside, 'moved'));
    const finished = openCaptureFolder(join(beside, 'moved'));
    expect(finished.resume(PLAN)).toBe('finished');
    finished.close();
  });

  // Where the system keeps a disk of its own in memory.
  const disk = statSync('/dev/shm', { throwIfNoEntry: false });
  it.runIf(disk !== undefined && disk.dev !== statSync('/dev').dev)(
    'may not be the root of another disk, which no folder can replace either',
    () => {
      expect(() => openCaptureFolder('/dev/shm')).toThrow(
        expect.objectContaining({ code: 'BAD_SETTING', remedy: 'Name a new folder inside it.' }),
      );
      const shared = join('/dev/shm', `mesascope-${process.pid}`);
      mkdirSync(shared);
      try {
        mkdirSync(join(out, '..'), { recursive: true });
        symlinkSync(shared, `${out}.unfinished`);
        expect(() => openCaptureFolder(out)).toThrow(
          expect.objectContaining({ code: 'BAD_SETTING', message: expect.stringContaining('another disk') }),
        );
      } finally {
        rmSync(shared, { recursive: true });
      }
    },
  );

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
    await finishFrom(out, 2);
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
