/** @file store: which folders a capture may take, and what in the one that it is made in is its own; knows no rows. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { MesascopeError } from '../core/errors.ts';
import { INDEX_FILE, keyOfIndex } from './activation-index.ts';
import { LEFT_BY_LOCKS, LOCK_FILE } from './folder-lock.ts';
import { writing } from './write-fault.ts';

export const PLAN_FILE = 'capture.json';
export const JOURNAL_FILE = 'journal';
export const CONTENT_FOLDER = 'activations';
/** Drafts of small files, and scratch files, whose process was killed before it could rename or remove them. */
const LEFT_BY_KILLS = /^(?:capture\.json\.\d+\.tmp|journal\.\d+\.tmp|inputs\.\d+)$/;

/** `capture.json` of an unfinished capture: what its files are for. */
export type PlanFile = {
  readonly format: 'mesascope-unfinished-capture/1';
  /** Of the `PlannedCapture`. */
  readonly key: string;
  /** Per hook its name, the stem of its files, and its shape per row. */
  readonly tensors: readonly {
    readonly name: string;
    readonly stem: string;
    readonly dims: readonly number[];
  }[];
};

const planSchema: z.ZodType<PlanFile> = z.strictObject({
  format: z.literal('mesascope-unfinished-capture/1'),
  key: z.string(),
  tensors: z.array(
    z.strictObject({ name: z.string(), stem: z.string(), dims: z.array(z.int().min(1)).min(1) }),
  ),
});

/** What was begun in a place; undefined where nothing was. */
export function readPlan(place: string): PlanFile | undefined {
  try {
    return planSchema.parse(JSON.parse(readFileSync(join(place, PLAN_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Path for a scratch file of this process. */
export function scratchPath(place: string): string {
  return join(place, `inputs.${process.pid}`);
}

/** Missing, or holds nothing. Throws `NOT_WRITABLE`. */
export function isEmpty(folder: string): boolean {
  return !existsSync(folder) || writing(folder, () => readdirSync(folder)).length === 0;
}

/**
 * `out` must hold a finished capture, or be missing or empty, and a name that a folder made beside it can be given hours later: a
 * rename replaces no file, follows no link, and reaches no other disk. Throws `BAD_SETTING`, `NOT_WRITABLE`.
 */
export function mustTakeCapture(out: string): void {
  if (keyOfIndex(join(out, INDEX_FILE)) !== undefined) return;
  const found = writing(out, () => lstatSync(out, { throwIfNoEntry: false }));
  if (found === undefined) return;
  const refused = (what: string, remedy: string): MesascopeError =>
    new MesascopeError('BAD_SETTING', `${out} is ${what}: a capture could not be given that name`, {
      location: { file: out },
      remedy,
    });
  if (found.isSymbolicLink()) throw refused('a link', 'Name a new folder inside the one that it leads to.');
  if (!found.isDirectory()) throw refused('a file', 'Name a new folder.');
  if (found.dev !== statSync(dirname(out)).dev) {
    throw refused('the root of another disk', 'Name a new folder inside it.');
  }
  if (!isEmpty(out)) throw notEmpty(out);
}

export function notEmpty(folder: string): MesascopeError {
  return new MesascopeError('BAD_SETTING', `the folder ${folder} is not empty`, {
    remedy: 'Name a new folder, or empty this one.',
  });
}

/**
 * The locked folder in which a capture is made must be on the disk of its final name, and hold nothing but what killed processes leave,
 * where no capture was begun in it. Throws `BAD_SETTING`, `NOT_WRITABLE`.
 */
export function mustBeOwn(place: string): void {
  const refused = (what: string): MesascopeError =>
    new MesascopeError('BAD_SETTING', `${place} ${what}`, {
      location: { file: place },
      remedy: 'Move it away or delete it, or name another --out.',
    });
  if (statSync(place).dev !== statSync(dirname(place)).dev) throw refused('lies on another disk');
  if (readPlan(place) !== undefined) return;
  const other = writing(place, () => readdirSync(place)).find((name) => name !== LOCK_FILE && !isLeft(name));
  if (other !== undefined) throw refused(`holds ${other}, and no unfinished capture`);
}

/** Removes what captures leave in a place, and nothing else. The plan goes last: without it, the rest would be somebody else's. */
export function clearPlace(place: string): void {
  const own = readdirSync(place).filter((name) => name === JOURNAL_FILE || isLeft(name));
  for (const name of [...own, PLAN_FILE]) rmSync(join(place, name), { force: true });
}

function isLeft(name: string): boolean {
  return LEFT_BY_KILLS.test(name) || LEFT_BY_LOCKS.test(name);
}
