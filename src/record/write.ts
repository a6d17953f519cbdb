/** @file record: a checked value to run.json, whole or not at all; decides nothing about where runs live. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { recordText, refused } from './canonical.ts';
import { refuseAbsolutePaths } from './portable.ts';
import type { RunRecord } from './record.ts';
import { runRecordSchema } from './schema.ts';

/**
 * Writes `dir/run.json` (making `dir`) and returns its path. The bytes depend on the record alone; an earlier file is replaced in
 * one step, so a crash or a full disk leaves it as it was.
 * Throws `RECORD_REFUSED` (does not fit the schema, NaN or infinity, an absolute path), `DISK_FULL`, `NOT_WRITABLE`.
 */
export async function writeRecord(dir: string, record: RunRecord): Promise<string> {
  const text = checkedText(record);
  const path = join(dir, 'run.json');
  // The process id keeps two runs in one folder from writing into each other's temporary file.
  const temporary = join(dir, `.run.json.${process.pid}.tmp`);
  try {
    await mkdir(dir, { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(text, 'utf8');
      // Without it a power cut after the rename can leave an empty file under the final name.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
    const code = full ? 'DISK_FULL' : 'NOT_WRITABLE';
    throw new MesascopeError(code, `cannot write ${path}: ${(cause as Error).message}`, {
      location: { file: path },
      cause,
    });
  }
  return path;
}

/** The bytes `writeRecord` would write. Throws `RECORD_REFUSED`. */
export function checkedText(record: RunRecord): string {
  const text = recordText(record);
  const parsed = runRecordSchema.safeParse(record);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refused(issue.path, `does not fit the schema: ${issue.message}`);
  }
  refuseAbsolutePaths(record);
  return text;
}
