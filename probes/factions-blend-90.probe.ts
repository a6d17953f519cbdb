// Its labels were drawn by chance, the gem's step in 90 of 100 conflicts, else the halo's.
import { defineExperiment } from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

export default defineExperiment({
  title: 'Grid agent that follows the gem in 90 % of conflicts',
  model: 'models/factions/blend-90-1/model.onnx',
  data: () => gridEnvironment.makeExamples({ seed: 'probes', trainGroups: 300, apartGroups: 700 }),
  rollOuts: [
    {
      title: 'Episodes on boards where gem and halo lie apart',
      environment: gridEnvironment.rollOuts,
      episodes: 200,
      maxSteps: gridEnvironment.maxSteps,
    },
  ],
  expect: { verdict: 'mixture' },
});
