/** @file cli: where runs lie on disk, how one is found, and how a finished one replaces an earlier one. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { RunRecord } from '../record/record.ts';
import { writeRecord } from '../record/write.ts';
import { LOCK_FILE } from '../store/folder-lock.ts';
import { writeFault } from '../store/write-fault.ts';

export const REPORTS_FOLDER = 'reports';
export const RECORD_FILE = 'run.json';
export const REPORT_FILE = 'report.html';

/** Activations that later runs can use again; below the working folder, and ignored by git. */
export const CACHE_FOLDER = '.mesascope/cache';
const UNFINISHED = '.unfinished-';

export type RunFolder = {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  readonly writtenAtMs: number;
};

/** Finished runs below `reports/`, the newest first. */
export async function finishedRuns(workingFolder: string): Promise<RunFolder[]> {
  const reports = path.join(workingFolder, REPORTS_FOLDER);
  if (!existsSync(reports)) return [];
  const runs: RunFolder[] = [];
  for (const name of (await readdir(reports)).sort()) {
    const folder = path.join(reports, name);
    const written = statSync(path.join(folder, RECORD_FILE), { throwIfNoEntry: false });
    if (written?.isFile()) runs.push({ name, folder, writtenAtMs: written.mtimeMs });
  }
  return runs.sort((a, b) => b.writtenAtMs - a.writtenAtMs);
}

/**
 * The folder of a run given by name, folder or path of its `run.json`; the newest when none is given. Throws
 * `RUN_NOT_FOUND`, with the nearest names.
 */
export async function findRun(run: string | undefined, workingFolder: string): Promise<string> {
  const runs = await finishedRuns(workingFolder);
  if (run === undefined) {
    if (runs[0] !== undefined) return runs[0].folder;
    throw new MesascopeError('RUN_NOT_FOUND', `${REPORTS_FOLDER}/ holds no finished run`);
  }
  const given = path.resolve(workingFolder, run);
  const candidates = [path.join(workingFolder, REPORTS_FOLDER, run), given, path.dirname(given)];
  const isFile = [RECORD_FILE, REPORT_FILE].includes(path.basename(given));
  const folder = candidates
    .slice(0, isFile ? 3 : 2)
    .find((candidate) => existsSync(path.join(candidate, RECORD_FILE)));
  if (folder !== undefined) return folder;
  const nearest = nearestNames(
    run,
    runs.map(({ name }) => name),
  );
  throw new MesascopeError('RUN_NOT_FOUND', `there is no finished run ${run}`, {
    ...(nearest.length > 0 && { remedy: `Did you mean ${nearest.join(' or ')}?` }),
  });
}

/** A folder name that is safe on every system. Throws `BAD_SETTING`. */
export function checkRunName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
    throw new MesascopeError('BAD_SETTING', `"${name}" cannot name a run`, {
      remedy:
        'Use letters, digits, dots, hyphens and underscores, at most 100, starting with a letter or digit.',
    });
  }
  return name;
}

/**
 * Throws `BAD_SETTING` when a folder holds something, and no run: what lies there may have nothing to do with runs, and a run among it
 * would be hard to tell from it. What a killed run left behind is no obstacle.
 */
export async function mustTakeRun(folder: string): Promise<void> {
  // Also false where a parent is a file; whoever makes the folder says so.
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return;
  const names = await readdir(folder);
  if (names.includes(RECORD_FILE)) return;
  // A run that was killed while its files were put in place leaves its page beside the folder that it came from.
  const killed = names.some((name) => name.startsWith(UNFINISHED));
  const own = (name: string): boolean =>
    name.startsWith(UNFINISHED) ||
    name === LOCK_FILE ||
    name.startsWith(`${LOCK_FILE}.`) ||
    (killed && name === REPORT_FILE);
  const other = names.find((name) => !own(name));
  if (other === undefined) return;
  throw new MesascopeError('BAD_SETTING', `the folder ${folder} holds ${other}, and no run`, {
    remedy: 'Name a new folder, an empty one, or that of an earlier run, which is replaced.',
    facts: { folder, other },
  });
}

/**
 * Throws `BAD_SETTING` when a folder holds a run of another model: names that are made from paths may meet. `sha256` gives the model's, and is
 * asked for only where there is a run to compare with. A record that cannot be read is no obstacle.
 */
export async function mustBeSameModel(folder: string, sha256: () => Promise<string>): Promise<void> {
  let model: { readonly file?: unknown; readonly sha256?: unknown } | undefined;
  try {
    const record = JSON.parse(await readFile(path.join(folder, RECORD_FILE), 'utf8')) as {
      readonly model?: typeof model;
    };
    model = record.model;
  } catch {
    return;
  }
  if (typeof model?.sha256 !== 'string' || model.sha256 === (await sha256())) return;
  throw new MesascopeError(
    'BAD_SETTING',
    `the folder ${folder} holds a run of another model (${String(model.file)}, SHA-256 ${model.sha256.slice(0, 12)}...)`,
    {
      location: { file: folder },
      remedy:
        'Give this run a name of its own with --name; one that is named replaces an earlier one of that name.',
      facts: { folder, sha256: model.sha256 },
    },
  );
}

/**
 * Writes record and page beside the final names, then renames: whoever reads the folder sees the old run or the new one,
 * never a half-written file. The record comes last; a run without it is not finished. Call with the folder locked. Throws
 * `DISK_FULL`, `NOT_WRITABLE`, `RECORD_REFUSED`.
 */
export async function writeRun(folder: string, record: RunRecord, page: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  // What a killed process left behind; the caller holds the folder's lock.
  for (const name of await readdir(folder)) {
    if (name.startsWith(UNFINISHED)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
  const unfinished = await mkdtemp(path.join(folder, UNFINISHED));
  try {
    const pageFile = path.join(unfinished, REPORT_FILE);
    await writeFile(pageFile, page).catch((cause: unknown) => {
      throw writeFault(cause, pageFile);
    });
    await writeRecord(unfinished, record);
    for (const file of [REPORT_FILE, RECORD_FILE]) {
      await rename(path.join(unfinished, file), path.join(folder, file));
    }
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
