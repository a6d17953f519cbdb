/** @file benchmark: what is asked of a worker and what it answers; plain data, since no function can be sent to another process. */
import type { AuditSettings } from '../pipeline/experiment.ts';
import type { BenchmarkRow } from './row.ts';

export type CaseOrder = {
  /** `FAMILY/NAME/CASE`. */
  readonly id: string;
  readonly familyFile: string;
  /** The organism's. */
  readonly folder: string;
  readonly family: string;
  readonly case: string;
  /** Made for this case and removed after it. */
  readonly scratch: string;
  readonly seed: number;
  readonly settings: Partial<AuditSettings>;
  readonly version: string;
  readonly earlier: BenchmarkRow | undefined;
};

export type CaseResult =
  | { readonly row: BenchmarkRow }
  | { readonly fault: { readonly code: string; readonly message: string } };
