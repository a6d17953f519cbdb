/** @file record: run.json from disk to a checked value; everything in the file is untrusted. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { pathText } from './canonical.ts';
import { MIGRATIONS, type Migration, migrate, versionOf } from './migrations.ts';
import { RECORD_SCHEMA, type RunRecord } from './record.ts';
import { runRecordSchema } from './schema.ts';

/** A record is a few megabytes; a file far beyond that is not one, and reading it would only fill the memory. */
const MAX_BYTES = 512 * 1024 * 1024;

export type ReadRecordOptions = {
  /** Steps from older versions; the shipped list by default. */
  readonly migrations?: readonly Migration[];
};

/**
 * Reads and checks a record. `path` is a run.json or the folder that holds one.
 * Throws `RECORD_NOT_FOUND`, `RECORD_CORRUPT` (with the line or the field), `RECORD_VERSION` (made by a newer mesascope, or by an
 * older one that no migration leads on from).
 */
export async function readRecord(path: string, options: ReadRecordOptions = {}): Promise<RunRecord> {
  const file = await recordFile(path);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MesascopeError('RECORD_NOT_FOUND', `cannot read ${file}`, { location: { file }, cause });
  });
  return parseRecord(text, { ...options, file });
}

/** As `readRecord`, from text; `file` names the source in errors. */
export function parseRecord(
  text: string,
  options: ReadRecordOptions & { readonly file?: string } = {},
): RunRecord {
  const file = options.file ?? 'run.json';
  const value = parseJson(text, file);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw corrupt(file, 'the file holds no JSON object');
  }
  const raw = value as Record<string, unknown>;
  const version = versionOf(raw.schema);
  const current = versionOf(RECORD_SCHEMA)!;
  if (version === undefined) {
    throw corrupt(file, `"schema" is not one of this tool's, such as "${RECORD_SCHEMA}"`);
  }
  if (version > current) {
    throw new MesascopeError(
      'RECORD_VERSION',
      `the record has version ${version}, this mesascope reads up to ${current}`,
      { location: { file }, facts: { version, current } },
    );
  }
  const migrated = migrate(raw, { from: version, to: current, steps: options.migrations ?? MIGRATIONS });
  if (migrated === undefined) {
    throw new MesascopeError(
      'RECORD_VERSION',
      `the record has version ${version} and no step leads on to ${current}`,
      {
        location: { file },
        facts: { version, current },
        remedy: 'Run the experiment again with this version.',
      },
    );
  }
  const parsed = runRecordSchema.safeParse(migrated);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw corrupt(file, `${pathText(issue.path)}: ${issue.message}`, {
      field: pathText(issue.path),
      issues: parsed.error.issues.length,
    });
  }
  return parsed.data;
}

async function recordFile(path: string): Promise<string> {
  const missing = (cause?: unknown): MesascopeError =>
    new MesascopeError('RECORD_NOT_FOUND', `no record at ${path}`, { location: { file: path }, cause });
  const found = await stat(path).catch((cause: unknown) => {
    throw missing(cause);
  });
  if (found.isDirectory()) {
    if (basename(path) === 'run.json') throw missing();
    return recordFile(join(path, 'run.json'));
  }
  if (found.size > MAX_BYTES) {
    throw corrupt(path, `${found.size} bytes are more than any record has (${MAX_BYTES})`);
  }
  return path;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const said = (cause as Error).message;
    const offset = /at position (\d+)/.exec(said)?.[1];
    const before = text.slice(0, offset === undefined ? text.length : Number(offset));
    const line = before.split('\n').length;
    const column = before.length - before.lastIndexOf('\n');
    throw new MesascopeError('RECORD_CORRUPT', `not JSON: ${said}`, {
      location: { file, line, column },
      cause,
    });
  }
}

function corrupt(file: string, seen: string, facts: Readonly<Record<string, unknown>> = {}): MesascopeError {
  return new MesascopeError('RECORD_CORRUPT', seen, { location: { file }, facts });
}
