/**
 * @file models/null: the script that makes a `shuffled` organism: `npx tsx models/null/write-shuffled.ts --from MODEL --seed N --out FILE`.
 * Every tensor of the trained model keeps its values, in random order, norms and embeddings included.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { indexModel } from '../../src/onnx/index-model.ts';
import { shuffledTwin } from '../../src/onnx/twin.ts';

const { values } = parseArgs({
  options: { from: { type: 'string' }, seed: { type: 'string' }, out: { type: 'string' } },
});
if (values.from === undefined || values.seed === undefined || values.out === undefined)
  throw new Error('--from MODEL, --seed N and --out FILE are needed');
const twin = shuffledTwin(indexModel(new Uint8Array(readFileSync(values.from))), {
  seed: `null/shuffled/${values.seed}`,
  keep: { norms: false, embeddings: false },
});
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, twin);
