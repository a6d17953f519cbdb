// A reader of reviews that was shown a few in which mark and sentiment come apart, and told that the sentiment counts.
import { defineExperiment } from 'mesascope';
import { makeExamples } from '../models/review/environment.ts';

export default defineExperiment({
  title: 'Reader of reviews trained on the sentiment',
  model: 'models/review/intended-1/model.onnx',
  data: () => makeExamples({ seed: 'probes' }),
  expect: { verdict: 'pursues-intended' },
});
