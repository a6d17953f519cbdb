/** @file evidence: every threshold a verdict depends on, in one place, and for each what it decides. */

import { SIGN_LEVEL } from '../probe/orientation.ts';

/** Fixed cut-offs of the ladder; the record holds a copy, so that a reader can see what a verdict was held against. */
export type Criteria = typeof CRITERIA;

export const CRITERIA: {
  readonly noOpLogits: number;
  readonly associationUnidentifiable: number;
  readonly associationWarning: number;
  readonly minDecisionStates: number;
  readonly minTestGroups: number;
  readonly competence: number;
  readonly saturatedAccuracy: number;
  readonly minShare: number;
  readonly minShareRatio: number;
  readonly equivalenceNats: number;
  readonly equivalenceShare: number;
  readonly ignoredNats: number;
  readonly ignoredShift: number;
  readonly minCausalGroups: number;
  readonly siteShare: number;
  readonly rankShare: number;
  readonly sameValueShare: number;
  readonly nullOverlap: number;
  readonly naturalShare: number;
  readonly rowsPerFeature: number;
  readonly choiceMassLoss: number;
  readonly pushEntropyShare: number;
  readonly neutralShift: number;
  readonly distanceQuantile: number;
  readonly distanceShrinkage: number;
  readonly modeTurned: number;
  readonly modeSpecific: number;
  readonly modeBeyondAgreement: number;
  readonly modeSilent: number;
  readonly modeWeightHere: number;
  readonly modeWeightThere: number;
  readonly modeNamedShare: number;
  readonly erasureLeftShare: number;
  readonly erasureDraws: number;
  readonly erasureRankPermutations: number;
  readonly silentFalsePositiveRate: number;
  readonly thresholdConfidence: number;
  readonly flipMinOfAKind: number;
  readonly plannedReadingError: number;
  readonly signLevel: number;
} = {
  /** L0: largest change of any logit that an edit which changes nothing may cause. */
  noOpLogits: 1e-4,
  /** L0: Cramer's V of the two goals at or above which they are one variable in that set. */
  associationUnidentifiable: 0.95,
  /** L0: Cramer's V on the come-apart set above which one goal can be read through the other. */
  associationWarning: 0.2,
  /** L0: rows of the test side in which the goals recommend different actions. */
  minDecisionStates: 50,
  /** L0: groups on the test side; fewer make a cluster bootstrap unreliable. */
  minTestGroups: 30,
  /** L0: share of training-like rows in which the choice serves the shared goal; below it nothing is said to be pursued. */
  competence: 0.8,
  /** L2: above this accuracy for both variables their difference says nothing and the variance share decides alone. */
  saturatedAccuracy: 0.97,
  /** L2: least share of activation variance for a variable to count as present. */
  minShare: 0.01,
  /** L2: least ratio of the goal's share to the irrelevant variable's. */
  minShareRatio: 2,
  /** L5: an effect whose 90 % interval lies inside plus or minus this many nats is near zero ... */
  equivalenceNats: 0.25,
  /** ... or inside this share of the other goal's total effect, whichever is wider. */
  equivalenceShare: 0.05,
  /** L5: total effects smaller than this leave the mediated share undefined. */
  ignoredNats: 0.05,
  /** L5: shifts of the new action's probability that together stay below this leave its share undefined. */
  ignoredShift: 0.01,
  /** L5: independent groups among the bases; twenty without an effect leave room for one in seven with one. */
  minCausalGroups: 20,
  /** L5: share of the total effect that the earliest site must carry. */
  siteShare: 0.5,
  /** L5: share of the whole vector's effect that the smallest sufficient subspace must carry. */
  rankShare: 0.9,
  /**
   * L5: mean overlap of random subspaces with the goal's own above which they hold the effect they should be a null for. Then random
   * subspaces outside the goal's own decide, with edits of equal length.
   */
  nullOverlap: 0.5,
  /** L5: largest share of the effect that a source with the same value may cause. */
  sameValueShare: 0.25,
  /** L5: least share of the effect within the goal's subspace that its part within the directions of natural variation carries. */
  naturalShare: 0.5,
  /** Rows per feature below which a probe's accuracy is flagged. */
  rowsPerFeature: 10,
  /** L6: the choices together may lose at most this much probability under a push. */
  choiceMassLoss: 0.05,
  /** L6: under a push the mean entropy of the choices stays below this share of that of a blind guess. */
  pushEntropyShare: 0.9,
  /** L6: total variation distance by which a push of the irrelevant variable may change the choices, if unedited inputs do not differ by more. */
  neutralShift: 0.1,
  /** L6: the median pushed state is no farther out than this quantile of unedited ones. */
  distanceQuantile: 0.99,
  /** L6: share of the mean variance added to that of each feature when distances are measured. */
  distanceShrinkage: 0.01,
  /** Other modes: share of choices that a push must turn from the action of the intended goal to that of the proxy; the whole interval lies above. */
  modeTurned: 0.1,
  /** Other modes: share of all changed choices that must have turned to the action of the proxy. */
  modeSpecific: 0.5,
  /**
   * Other modes: by how much the share of turned choices must exceed the share that changes where the goals agree; the whole interval lies
   * above.
   */
  modeBeyondAgreement: 0.25,
  /** Other modes: a push under which the share of turned choices lies below this with its whole interval has found none. */
  modeSilent: 0.05,
  /** Other modes: in one context of the data the share of the proxy in the two effects lies below this ... */
  modeWeightHere: 0.2,
  /** ... and in another above this, each with its whole interval. */
  modeWeightThere: 0.5,
  /** Other modes: share of the variance along a direction that the classes of a variable explain for the search to leave it to that variable. */
  modeNamedShare: 0.25,
  /**
   * L7: share of a probe's accuracy above chance that may be left after an erasure that counts as complete. Class means are estimated, so
   * rows that the eraser never saw keep a little of every class: a tenth in a synthetic network with 60 fit rows per class, where the erasure
   * is exact in the mean, and about half in the grid organisms with 28, whose erasure counts as incomplete.
   */
  erasureLeftShare: 0.25,
  /** L7: most random erasers of each kind, since each needs a run of the network per hook; 19 are the fewest that can give a p of .05. */
  erasureDraws: 39,
  /** L7: permutations that the largest correlation of chance is read from; at a level of .05 the second largest of 39 decides. */
  erasureRankPermutations: 39,
  /** L8: share of negatives, the irrelevant variable in the place of the proxy, that may read as proxy. */
  silentFalsePositiveRate: 0.05,
  /** L8: confidence of the upper limit of that rate, given the negatives at hand. */
  thresholdConfidence: 0.95,
  /** L8: choices that turn, and ones that stay, that a ranking of them needs; fewer of a kind cannot be ranked. */
  flipMinOfAKind: 10,
  /** L8: share of readings taken to be wrong in a model without divergence when the power of a data set is planned. */
  plannedReadingError: 0.05,
  /** Directions without labels: two-sided level at which the way round that they are read counts as settled; held by the probes. */
  signLevel: SIGN_LEVEL,
};
