/** @file store: a capture that was stopped goes on from what is there, after a kill as after a power cut, to the same bytes. */
import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Sha256 } from '../../src/core/hash.ts';
import { BatchJournal, readJournal } from '../../src/store/batch-journal.ts';
import { openCaptureFolder } from '../../src/store/capture-folder.ts';
import { temporaryFolder } from './data-file.ts';
import {
  BATCHES,
  blocksOf,
  filesOf,
  finishFrom,
  PLAN,
  runBatches,
  wholeCapture,
} from './synthetic-capture.ts';

let out: string;
beforeEach(async () => {
  out = join(await temporaryFolder(), 'new', 'acts');
});

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
          await finishFrom(out, batches);
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
    await finishFrom(out, 1);
  });

  it('between its last batch and its name is finished without running anything', async () => {
    const folder = openCaptureFolder(out);
    folder.resume(PLAN);
    await runBatches(folder);
    folder.close();
    await finishFrom(out, BATCHES.length);
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });

  it('between its name and the end is found finished, and what lay beside it goes', async () => {
    const beside = join(out, '..', 'beside');
    const first = openCaptureFolder(out);
    first.resume(PLAN);
    await runBatches(first);
    first.close();
    cpSync(`${out}.unfinished`, beside, { recursive: true });
    await finishFrom(out, BATCHES.length);
    renameSync(beside, `${out}.unfinished`);
    rmSync(join(`${out}.unfinished`, 'activations'), { recursive: true });
    for (const name of ['inputs.12', 'lock.12.1', 'journal.12.tmp'])
      writeFileSync(join(`${out}.unfinished`, name), '');
    const folder = openCaptureFolder(out);
    expect(folder.resume(PLAN)).toBe('finished');
    folder.close();
    expect(readdirSync(join(out, '..'))).toEqual(['acts']);
  });

  it('and is of something else than the finished folder beside it is no business of that one', async () => {
    await wholeCapture(out);
    renameSync(out, `${out}.old`);
    const other = { ...PLAN, key: 'd'.repeat(64) as Sha256 };
    const begun = openCaptureFolder(out);
    begun.resume(other);
    await runBatches(begun, 3);
    begun.close();
    renameSync(`${out}.old`, out);
    const finished = openCaptureFolder(out);
    expect(finished.resume(PLAN)).toBe('finished');
    finished.close();
    rmSync(out, { recursive: true });
    const again = openCaptureFolder(out);
    again.resume(other);
    expect(again.batchesDone).toBe(3);
    again.close();
  });

  it('has the headers that a power cut kept from the disk', async () => {
    const whole = join(out, '..', 'whole');
    await wholeCapture(whole);
    const folder = openCaptureFolder(out);
    folder.resume(PLAN);
    await runBatches(folder, 2);
    folder.close();
    const content = join(`${out}.unfinished`, 'activations');
    for (const name of readdirSync(content)) {
      const file = openSync(join(content, name), 'r+');
      writeSync(file, Buffer.alloc(1024), 0, 1024, 0);
      closeSync(file);
    }
    await finishFrom(out, 2);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it('by a full disk keeps its batches, and goes on when there is room', async () => {
    const whole = join(out, '..', 'whole');
    await wholeCapture(whole);
    const folder = openCaptureFolder(out);
    folder.resume(PLAN);
    await runBatches(folder, 2);
    // Of rows 10 to 19, which the third batch is the first to write.
    const path = join(`${out}.unfinished`, 'activations', 'embed.00001.safetensors');
    renameSync(path, `${path}.aside`);
    symlinkSync('/dev/full', path);
    const written = folder.write(BATCHES[2]!, blocksOf(BATCHES[2]!));
    await expect(written).rejects.toMatchObject({ code: 'DISK_FULL', location: { file: path } });
    folder.close();
    renameSync(`${path}.aside`, path);
    await finishFrom(out, 2);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it('keeps what is done also where the system does not name its runs', async () => {
    for (const batches of [0, 3]) {
      const folder = openCaptureFolder(out);
      folder.resume({ ...PLAN, boot: null });
      expect(folder.batchesDone).toBe(batches);
      await runBatches(folder, 3);
      folder.close();
    }
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
    expect(readJournal(journal(), 100, null)).toEqual({ done: 5, flushed: 5 });
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

  it('says whether the next process would count less than there is', async () => {
    const named = new BatchJournal(journal(), 100, 'aaa');
    named.markDone(3);
    expect(named.losesDone).toBe(false);
    named.close();
    const nameless = new BatchJournal(journal(), 100, null);
    expect(nameless.done).toBe(0);
    nameless.markDone(1);
    expect(nameless.losesDone).toBe(true);
    nameless.markFlushedNow(1);
    expect(nameless.losesDone).toBe(false);
    nameless.markDone(2);
    // What could not be flushed is not to be called flushed by trying once more.
    nameless.markLost();
    expect([nameless.losesDone, nameless.done]).toEqual([false, 1]);
    nameless.close();
    expect(readJournal(journal(), 100, null)).toEqual({ done: 1, flushed: 1 });
  });

  it('flushes by the clock', async () => {
    const folder = openCaptureFolder(out);
    folder.resume({ ...PLAN, flushEveryMs: 0 });
    await runBatches(folder, 3);
    folder.close();
    expect(readFileSync(join(`${out}.unfinished`, 'journal'), 'utf8')).toMatch(/^flushed 3$/m);
  });
});
