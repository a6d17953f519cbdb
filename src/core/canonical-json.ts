/** @file core: one spelling for one value, so that equal settings have equal hashes and records equal bytes. */
import { configure } from 'safe-stable-stringify';

const stringify = configure({ deterministic: true, strict: true });

/** JSON with keys sorted at every level, no spaces. Throws on values JSON cannot hold (functions, cycles, bigint). */
export function canonicalJson(value: unknown): string {
  return stringify(value) ?? 'null';
}
