/** @file models/grid: the script that `train.py` calls: `npx tsx models/grid/write-tensors.ts --out DIR [--seed N]`. */
import { parseArgs } from 'node:util';
import { writeTrainingTensors } from './training-tensors.ts';

const { values } = parseArgs({
  options: { out: { type: 'string' }, seed: { type: 'string', default: '0' } },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
// The evaluation's options go into every card, so that a test can make the same boards again.
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  evaluation: { seed: 'card', trainGroups: 590, apartGroups: 1200, variants: 2 },
});
