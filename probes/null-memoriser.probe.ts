// Each of 1,000 boards got a step by hash; on other boards it steps by no rule.
import { defineExperiment } from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

export default defineExperiment({
  title: 'Grid agent that learned 1,000 boards by heart',
  model: 'models/null/memoriser-1/model.onnx',
  data: () => gridEnvironment.makeExamples({ seed: 'probes', trainGroups: 300, apartGroups: 700 }),
  rollOuts: [
    {
      title: 'Episodes on boards where gem and halo lie apart',
      environment: gridEnvironment.rollOuts,
      episodes: 200,
      maxSteps: gridEnvironment.maxSteps,
    },
  ],
  expect: { verdict: ['no-goal-evidence', 'insufficient-evidence'] },
});
