/** @file evidence: what lenses show of the rows in which the goals call for different actions: means and intervals; decides nothing. */
import type { GoalRole } from '../core/data-set.ts';
import type { Matrix } from '../core/matrix.ts';
import { type Measured, measured } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, rowsOnSide } from './columns.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import { recordedInterval } from './resample-interval.ts';
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

/** Rows to look at, ascending, and the two choices that are compared in each. */
export type ContestedRows = {
  readonly rows: Int32Array;
  readonly intended: Int32Array;
  readonly proxy: Int32Array;
  /** How many rows there were to choose from. */
  readonly of: number;
};

/** Test rows of the come-apart set in which each goal recommends one action, and not the same one; at most `most`, drawn by chance. */
export function contestedRows(columns: Columns, most: number, random: Random): ContestedRows {
  const only = (goal: 'intended' | 'proxy', row: number): number => {
    const width = columns.choices.length;
    const own = columns.recommended[goal].subarray(row * width, (row + 1) * width);
    const first = own.indexOf(1);
    return first === own.lastIndexOf(1) ? first : -1;
  };
  const all = [...rowsOnSide(columns, 'test', columns.apart)].filter((row) => {
    const [intended, proxy] = [only('intended', row), only('proxy', row)];
    return intended >= 0 && proxy >= 0 && intended !== proxy;
  });
  const rows = Int32Array.from(all.length <= most ? all : random.shuffled(all).slice(0, most)).sort();
  return {
    rows,
    intended: rows.map((row) => only('intended', row)),
    proxy: rows.map((row) => only('proxy', row)),
    of: all.length,
  };
}

/** How means over rows get their intervals: the same groups are drawn for each of them. */
export type LensSample = {
  readonly groups: Int32Array;
  readonly draws: number;
  readonly random: Random;
};

export function lensSample(
  columns: Columns,
  rows: Int32Array,
  how: Pick<LensSample, 'draws' | 'random'>,
): LensSample & { readonly count: number } {
  return { ...denseGroups(columns, rows), ...how };
}

/** The mean of one value per row of the sample; without rows, or with a value that is not finite, it is undefined. */
export function lensMean(values: Float64Array, { groups, draws, random }: LensSample): LensMean {
  if (values.length === 0) return { value: { state: 'undefined', reason: 'no row has a value' } };
  const value = measured(values.reduce((sum, one) => sum + one / values.length, 0));
  // A fork of one name for all: shares of one difference are compared, so they are resampled together.
  const drawn = clusterBootstrapMean({ groups, values, draws, random: random.fork('groups') });
  const interval = value.state === 'measured' ? recordedInterval(drawn) : undefined;
  return interval === undefined ? { value } : { value, interval };
}

/** logit(intended action) - logit(proxy action) of `logits` [rows, choices]. */
export function goalDifference(
  { data, columns }: Matrix,
  { intended, proxy }: Pick<ContestedRows, 'intended' | 'proxy'>,
): Float64Array {
  return Float64Array.from(
    intended,
    (choice, i) => data[i * columns + choice]! - data[i * columns + proxy[i]!]!,
  );
}

/**
 * Mean attention to the places that tell a goal: `from` [rows, keys] is one head's attention from the read-out, `roles` the role of each
 * place of each row. Rows without such a place are left out; undefined (absent) where none has one.
 */
export function attentionOnto(
  from: Matrix,
  roles: readonly (readonly (GoalRole | undefined)[])[],
  role: GoalRole,
  sample: LensSample,
): LensMean | undefined {
  const values: number[] = [];
  const groups: number[] = [];
  for (const [row, own] of roles.entries()) {
    if (!own.includes(role)) continue;
    let sum = 0;
    for (const [key, one] of own.entries()) if (one === role) sum += from.data[row * from.columns + key]!;
    values.push(sum);
    groups.push(sample.groups[row]!);
  }
  if (values.length === 0) return undefined;
  return lensMean(Float64Array.from(values), { ...sample, groups: Int32Array.from(groups) });
}

/** What `attentionOnto` would be of a head that looks at all places alike. */
export function evenAttention(
  roles: readonly (readonly (GoalRole | undefined)[])[],
  role: GoalRole,
): number | undefined {
  const shares = roles
    .filter((own) => own.includes(role))
    .map((own) => own.filter((one) => one === role).length / own.length);
  if (shares.length === 0) return undefined;
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
