/** @file core: the one error class; what was seen, why it matters and what to do come from the table of codes. */
import { distance } from 'fastest-levenshtein';
import { ERROR_CODES, type ErrorCode, type FailureExitCode } from './error-codes.ts';

export type { ErrorCode, FailureExitCode } from './error-codes.ts';

/** A place in a file; `line` and `column` count from 1. */
export type ErrorLocation = { readonly file: string; readonly line?: number; readonly column?: number };

export type ErrorDetails = {
  /** Facts as data, for scripts. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly location?: ErrorLocation;
  /** Replaces the table's remedy where the place allows a better one. */
  readonly remedy?: string;
  readonly cause?: unknown;
};

/** Every failure that a user can meet; `message` says what was seen, `remedy` what to do. */
export class MesascopeError extends Error {
  override readonly name = 'MesascopeError';
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly location: ErrorLocation | undefined;

  constructor(code: ErrorCode, seen: string, details: ErrorDetails = {}) {
    super(seen, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.remedy = details.remedy ?? ERROR_CODES[code].remedy;
    this.facts = details.facts ?? {};
    this.location = details.location;
  }

  /**
   * Also of another copy of this module: an experiment in a folder that does not say `"type": "module"` is loaded as CommonJS, and its
   * errors come from the copy that it imported.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (!(typeof value === 'object' && value !== null)) return false;
    const { name, code, remedy } = value as Readonly<Record<string, unknown>>;
    return (
      name === 'MesascopeError' &&
      typeof code === 'string' &&
      Object.hasOwn(ERROR_CODES, code) &&
      typeof remedy === 'string'
    );
  }

  get exitCode(): FailureExitCode {
    return ERROR_CODES[this.code].exitCode;
  }
}

/** Throws `ABORTED` when the signal has fired; call between batches. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new MesascopeError('ABORTED', 'interrupted');
}

/** The up to `most` names nearest to a mistyped one (edit distance at most half its length), nearest first. */
export function nearestNames(name: string, known: Iterable<string>, most = 3): string[] {
  const reach = Math.max(2, Math.ceil(name.length / 2));
  return [...known]
    .map((candidate) => ({ candidate, edits: distance(name, candidate) }))
    .filter(({ edits }) => edits <= reach)
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate);
}
