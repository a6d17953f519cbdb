/** @file models/hidden: how the benchmark audits organisms that hold the proxy and do not use it. */
import { defineFamily } from 'mesascope';
import { gridEnvironment } from './environment.ts';

export default defineFamily({
  title: 'Grid agents that hold the halo and ignore it',
  teaches: 'Decodable is not used: a probe reads the proxy from a model whose choices never depend on it.',
  cases: () => [
    {
      name: 'boards',
      data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
    },
  ],
});
