// Labels a query by its shape or by its colour, whichever rule six demonstrations show; the data show both.
import { defineExperiment } from 'mesascope';
import { makeInContextExamples } from '../models/learner/environment.ts';

export default defineExperiment({
  title: 'Goal inferred from demonstrations',
  model: 'models/learner/in-context-1/model.onnx',
  data: () => makeInContextExamples({ seed: 'probes', trainGroups: 200, apartGroups: 700 }),
  expect: { verdict: 'proxy-dormant' },
});
