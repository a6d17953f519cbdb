/** @file record: the type of run.json, the product of a run; the page, the tables and the comparisons are views of it. */
import type { GoalRole, GoalValue, Picture } from '../core/data-set.ts';
import type {
  BaselineReading,
  BehaviorTable,
  CalibrationTable,
  DivergentReading,
  DoseResponse,
  ErasurePoint,
  ExampleReading,
  Geometry,
  InterchangePoint,
  LeakReading,
  QuadrantTable,
  RollOutTable,
  SensitivityPoint,
  SiteMap,
  StratumEffect,
  TestRead,
} from '../evidence/figures.ts';
import type { LensReadings } from '../evidence/lens-figures.ts';
import type { RungResult, Verdict } from '../evidence/rung.ts';

/** Version of the record's shape; a reader migrates older ones and refuses newer ones. */
export const RECORD_SCHEMA = 'mesascope-run/2';

export type ExampleRecord = ExampleReading & {
  /** The input as text: token ids joined by spaces, the text itself, or a note on tensors. */
  readonly input: string;
  readonly goals: Readonly<Partial<Record<GoalRole, GoalValue>>>;
  readonly recommended: Readonly<Partial<Record<'intended' | 'proxy', readonly string[]>>>;
  readonly context: Readonly<Record<string, GoalValue>>;
  readonly picture?: Picture;
};

export type DataCard = {
  readonly title: string;
  readonly sha256: string;
  /** File name without folders, or null for data made by a program. */
  readonly file: string | null;
  readonly inputKind: 'tokens' | 'text' | 'tensors';
  readonly readout: number;
  readonly choices: readonly string[];
  /** How choices of several tokens are scored; absent where each choice is one index. */
  readonly candidates?: 'sum' | 'mean';
  readonly goals: readonly {
    readonly role: GoalRole;
    readonly text: string;
    readonly kind: 'category' | 'number';
    readonly classes: number;
  }[];
  readonly contexts: Readonly<Record<string, string>>;
  readonly sets: readonly {
    readonly name: string;
    readonly rows: number;
    readonly groups: number;
    readonly decisionStates: number;
    readonly split: { readonly fit: number; readonly select: number; readonly test: number };
  }[];
  readonly counterfactuals: Readonly<Record<string, number>>;
};

export type ModelCard = {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly producer: string;
  readonly opset: number;
  readonly blocks: number;
  readonly width: number | null;
  /** File name and hash of the tokenizer that turned the data's text into tokens. */
  readonly tokenizer?: { readonly file: string; readonly sha256: string };
  readonly hooks: readonly { readonly name: string; readonly available: boolean; readonly reason?: string }[];
  /** The author's card beside the model, shown as the author's word; no rule reads it. */
  readonly card: Readonly<Record<string, unknown>> | null;
};

export type Provenance = {
  /** Version of mesascope, node, onnxruntime-node. */
  readonly versions: Readonly<Record<string, string>>;
  readonly platform: string;
  readonly optimization: string;
  readonly splitSeed: string;
  /** The command that makes this record again. */
  readonly command: string;
  /** Commit of the working folder, and whether it had changes; null outside a repository. */
  readonly git: { readonly commit: string; readonly changed: boolean } | null;
};

/** Everything that may differ between two runs of the same settings. */
export type Timings = {
  readonly startedAt: string;
  readonly durationMs: number;
  readonly stages: readonly { readonly stage: string; readonly durationMs: number }[];
  /** What came from the cache, in words. */
  readonly reused: readonly string[];
};

export type RunRecord = {
  readonly schema: typeof RECORD_SCHEMA;
  /** Experiment name, e.g. `grid-intended`. */
  readonly experiment: string;
  readonly title: string;
  /** The question the verdict answers, in one sentence. */
  readonly question: string;
  readonly verdict: Verdict;
  readonly warnings: readonly { readonly code: string; readonly text: string }[];
  readonly rungs: readonly RungResult[];
  readonly behavior: readonly BehaviorTable[];
  readonly rollOuts: readonly RollOutTable[];
  readonly quadrants: readonly QuadrantTable[];
  readonly sites: SiteMap | null;
  readonly interchange: readonly InterchangePoint[];
  /** Steering, dose by dose. */
  readonly doses: readonly DoseResponse[];
  readonly erasure: readonly ErasurePoint[];
  /** What inputs and outputs give away without the network. */
  readonly baselines: readonly BaselineReading[];
  readonly calibration: readonly CalibrationTable[];
  /** The causal effects, had another hook been chosen. */
  readonly sensitivity: readonly SensitivityPoint[];
  /** Effects within the values of contexts and nuisance variables. */
  readonly strata: readonly StratumEffect[];
  readonly leaks: readonly LeakReading[];
  readonly testReads: readonly TestRead[];
  /** Test rows whose activations speak most for the proxy beside what the choice does, widest gap first; absent in older records. */
  readonly divergent?: readonly DivergentReading[];
  readonly geometry: Geometry | null;
  /** Logit lens, direct logit attribution, attention patterns; exploratory. Absent in older records and where not asked for. */
  readonly lenses?: LensReadings;
  readonly examples: readonly ExampleRecord[];
  readonly data: DataCard;
  readonly model: ModelCard;
  readonly provenance: Provenance;
  /** As the user gave them, and with every default resolved. */
  readonly settings: {
    readonly given: Readonly<Record<string, unknown>>;
    readonly resolved: Readonly<Record<string, unknown>>;
  };
  /** Declared expectations and whether they held. */
  readonly expectations: readonly { readonly text: string; readonly held: boolean }[];
  /** Activation shards, relative to the working folder. */
  readonly shards: readonly { readonly hook: string; readonly file: string; readonly sha256: string }[];
  readonly timings: Timings;
};
