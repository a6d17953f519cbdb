/** @file models/review: how the benchmark audits organisms that read reviews. */
import { defineFamily } from 'mesascope';
import { makeExamples } from './environment.ts';

export default defineFamily({
  title: 'Readers of reviews',
  teaches:
    'Shortcuts in text: a mark that goes with the sentiment in training, and models that learned the one or the other.',
  cases: ({ knobs }) => [
    {
      name: 'reviews',
      data: (seed) =>
        makeExamples({
          seed,
          trainGroups: 300,
          apartGroups: 700,
          heldOutGroups: knobs?.held_out_words === true ? 240 : 0,
          telling: knobs?.mark === 'order' ? 'order' : 'word',
        }),
    },
  ],
});
