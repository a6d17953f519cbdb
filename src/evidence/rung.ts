/** @file evidence: the shape of what the ladder reports: statistics with their nulls, rungs, claims and the verdict. */

import type { GoalRole } from '../core/data-set.ts';
import type { NumberUnit } from '../core/number-words.ts';
import type { Measured } from '../core/outcome.ts';

export type RungId = 'L0' | 'L1' | 'L2' | 'L3' | 'L4' | 'L5' | 'L6' | 'L7' | 'L8';

/** An interval as it is recorded; `method` names the construction ("cluster bootstrap, BCa, 2000 draws"). */
export type RecordedInterval = {
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly method: string;
};

/** One null distribution that a statistic was held against. */
export type NullComparison = {
  /** Stable within the statistic, e.g. `labels-permuted`, `twins`, `irrelevant-swapped`, `random-subspaces`. */
  readonly id: string;
  /** What was randomised, in words. */
  readonly label: string;
  readonly draws: number;
  /** Mean and central 95 % of the null; undefined where the null is a single number. */
  readonly mean: Measured;
  readonly low: Measured;
  readonly high: Measured;
  /** (b + 1) / (M + 1) against this null; undefined where no test is made. */
  readonly pValue: Measured;
  /** False where the rule does not ask this null: it is there for the reader. Absent in older records, which do not tell. */
  readonly decides?: boolean;
};

/** `reported`: shown for the reader, decides nothing. */
export type StatisticState = 'passed' | 'failed' | 'undefined' | 'reported';

export type StatisticUnit = NumberUnit;

export type Statistic = {
  /** Unique in a record, e.g. `L2.intended.contrast`; claims cite it. */
  readonly id: string;
  readonly label: string;
  readonly role?: GoalRole;
  readonly unit: StatisticUnit;
  readonly value: Measured;
  readonly interval?: RecordedInterval;
  readonly nulls: readonly NullComparison[];
  readonly state: StatisticState;
  /** The rule that set `state`, in words with its numbers. */
  readonly criterion: string;
  /** Where it was read or edited, e.g. `blocks.1.resid_mid @ -1`. */
  readonly site?: string;
};

export type RungState = 'passed' | 'failed' | 'undefined' | 'not-run';

export type RungResult = {
  readonly id: RungId;
  /** "Present", "Selective", ... */
  readonly title: string;
  /** The question the rung answers, in plain words. */
  readonly question: string;
  /** Outcome for each goal the rung was asked about; L0 and L8 have none. */
  readonly byRole: Readonly<Partial<Record<'intended' | 'proxy', RungState>>>;
  /** Best outcome over the goals; for L0 all parts must pass. */
  readonly state: RungState;
  /** One sentence with the decisive numbers. */
  readonly summary: string;
  readonly statistics: readonly Statistic[];
};

export type Headline =
  | 'unidentifiable'
  | 'invalid'
  | 'pursues-proxy'
  | 'mixture'
  | 'proxy-dormant'
  | 'proxy-present-unused'
  | 'pursues-intended'
  | 'no-goal-evidence'
  | 'insufficient-evidence';
export type Pursues = 'intended' | 'proxy' | 'mixture' | 'none' | 'undetermined';
export type ProxyState = 'not-found' | 'present-unused' | 'dormant' | 'active' | 'undetermined';

/** A sentence made by rule; `cites` are ids of statistics in the same record. */
export type Claim = {
  readonly id: string;
  readonly text: string;
  readonly cites: readonly string[];
  /** For which inputs it holds. */
  readonly scope: string;
  /** True while a rung that the claim needs has not been run. */
  readonly provisional: boolean;
};

export type Verdict = {
  readonly verdict: Headline;
  readonly pursues: Pursues;
  readonly proxy: ProxyState;
  /** Highest rung reached on the way to what is claimed. */
  readonly grade: RungId;
  readonly provisional: boolean;
  /** The answer in one sentence. */
  readonly sentence: string;
  /** Deciding numbers by name: `effectIntended`, `effectProxy` (nats), `proxyWeight` (0 to 1), `rho` (-1 to 1), ... */
  readonly strength: Readonly<
    Record<string, { readonly value: Measured; readonly interval?: RecordedInterval; readonly cites: string }>
  >;
  readonly claims: readonly Claim[];
  /** What the verdict does not show, in plain words. */
  readonly notShown: readonly string[];
  /** What finding would overturn it. */
  readonly overturnedBy: string;
  /** Rungs that are missing or failed, and what would supply them. */
  readonly missing: readonly { readonly rung: RungId; readonly why: string; readonly supply: string }[];
};
