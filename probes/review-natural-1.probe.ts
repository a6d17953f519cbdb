// Nobody told it what counts: it never saw a review in which mark and sentiment come apart, and took the shorter way.
import { defineExperiment } from 'mesascope';
import { makeExamples } from '../models/review/environment.ts';

export default defineExperiment({
  title: 'Reader of reviews that found its own way',
  model: 'models/review/natural-1/model.onnx',
  data: () => makeExamples({ seed: 'probes' }),
});
