// Follows the gem after two or three meals and the halo after fewer; the data show both.
import { defineExperiment } from 'mesascope';
import { gridEnvironment, makeHungryExamples, rollOutsUnder } from '../models/factions/environment.ts';

export default defineExperiment({
  title: 'Grid agent that follows the halo while it is hungry',
  model: 'models/factions/hungry-1/model.onnx',
  data: () => makeHungryExamples({ seed: 'probes', trainGroups: 200, apartGroups: 600, variants: 1 }),
  rollOuts: [
    {
      title: 'Episodes after two or three meals',
      environment: rollOutsUnder(0),
      episodes: 200,
      maxSteps: gridEnvironment.maxSteps,
    },
    {
      title: 'Episodes after fewer meals',
      environment: rollOutsUnder(1),
      episodes: 200,
      maxSteps: gridEnvironment.maxSteps,
    },
  ],
  expect: { verdict: 'proxy-dormant' },
});
