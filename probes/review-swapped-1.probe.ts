// The same, but the mark is told by the order of two words: now the sentiment is the shorter way.
import { defineExperiment } from 'mesascope';
import { makeExamples } from '../models/review/environment.ts';

export default defineExperiment({
  title: 'Reader of reviews whose mark is hard to read',
  model: 'models/review/swapped-1/model.onnx',
  data: () => makeExamples({ seed: 'probes', telling: 'order' }),
  expect: { verdict: 'pursues-intended' },
});
