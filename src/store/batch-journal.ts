/** @file store: how many batches of a long capture are in place, so that a kill costs one batch and a power cut a few seconds. */
import { closeSync, fdatasync, fdatasyncSync, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { replaceFile, writeAll, writing } from './write-fault.ts';

const flushFile = promisify(fdatasync);

/**
 * A text file of two kinds of lines. `done N`: N batches are written; true while the system runs, whoever killed the process, since
 * the system keeps what was written. `flushed N`: they were on the disk before this line was, so it holds after a power cut too.
 * `boot ID` says which run of the system the lines after it belong to; `lost`, that flushing failed, so that only what was flushed
 * before counts.
 */
export class BatchJournal {
  readonly #path: string;
  readonly #boot: string | null;
  #file: number | undefined;
  #bytes = 0;
  #done: number;
  #flushed: number;

  /**
   * Goes on with what is there. `batches` is the most that a line may say; `boot` names this run of the system, null where it has no
   * name. Throws `DISK_FULL`, `NOT_WRITABLE`.
   */
  constructor(path: string, batches: number, boot: string | null = bootId()) {
    this.#path = path;
    this.#boot = boot;
    const found = readJournal(path, batches, boot);
    this.#done = found.done;
    this.#flushed = found.flushed;
    const text = [
      `flushed ${found.flushed}`,
      ...(boot === null ? [] : [`boot ${boot}`, `done ${found.done}`]),
    ];
    const lines = `${text.join('\n')}\n`;
    replaceFile(path, lines);
    this.#bytes = Buffer.byteLength(lines);
    this.#file = writing(path, () => openSync(path, 'r+'));
  }

  /** Batches that are in place. */
  get done(): number {
    return this.#done;
  }

  /** True while a process that came after this one would count fewer batches than are in place. */
  get losesDone(): boolean {
    return this.#boot === null && this.#done > this.#flushed;
  }

  /** To be called when every byte of `batches` batches was written. */
  markDone(batches: number): void {
    this.#done = batches;
    this.#append(`done ${batches}\n`);
  }

  /** To be called when every byte of `batches` batches was flushed. */
  async markFlushed(batches: number): Promise<void> {
    this.#append(`flushed ${batches}\n`);
    this.#flushed = batches;
    if (this.#file !== undefined) await flushFile(this.#file);
  }

  /** `markFlushed` for a process that is about to end: it is done when this returns. */
  markFlushedNow(batches: number): void {
    this.#append(`flushed ${batches}\n`);
    this.#flushed = batches;
    if (this.#file !== undefined) fdatasyncSync(this.#file);
  }

  /** To be called when flushing failed: the system may have dropped what it had accepted. */
  markLost(): void {
    this.#append('lost\n');
    this.#done = this.#flushed;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #append(line: string): void {
    const file = this.#file;
    if (file === undefined) return;
    const bytes = Buffer.from(line);
    writing(this.#path, () => writeAll(file, bytes, this.#bytes));
    this.#bytes += bytes.length;
  }
}

/** What a journal says that can be relied on; a line cut short by a crash, and whatever follows a line that is none, says nothing. */
export function readJournal(
  path: string,
  batches: number,
  boot: string | null,
): { readonly done: number; readonly flushed: number } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return { done: 0, flushed: 0 };
  }
  let [done, flushed] = [0, 0];
  let sameBoot = false;
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === 'lost') {
      done = flushed;
      continue;
    }
    const [, kind, value] = /^(done|flushed|boot) ([0-9a-f-]{1,64})$/.exec(line) ?? [];
    if (kind === 'boot') {
      sameBoot = value === boot;
      continue;
    }
    const count = Number(value);
    if (!Number.isInteger(count) || count > batches) break;
    if (kind === 'flushed') flushed = Math.max(flushed, count);
    else if (sameBoot) done = Math.max(done, count);
  }
  return { done: Math.max(done, flushed), flushed };
}

/** Tells one run of the system from the next; null where nothing does, as outside of Linux (then only what was flushed counts). */
function bootId(): string | null {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return /^[0-9a-f-]{36}$/.test(id) ? id : null;
  } catch {
    return null;
  }
}
