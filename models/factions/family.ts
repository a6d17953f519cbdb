/** @file models/factions: how the benchmark audits organisms with two goals. */
import { defineFamily } from 'mesascope';
import { gridEnvironment, makeHungryExamples } from './environment.ts';

export default defineFamily({
  title: 'Grid agents with two goals',
  teaches:
    'Mixtures: both goals act, by chance, by circumstance or by nearness, and how much of each is a matter of the scale.',
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
