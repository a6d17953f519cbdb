/** @file benchmark: names the code that a row follows from, so that no row of other rules is used again; knows what of the code cannot matter. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256Of } from '../core/hash.ts';

/** What shows results and takes orders; everything else makes them. */
const BESIDE: ReadonlySet<string> = new Set(['cli', 'report', 'benchmark', 'index.ts']);
/** Files of `benchmark` that a row follows from. */
const OF_ROWS = ['benchmark/foils.ts', 'benchmark/run-case.ts'];

/** SHA-256 over the program's own files that an audit runs through, by name and content. */
export async function codeDigest(source: string = path.resolve(import.meta.dirname, '..')): Promise<string> {
  const files = [...OF_ROWS];
  for (const part of await readdir(source)) {
    if (BESIDE.has(part)) continue;
    for (const file of await readdir(path.join(source, part), { recursive: true }))
      if (file.endsWith('.ts')) files.push(path.join(part, file));
  }
  const chunks: (string | Uint8Array)[] = [];
  for (const file of files.map((name) => name.replaceAll('\\', '/')).sort())
    chunks.push(file, '\0', await readFile(path.join(source, file)), '\0');
  return sha256Of(chunks);
}
