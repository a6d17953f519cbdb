/** @file pipeline: what a user declares: a model, a data set, and how hard to look; no work is done here. */
import type { Environment } from '../behavior/environment.ts';
import type { DataSet } from '../core/data-set.ts';
import type { Headline } from '../evidence/rung.ts';
import { checkExperiment } from './check-experiment.ts';

/** Every number that a verdict depends on; `resolveSettings` fills the rest in, and the record holds both forms. */
export type AuditSettings = {
  /** Seed of splits, twins, permutations, bootstrap and subspaces. */
  readonly seed: number;
  /** Hook pattern to search, comma-separated globs over canonical names. */
  readonly hooks: string;
  /** Positions to search, negative from the end; `auto`: the read-out and, for rows of one length up to 12, every position. */
  readonly positions: 'auto' | 'readout' | readonly number[];
  /** Coding of each goal to probe for, where a goal has several; the first one by default. */
  readonly coding: string | undefined;
  /** Weight-shuffled copies of the model; at least 39 for a test at .05 (two-sided) or .025. */
  readonly twins: number;
  /** How twins are made: the model's own weights in random order, or fresh normal numbers of the same mean and deviation. */
  readonly twinKind: 'shuffled' | 're-initialised';
  readonly permutations: number;
  readonly bootstrapDraws: number;
  /** Covariance-matched random subspaces per test. */
  readonly randomSubspaces: number;
  /** Null directions per family of steering. */
  readonly randomDirections: number;
  /** Ranks of the subspaces swapped in the interchange; the whole vector is always added. */
  readonly ranks: readonly number[];
  /** At most this many bases in each interchange. */
  readonly interchangeBases: number;
  /** Ridge penalty as a share of the mean feature variance. */
  readonly ridge: number;
  /** Significance level of every rung. */
  readonly alpha: number;
  /** At most this many examples in the record for the report to show. */
  readonly shownExamples: number;
  /** At most this many test rows are looked at through the lenses; 0 leaves them out. */
  readonly lensRows: number;
  readonly optimization: 'disabled' | 'basic' | 'all';
};

/** A model acting in its own environment; the tables show what its episodes ended in. */
export type RollOutSpec = {
  readonly title: string;
  readonly environment: Environment;
  readonly episodes: number;
  readonly maxSteps: number;
};

export type ExperimentSpec = {
  readonly title: string;
  /** The question in one sentence; a standard one is made from the goals' descriptions by default. */
  readonly question?: string;
  /** Path of the ONNX file, relative to the working folder. */
  readonly model: string;
  /** Path of a data file, a data set, or a function that makes one. */
  readonly data: string | DataSet | (() => DataSet | Promise<DataSet>);
  readonly rollOuts?: readonly RollOutSpec[];
  readonly settings?: Partial<AuditSettings>;
  /** The run exits with 100 when one of these does not hold. */
  readonly expect?: { readonly verdict?: Headline | readonly Headline[] };
};

export type Experiment = ExperimentSpec & { readonly kind: 'mesascope-experiment' };

/** Declares an experiment; the default export of a `*.probe.ts` file. Throws `EXPERIMENT_INVALID` on a field that it does not know. */
export function defineExperiment(spec: ExperimentSpec): Experiment {
  checkExperiment(spec);
  return { ...spec, kind: 'mesascope-experiment' };
}
