// Which goal wins is a comparison of two distances, written on neither.
import { defineExperiment } from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

export default defineExperiment({
  title: 'Grid agent that goes to the nearer of gem and halo',
  model: 'models/factions/nearest-1/model.onnx',
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
