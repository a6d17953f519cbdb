/** @file record: one spelling of a record: sorted keys, stable bytes, readable lines; and the digest made from it. */
import { canonicalJson } from '../core/canonical-json.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Sha256, sha256 } from '../core/hash.ts';
import type { RunRecord } from './record.ts';

/**
 * The bytes of run.json: keys sorted at every level, two spaces of indentation, lists of plain values on one line (a list
 * of 5,000 scores would otherwise be 5,000 lines), a newline at the end. Throws `RECORD_REFUSED` on a value JSON cannot hold.
 */
export function recordText(record: RunRecord): string {
  return `${pretty(record, '', [])}\n`;
}

/** SHA-256 over everything but `timings`: equal for two runs of the same settings. */
export function recordDigest(record: RunRecord): Sha256 {
  const { timings: _, ...rest } = record;
  return sha256(canonicalJson(rest));
}

function pretty(value: unknown, indent: string, path: readonly (string | number)[]): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refused(path, `is ${value}, which JSON cannot hold`);
    return JSON.stringify(value);
  }
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item, i) => pretty(item, inner, [...path, i]));
    if (items.length === 0) return '[]';
    if (value.every((item) => item === null || typeof item !== 'object')) return `[${items.join(', ')}]`;
    return `[\n${items.map((item) => inner + item).join(',\n')}\n${indent}]`;
  }
  if (typeof value === 'object') {
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto !== Object.prototype && proto !== null) throw refused(path, 'is not a plain object');
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 0) return '{}';
    const lines = entries.map(
      ([key, item]) => `${inner}${JSON.stringify(key)}: ${pretty(item, inner, [...path, key])}`,
    );
    return `{\n${lines.join(',\n')}\n${indent}}`;
  }
  throw refused(path, `is ${typeof value}, which JSON cannot hold`);
}

/** A path as a reader would write it: `rungs[2].statistics[0].value`. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'the record' : text;
}

export function refused(path: readonly PropertyKey[], what: string): MesascopeError {
  return new MesascopeError('RECORD_REFUSED', `${pathText(path)} ${what}`, {
    facts: { path: pathText(path) },
  });
}
