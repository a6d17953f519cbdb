/** @file models/factions: the script that `train.py` calls: `npx tsx models/factions/write-tensors.ts --out DIR [--seed N] [--world boards|meals]`. */
import { parseArgs } from 'node:util';
import { boardOfTokens, makeExamples } from '../grid/examples.ts';
import { type BoardFamily, writeTrainingTensors } from '../grid/training-tensors.ts';
import { boardTokens, VOCABULARY as GRID_VOCABULARY } from '../grid/world.ts';
import {
  drawMeals,
  fedAction,
  fedOfTokens,
  fedTokens,
  makeHungryExamples,
  nearestAction,
  VOCABULARY,
} from './environment.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '0' },
    world: { type: 'string', default: 'boards' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
if (values.world !== 'boards' && values.world !== 'meals') throw new Error('--world must be boards or meals');
const meals = values.world === 'meals';
const evaluation = { seed: 'card', trainGroups: 590, apartGroups: 1200, variants: meals ? 1 : 2 };
const boards: BoardFamily = {
  name: 'factions',
  vocabulary: GRID_VOCABULARY,
  tokensOf: boardTokens,
  boardOf: boardOfTokens,
  labelsOf: (tokens) => ({ nearest: nearestAction(boardOfTokens(tokens).layout) }),
};
const afterMeals: BoardFamily = {
  name: 'factions',
  vocabulary: VOCABULARY,
  tokensOf: (board, random) => fedTokens({ board, meals: drawMeals(random) }),
  boardOf: (tokens) => fedOfTokens(tokens).board,
  labelsOf: (tokens) => ({ fed: fedAction(fedOfTokens(tokens)) }),
};
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  family: meals ? afterMeals : boards,
  audits: meals
    ? {
        audit: makeHungryExamples(evaluation),
        audit_0: makeHungryExamples({ ...evaluation, hungers: [0] }),
        audit_1: makeHungryExamples({ ...evaluation, hungers: [1] }),
      }
    : { audit: makeExamples(evaluation) },
  evaluation,
});
