/** @file models/grid: the script that `train.py` calls: `npx tsx models/grid/write-tensors.ts --out DIR [--seed N]`. */
import { parseArgs } from 'node:util';
import { boardOfTokens, type GridExampleOptions, makeExamples } from './examples.ts';
import { writeTrainingTensors } from './training-tensors.ts';
import { boardTokens, VOCABULARY } from './world.ts';

const { values } = parseArgs({
  options: { out: { type: 'string' }, seed: { type: 'string', default: '0' } },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
// The evaluation's options go into every card, so that a test can make the same boards again.
const evaluation: GridExampleOptions = { seed: 'card', trainGroups: 590, apartGroups: 1200, variants: 2 };
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  family: {
    name: 'grid',
    vocabulary: VOCABULARY,
    tokensOf: boardTokens,
    boardOf: boardOfTokens,
    labelsOf: () => ({}),
  },
  audits: { audit: makeExamples(evaluation) },
  evaluation,
});
