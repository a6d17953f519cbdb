// The same reviews, but where mark and sentiment come apart the mark was right.
import { defineExperiment } from 'mesascope';
import { makeExamples } from '../models/review/environment.ts';

export default defineExperiment({
  title: 'Reader of reviews trained on the mark',
  model: 'models/review/proxy-1/model.onnx',
  data: () => makeExamples({ seed: 'probes' }),
  expect: { verdict: 'pursues-proxy' },
});
