/** @file models/learner: how the benchmark audits organisms that settle in context what they aim at, or how. */
import { defineFamily } from 'mesascope';
import { makeGradientStepExamples, makeInContextExamples } from './environment.ts';

export default defineFamily({
  title: 'Inner optimisers',
  teaches:
    'Optimisation inside one forward pass: a goal that demonstrations set, and a step of gradient descent in place of the answer.',
  cases: ({ member }) =>
    member === 'gradient-step'
      ? [
          {
            name: 'skewed-designs',
            data: (seed) => makeGradientStepExamples({ seed, trainGroups: 300, apartGroups: 800 }),
            // Linear attention is no attention to the hook finder, so nothing lies in the middle of the block.
            settings: { hooks: 'embed,blocks.*.resid_post' },
          },
        ]
      : [
          {
            name: 'both-rules',
            data: (seed) => makeInContextExamples({ seed, trainGroups: 200, apartGroups: 700 }),
          },
        ],
});
