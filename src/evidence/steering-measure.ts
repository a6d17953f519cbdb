/** @file evidence: measures one goal's dose response and its null families on the test bases; judges nothing. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { type Dense, plainProduct } from '../linalg/dense.ts';
import { orthonormalColumns } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import type { CausalInputs } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type Columns, pickInts } from './columns.ts';
import type { DirectionFamily, SideEffects } from './figures.ts';
import { type ActionPairs, preferences } from './interchange.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { quantileOfSorted } from './resample-interval.ts';
import {
  type Codes,
  directionsOf,
  FAMILIES,
  type FamilyRequest,
  familyCodes,
  type Moves,
  meanCodes,
  rowLengths,
} from './steering-directions.ts';
import { pushMany } from './steering-push.ts';
import { meanOf, shifts, sideEffectsOf, validityRange } from './steering-validity.ts';
import { classMeanBases } from './subspace.ts';

/** In class gaps: 1 moves a state by the whole difference between the means of the two classes. */
export const DOSES: readonly number[] = [-2, -1, -0.5, 0.5, 1, 2];
/** The dose at which null directions are drawn: the one that makes the whole difference. */
export const HEADLINE_DOSE = 1;
/** Bases on which null directions are run: enough for a mean, and a fifth of the work. */
const NULL_BASES = 100;
/** Draws of each family at the other doses: a band for the eye, not a test. */
const BAND_DRAWS = 19;

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
  /** Mean effect of each null direction, per family; fewer draws away from the headline dose. */
  readonly nulls: ReadonlyMap<DirectionFamily, Float64Array>;
};

export type GoalSteering = {
  readonly bases: Int32Array;
  /** Dense group index per base. */
  readonly groups: Int32Array;
  readonly doses: readonly DoseEffects[];
  /** Mean effect at the headline dose on the bases that the null directions were run on. */
  readonly headline: number;
  /** The same on all bases, along the direction fitted where the goals coincide; undefined when a class is missing there. */
  readonly fromTrain: Float64Array | undefined;
};

/** Undefined when the data do not say which value a goal's source has, or the class means do not differ. Throws what runs throw. */
export async function measureSteering(request: SteerRequest, goal: Goal): Promise<GoalSteering | undefined> {
  const { columns, sides, inputs, where } = request;
  const labels = columns.labels[goal];
  const pairs = inputs.test.pairs[goal];
  const newValues = inputs.test.newValues[goal];
  if (labels === undefined || pairs === undefined || newValues === undefined) return undefined;
  const activations = inputs.activations(where.site);
  const codesOn = (rows: Int32Array): Codes =>
    meanCodes(takeRows(activations, rows), pickInts(labels.values, rows), labels.classes);
  const codes = codesOn(sides.apart.fit);
  const has = (known: Codes, value: number): boolean => value >= 0 && known.known[value] === 1;
  const kept = Int32Array.from(inputs.test.bases.keys()).filter(
    (i) => has(codes, labels.values[inputs.test.bases[i]!]!) && has(codes, newValues[i]!),
  );
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
    covariance,
    natural: naturalShift(inputs, kept),
  });
  const neutral = neutralDirections(request, task.bases, activations);
  const norm = medianLength(takeRows(activations, task.bases));
  const nulls = await runNulls(request, task, lengths, {
    columns,
    activations,
    fit: sides.apart.fit,
    labels,
    covariance,
    others: otherVariables(columns),
  });
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
      nulls: nulls.get(dose) ?? new Map(),
    });
  }
  const some = Math.min(NULL_BASES, task.bases.length);
  const whole = doses.find(({ dose }) => dose === HEADLINE_DOSE)!;
  return {
    bases: task.bases,
    groups: pickInts(inputs.test.groups, kept),
    doses,
    headline: meanOf(whole.effects.subarray(0, some)),
    fromTrain: await alongTrain(request, task, codesOn(sides.train.fit)),
  };
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

/** Every family at the headline dose, and a few draws of each at the other doses; mean effect per draw. */
async function runNulls(
  request: SteerRequest,
  task: Task,
  lengths: Float64Array,
  source: FamilyRequest,
): Promise<ReadonlyMap<number, ReadonlyMap<DirectionFamily, Float64Array>>> {
  const { inputs, where, random, randomDirections } = request;
  const some = Math.min(NULL_BASES, task.bases.length);
  const bases = task.bases.subarray(0, some);
  const moves = { from: task.moves.from.subarray(0, some), to: task.moves.to.subarray(0, some) };
  const nulls = new Map<number, Map<DirectionFamily, Float64Array>>(DOSES.map((dose) => [dose, new Map()]));
  for (const family of FAMILIES) {
    const draw = familyCodes(source, family);
    if (draw === undefined) continue;
    for (const dose of DOSES) {
      const draws = dose === HEADLINE_DOSE ? randomDirections : Math.min(BAND_DRAWS, randomDirections);
      const pushes = Array.from({ length: draws }, (_, i) => ({
        dose,
        directions: directionsOf(draw(random.fork(`${family}/${i}`)), moves, lengths),
      }));
      const after = await pushMany(inputs, where.site, bases, pushes);
      nulls.get(dose)!.set(
        family,
        Float64Array.from(after, (one) => meanOf(task.effectsOf(one))),
      );
    }
  }
  return nulls;
}

/** The push fitted on the training-like rows, where the goals coincide and one direction holds both codes. */
async function alongTrain(
  request: SteerRequest,
  task: Task,
  codes: Codes,
): Promise<Float64Array | undefined> {
  const { from, to } = task.moves;
  if ([...from, ...to].some((value) => codes.known[value] !== 1)) return undefined;
  const [after] = await pushMany(request.inputs, request.where.site, task.bases, [
    { dose: HEADLINE_DOSE, directions: directionsOf(codes, task.moves) },
  ]);
  return task.effectsOf(after!);
}

/** The irrelevant variable, from the class a base has to the next one that occurs; undefined where the data name none. */
function neutralDirections(request: SteerRequest, bases: Int32Array, activations: Matrix): Dense | undefined {
  const labels = request.columns.labels.irrelevant;
  if (labels === undefined) return undefined;
  const { fit } = request.sides.apart;
  const codes = meanCodes(takeRows(activations, fit), pickInts(labels.values, fit), labels.classes);
  const present = [...codes.known.keys()].filter((value) => codes.known[value] === 1);
  if (present.length < 2) return undefined;
  // A base whose own value has no mean is not pushed at all.
  const from = pickInts(labels.values, bases).map((value) =>
    codes.known[value] === 1 ? value : present[0]!,
  );
  const to = from.map((value, i) =>
    codes.known[labels.values[bases[i]!]!] === 1
      ? present[(present.indexOf(value) + 1) % present.length]!
      : value,
  );
  return outside(directionsOf(codes, { from, to }), goalSubspaces(request, activations));
}

/** Ranks of the goals' subspaces that neutral directions are kept out of. */
const GOAL_RANK = 8;

/** The directions in which the class means of each goal spread; their noise in another variable's class means would be no neutral push. */
function goalSubspaces(request: SteerRequest, activations: Matrix): Dense[] {
  const { fit } = request.sides.apart;
  const x = takeRows(activations, fit);
  return GOALS.flatMap((goal) => {
    const labels = request.columns.labels[goal];
    return labels === undefined
      ? []
      : classMeanBases(x, pickInts(labels.values, fit), labels.classes, [GOAL_RANK]);
  });
}

/** Each row without its part in the span of all subspaces together. */
function outside(directions: Dense, subspaces: readonly Dense[]): Dense {
  const width = directions.columns;
  const total = subspaces.reduce((sum, { columns }) => sum + columns, 0);
  if (total === 0 || total >= width) return directions;
  const joined = { rows: width, columns: total, data: new Float64Array(width * total) };
  let from = 0;
  for (const { columns, data } of subspaces) {
    for (let j = 0; j < width; j++)
      for (let k = 0; k < columns; k++) joined.data[j * total + from + k] = data[j * columns + k]!;
    from += columns;
  }
  const basis = orthonormalColumns(joined);
  const inside = plainProduct(plainProduct(directions, basis), basis, { transposeB: true });
  return { ...directions, data: directions.data.map((value, i) => value - inside.data[i]!) };
}

/** How far the choices of a base and of its `same` source lie apart: everything but the goals changed. */
function naturalShift(inputs: CausalInputs, kept: Int32Array): Float64Array {
  const same = inputs.test.sources.same;
  if (same === undefined) return new Float64Array(0);
  return shifts(
    takeRows(inputs.logProbabilities, pickInts(inputs.test.bases, kept)),
    takeRows(same.logProbabilities, kept),
  );
}

function medianLength(states: Matrix): number {
  const lengths = rowLengths({ ...states, data: Float64Array.from(states.data) }).sort();
  return Math.max(quantileOfSorted(lengths, 0.5), Number.MIN_VALUE);
}

/** A variable with more classes than this has too few rows in each for a mean. */
const MAX_CONCEPT_CLASSES = 200;

/** Variables that are not a goal: the irrelevant one, contexts, nuisance variables, and the token at each position that varies. */
function otherVariables(columns: Columns): FamilyRequest['others'] {
  const { tokens } = columns;
  const named = [...columns.contexts, ...columns.nuisance].map(({ labels }) => labels);
  const { irrelevant } = columns.labels;
  const atPositions =
    tokens === null
      ? []
      : Array.from({ length: tokens.columns }, (_, j) => {
          const indexOf = new Map<number, number>();
          const values = Int32Array.from({ length: tokens.rows }, (__, i) => {
            const token = tokens.data[i * tokens.columns + j]!;
            if (!indexOf.has(token)) indexOf.set(token, indexOf.size);
            return indexOf.get(token)!;
          });
          return { classes: indexOf.size, values };
        });
  const others = [...(irrelevant === undefined ? [] : [irrelevant]), ...named, ...atPositions];
  return others.filter(({ classes }) => classes >= 2 && classes <= MAX_CONCEPT_CLASSES);
}
