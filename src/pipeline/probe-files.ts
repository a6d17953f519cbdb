/** @file pipeline: probes on disk: written whole or not at all, read with every byte checked, held against the model that they are used on. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import type { Model } from '../model/open-model.ts';
import { decodeProbe, encodeProbe, type SavedProbe } from '../probe/probe-file.ts';

/**
 * Writes a safetensors file that any reader of the format opens; an earlier file is replaced in one step. Throws `DISK_FULL`, `NOT_WRITABLE`.
 *
 * @example
 * await saveProbe('probes/goal.safetensors', { probe, origin });
 */
export async function saveProbe(file: string, saved: SavedProbe): Promise<void> {
  const bytes = encodeProbe(saved);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
    throw new MesascopeError(
      full ? 'DISK_FULL' : 'NOT_WRITABLE',
      `cannot write ${file}: ${(cause as Error).message}`,
      { location: { file }, cause },
    );
  }
}

/** Throws `PROBE_MISMATCH` for a probe of another model: what it reads there is in no place that this one need have. */
export function mustBeFittedOn(
  model: Pick<Model, 'name' | 'sha256'>,
  { file, saved }: { readonly file: string; readonly saved: SavedProbe },
): void {
  const fitted = saved.origin.modelSha256;
  if (fitted === model.sha256) return;
  throw new MesascopeError(
    'PROBE_MISMATCH',
    `the probe was fitted on a model of sha256 ${fitted.slice(0, 12)}..., ${model.name} has ${model.sha256.slice(0, 12)}...`,
    {
      location: { file },
      facts: { fitted, model: model.sha256 },
      remedy: 'Give the model that the probe was fitted on, or `--other-model` where this one is meant.',
    },
  );
}

/** Throws `PROBE_FILE_INVALID`, also where there is no such file. */
export async function loadProbe(file: string): Promise<SavedProbe> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new MesascopeError('PROBE_FILE_INVALID', `cannot read ${file}`, { location: { file }, cause });
  });
  try {
    return decodeProbe(bytes);
  } catch (cause) {
    if (!(cause instanceof MesascopeError)) throw cause;
    throw new MesascopeError(cause.code, cause.message, { location: { file }, cause });
  }
}
