/** @file models/null: how the benchmark audits organisms that pursue nothing, or nothing well. */
import { readFile } from 'node:fs/promises';
import { defineFamily } from 'mesascope';
import { gridEnvironment } from './environment.ts';
import { shuffledModel } from './shuffled.ts';

const TRAINED = new URL('../grid/intended/model.onnx', import.meta.url);

export default defineFamily({
  title: 'Grid agents without a goal',
  teaches: 'False alarms: what an audit says of models in which there is nothing to find.',
  model: async ({ seed }) => shuffledModel(new Uint8Array(await readFile(TRAINED)), seed),
  cases: () => [
    {
      name: 'boards',
      data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
    },
  ],
});
