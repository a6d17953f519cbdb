/** @file store: one writing process per folder; a lock of a process that died is taken over. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { writing } from './write-fault.ts';

export type FolderLock = {
  readonly folder: string;
  /** Lets others in; safe to call twice. */
  release(): void;
};

export const LOCK_FILE = 'lock';
const ATTEMPTS = 20;
let made = 0;

/**
 * Claims a folder (made if need be) for writing, until `release` or the end of the process.
 *
 * The lock is a file that names its process by id and, on Linux, start time, since ids are used again. Throws `RUN_LOCKED`
 * while another live holder has it (this process included), `NOT_WRITABLE`, `DISK_FULL`.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, LOCK_FILE);
  return writing(path, () => {
    mkdirSync(folder, { recursive: true });
    // The number tells this claim from others of the same process.
    const mine = `${JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? null, claim: ++made })}\n`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (claim(path, mine)) return { folder, release: () => giveBack(path, mine) };
      const theirs = contents(path);
      if (theirs === undefined) continue;
      const holder = holderOf(theirs);
      if (holder !== undefined && isAlive(holder)) {
        throw new MesascopeError('RUN_LOCKED', `process ${holder.pid} is writing to ${folder}`, {
          location: { file: path },
          facts: { pid: holder.pid },
        });
      }
      removeStale(path, theirs);
    }
    throw new MesascopeError('RUN_LOCKED', `other processes keep taking the lock of ${folder}`, {
      location: { file: path },
    });
  });
}

/** A link appears with its contents complete, so nobody ever reads a half-written lock. */
function claim(path: string, text: string): boolean {
  const draft = `${path}.${process.pid}.${made}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    // File systems without hard links: exclusive creation, with a short moment in which the file is empty.
    return claimExclusively(path, text);
  } finally {
    rmSync(draft, { force: true });
  }
}

function claimExclusively(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/**
 * Moves a dead process's lock out of the way. Between reading and moving, somebody else may have done the same and claimed
 * the folder: what was moved is then not what was read, and goes back.
 */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${process.pid}.${made}.stale`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  if (contents(aside) !== stale) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process has claimed the folder meanwhile; its lock stands.
    }
  }
  rmSync(aside, { force: true });
}

function giveBack(path: string, mine: string): void {
  if (contents(path) === mine) rmSync(path, { force: true });
}

function contents(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

type Holder = { readonly pid: number; readonly started: string | null };

/** Undefined for a file that no claim wrote: such a lock is stale. */
function holderOf(text: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(pid) && pid! > 0 ? { pid: pid!, started: started ?? null } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM: there is such a process, and it belongs to somebody else.
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  return now === undefined || started === null || now === started;
}

/** Start time of a process in clock ticks since boot (proc(5), field 22 of stat), where there is a /proc. */
function startOf(pid: number): string | undefined {
  const stat = contents(`/proc/${pid}/stat`);
  // The second field, the command, is in parentheses and may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
