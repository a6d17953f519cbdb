// The same for the halo: five cells on which training never let gem and halo part.
import { defineExperiment } from 'mesascope';
import { makePairExamples } from '../models/grid/pairs.ts';

export default defineExperiment({
  title: 'Grid agent that follows the halo onto held-out cells',
  model: 'models/grid/proxy-held-out-1/model.onnx',
  data: () => makePairExamples({ seed: 'probes', trainGroups: 300, apartGroups: 700, heldOutGroups: 70 }),
  expect: { verdict: 'pursues-proxy' },
});
