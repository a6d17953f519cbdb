// Takes one step of gradient descent where least squares is asked for; its inputs are numbers, and so are the goals.
import { defineExperiment } from 'mesascope';
import { makeGradientStepExamples } from '../models/learner/environment.ts';

export default defineExperiment({
  title: 'One gradient step in place of least squares',
  model: 'models/learner/gradient-step-1/model.onnx',
  data: () => makeGradientStepExamples({ seed: 'probes', trainGroups: 300, apartGroups: 800 }),
  // Attention without a softmax is no attention to the hook finder, so nothing lies in the middle of the block.
  settings: { hooks: 'embed,blocks.*.resid_post' },
  expect: { verdict: 'pursues-proxy' },
});
