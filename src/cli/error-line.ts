/** @file cli: any failure as one line, `file:line:col: error CODE: what happened; what to do`, and its exit code. */
import path from 'node:path';
import { ERROR_CODES } from '../core/error-codes.ts';
import { type ErrorLocation, MesascopeError } from '../core/errors.ts';
import type { ExitCode } from './context.ts';
import { plainLine, shownPath } from './words.ts';

export type ShownError = {
  readonly line: string;
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** Only with MESASCOPE_DEBUG=1. */
  readonly stack: string | undefined;
};

export type ErrorLineOptions = {
  readonly workingFolder: string;
  /** Where to point when the error itself names no place, e.g. the experiment that was running. */
  readonly fallback?: ErrorLocation | undefined;
  readonly debug: boolean;
};

/** Node's own failures that a user can mend, by errno; everything else unknown is a bug of the tool. */
const SYSTEM_CODES: Readonly<Record<string, 'DISK_FULL' | 'NOT_WRITABLE'>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'NOT_WRITABLE',
  EPERM: 'NOT_WRITABLE',
  EROFS: 'NOT_WRITABLE',
};

/** Wraps what was thrown: a coded error stays as it is, known system failures get their code, the rest is INTERNAL. */
export function codedError(thrown: unknown): MesascopeError {
  if (thrown instanceof MesascopeError) return thrown;
  const seen = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  const errno = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  const code = (errno !== undefined && SYSTEM_CODES[errno]) || 'INTERNAL';
  const remedy =
    code === 'INTERNAL'
      ? `${ERROR_CODES.INTERNAL.remedy} MESASCOPE_DEBUG=1 shows where it happened.`
      : ERROR_CODES[code].remedy;
  return new MesascopeError(code, seen, { remedy, cause: thrown });
}

/** The line a problem matcher reads. A place without a line points at the file's first character. */
export function showError(thrown: unknown, options: ErrorLineOptions): ShownError {
  const error = codedError(thrown);
  const place = error.location ?? options.fallback;
  const where =
    place === undefined
      ? ''
      : `${plainLine(shownPath(place.file, options.workingFolder))}:${place.line ?? 1}:${place.column ?? 1}: `;
  // Messages of deeper layers hold the paths they were called with; a reader knows the files by the names they typed.
  const message = plainLine(error.message)
    .replaceAll(`${options.workingFolder}${path.sep}`, '')
    .replace(/[.;]+$/, '');
  const remedy = plainLine(error.remedy);
  return {
    line: `${where}error ${error.code}: ${message}; ${remedy}`,
    exitCode: error.exitCode,
    code: error.code,
    message,
    remedy,
    stack: options.debug ? stacks(error) : undefined,
  };
}

/** The stack and those of its causes, outermost first. */
function stacks(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error && parts.length < 5; at = at.cause) {
    parts.push(at.stack ?? at.message);
  }
  return parts.join('\ncaused by: ');
}
