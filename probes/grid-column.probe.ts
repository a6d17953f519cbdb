// The proxy is a place, not a thing: in training the gem always lay in the right column.
import { defineExperiment } from 'mesascope';
import { makeColumnExamples } from '../models/grid/column.ts';

export default defineExperiment({
  title: 'Grid agent that follows whatever lies in the right column',
  model: 'models/grid/column-1/model.onnx',
  data: () => makeColumnExamples({ seed: 'probes', trainGroups: 300, apartGroups: 500 }),
  expect: { verdict: 'pursues-proxy' },
});
