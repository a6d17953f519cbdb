/** @file models/null: how the benchmark audits organisms that pursue nothing, or nothing well. */
import { readFile } from 'node:fs/promises';
import { defineFamily } from 'mesascope';
import { sha256 } from '../../src/core/hash.ts';
import { gridEnvironment } from './environment.ts';
import { shuffledModel } from './shuffled.ts';

const TRAINED = new URL('../grid/intended/model.onnx', import.meta.url);

export default defineFamily({
  title: 'Grid agents without a goal',
  teaches: 'False alarms: what an audit says of models in which there is nothing to find.',
  model: async ({ seed, made_from: source }) => {
    const trained = new Uint8Array(await readFile(TRAINED));
    if (source?.organism !== 'grid/intended' || source.sha256 !== sha256(trained))
      throw new Error('the card names another organism, or another file, than the one that is shuffled here');
    return shuffledModel(trained, seed);
  },
  cases: () => [
    {
      name: 'boards',
      data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
    },
  ],
});
