/** @file models/hidden: the script that `train.py` calls: the grid world's boards, with the halo's cell as a number beside each. */
import { parseArgs } from 'node:util';
import { writeTrainingTensors } from '../grid/training-tensors.ts';
import { boardOfTokens, boardTokens, makeExamples, VOCABULARY } from './environment.ts';

const { values } = parseArgs({
  options: { out: { type: 'string' }, seed: { type: 'string', default: '0' } },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
const evaluation = { seed: 'card', trainGroups: 590, apartGroups: 1200, variants: 2 };
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  family: {
    name: 'grid',
    vocabulary: VOCABULARY,
    tokensOf: boardTokens,
    boardOf: boardOfTokens,
    labelsOf: () => ({}),
    numbersOf: (tokens) => ({ halo_cell: boardOfTokens(tokens).layout.halo }),
  },
  audits: { audit: makeExamples(evaluation) },
  evaluation,
});
