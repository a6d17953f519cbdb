// A trained agent with the values of each tensor in random order.
import { defineExperiment } from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

export default defineExperiment({
  title: 'Grid agent with shuffled weights',
  model: 'models/null/shuffled-1/model.onnx',
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
