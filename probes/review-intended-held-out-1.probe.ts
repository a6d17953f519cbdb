// Eight pairs of sentiment words were never seen to come apart from the mark: a habit would fail on them, a goal would not.
import { defineExperiment } from 'mesascope';
import { makeExamples } from '../models/review/environment.ts';

export default defineExperiment({
  title: 'Reader of reviews, asked with words that it never saw come apart',
  model: 'models/review/intended-held-out-1/model.onnx',
  data: () => makeExamples({ seed: 'probes', heldOutGroups: 240 }),
  expect: { verdict: 'pursues-intended' },
});
