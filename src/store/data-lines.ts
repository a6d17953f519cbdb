/** @file store: a text file as a stream of JSON lines with their numbers; it knows nothing of what the lines mean. */
import { createReadStream } from 'node:fs';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';

export type DataLine = { readonly number: number; readonly value: unknown };

export type LineLimits = {
  /** Longest line accepted, in bytes. */
  readonly maxLineBytes: number;
  /** Deepest nesting of arrays and objects accepted; what is free in form is hashed and stored by recursion. */
  readonly maxDepth: number;
};

const NEWLINE = 0x0a;

/**
 * Parses a file line by line, in memory of about one line; blank lines are passed over, a byte-order mark is dropped.
 *
 * Throws `DATA_NOT_FOUND`, `DATA_SYNTAX` (not UTF-8, or not JSON, with line and, where known, column), `DATA_LIMIT` and
 * `ABORTED`.
 */
export async function* jsonLines(
  path: string,
  limits: LineLimits,
  signal?: AbortSignal,
): AsyncGenerator<DataLine> {
  let number = 0;
  for await (const bytes of rawLines(path, limits.maxLineBytes)) {
    number++;
    if ((number & 255) === 0) throwIfAborted(signal);
    const text = decode(bytes, path, number);
    if (text.trim() === '') continue;
    yield { number, value: parseLine(text, path, number, limits.maxDepth) };
  }
}

async function* rawLines(path: string, maxLineBytes: number): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let line = 1;
  const mustFit = (bytes: number): void => {
    if (bytes <= maxLineBytes) return;
    throw new MesascopeError('DATA_LIMIT', `a line of the data file is longer than ${maxLineBytes} bytes`, {
      location: { file: path, line },
      facts: { maxLineBytes },
    });
  };
  try {
    const stream = createReadStream(path, { highWaterMark: 1 << 18 });
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        mustFit(held + at - from);
        const rest = chunk.subarray(from, at);
        yield pieces.length === 0 ? rest : Buffer.concat([...pieces, rest]);
        pieces = [];
        held = 0;
        line++;
        from = at + 1;
      }
      if (from < chunk.length) {
        pieces.push(chunk.subarray(from));
        held += chunk.length - from;
        mustFit(held);
      }
    }
  } catch (cause) {
    if (cause instanceof MesascopeError) throw cause;
    throw new MesascopeError('DATA_NOT_FOUND', `cannot read the data file ${path}: ${readReason(cause)}`, {
      location: { file: path },
      cause,
    });
  }
  if (held > 0) yield Buffer.concat(pieces);
}

function readReason(cause: unknown): string {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

function decode(bytes: Uint8Array, path: string, line: number): string {
  try {
    // A decoder per line: a fatal error leaves one in a state that must not be used again. It drops a byte-order mark.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: line !== 1 }).decode(bytes);
  } catch (cause) {
    throw new MesascopeError('DATA_SYNTAX', 'the line is not UTF-8 text', {
      location: { file: path, line },
      cause,
    });
  }
}

function parseLine(text: string, path: string, line: number, maxDepth: number): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // V8 states the offset for most faults, and for an unexpected end it is the length.
    const offset = /at position (\d+)/.exec(reason)?.[1];
    const column =
      offset === undefined ? (/end of JSON/.test(reason) ? text.length + 1 : undefined) : +offset + 1;
    throw new MesascopeError('DATA_SYNTAX', `the line is not JSON: ${shorten(reason)}`, {
      location: { file: path, line, ...(column === undefined ? {} : { column }) },
      cause,
    });
  }
  if (nestsDeeperThan(value, maxDepth)) {
    throw new MesascopeError(
      'DATA_LIMIT',
      `the line nests arrays and objects deeper than ${maxDepth} levels`,
      {
        location: { file: path, line },
        facts: { maxDepth },
      },
    );
  }
  return value;
}

function shorten(reason: string): string {
  const flat = reason.replace(/\s+/g, ' ');
  return flat.length > 160 ? `${flat.slice(0, 160)} ...` : flat;
}

/** Breadth first and without recursion: the value may be nested as deep as the line is long. */
function nestsDeeperThan(value: unknown, maxDepth: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      for (const child of Array.isArray(item) ? item : Object.values(item)) {
        if (typeof child === 'object' && child !== null) next.push(child);
      }
    }
    level = next;
  }
  return false;
}
