/** @file evidence: the shape of what lenses show, as the record holds it; numbers only, no drawing. */
import type { GoalRole } from '../core/data-set.ts';
import type { Measured } from '../core/outcome.ts';
import type { RecordedInterval } from './rung.ts';

/** A mean over rows, with its interval over groups. */
export type LensMean = { readonly value: Measured; readonly interval?: RecordedInterval };

type Undefined = { readonly state: 'undefined'; readonly reason: string };

/** The logit lens: logit(intended action) - logit(proxy action) as if the model stopped after each stream. */
export type LensStreams =
  | {
      readonly state: 'measured';
      /** In network order; the last one gives the model's own difference. */
      readonly points: readonly { readonly hook: string; readonly difference: LensMean }[];
    }
  | Undefined;

/** Direct logit attribution: each part's share of logit(intended action) - logit(proxy action). */
export type LensShares =
  | {
      readonly state: 'measured';
      /** In order of computation; they add up to `total`. */
      readonly parts: readonly {
        /** `embed`, `blocks.0.head.3`, `blocks.0.attn_out`, `blocks.0.attn_bias`, `blocks.0.mlp_out`, `blocks.0.rest`, `constant`. */
        readonly part: string;
        readonly block?: number;
        readonly head?: number;
        readonly difference: LensMean;
      }[];
      /** The model's own difference. */
      readonly total: LensMean;
      /** Distance of the sum of shares from the logits, as a share of the largest difference between two choices of a row. */
      readonly error: number;
      /** Blocks whose attention could not be split into heads, and why. */
      readonly whole: readonly { readonly block: number; readonly reason: string }[];
    }
  | Undefined;

/** One place of a row: its token, and the goal that its token alone tells; either may not be known. */
export type LensPlace = { readonly text?: string; readonly role?: GoalRole };

/** Attention from the read-out, and in one row from every position. */
export type LensAttention =
  | {
      readonly state: 'measured';
      /** Rows averaged, all of one length, of how many that were looked at. */
      readonly rows: number;
      readonly ofRows: number;
      /** The read-out among the queries, from 0. */
      readonly readout: number;
      /** What is the same at a place in every averaged row; one per key. */
      readonly places: readonly LensPlace[];
      /** What a head would give to the tokens of each goal that looked at all places alike. */
      readonly even: Readonly<Partial<Record<GoalRole, number>>>;
      readonly heads: readonly {
        readonly block: number;
        readonly head: number;
        /** Mean attention from the read-out to each place, 0 to 1. */
        readonly mean: readonly number[];
        /** Mean attention from the read-out to the tokens that tell each goal. */
        readonly onto: Readonly<Partial<Record<GoalRole, LensMean>>>;
      }[];
      readonly example: {
        readonly id: string;
        readonly places: readonly LensPlace[];
        /** `patterns[head][query][key]`, 0 to 1; heads as above. */
        readonly full:
          | {
              readonly state: 'measured';
              readonly patterns: readonly (readonly (readonly number[])[])[];
            }
          | Undefined;
      };
      /** Blocks whose patterns the graph does not show, and why. */
      readonly missing: readonly { readonly block: number; readonly reason: string }[];
    }
  | Undefined;

/** Exploratory: no rule reads any of it. */
export type LensReadings = {
  /** Test rows looked at, in how many groups, and how many there were to choose from. */
  readonly rows: number;
  readonly groups: number;
  readonly ofRows: number;
  readonly streams: LensStreams;
  readonly shares: LensShares;
  readonly attention: LensAttention;
};
