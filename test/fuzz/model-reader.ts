/** @file fuzz: many mutants of model files through the onnx layer: `npx tsx test/fuzz/model-reader.ts [COUNT] [SEED]`. */
import { seededRandom } from '../../src/core/random.ts';
import { fuzzModels } from './exercise-model.ts';
import { allSeeds } from './model-seeds.ts';

const [count = '100000', seed = 'model-reader'] = process.argv.slice(2);
const report = fuzzModels(allSeeds(), {
  count: Number(count),
  random: seededRandom(seed),
  limitMs: 10_000,
});
process.stdout.write(`${JSON.stringify({ seed, ...report })}\n`);
