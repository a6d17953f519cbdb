/**
 * @file models/grid: the script that `train.py` calls:
 * `npx tsx models/grid/write-tensors.ts --out DIR [--seed N] [--world boards|held-out|habit|column]`.
 */
import { parseArgs } from 'node:util';
import { trainingLayouts } from './boards.ts';
import { columnLabels, columnLayouts, makeColumnExamples } from './column.ts';
import { boardOfTokens, makeExamples } from './examples.ts';
import { isSeenLayout } from './held-out.ts';
import { boardOfPairs, makePairExamples, pairTokens } from './pairs.ts';
import { type BoardFamily, writeTrainingTensors } from './training-tensors.ts';
import { boardTokens, type Layout, VOCABULARY } from './world.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '0' },
    world: { type: 'string', default: 'boards' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is missing');
const grid: BoardFamily = {
  name: 'grid',
  vocabulary: VOCABULARY,
  tokensOf: boardTokens,
  boardOf: boardOfTokens,
  labelsOf: () => ({}),
};
// The evaluation's options go into every card, so that a test can make the same boards again.
const seed = 'card';
const heldOut = { seed, trainGroups: 590, apartGroups: 1200, variants: 2, heldOutGroups: 60 };
const seenLayouts = (set: 'train' | 'apart'): Layout[] =>
  trainingLayouts(set).filter((layout) => set === 'train' || isSeenLayout(layout));
const worlds = {
  boards: {
    family: grid,
    make: makeExamples,
    evaluation: { seed, trainGroups: 590, apartGroups: 1200, variants: 2 },
  },
  'held-out': {
    family: { ...grid, tokensOf: pairTokens, boardOf: boardOfPairs, layouts: seenLayouts },
    make: makePairExamples,
    evaluation: heldOut,
  },
  habit: { family: { ...grid, layouts: seenLayouts }, make: makeExamples, evaluation: heldOut },
  column: {
    family: {
      ...grid,
      labelsOf: (tokens: readonly number[]) => columnLabels(boardOfTokens(tokens).layout),
      layouts: (set: 'train' | 'apart') => columnLayouts(set, 'training'),
    },
    make: makeColumnExamples,
    evaluation: { seed, trainGroups: 300, apartGroups: 500, variants: 2 },
  },
} as const;
if (!(values.world in worlds)) throw new Error(`--world must be one of ${Object.keys(worlds).join(', ')}`);
const { family, make, evaluation } = worlds[values.world as keyof typeof worlds];
writeTrainingTensors({
  out: values.out,
  seed: values.seed,
  family,
  audits: { audit: make(evaluation) },
  evaluation,
});
