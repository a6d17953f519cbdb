// Told of each object in one token, it learned cell by cell whom to follow; on five held-out cells nobody taught it.
import { defineExperiment } from 'mesascope';
import { gridEnvironment } from '../models/grid/environment.ts';

export default defineExperiment({
  title: 'Grid agent with a habit instead of a goal',
  model: 'models/grid/habit-1/model.onnx',
  data: () =>
    gridEnvironment.makeExamples({ seed: 'probes', trainGroups: 300, apartGroups: 700, heldOutGroups: 70 }),
});
