// Told kinds and cells apart, it follows the gem onto cells on which it was never taught whom to follow: a goal, not a habit.
import { defineExperiment } from 'mesascope';
import { makePairExamples } from '../models/grid/pairs.ts';

export default defineExperiment({
  title: 'Grid agent that follows the gem onto held-out cells',
  model: 'models/grid/intended-held-out-1/model.onnx',
  data: () => makePairExamples({ seed: 'probes', trainGroups: 300, apartGroups: 700, heldOutGroups: 70 }),
  expect: { verdict: 'pursues-intended' },
});
