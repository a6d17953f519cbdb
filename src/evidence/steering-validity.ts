/** @file evidence: whether an edited state is still one that the network could have had: the range that unedited inputs show. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Dense } from '../linalg/dense.ts';
import { cholesky, choleskySolve } from '../linalg/factor.ts';
import type { Covariance } from '../linalg/moments.ts';
import type { CausalInputs } from './causal-side.ts';
import type { Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { SideEffects } from './figures.ts';
import { quantileOfSorted } from './resample-interval.ts';
import { type Push, pushedStates } from './steering-push.ts';

export type ValidityRange = {
  readonly choiceMass: number;
  readonly entropy: number;
  readonly neutralShift: number;
  /** Largest median distance, as a multiple of the median distance of unedited states. */
  readonly distance: number;
  /** Mahalanobis distance of each state, divided by the median of unedited ones. */
  readonly distanceOf: (states: Matrix) => Float64Array;
};

/**
 * Ranges that the unedited bases show: probability mass of the choices, distance between the choices of a base and of its `same` source (everything
 * changed but the goals), and distance from the centre of the activations.
 */
export async function validityRange(request: {
  readonly inputs: CausalInputs;
  readonly site: Site;
  readonly bases: Int32Array;
  readonly covariance: Covariance;
  readonly natural: Float64Array;
}): Promise<ValidityRange> {
  const { inputs, site, bases, covariance } = request;
  const states = takeRows(inputs.activations(site), bases);
  const plain = await inputs.observeIntervened({
    hooks: [site.hook],
    position: site.position,
    rows: bases,
    values: [states],
    observe: [],
  });
  const raw = mahalanobis(covariance);
  const distances = raw(states);
  const sorted = distances.slice().sort();
  const median = Math.max(quantileOfSorted(sorted, 0.5), Number.MIN_VALUE);
  const natural = request.natural.slice().sort();
  return {
    choiceMass: meanOf(plain.choiceMass) - CRITERIA.choiceMassLoss,
    entropy: CRITERIA.pushEntropyShare * Math.log(inputs.logProbabilities.columns),
    neutralShift: Math.max(CRITERIA.neutralShift, natural.length === 0 ? 0 : meanOf(natural)),
    distance: quantileOfSorted(sorted, CRITERIA.distanceQuantile) / median,
    distanceOf: (rows) => raw(rows).map((value) => value / median),
  };
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
  readonly site: Site;
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
  const states = takeRows(inputs.activations(site), bases);
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
      ? [`the choices lose probability (${choiceMass.toFixed(2)} is left)`]
      : []),
    ...(entropy > range.entropy
      ? [`the choices are close to a blind guess (${entropy.toFixed(2)} nats)`]
      : []),
    ...(neutralShift !== undefined && neutralShift > range.neutralShift
      ? [
          `a push of the irrelevant variable moves ${(100 * neutralShift).toFixed(0)} % of the choices' probability`,
        ]
      : []),
    ...(distance > range.distance
      ? [`the states lie ${distance.toFixed(1)} times as far out as the activations do`]
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
