/** @file benchmark: the file of a whole benchmark: rows, score, settings, thresholds; what a page is made from. */
import type { Criteria } from '../evidence/criteria.ts';
import type { AuditSettings } from '../pipeline/experiment.ts';
import type { BenchmarkRow } from './row.ts';
import type { BenchmarkFamily, BenchmarkFault } from './run-benchmark.ts';
import type { BenchmarkScore } from './score.ts';
import type { Use } from './zoo.ts';

export type BenchmarkResult = {
  readonly format: 'mesascope-benchmark/1';
  readonly version: string;
  /** SHA-256 of the code that the rows follow from. */
  readonly code: string;
  /** The command that makes it again. */
  readonly command: string;
  readonly use: Use;
  readonly seed: number;
  readonly settings: Partial<AuditSettings>;
  /** Thresholds of the verdict, as they were. */
  readonly criteria: Criteria;
  /** Seeds of the organisms that were audited. */
  readonly seeds: readonly number[];
  readonly families: readonly BenchmarkFamily[];
  readonly score: BenchmarkScore;
  readonly rows: readonly BenchmarkRow[];
  readonly faults: readonly BenchmarkFault[];
};
