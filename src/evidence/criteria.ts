/** @file evidence: every threshold a verdict depends on, in one place, and for each what it decides. */

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
  readonly minCausalGroups: number;
  readonly siteShare: number;
  readonly rankShare: number;
  readonly sameValueShare: number;
  readonly nullOverlap: number;
  readonly naturalShare: number;
  readonly rowsPerFeature: number;
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
};
