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
