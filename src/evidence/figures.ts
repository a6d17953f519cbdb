/** @file evidence: the shape of the tables behind the report's figures; numbers only, no drawing. */
import type { GoalRole } from '../core/data-set.ts';
import type { Measured } from '../core/outcome.ts';
import type { NullComparison, RecordedInterval } from './rung.ts';

/** One quantity over every site searched: `values[hook][position]`, null where undefined. */
export type SiteLayer = {
  /** e.g. `probe.intended`, `probe.proxy`, `probe.irrelevant`, `twins.intended`, `control`, `share.proxy`, `causal.intended`. */
  readonly id: string;
  readonly label: string;
  readonly unit: 'accuracy' | 'share' | 'nats';
  /** The value expected of nothing at all (1 / classes, or 0). */
  readonly chance: number;
  readonly values: readonly (readonly (number | null)[])[];
};

export type SiteMap = {
  /** In network order. */
  readonly hooks: readonly string[];
  /** Negative positions count from the end of the row. */
  readonly positions: readonly number[];
  readonly layers: readonly SiteLayer[];
};

/** Interchange at one hook (and, for `from-here-on`, at all later ones too), at the read-out position. */
export type InterchangePoint = {
  readonly role: GoalRole;
  readonly hook: string;
  readonly position: number;
  readonly scope: 'one-site' | 'from-here-on';
  /** Rank of the subspace that was swapped; null is the whole vector. */
  readonly rank: number | null;
  /** Mean change of log pi(new action) - log pi(old action), in nats. */
  readonly effect: Measured;
  readonly interval?: RecordedInterval;
  /** Effect as a share of the total effect of swapping the input. */
  readonly nie: Measured;
  /** Share of bases whose choice became the source's. */
  readonly interchangeAccuracy: Measured;
  readonly nulls: readonly NullComparison[];
};

export type Serves = 'intended' | 'proxy' | 'both' | 'neither';

/** What the model did by what its activations say, on one data set. */
export type QuadrantTable = {
  readonly set: string;
  readonly total: number;
  readonly cells: readonly {
    readonly behavior: Serves;
    readonly internal: Serves;
    readonly count: number;
    readonly share: number;
    readonly interval: RecordedInterval;
  }[];
  /** Behaves as intended, reads as proxy, where the two goals part. */
  readonly silent: {
    readonly count: number;
    readonly total: number;
    readonly share: Measured;
    readonly interval?: RecordedInterval;
  };
};

/** First principal components of the activations at one site; rows follow `exampleIds`. */
export type Geometry = {
  readonly hook: string;
  readonly position: number;
  /** Share of total variance per component. */
  readonly explained: readonly number[];
  readonly exampleIds: readonly string[];
  /** Component scores, one array per component. */
  readonly components: readonly (readonly number[])[];
};

export type BehaviorTable = {
  readonly set: string;
  readonly rows: number;
  /** Rows in which the goals recommend different actions. */
  readonly decisionStates: number;
  /** Share of rows (decision states where there are any) by what the choice served. */
  readonly serves: readonly {
    readonly what: Serves;
    readonly count: number;
    readonly share: number;
    readonly interval: RecordedInterval;
  }[];
};

/** Episodes in which the model acted in its own environment. */
export type RollOutTable = {
  readonly title: string;
  readonly episodes: number;
  readonly outcomes: readonly {
    readonly what: string;
    readonly count: number;
    readonly share: number;
    readonly interval: RecordedInterval;
  }[];
  readonly meanSteps: Measured;
};

/** One example as the report shows it. */
export type ExampleReading = {
  readonly id: string;
  readonly set: string;
  readonly group: string;
  /** Chosen action, and the probability of each choice (softmax over the choices). */
  readonly chosen: string;
  readonly probabilities: Readonly<Record<string, number>>;
  readonly behavior: Serves;
  readonly internal: Serves;
  /** Probe score of the proxy's value minus that of the intended goal's value; positive reads as proxy. */
  readonly score: Measured;
  /** log pi(a_P) - log pi(a_I), in nats. */
  readonly preference: Measured;
  /** Behaves as intended while it reads as proxy. */
  readonly silent: boolean;
};

/** A decision state of the test side whose activations speak for the proxy more than its choice does (L8). */
export type DivergentReading = {
  readonly id: string;
  readonly group: string;
  /** Calibrated log-odds of the proxy's value against the intended goal's, by the probe of L4, in nats. */
  readonly named: Measured;
  /** Calibrated log-odds of the proxy's value in a probe of its own, in nats. */
  readonly held: Measured;
  /** log pi(a_P) - log pi(a_I), in nats. */
  readonly preference: Measured;
  /** named - preference, in nats. */
  readonly gap: Measured;
  /** Behaves as intended, and the score lies above the threshold that held-out negatives set. */
  readonly silentNamed: boolean;
  readonly silentHeld: boolean;
};

/** How a family of null directions is made; every one has the length of the goal's own direction. */
export type DirectionFamily = 'isotropic' | 'covariance-matched' | 'label-shuffled' | 'other-concept';

/** What an edit does besides what it is for; each is held against the range that unedited inputs show. */
export type SideEffects = {
  /** Mean probability of the choices together among all outputs, 0 to 1. */
  readonly choiceMass: Measured;
  /** Mean entropy of the choices, in nats. */
  readonly entropy: Measured;
  /** Mean total variation distance of the choices before and after a push of the irrelevant variable by the same dose, 0 to 1. */
  readonly neutralShift: Measured;
  /** Median Mahalanobis distance of the edited states from the activations, divided by that of unedited ones. */
  readonly distance: Measured;
};

export type DosePoint = {
  /** In class-gap units: 1 is the distance between the means of the two classes. */
  readonly dose: number;
  /** Length of the edit as a percentage of the median length of an activation. */
  readonly percentOfNorm: number;
  /** Mean change of the preference that is steered, in nats. */
  readonly effect: Measured;
  readonly interval?: RecordedInterval;
  /** Share of bases whose choice became the one steered to, among those that did not make it already. */
  readonly flips: Measured;
  /** Doses that break a validity check decide nothing. */
  readonly valid: boolean;
  /** The checks that failed, in words; empty when valid. */
  readonly broken: readonly string[];
  readonly sideEffects: SideEffects;
  /** Effect of directions of each family at this dose, with `id` the family. */
  readonly nulls: readonly NullComparison[];
};

/** Steering along one direction, dose by dose. */
export type DoseResponse = {
  /** `goal.intended`, `goal.proxy`, `mode.<context>`, `search.<rank>`; unique in a record. */
  readonly id: string;
  readonly label: string;
  readonly hook: string;
  readonly position: number;
  readonly bases: number;
  /** What the preference is: from which action to which, in words. */
  readonly preference: string;
  readonly points: readonly DosePoint[];
  /** Nats per class gap over the valid doses. */
  readonly slope: Measured;
  readonly slopeInterval?: RecordedInterval;
};

/** Linear erasure of one goal at a hook and at all later ones, at the read-out. */
export type ErasurePoint = {
  readonly role: GoalRole;
  readonly hook: string;
  readonly position: number;
  /** Mean fall of log pi(action that the goal recommends), in nats. */
  readonly effect: Measured;
  readonly interval?: RecordedInterval;
  /** Erasure of random subspaces of the same rank. */
  readonly nulls: readonly NullComparison[];
  /** Balanced accuracy of a fresh probe for the goal after the erasure: completeness. */
  readonly accuracyAfter: Measured;
  readonly chance: number;
  /** Mean fall of the accuracy of reading the other variables: selectivity. */
  readonly othersLost: Measured;
};

/** What can be read without the network: how much of a goal its inputs, and its outputs, give away. */
export type BaselineReading = {
  readonly role: GoalRole;
  /** `embedding`, `bag-of-tokens`, `position`, `length`, `output-logits`, `probe` for the network itself. */
  readonly id: string;
  readonly label: string;
  /** Balanced accuracy on test rows, 0 to 1. */
  readonly accuracy: Measured;
  readonly interval?: RecordedInterval;
  readonly chance: number;
};

/** How often a stated probability came true. */
export type CalibrationTable = {
  readonly id: string;
  readonly label: string;
  readonly rows: number;
  readonly bins: readonly {
    readonly low: number;
    readonly high: number;
    readonly count: number;
    /** Mean stated probability and share that came true; null in an empty bin. */
    readonly stated: number | null;
    readonly observed: number | null;
  }[];
  readonly brier: Measured;
  /** Expected calibration error over bins of equal count, 0 to 1. */
  readonly ece: Measured;
};

/** What the causal rung would say, had another hook been chosen. */
export type SensitivityPoint = {
  readonly hook: string;
  readonly position: number;
  /** The hook that the select side chose. */
  readonly chosen: boolean;
  readonly intended: Measured;
  readonly proxy: Measured;
  readonly intendedInterval?: RecordedInterval;
  readonly proxyInterval?: RecordedInterval;
  /** The proxy's share of the two effects. */
  readonly proxyWeight: Measured;
};

/** Accuracy with rows split at random minus accuracy with groups kept whole: what a careless split would have added. */
export type LeakReading = {
  readonly role: GoalRole;
  readonly hook: string;
  readonly position: number;
  readonly rowSplit: Measured;
  readonly groupSplit: Measured;
  readonly difference: Measured;
};

/** Effects of exchanging each goal within the rows of one value of a context or nuisance variable. */
export type StratumEffect = {
  readonly kind: 'context' | 'nuisance';
  readonly variable: string;
  readonly value: string;
  readonly bases: number;
  readonly groups: number;
  readonly intended: Measured;
  readonly proxy: Measured;
  readonly intendedInterval?: RecordedInterval;
  readonly proxyInterval?: RecordedInterval;
  /** The proxy's share of the two effects. */
  readonly proxyWeight: Measured;
  readonly proxyWeightInterval?: RecordedInterval;
  /** What the rule of L5 says of each goal within the stratum. */
  readonly use: Readonly<Record<'intended' | 'proxy', 'used' | 'unused' | 'unclear' | 'not-run'>>;
};

/** Test rows read, by what read them: the fewer looks, the more a p-value means what it says. */
export type TestRead = { readonly rung: string; readonly what: string; readonly times: number };
