/** @file store: one writing process per folder; a lock of a process that died is taken over, where that can be seen. */
import { linkSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { writing } from './write-fault.ts';

export type FolderLock = {
  readonly folder: string;
  /** Lets others in; safe to call twice. */
  release(): void;
};

export const LOCK_FILE = 'lock';
/** Names of drafts, and of locks moved aside, that a killed process leaves. */
export const LEFT_BY_LOCKS: RegExp = /^lock\.\d+\.\d+(?:\.stale)?$/;
const ATTEMPTS = 20;
let made = 0;

/**
 * Claims a folder (made if need be) for writing, until `release` or the end of the process.
 *
 * The lock is a file that names its process by host, id and, on Linux, process namespace and start time, since ids are used again.
 * Of another host or namespace (a container has its own) nothing says whether a process lives, so such a lock stands until it is
 * deleted. Throws `RUN_LOCKED` for it, and while another live holder has the lock (this process included), `NOT_WRITABLE`, `DISK_FULL`.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, LOCK_FILE);
  return writing(path, () => {
    mkdirSync(folder, { recursive: true });
    const self: Holder = {
      pid: process.pid,
      started: startOf(process.pid) ?? null,
      host: hostname(),
      namespace: processNamespace(),
    };
    // The number tells this claim from others of the same process.
    const mine = `${JSON.stringify({ ...self, claim: ++made })}\n`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (claim(path, mine)) return { folder, release: () => giveBack(path, mine) };
      const theirs = contents(path);
      if (theirs === undefined) continue;
      const holder = holderOf(theirs);
      if (holder !== undefined) {
        const seen = canSee(self, holder);
        if (!seen || isAlive(holder)) throw lockedBy(holder, { folder, path, seen });
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

type Holder = {
  readonly pid: number;
  readonly started: string | null;
  /** Null in locks of before it was written there. */
  readonly host: string | null;
  readonly namespace: string | null;
};

/** Undefined for a file that no claim wrote: such a lock is stale. */
function holderOf(text: string): Holder | undefined {
  try {
    const { pid, started = null, host = null, namespace = null } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(pid) && pid! > 0 ? { pid: pid!, started, host, namespace } : undefined;
  } catch {
    return undefined;
  }
}

function lockedBy(
  { pid, host }: Holder,
  { folder, path, seen }: { readonly folder: string; readonly path: string; readonly seen: boolean },
): MesascopeError {
  const message = seen
    ? `process ${pid} is writing to ${folder}`
    : `process ${pid} of another machine or container (host ${host}) has locked ${folder}, and from here nobody can tell whether it still runs`;
  return new MesascopeError('RUN_LOCKED', message, {
    location: { file: path },
    facts: { pid, host },
    remedy: `Wait for it or end it, or choose another folder. If nothing writes there any more, delete the file \`${LOCK_FILE}\` in that folder.`,
  });
}

/** True where the ids of one process mean something to the other. */
function canSee(self: Holder, { host, namespace }: Holder): boolean {
  return host === null || (host === self.host && namespace === self.namespace);
}

/** What the ids of this process's system are counted in; null where there is no /proc. */
function processNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
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
