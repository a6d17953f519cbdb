/**
 * @file models/null: the script that makes a `shuffled` organism: `npx tsx models/null/write-shuffled.ts --from MODEL --seed N --out FILE`.
 * The files of the reported seeds are left out of the repository, since this makes them from `grid/intended` byte for byte.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { shuffledModel } from './shuffled.ts';

const { values } = parseArgs({
  options: { from: { type: 'string' }, seed: { type: 'string' }, out: { type: 'string' } },
});
if (values.from === undefined || values.seed === undefined || values.out === undefined)
  throw new Error('--from MODEL, --seed N and --out FILE are needed');
const twin = shuffledModel(new Uint8Array(readFileSync(values.from)), values.seed);
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, twin);
