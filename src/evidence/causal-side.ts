/** @file evidence: the bases and sources of the causal tests on one side of the split, and what the model did with them. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import {
  type ActionPairs,
  type InterchangeRequest,
  type ObserveIntervened,
  preferences,
  probabilitiesOf,
  type RunIntervened,
  type Sources,
} from './interchange.ts';
import type { Activations, Goal } from './reading.ts';

/** One side's bases, and for each kind of source one source per base, in the same order. */
export type CausalSide = {
  /** Example index of each base. */
  readonly bases: Int32Array;
  /** Dense group index per base. */
  readonly groups: Int32Array;
  readonly sources: Readonly<Partial<Record<Goal | 'irrelevant' | 'same', Sources>>>;
  /** Old and new action of each goal's sources. */
  readonly pairs: Readonly<Partial<Record<Goal, ActionPairs>>>;
  /** Class of each goal's value in its source, per base; -1 where the data do not say. */
  readonly newValues: Readonly<Partial<Record<Goal, Int32Array>>>;
};

/** Runs examples with one token each put in the place of another; log pi over the choices, [rows.length, choices]. */
export type RunSubstituted = (edit: {
  /** Example index of each base; may repeat. */
  readonly rows: Int32Array;
  /** Counted from the start of the row. */
  readonly position: number;
  /** The new token of each row. */
  readonly tokens: Int32Array;
}) => Promise<Matrix>;

/** What the causal rung needs besides the columns. */
export type CausalInputs = {
  readonly runIntervened: RunIntervened;
  /** Inputs with other tokens, whose ids run from 0 to one below `vocabulary`; absent for other inputs and for rows of several lengths. */
  readonly substitution?: { readonly run: RunSubstituted; readonly vocabulary: number };
  readonly observeIntervened: ObserveIntervened;
  /** Activations and log pi of the examples themselves. */
  readonly activations: Activations;
  readonly logProbabilities: Matrix;
  /** Hooks of the residual stream in network order. */
  readonly chain: readonly string[];
  /** Read-out position. */
  readonly readout: number;
  readonly select: CausalSide;
  readonly test: CausalSide;
  /** Rows of the set `held-out`: goal values that the model never met in training. None is fitted or chosen on. */
  readonly heldOut?: CausalSide;
};

/** The request that measures sources of one kind by the action pairs of one goal; undefined when the data hold none. */
export function interchangeRequest(
  inputs: CausalInputs,
  side: CausalSide,
  from: Goal | 'irrelevant' | 'same',
  measuredBy: Goal,
): InterchangeRequest | undefined {
  const sources = side.sources[from];
  const pairs = side.pairs[measuredBy];
  if (sources === undefined || pairs === undefined || side.bases.length === 0) return undefined;
  return {
    runIntervened: inputs.runIntervened,
    baseActivations: inputs.activations,
    baseLogProbabilities: inputs.logProbabilities,
    sources,
    pairs,
  };
}

/** Per base: preference for the new action on the source input minus on the base, in nats; the model itself, no edit. */
export function totalEffects(inputs: CausalInputs, side: CausalSide, goal: Goal): Float64Array | undefined {
  const sources = side.sources[goal];
  const pairs = side.pairs[goal];
  if (sources === undefined || pairs === undefined) return undefined;
  const before = preferences(takeRows(inputs.logProbabilities, side.bases), pairs);
  const after = preferences(sources.logProbabilities, pairs);
  return after.map((value, i) => value - before[i]!);
}

/** Per base: probability of the new action among the choices on the source input minus on the base, -1 to 1; no edit. */
export function totalShifts(inputs: CausalInputs, side: CausalSide, goal: Goal): Float64Array | undefined {
  const sources = side.sources[goal];
  const pairs = side.pairs[goal];
  if (sources === undefined || pairs === undefined) return undefined;
  const before = probabilitiesOf(takeRows(inputs.logProbabilities, side.bases), pairs.newAction);
  const after = probabilitiesOf(sources.logProbabilities, pairs.newAction);
  return after.map((value, i) => value - before[i]!);
}

export function mean(values: Float64Array): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
