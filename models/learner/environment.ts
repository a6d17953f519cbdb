/** @file models/learner: the two worlds of the family, by member; everything that an audit or a test needs of them. */
export {
  type GradientStepOptions,
  makeGradientStepExamples,
  type Predictions,
  type Problem,
  predictionsOf,
  problemOf,
} from './gradient-step.ts';
export { CLEAR, type InContextOptions, makeInContextExamples } from './in-context.ts';
export { gradientStepFunctional, leastSquaresFunctional } from './least-squares.ts';
export {
  type NaturalSequences,
  naturalSequences,
  type PosteriorReading,
  type PosteriorTarget,
  readPosterior,
} from './posterior.ts';
export {
  bayesPolicy,
  type Item,
  labelOf,
  logOddsOfShape,
  policyAt,
  type Rule,
  type Sequence,
  sequenceOfTokens,
  tokensOf,
} from './rules.ts';
