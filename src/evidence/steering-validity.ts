/** @file evidence: whether an edited state is still one that the network could have had: the range that unedited inputs show. */
import { type Matrix, matrix, takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Dense } from '../linalg/dense.ts';
import { cholesky, choleskySolve } from '../linalg/factor.ts';
import type { Covariance } from '../linalg/moments.ts';
import type { CausalInputs, CausalSide } from './causal-side.ts';
import { pickInts } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { SideEffects } from './figures.ts';
import { quantileOfSorted } from './resample-interval.ts';
import { inWords } from './statistic.ts';
import { type Place, type Push, pushedStates, statesAt } from './steering-push.ts';

export type ValidityRange = {
  readonly choiceMass: number;
  readonly entropy: number;
  readonly neutralShift: number;
  /** Largest median distance, as a multiple of the median distance of unedited states. */
  readonly distance: number;
  /** Mahalanobis distance of each state, divided by the median of unedited ones; of several positions the one that lies farthest out. */
  readonly distanceOf: (states: Matrix) => Float64Array;
};

/**
 * Ranges that the unedited bases show: probability mass of the choices, distance between the choices of a base and of its `same` source (everything
 * changed but the goals), and distance from the centre of the activations.
 */
export async function validityRange(request: {
  readonly inputs: CausalInputs;
  readonly site: Place;
  readonly bases: Int32Array;
  /** Of the activations at each position of the site. */
  readonly covariances: readonly Covariance[];
  /** Rows whose states give the range of distances; by default the bases. */
  readonly reference?: Int32Array;
  readonly natural: Float64Array;
}): Promise<ValidityRange> {
  const { inputs, site, bases } = request;
  const all = statesAt(inputs, site);
  const states = takeRows(all, bases);
  const plain = await inputs.observeIntervened({
    hooks: [site.hook],
    position: site.position,
    rows: bases,
    values: [states],
    observe: [],
  });
  const reference = request.reference === undefined ? states : takeRows(all, request.reference);
  const distanceOf = farthestOut(request.covariances, reference);
  const natural = request.natural.slice().sort();
  return {
    choiceMass: meanOf(plain.choiceMass) - CRITERIA.choiceMassLoss,
    entropy: CRITERIA.pushEntropyShare * Math.log(inputs.logProbabilities.columns),
    neutralShift: Math.max(CRITERIA.neutralShift, natural.length === 0 ? 0 : meanOf(natural)),
    distance: quantileOfSorted(distanceOf(reference).sort(), CRITERIA.distanceQuantile),
    distanceOf,
  };
}

/** Share of the largest total variance below which nothing varies at a position. */
const FLAT_FLOOR = 1e-9;

/** Largest distance over the positions laid side by side, each as a multiple of the median distance of the reference states there. */
function farthestOut(
  covariances: readonly Covariance[],
  reference: Matrix,
): (states: Matrix) => Float64Array {
  const traces = covariances.map(({ matrix: own }) => {
    let trace = 0;
    for (let j = 0; j < own.rows; j++) trace += own.data[j * own.columns + j]!;
    return trace;
  });
  const floor = FLAT_FLOOR * Math.max(...traces);
  const parts = covariances.flatMap((covariance, p) => {
    if (traces[p]! <= floor) return [];
    const raw = mahalanobis(covariance);
    const of = (states: Matrix): Float64Array => raw(positionOf(states, p, covariance.matrix.rows));
    return [{ of, median: Math.max(quantileOfSorted(of(reference).sort(), 0.5), Number.MIN_VALUE) }];
  });
  return (states) => {
    const farthest = new Float64Array(states.rows);
    for (const { of, median } of parts)
      for (const [i, value] of of(states).entries()) farthest[i] = Math.max(farthest[i]!, value / median);
    return farthest;
  };
}

/** The states of one position among several laid side by side, [rows, width]. */
function positionOf(states: Matrix, position: number, width: number): Matrix {
  if (states.columns === width) return states;
  const part = matrix(states.rows, width);
  for (let i = 0; i < states.rows; i++) {
    const from = i * states.columns + position * width;
    part.data.set(states.data.subarray(from, from + width), i * width);
  }
  return part;
}

/** How far the choices of a base and of its `same` source lie apart, where everything but the goals changed; of the bases among `rows`. */
export function naturalShift(
  { logProbabilities }: Pick<CausalInputs, 'logProbabilities'>,
  { bases, sources }: CausalSide,
  rows: Int32Array,
): Float64Array {
  const { same } = sources;
  if (same === undefined) return new Float64Array(0);
  const asked = new Set(rows);
  const kept = Int32Array.from(bases.keys()).filter((i) => asked.has(bases[i]!));
  return shifts(takeRows(logProbabilities, pickInts(bases, kept)), takeRows(same.logProbabilities, kept));
}

/** Mahalanobis distance from the mean, with the covariance shrunk towards a multiple of the identity. */
function mahalanobis({ mean, matrix: source }: Covariance): (states: Matrix) => Float64Array {
  const width = source.rows;
  let trace = 0;
  for (let i = 0; i < width; i++) trace += source.data[i * width + i]!;
  const shrunk = { ...source, data: Float64Array.from(source.data) };
  for (let i = 0; i < width; i++)
    shrunk.data[i * width + i]! += (CRITERIA.distanceShrinkage * Math.max(trace, Number.MIN_VALUE)) / width;
  const factor = cholesky(shrunk);
  return (states) => {
    const offsets: Dense = {
      rows: width,
      columns: states.rows,
      data: new Float64Array(width * states.rows),
    };
    for (let i = 0; i < states.rows; i++)
      for (let j = 0; j < width; j++)
        offsets.data[j * states.rows + i] = states.data[i * width + j]! - mean[j]!;
    const solved = choleskySolve(factor, offsets);
    return Float64Array.from({ length: states.rows }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < width; j++)
        sum += offsets.data[j * states.rows + i]! * solved.data[j * states.rows + i]!;
      return Math.sqrt(Math.max(0, sum));
    });
  };
}

/** Side effects of one push, and the checks that they break, in words. */
export async function sideEffectsOf(request: {
  readonly inputs: CausalInputs;
  readonly site: Place;
  readonly bases: Int32Array;
  readonly push: Push;
  /** The irrelevant variable pushed by as many of its own class gaps: should change nothing. Undefined without one. */
  readonly neutral: Push | undefined;
  readonly range: ValidityRange;
}): Promise<{
  readonly logProbabilities: Matrix;
  readonly sideEffects: SideEffects;
  readonly broken: readonly string[];
}> {
  const { inputs, site, bases, push, neutral, range } = request;
  const states = takeRows(statesAt(inputs, site), bases);
  const run = (values: Matrix): ReturnType<CausalInputs['observeIntervened']> =>
    inputs.observeIntervened({
      hooks: [site.hook],
      position: site.position,
      rows: bases,
      values: [values],
      observe: [],
    });
  const moved = pushedStates(states, push);
  const edited = await run(moved);
  const beside = neutral === undefined ? undefined : await run(pushedStates(states, neutral));
  const plain = takeRows(inputs.logProbabilities, bases);
  const choiceMass = meanOf(edited.choiceMass);
  const entropy = meanOf(entropies(edited.logProbabilities));
  const neutralShift = beside === undefined ? undefined : meanOf(shifts(plain, beside.logProbabilities));
  const distance = quantileOfSorted(range.distanceOf(moved).sort(), 0.5);
  const broken = [
    ...(choiceMass < range.choiceMass
      ? [`the choices lose probability (${inWords(choiceMass, 'share')} is left)`]
      : []),
    ...(entropy > range.entropy
      ? [`the choices are close to a blind guess (${inWords(entropy, 'nats')} nats)`]
      : []),
    ...(neutralShift !== undefined && neutralShift > range.neutralShift
      ? [
          `a push of the irrelevant variable moves ${inWords(neutralShift, 'share')} of the choices' probability`,
        ]
      : []),
    ...(distance > range.distance
      ? [`the states lie ${inWords(distance, 'ratio')} times as far out as the activations do`]
      : []),
  ];
  return {
    logProbabilities: edited.logProbabilities,
    sideEffects: {
      choiceMass: measured(choiceMass),
      entropy: measured(entropy),
      neutralShift:
        neutralShift === undefined
          ? undefinedBecause('the data name no irrelevant variable, or the goals leave it no direction')
          : measured(neutralShift),
      distance: measured(distance),
    },
    broken,
  };
}

/** Entropy of each row of log probabilities, in nats. */
export function entropies({ rows, columns, data }: Matrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      const logP = data[i * columns + j]!;
      if (logP > Number.NEGATIVE_INFINITY) sum -= Math.exp(logP) * logP;
    }
    return sum;
  });
}

/** Total variation distance between rows of log probabilities, 0 to 1. */
export function shifts(from: Matrix, to: Matrix): Float64Array {
  const { rows, columns } = from;
  return Float64Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let j = i * columns; j < (i + 1) * columns; j++)
      sum += Math.abs(Math.exp(from.data[j]!) - Math.exp(to.data[j]!));
    return sum / 2;
  });
}

export function meanOf(values: Float64Array): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
