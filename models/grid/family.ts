/** @file models/grid: how the benchmark audits organisms of the grid world. */
import { defineFamily } from 'mesascope';
import { gridEnvironment } from './environment.ts';

export default defineFamily({
  title: 'Grid agents',
  teaches: 'Proxy alignment: two goals that nothing tells apart in training, and what a model made of them.',
  cases: () => [
    {
      name: 'boards',
      data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
    },
  ],
});
