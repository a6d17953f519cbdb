/** @file store: what the operating system says about a failed write, as coded errors; decides nothing else. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { MesascopeError } from '../core/errors.ts';

/** `DISK_FULL` or `NOT_WRITABLE` for an error of node:fs; anything else is passed on as it is. */
export function writeFault(cause: unknown, path: string): unknown {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (cause instanceof MesascopeError || typeof code !== 'string') return cause;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MesascopeError('DISK_FULL', `no space is left while writing ${path}`, {
      location: { file: path },
      cause,
    });
  }
  return new MesascopeError('NOT_WRITABLE', `cannot write ${path}: ${(cause as Error).message}`, {
    location: { file: path },
    facts: { system: code },
    cause,
  });
}

/** Runs `work` on `path`, with its failures as coded errors. */
export function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw writeFault(cause, path);
  }
}

/**
 * Replaces a file so that a reader, or a process that comes after a crash, sees the old contents or the new, never a part:
 * written beside it, flushed, renamed over it. Throws `DISK_FULL` and `NOT_WRITABLE`; the old file is then untouched.
 */
export function replaceFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}.tmp`;
  writing(path, () => {
    try {
      const file = openSync(beside, 'w');
      try {
        writeFileSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(beside, path);
    } catch (cause) {
      rmSync(beside, { force: true });
      throw cause;
    }
    flushFolder(dirname(path));
  });
}

/** Writes all of `bytes` at `position`. Throws what node:fs throws. */
export function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    // A single write is limited to 2 GiB by the system, and may be cut short by a full disk before the error comes.
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30), position + done);
  }
}

/** Makes a rename last through a power cut, where the system allows a folder to be flushed (Windows does not). */
export function flushFolder(folder: string): void {
  try {
    const file = openSync(folder, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    // The rename itself has succeeded.
  }
}
