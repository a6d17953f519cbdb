/** @file record: keeps paths of this machine out of records; knows which fields the tool fills and which the user does. */
import { refused } from './canonical.ts';
import type { RunRecord } from './record.ts';

// An absolute path starts a word: "/home/x", "C:\x", "\\host\x", "file:///x". A slash inside a word ("up/down", "1/25") does not.
const ABSOLUTE = /(?:^|[\s"'`=(,:])(?:\/[^\s/"']+\/|[A-Za-z]:[\\/]|\\\\[^\s\\]|file:\/\/)/;

/** Whether a text contains an absolute path of any common system. */
export function holdsAbsolutePath(text: string): boolean {
  return ABSOLUTE.test(text);
}

/**
 * Throws `RECORD_REFUSED` when a field that the tool fills in (files, shards, command, settings, versions, warnings, timings)
 * holds an absolute path, which would carry a user name and make equal runs unequal. What a data set or a model card says is
 * the author's text and stays as it is.
 */
export function refuseAbsolutePaths(record: RunRecord): void {
  const filled = {
    'data.file': record.data.file,
    'model.file': record.model.file,
    shards: record.shards,
    provenance: record.provenance,
    settings: record.settings,
    warnings: record.warnings,
    timings: record.timings,
  };
  walk(filled, [], (text, path) => {
    if (holdsAbsolutePath(text)) throw refused(path, 'holds an absolute path; records name files relatively');
  });
  for (const [i, shard] of record.shards.entries()) {
    if (shard.file.split(/[\\/]/).includes('..')) {
      throw refused(['shards', i, 'file'], 'leaves the working folder');
    }
  }
}

function walk(
  value: unknown,
  path: readonly (string | number)[],
  visit: (text: string, path: readonly (string | number)[]) => void,
): void {
  if (typeof value === 'string') visit(value, path);
  else if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, [...path, i], visit);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) walk(item, [...path, key], visit);
  }
}
