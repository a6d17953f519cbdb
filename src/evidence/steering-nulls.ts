/** @file evidence: runs the null directions of L6, every family at the dose that decides and a few at the others; judges nothing. */
import type { Matrix } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { Dense } from '../linalg/dense.ts';
import { type CausalInputs, mean } from './causal-side.ts';
import { type Columns, pickInts, type Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { DirectionFamily } from './figures.ts';
import { cramersV } from './metric-association.ts';
import {
  type Codes,
  directionOverlap,
  directionsOf,
  FAMILIES,
  type FamilyRequest,
  familyCodes,
  type Moves,
  rowLengths,
  withoutOwn,
} from './steering-directions.ts';
import { type Push, pushMany } from './steering-push.ts';

/** Draws of each family at the doses that decide nothing: a band for the eye, not a test. */
const BAND_DRAWS = 19;
/** A variable with more classes than this has too few rows in each for a mean. */
const MAX_CONCEPT_CLASSES = 200;

/** One number per draw: mean over bases of the effect, and of its size, in nats. */
export type DrawEffects = { readonly means: Float64Array; readonly sizes: Float64Array };

/** One family at the dose that decides. */
export type FamilyEffects = {
  readonly family: DirectionFamily;
  readonly plain: DrawEffects;
  /** How much of the goal's own direction the draws hold on average: mean squared cosine, 0 to 1. */
  readonly overlap: number;
  /**
   * The same draws without their part along the goal's own direction, stretched to equal length; undefined unless the plain ones hold
   * most of it, and then without draws where nothing else is left.
   */
  readonly elsewhere: DrawEffects | undefined;
};

export type NullEffects = {
  readonly deciding: readonly FamilyEffects[];
  /** Mean effect per draw at the other doses. */
  readonly bands: ReadonlyMap<number, ReadonlyMap<DirectionFamily, Float64Array>>;
};

export type NullRequest = {
  readonly inputs: CausalInputs;
  readonly site: Site;
  readonly bases: Int32Array;
  readonly moves: Moves;
  /** The goal's own directions for the same bases, [bases, width]: what every draw must match in length. */
  readonly own: Dense;
  readonly effectsOf: (after: Matrix) => Float64Array;
  readonly source: FamilyRequest;
  readonly doses: readonly number[];
  readonly decidingDose: number;
  readonly randomDirections: number;
  readonly random: Random;
};

/** Every family on the same bases, with the same draws at every dose. Throws what runs throw. */
export async function measureNulls(request: NullRequest): Promise<NullEffects> {
  const { doses, decidingDose, randomDirections } = request;
  const lengths = rowLengths(request.own);
  const deciding: FamilyEffects[] = [];
  const bands = new Map(doses.map((dose) => [dose, new Map<DirectionFamily, Float64Array>()]));
  for (const family of FAMILIES) {
    const draw = familyCodes(request.source, family);
    if (draw === undefined) continue;
    const at = (index: number): Dense => drawOf(request, family, draw, lengths, index);
    deciding.push(await decidingEffects(request, family, at));
    for (const dose of doses) {
      if (dose === decidingDose) continue;
      const few = Math.min(BAND_DRAWS, randomDirections);
      bands.get(dose)!.set(family, (await run(request, dose, few, at)).means);
    }
  }
  return { deciding, bands };
}

function drawOf(
  { moves, random }: NullRequest,
  family: DirectionFamily,
  draw: (random: Random) => Codes,
  lengths: Float64Array,
  index: number,
): Dense {
  return directionsOf(draw(random.fork(`${family}/${index}`)), moves, lengths);
}

async function decidingEffects(
  request: NullRequest,
  family: DirectionFamily,
  at: (index: number) => Dense,
): Promise<FamilyEffects> {
  const { own, decidingDose, randomDirections } = request;
  let overlap = 0;
  const plain = await run(request, decidingDose, randomDirections, (index) => {
    const directions = at(index);
    overlap += directionOverlap(directions, own) / randomDirections;
    return directions;
  });
  // A null that holds the effect itself cannot reject it; the plain draws stay on show.
  const elsewhere =
    overlap > CRITERIA.nullOverlap
      ? await run(request, decidingDose, randomDirections, (index) => withoutOwn(at(index), own))
      : undefined;
  return { family, plain, overlap, elsewhere };
}

/** Pushes made one after the other, so that only a run's worth of them is in memory. */
async function run(
  { inputs, site, bases, effectsOf }: NullRequest,
  dose: number,
  draws: number,
  at: (index: number) => Dense | undefined,
): Promise<DrawEffects> {
  function* pushes(): Generator<Push> {
    for (let index = 0; index < draws; index++) {
      const directions = at(index);
      if (directions !== undefined) yield { directions, dose };
    }
  }
  const effects = (await pushMany(inputs, site, bases, pushes())).map(effectsOf);
  return {
    means: Float64Array.from(effects, mean),
    sizes: Float64Array.from(effects, (one) => mean(one.map(Math.abs))),
  };
}

/**
 * Variables that are not the goal: the irrelevant one, contexts, nuisance variables, and the token at each position that varies. One that
 * goes together with the goal on the fit rows is the goal by another name and left out.
 */
export function otherVariables(columns: Columns, fit: Int32Array, goal: Int32Array): FamilyRequest['others'] {
  const { tokens } = columns;
  const named = [...columns.contexts, ...columns.nuisance].map(({ labels }) => labels);
  const { irrelevant } = columns.labels;
  const atPositions =
    tokens === null ? [] : Array.from({ length: tokens.columns }, (_, j) => tokensAt(tokens, j));
  const own = pickInts(goal, fit);
  return [...(irrelevant === undefined ? [] : [irrelevant]), ...named, ...atPositions].filter(
    ({ classes, values }) => {
      if (classes < 2 || classes > MAX_CONCEPT_CLASSES) return false;
      const together = cramersV(own, pickInts(values, fit), { biasCorrected: true });
      return together.state === 'measured' && together.value <= CRITERIA.associationWarning;
    },
  );
}

/** The token at one position as a variable, its values numbered in order of appearance. */
function tokensAt(tokens: Matrix, position: number): { classes: number; values: Int32Array } {
  const indexOf = new Map<number, number>();
  const values = Int32Array.from({ length: tokens.rows }, (_, row) => {
    const token = tokens.data[row * tokens.columns + position]!;
    if (!indexOf.has(token)) indexOf.set(token, indexOf.size);
    return indexOf.get(token)!;
  });
  return { classes: indexOf.size, values };
}
