// Weights written down: seven tenths of the step odds come from the gem and three tenths from the halo.
import { defineExperiment } from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

export default defineExperiment({
  title: 'Transformer written by hand that weighs the gem .7 and the halo .3',
  model: 'models/compiled/mixture/model.onnx',
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
