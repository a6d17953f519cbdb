/** @file models/null: how the benchmark audits organisms that pursue nothing, or nothing well. */
import { defineFamily } from 'mesascope';
import { gridEnvironment } from './environment.ts';

export default defineFamily({
  title: 'Grid agents without a goal',
  teaches: 'False alarms: what an audit says of models in which there is nothing to find.',
  cases: () => [
    {
      name: 'boards',
      data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
    },
  ],
});
