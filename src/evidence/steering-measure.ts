/** @file evidence: measures one goal's dose response and its null families on the test bases; judges nothing. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { Dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import { type CausalInputs, mean } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type Columns, pickInts } from './columns.ts';
import type { SideEffects } from './figures.ts';
import { type ActionPairs, preferences } from './interchange.ts';
import type { Goal, Sides } from './reading.ts';
import { quantileOfSorted } from './resample-interval.ts';
import {
  type Codes,
  directionsOf,
  jointCodes,
  type Moves,
  meanCodes,
  rowLengths,
} from './steering-directions.ts';
import { neutralDirections } from './steering-neutral.ts';
import { measureNulls, type NullEffects, otherVariables } from './steering-nulls.ts';
import { pushMany } from './steering-push.ts';
import { naturalShift, sideEffectsOf, validityRange } from './steering-validity.ts';

/** In class gaps: 1 moves a state by the whole difference between the means of the two classes. */
export const DOSES: readonly number[] = [-2, -1, -0.5, 0.5, 1, 2];
/** Doses that may decide, the first valid one does: the one that makes the whole difference, else half of it. */
const DECIDING_DOSES: readonly number[] = [1, 0.5];
/** Bases on which null directions are run: enough for a mean, and half of the work. */
const NULL_BASES = 100;

export type SteerRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly inputs: CausalInputs;
  readonly where: CausalSite;
  readonly randomDirections: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

export type DoseEffects = {
  readonly dose: number;
  /** Change of the preference for the new action, per base, in nats. */
  readonly effects: Float64Array;
  readonly flips: number;
  readonly couldFlip: number;
  readonly percentOfNorm: number;
  readonly sideEffects: SideEffects;
  readonly broken: readonly string[];
};

export type GoalSteering = {
  readonly bases: Int32Array;
  /** Bases left out since the goal's counterfactual stays in the class that the base has. */
  readonly sameClass: number;
  /** Dense group index per base. */
  readonly groups: Int32Array;
  readonly doses: readonly DoseEffects[];
  readonly decidingDose: number;
  /** At that dose, on the bases that the null directions were run on: mean effect, and mean size of the effects. */
  readonly observed: { readonly mean: number; readonly size: number };
  readonly nulls: NullEffects;
  /** At that dose on all bases, along the direction fitted where the goals coincide; undefined when a class is missing there. */
  readonly fromTrain: Float64Array | undefined;
};

/** Undefined when the data do not say which value a goal's source has, when no source has another class than its base, or the class means do not differ. Throws what runs throw. */
export async function measureSteering(request: SteerRequest, goal: Goal): Promise<GoalSteering | undefined> {
  const { columns, sides, inputs, where } = request;
  const labels = columns.labels[goal];
  const pairs = inputs.test.pairs[goal];
  const newValues = inputs.test.newValues[goal];
  if (labels === undefined || pairs === undefined || newValues === undefined) return undefined;
  const activations = inputs.activations(where.site);
  const codesOn = (rows: Int32Array): Codes =>
    meanCodes(takeRows(activations, rows), pickInts(labels.values, rows), labels.classes);
  const fit = sides.apart.fit;
  const other = columns.labels[goal === 'intended' ? 'proxy' : 'intended'];
  const onFit = <T extends { readonly values: Int32Array }>(one: T): T => ({
    ...one,
    values: pickInts(one.values, fit),
  });
  const codes = jointCodes(
    takeRows(activations, fit),
    onFit(labels),
    other === undefined ? undefined : onFit(other),
  );
  const has = (known: Codes, value: number): boolean => value >= 0 && known.known[value] === 1;
  const coded = Int32Array.from(inputs.test.bases.keys()).filter(
    (i) => has(codes, labels.values[inputs.test.bases[i]!]!) && has(codes, newValues[i]!),
  );
  // A base whose counterfactual stays in its class has no direction: a push of length zero would count as a push that does nothing.
  const kept = coded.filter((i) => labels.values[inputs.test.bases[i]!] !== newValues[i]);
  if (kept.length === 0) return undefined;
  const task = taskOf(inputs, kept, pairs, {
    from: pickInts(labels.values, pickInts(inputs.test.bases, kept)),
    to: pickInts(newValues, kept),
  });
  const directions = directionsOf(codes, task.moves);
  const lengths = rowLengths(directions);
  if (lengths.every((length) => length === 0)) return undefined;

  const fitted = takeRows(activations, sides.apart.fit);
  const covariance = await centeredCovariance(fitted, { linalg: request.linalg });
  const range = await validityRange({
    inputs,
    site: where.site,
    bases: task.bases,
    covariances: [covariance],
    natural: naturalShift(inputs, inputs.test, task.bases),
  });
  const neutral = neutralDirections(columns, activations, sides.apart.fit, task.bases);
  const norm = medianLength(takeRows(activations, task.bases));
  const doses: DoseEffects[] = [];
  for (const dose of DOSES) {
    const run = await sideEffectsOf({
      inputs,
      site: where.site,
      bases: task.bases,
      push: { directions, dose },
      neutral: neutral === undefined ? undefined : { directions: neutral, dose },
      range,
    });
    doses.push({
      dose,
      effects: task.effectsOf(run.logProbabilities),
      ...task.flipsOf(run.logProbabilities),
      percentOfNorm: (100 * Math.abs(dose) * quantileOfSorted(lengths.slice().sort(), 0.5)) / norm,
      sideEffects: run.sideEffects,
      broken: run.broken,
    });
  }
  const at = (dose: number): DoseEffects => doses.find((point) => point.dose === dose)!;
  const decidingDose =
    DECIDING_DOSES.find((dose) => at(dose).broken.length === 0) ?? Math.max(...DECIDING_DOSES);
  const some = Math.min(NULL_BASES, task.bases.length);
  const observed = at(decidingDose).effects.subarray(0, some);
  const nulls = await measureNulls({
    inputs,
    site: where.site,
    bases: task.bases.subarray(0, some),
    moves: { from: task.moves.from.subarray(0, some), to: task.moves.to.subarray(0, some) },
    own: firstRows(directions, some),
    effectsOf: task.effectsOf,
    source: {
      columns,
      activations,
      fit: sides.apart.fit,
      labels,
      covariance,
      others: otherVariables(columns, sides.apart.fit, labels.values),
    },
    doses: DOSES,
    decidingDose,
    randomDirections: request.randomDirections,
    random: request.random,
  });
  return {
    bases: task.bases,
    sameClass: coded.length - kept.length,
    groups: pickInts(inputs.test.groups, kept),
    doses,
    decidingDose,
    observed: { mean: mean(observed), size: mean(observed.map(Math.abs)) },
    nulls,
    fromTrain: await alongTrain(request, task, codesOn(sides.train.fit), decidingDose),
  };
}

function firstRows({ columns, data }: Dense, rows: number): Dense {
  return { rows, columns, data: data.subarray(0, rows * columns) };
}

type Task = {
  readonly bases: Int32Array;
  readonly moves: Moves;
  readonly effectsOf: (after: Matrix) => Float64Array;
  readonly flipsOf: (after: Matrix) => { readonly flips: number; readonly couldFlip: number };
};

/** The kept bases with what is asked of them; both functions take the first rows of them too. */
function taskOf(inputs: CausalInputs, kept: Int32Array, pairs: ActionPairs, moves: Moves): Task {
  const bases = pickInts(inputs.test.bases, kept);
  const own: ActionPairs = {
    oldAction: pickInts(pairs.oldAction, kept),
    newAction: pickInts(pairs.newAction, kept),
  };
  const plain = takeRows(inputs.logProbabilities, bases);
  const before = preferences(plain, own);
  return {
    bases,
    moves,
    effectsOf: (after) => {
      const some: ActionPairs = {
        oldAction: own.oldAction.subarray(0, after.rows),
        newAction: own.newAction.subarray(0, after.rows),
      };
      return preferences(after, some).map((value, i) => value - before[i]!);
    },
    flipsOf: (after) => {
      let flips = 0;
      let couldFlip = 0;
      for (let i = 0; i < after.rows; i++) {
        const wanted = own.newAction[i]!;
        if (largest(plain, i) === wanted) continue;
        couldFlip++;
        if (largest(after, i) === wanted) flips++;
      }
      return { flips, couldFlip };
    },
  };
}

function largest({ columns, data }: Matrix, row: number): number {
  let best = 0;
  for (let j = 1; j < columns; j++) if (data[row * columns + j]! > data[row * columns + best]!) best = j;
  return best;
}

/** The push fitted on the training-like rows, where the goals coincide and one direction holds both codes. */
async function alongTrain(
  request: SteerRequest,
  task: Task,
  codes: Codes,
  dose: number,
): Promise<Float64Array | undefined> {
  const { from, to } = task.moves;
  if ([...from, ...to].some((value) => codes.known[value] !== 1)) return undefined;
  const [after] = await pushMany(request.inputs, request.where.site, task.bases, [
    { dose, directions: directionsOf(codes, task.moves) },
  ]);
  return task.effectsOf(after!);
}

function medianLength(states: Matrix): number {
  const lengths = rowLengths({ ...states, data: Float64Array.from(states.data) }).sort();
  return Math.max(quantileOfSorted(lengths, 0.5), Number.MIN_VALUE);
}
