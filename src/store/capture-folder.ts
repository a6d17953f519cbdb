/** @file store: the folder that a long capture writes: unfinished beside its final name until it is whole; resumable. */
import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ActivationSink, StoredTensor } from '../core/activation-cache.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Sha256 } from '../core/hash.ts';
import {
  type AboutCapture,
  ACTIVATIONS_FORMAT,
  type ExampleEntry,
  fileSha256,
  INDEX_FILE,
  type IndexedHook,
  keyOfIndex,
  mustBeWhole,
  writeIndex,
} from './activation-index.ts';
import { BatchJournal } from './batch-journal.ts';
import {
  CONTENT_FOLDER,
  clearPlace,
  isEmpty,
  JOURNAL_FILE,
  mustBeOwn,
  mustTakeCapture,
  notEmpty,
  PLAN_FILE,
  type PlanFile,
  readPlan,
  scratchPath,
} from './capture-place.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import {
  allEnded,
  createFiles,
  hasAllFiles,
  type PlacedLayout,
  PlacedShards,
  placedFiles,
  renewHeaders,
  type StoredType,
} from './placed-shards.ts';
import { DEFAULT_SHARD_BYTES } from './shards.ts';
import { flushFolder, replaceFile, writing } from './write-fault.ts';

/** What a capture is, settled before its first batch. */
export type PlannedCapture = {
  /** Hash of everything that the bytes of the folder depend on. */
  readonly key: Sha256;
  readonly rows: number;
  readonly batches: number;
  readonly dtype: StoredType;
  /** Largest shard in bytes; the default is just under 2 GiB. */
  readonly maxShardBytes?: number;
  /** Longest time in milliseconds between two flushes (default 10,000): what a power cut can cost. */
  readonly flushEveryMs?: number;
  /** Names this run of the system, null where nothing does; by default what Linux calls it. */
  readonly boot?: string | null;
};

const FLUSH_EVERY_MS = 10_000;
/** An index takes about so many bytes per example beside its id, set and group. */
const INDEX_BYTES_PER_ROW = 100;

/**
 * Claims the place of a capture that shall end as the folder `out`. Until it is whole it lies in `{out}.unfinished`. Throws
 * `BAD_SETTING` when either holds something that no capture wrote, or is a file, a link or the root of another disk; `RUN_LOCKED`,
 * `NOT_WRITABLE`, `DISK_FULL`.
 */
export function openCaptureFolder(out: string): CaptureFolder {
  const place = `${out}.unfinished`;
  mustTakeCapture(out);
  const folder = new CaptureFolder(out, place, lockFolder(place));
  try {
    mustBeOwn(place);
  } catch (cause) {
    folder.close();
    throw cause;
  }
  return folder;
}

/** Use: `resume`, then batches through `begin` and `write`, then `finish`; `close` in any case. */
export class CaptureFolder implements ActivationSink {
  readonly #out: string;
  readonly #place: string;
  readonly #lock: FolderLock;
  #plan: PlannedCapture | undefined;
  #begun: PlanFile | undefined;
  #journal: BatchJournal | undefined;
  #shards: readonly PlacedShards[] = [];
  #flushedAt = 0;

  constructor(out: string, place: string, lock: FolderLock) {
    this.#out = out;
    this.#place = place;
    this.#lock = lock;
  }

  /** Path for a scratch file of this process; `close` removes it. */
  get spoolPath(): string {
    return scratchPath(this.#place);
  }

  get batchesDone(): number {
    return this.#journal?.done ?? 0;
  }

  /**
   * Says what the capture is, and finds out what is there of it: `finished` when `out` already holds just this capture. Throws
   * `BAD_SETTING` when `out` or the unfinished folder hold another one: it may be the only copy of hours of work; `STORE_CORRUPT` when
   * `out` lacks a part of it; `DISK_FULL`, `NOT_WRITABLE`.
   */
  resume(plan: PlannedCapture): 'finished' | 'unfinished' {
    const begun = readPlan(this.#place);
    if (!isEmpty(this.#out)) {
      if (keyOfIndex(join(this.#out, INDEX_FILE)) !== plan.key) throw notEmpty(this.#out);
      mustBeWhole(this.#out);
      // Killed after the last rename: what lies beside it has served, unless it is of another capture.
      if (begun === undefined || begun.key === plan.key) clearPlace(this.#place);
      return 'finished';
    }
    this.#plan = plan;
    if (begun !== undefined && begun.key !== plan.key) {
      throw new MesascopeError(
        'BAD_SETTING',
        `${this.#place} holds an unfinished capture of another model, data or settings`,
        {
          location: { file: this.#place },
          remedy: 'Run the command that began it, delete that folder, or name another --out.',
        },
      );
    }
    if (begun !== undefined) {
      const layouts = this.#layouts(begun);
      if (layouts.every(hasAllFiles)) {
        for (const layout of layouts) renewHeaders(layout);
        this.#start(begun);
      }
    }
    return 'unfinished';
  }

  /** Where all rows are, they are finished by a process that runs no batch: `begin` is not called then. */
  begin(tensors: readonly StoredTensor[]): void {
    const begun: PlanFile = {
      format: 'mesascope-unfinished-capture/1',
      key: this.#planned().key,
      tensors: tensors.map(({ name, dims }, i) => ({ name, stem: stemOf(name, i), dims: [...dims] })),
    };
    if (this.#begun !== undefined) {
      if (canonicalJson(this.#begun) !== canonicalJson(begun)) {
        throw new MesascopeError('INTERNAL', 'the tensors of a capture changed between two of its runs');
      }
      this.#mustHaveRoom(begun);
      return;
    }
    this.#mustHaveRoom(begun);
    const content = join(this.#place, CONTENT_FOLDER);
    // A journal that is older than the files would call their empty rows written.
    writing(this.#place, () => rmSync(join(this.#place, JOURNAL_FILE), { force: true }));
    replaceFile(join(this.#place, PLAN_FILE), `${canonicalJson(begun)}\n`);
    writing(content, () => mkdirSync(content, { recursive: true }));
    for (const layout of this.#layouts(begun)) createFiles(layout);
    flushFolder(content);
    this.#start(begun);
  }

  async write(
    rows: Int32Array,
    tensors: readonly (StoredTensor & { readonly data: Float32Array })[],
  ): Promise<void> {
    const journal = this.#journal;
    if (journal === undefined) throw new MesascopeError('INTERNAL', 'a capture was written before it began');
    // Also when one fails, all must have ended: no write may be under way when the caller closes the files.
    await allEnded(this.#shards.map((shards, i) => shards.write(rows, tensors[i]!.data)));
    journal.markDone(journal.done + 1);
    if (performance.now() - this.#flushedAt > (this.#plan?.flushEveryMs ?? FLUSH_EVERY_MS))
      await this.#flush();
  }

  /**
   * Completes the folder: flushes, hashes, writes the index, gives the folder its name. `examples` are in the order of the rows.
   * Throws `DISK_FULL`, `NOT_WRITABLE`.
   */
  async finish(about: AboutCapture, examples: Iterable<ExampleEntry>): Promise<readonly IndexedHook[]> {
    const begun = this.#begun;
    const plan = this.#planned();
    if (begun === undefined || this.batchesDone !== plan.batches) {
      throw new MesascopeError('INTERNAL', 'a capture was finished before all of its batches were there');
    }
    await this.#flush();
    const content = join(this.#place, CONTENT_FOLDER);
    const hooks: IndexedHook[] = [];
    for (const layout of this.#layouts(begun)) {
      const files = [];
      for (const { path, rows } of placedFiles(layout)) {
        files.push({ file: basename(path), rows, sha256: await fileSha256(path) });
      }
      hooks.push({ hook: layout.metadata.hook!, shape: [plan.rows, ...layout.dims], files });
    }
    const head = { format: ACTIVATIONS_FORMAT, key: plan.key, ...about, dtype: plan.dtype, hooks } as const;
    writeIndex(join(content, INDEX_FILE), head, examples);
    writing(this.#out, () => {
      // Fails on a folder that has been filled meanwhile, and so never overwrites anything.
      if (existsSync(this.#out)) rmdirSync(this.#out);
      renameSync(content, this.#out);
    });
    flushFolder(dirname(this.#out));
    this.#closeFiles();
    clearPlace(this.#place);
    return hooks;
  }

  /** Lets other processes in. What was written stays for a later run; a capture that never began leaves nothing. */
  close(): void {
    this.#keepDone();
    this.#closeFiles();
    rmSync(this.spoolPath, { force: true });
    this.#lock.release();
    try {
      rmdirSync(this.#place);
    } catch {
      // Only an empty folder goes: whatever lies there stays.
    }
  }

  #planned(): PlannedCapture {
    if (this.#plan === undefined) throw new MesascopeError('INTERNAL', 'a capture was used before `resume`');
    return this.#plan;
  }

  #layouts(begun: PlanFile): PlacedLayout[] {
    const { rows, dtype, maxShardBytes = DEFAULT_SHARD_BYTES } = this.#planned();
    return begun.tensors.map(({ name, stem, dims }) => ({
      folder: join(this.#place, CONTENT_FOLDER),
      stem,
      dims,
      dtype,
      metadata: { hook: name },
      rows,
      maxShardBytes,
    }));
  }

  #start(begun: PlanFile): void {
    this.#begun = begun;
    const { batches, boot } = this.#planned();
    this.#journal = new BatchJournal(join(this.#place, JOURNAL_FILE), batches, boot);
    this.#shards = this.#layouts(begun).map((layout) => new PlacedShards(layout));
    this.#flushedAt = performance.now();
  }

  async #flush(): Promise<void> {
    const done = this.batchesDone;
    try {
      await allEnded(this.#shards.map((shards) => shards.flush()));
    } catch (cause) {
      this.#journal?.markLost();
      throw cause;
    }
    await this.#journal?.markFlushed(done);
    this.#flushedAt = performance.now();
  }

  /** Flushes what a later process would otherwise not count. */
  #keepDone(): void {
    const journal = this.#journal;
    if (journal?.losesDone !== true) return;
    try {
      for (const shards of this.#shards) shards.flushNow();
      journal.markFlushedNow(journal.done);
    } catch {
      // What ended the capture is to be told, not that this costs it some batches.
    }
  }

  #mustHaveRoom(begun: PlanFile): void {
    const files = this.#layouts(begun).flatMap(placedFiles);
    const total = files.reduce((sum, { bytes }) => sum + bytes, INDEX_BYTES_PER_ROW * this.#planned().rows);
    // Files that an earlier run made hold what was written to them, and nothing yet for the rest.
    const held = files.reduce((sum, { path }) => sum + allocatedBytes(path), 0);
    const needed = Math.max(0, total - held);
    const { bavail, bsize } = writing(this.#place, () => statfsSync(this.#place));
    const free = bavail * bsize;
    if (needed <= free) return;
    throw new MesascopeError(
      'DISK_ROOM',
      `the capture will take ${gigabytes(needed)} in ${dirname(this.#out)}, and ${gigabytes(free)} are free there`,
      { location: { file: dirname(this.#out) }, facts: { needed, free, total } },
    );
  }

  #closeFiles(): void {
    for (const shards of this.#shards) shards.close();
    this.#shards = [];
    this.#journal?.close();
    this.#journal = undefined;
  }
}

/** Bytes of a file that take up room on the disk; holes do not. */
function allocatedBytes(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 0 : Math.min(found.size, 512 * found.blocks);
}

function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A file name that keeps what it can of the hook's name; a number keeps apart what that makes equal. */
function stemOf(name: string, index: number): string {
  const safe = name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 80);
  return safe === name ? name : `${safe}-${index}`;
}
