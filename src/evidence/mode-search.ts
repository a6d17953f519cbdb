/** @file evidence: mode steering when no context is known: tries the directions in which examples differ most, and holds the best one against
 *  the same search among random directions. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';
import { type Dense, dense, plainProduct } from '../linalg/dense.ts';
import { firstColumns, orthonormalColumns, symmetricEigen } from '../linalg/factor.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import { pickInts, rowsOnSide, type Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { ModeRequest, ModeResult } from './mode-context.ts';
import { SHOWN_DOSES } from './mode-context.ts';
import { doseResponseOf } from './mode-figure.ts';
import {
  agreeingOn,
  firstOf,
  judgeMode,
  type ModeBases,
  mayAct,
  modeBases,
  pushAgreeing,
  pushAll,
  shareOf,
} from './mode-push.ts';
import { freePositions } from './mode-specific.ts';
import { permutationPValue, summariseNull } from './resample-permutation.ts';
import { nullOf } from './statistic.ts';
import { meanOf } from './steering-validity.ts';
import { classMeanBases } from './subspace.ts';

/** Directions tried at each hook and position, each both ways. */
const DIRECTIONS = 3;
/** In standard deviations of the activations along the direction. */
const SEARCH_DOSES: readonly number[] = [2];
const SELECT_BASES = 40;
/** Rows in which the goals part at each look, half as many in which they agree, and pushes that are kept. */
const LOOKS = [
  { rows: 16, keep: 8 },
  { rows: SELECT_BASES, keep: 1 },
] as const;
const NULL_BASES = 100;
/** Rows in which the goals agree, on each side. */
const SELECT_AGREEING = 20;
const TEST_AGREEING = 200;
/** Fewest searches among random directions: the smallest p is 1 / 20. */
const NULL_SEARCHES = 19;
/** Dimensions of each named variable's subspace that the directions are kept out of: what a goal's code does is no other mode. */
const NAMED_RANK = 8;

/** Share of all variance below which a direction counts as flat. */
const SPREAD_FLOOR = 1e-9;

/** Directions of one hook, as columns [width, k], each of length one, with the spread of the activations along it. */
type Candidates = {
  readonly site: Site;
  readonly basis: Dense;
  readonly spread: Float64Array;
};
type Found = {
  readonly candidate: number;
  readonly direction: number;
  readonly dose: number;
};

/** Undefined where no base does as intended, or nothing varies besides the named variables. */
export async function searchMode(request: ModeRequest): Promise<ModeResult | undefined> {
  const { columns, inputs, random } = request;
  const select = firstOf(modeBases(columns, inputs.select.bases), SELECT_BASES);
  const test = modeBases(columns, inputs.test.bases);
  if (select.rows.length === 0 || test.rows.length === 0) return undefined;
  const candidates: Candidates[] = [];
  for (const hook of inputs.chain) {
    for (const position of searchedPositions(request)) {
      const found = await candidatesAt(request, { hook, position });
      if (found !== undefined) candidates.push(found);
    }
  }
  if (candidates.length === 0) return undefined;
  const some = firstOf(test, NULL_BASES);
  const calm = agreeingOn(columns, 'select', SELECT_AGREEING);
  const own = await searched(request, candidates, select, calm);
  const { site, basis, spread } = candidates[own.candidate]!;
  const vector = columnOf(basis, own.direction, spread[own.direction]! * Math.sign(own.dose));
  const doses = [...new Set([...SHOWN_DOSES, Math.abs(own.dose)])].sort((a, b) => a - b);
  const outcomes = await pushAll(
    request,
    site,
    test,
    doses.map((dose) => ({ vector, dose })),
  );
  const outcome = outcomes[doses.indexOf(Math.abs(own.dose))]!;
  const [agreeing] = await pushAgreeing(request, site, agreeingOn(columns, 'test', TEST_AGREEING), [
    { vector, dose: Math.abs(own.dose) },
  ]);
  const shares = new Float64Array(
    mayAct(outcome, test.groups, agreeing!) ? Math.max(NULL_SEARCHES, Math.ceil(1 / request.alpha) - 1) : 0,
  );
  for (let i = 0; i < shares.length; i++) {
    const drawn = candidates.map((candidate) => randomlike(candidate, random.fork(`search/${i}`)));
    shares[i] = await turnedShare(request, drawn, await searched(request, drawn, select, calm), some);
  }
  const pValue =
    shares.length === 0
      ? undefined
      : permutationPValue({
          observed: await turnedShare(request, candidates, own, some),
          values: shares,
          alternative: 'greater',
        });
  const judgement = judgeMode({
    outcome,
    agreeing: agreeing!,
    groups: test.groups,
    choices: columns.choices.length,
    pValues: [pValue],
    alpha: request.alpha,
    bootstrapDraws: request.bootstrapDraws,
    random: random.fork('search'),
  });
  const id = 'search.1';
  const label = `best of ${searchSize(candidates)} pushes along the directions in which examples differ most`;
  return {
    id,
    label,
    site,
    dose: Math.abs(own.dose),
    bases: test,
    judgement,
    nulls:
      pValue === undefined
        ? []
        : [
            nullOf(
              'searches',
              'the same search among random directions of equal spread',
              summariseNull(shares),
              pValue,
            ),
          ],
    figure: doseResponseOf({
      ...request,
      id,
      label,
      site,
      bases: test,
      doses,
      outcomes,
      length: Math.hypot(...vector),
    }),
  };
}

/** The read-out, and positions whose token tells of no goal: a push at one that does is a change of the world. All, where tokens are not known. */
function searchedPositions({ columns, inputs, positions }: ModeRequest): readonly number[] {
  const length = columns.tokens?.columns;
  if (length === undefined) return positions;
  const free = new Set(
    [...freePositions(columns), inputs.readout].map((one) => (one < 0 ? one + length : one)),
  );
  return positions.filter((one) => free.has(one < 0 ? one + length : one));
}

function searchSize(candidates: readonly Candidates[]): number {
  return candidates.reduce((sum, { basis }) => sum + 2 * basis.columns * SEARCH_DOSES.length, 0);
}

/** Leading principal components of the fit rows at a site, outside the class-mean subspaces of the named variables. */
async function candidatesAt(request: ModeRequest, site: Site): Promise<Candidates | undefined> {
  const { columns, inputs, linalg } = request;
  // Training-like rows too: a context that only they show spreads nothing among the others.
  const fit = Int32Array.from(
    [columns.train, columns.apart].flatMap((set) => [...rowsOnSide(columns, 'fit', set)]),
  );
  const x = takeRows(inputs.activations(site), fit);
  const { matrix } = await centeredCovariance(x, { linalg });
  const width = x.columns;
  const named = (['intended', 'proxy', 'irrelevant'] as const).flatMap((role) => {
    const labels = columns.labels[role];
    return labels === undefined
      ? []
      : classMeanBases(x, pickInts(labels.values, fit), labels.classes, [
          Math.min(NAMED_RANK, Math.floor(width / 4)),
        ]).map((basis) => ownDirections(basis, matrix, x, labels, fit));
  });
  const outside = covarianceOutside(matrix, named);
  let trace = 0;
  for (let j = 0; j < width; j++) trace += matrix.data[j * width + j]!;
  const floor = SPREAD_FLOOR * trace;
  const { values, vectors } = symmetricEigen(outside);
  const kept = Math.min(DIRECTIONS, values.filter((value) => value > floor).length);
  if (kept === 0) return undefined;
  return {
    site,
    basis: firstColumns(vectors, kept),
    spread: values.slice(0, kept).map((value) => Math.sqrt(Math.max(0, value))),
  };
}

/** P C P with P the projection outside the span of the given subspaces, which may share directions. */
function covarianceOutside(covariance: Dense, subspaces: readonly Dense[]): Dense {
  const width = covariance.rows;
  const joined = dense(width, width);
  for (const basis of subspaces) {
    const inside = plainProduct(basis, basis, { transposeB: true });
    for (let i = 0; i < joined.data.length; i++) joined.data[i]! += inside.data[i]!;
  }
  const { values, vectors } = symmetricEigen(joined);
  const basis = firstColumns(vectors, values.filter((value) => value > SHARED_FLOOR).length);
  const inside = plainProduct(basis, basis, { transposeB: true });
  const keep = { ...inside, data: inside.data.map((value, i) => (i % (width + 1) === 0 ? 1 : 0) - value) };
  return plainProduct(plainProduct(keep, covariance), keep);
}

/** A direction of one subspace whose squared cosine with all the others is within this of one is theirs already. */
const SHARED_FLOOR = 1e-6;

/** The columns of a basis along which the classes explain so much of the variance that the direction is the variable's own. */
function ownDirections(
  basis: Dense,
  covariance: Dense,
  x: Matrix,
  labels: ClassLabels,
  fit: Int32Array,
): Dense {
  const own: number[] = [];
  const scores = plainProduct(x, basis);
  for (let k = 0; k < basis.columns; k++) {
    const column = Float64Array.from({ length: basis.rows }, (_, j) => basis.data[j * basis.columns + k]!);
    const direction = { rows: basis.rows, columns: 1, data: column };
    const total = plainProduct(plainProduct(direction, covariance, { transposeA: true }), direction).data[0]!;
    if (total <= 0) continue;
    if (
      betweenVariance(scores, k, pickInts(labels.values, fit), labels.classes) >
      CRITERIA.modeNamedShare * total
    )
      own.push(k);
  }
  const kept = dense(basis.rows, own.length);
  for (const [to, k] of own.entries())
    for (let j = 0; j < basis.rows; j++) kept.data[j * own.length + to] = basis.data[j * basis.columns + k]!;
  return kept;
}

/** Variance of the class means of one column, each class weighed by its rows. */
function betweenVariance(scores: Dense, column: number, labels: Int32Array, classes: number): number {
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  let total = 0;
  let count = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label < 0) continue;
    const score = scores.data[i * scores.columns + column]!;
    sums[label]! += score;
    counts[label]!++;
    total += score;
    count++;
  }
  let between = 0;
  for (let c = 0; c < classes; c++)
    if (counts[c]! > 0) between += counts[c]! * (sums[c]! / counts[c]! - total / count) ** 2;
  return count === 0 ? 0 : between / count;
}

/** As many random orthogonal directions, pushed as far. */
function randomlike({ site, basis, spread }: Candidates, random: Random): Candidates {
  const data = Float64Array.from({ length: basis.data.length }, () => random.normal());
  return { site, spread, basis: orthonormalColumns({ ...basis, data }) };
}

/**
 * The push that turns most choices of the select bases beyond those it changes where the goals agree; ties go to the larger effect. A first
 * look at few rows leaves few pushes for a second one at all of them.
 */
async function searched(
  request: ModeRequest,
  candidates: readonly Candidates[],
  select: ModeBases,
  calm: Int32Array,
): Promise<Found> {
  let left: Found[] = candidates.flatMap(({ basis }, candidate) =>
    Array.from({ length: basis.columns }, (_, direction) =>
      SEARCH_DOSES.flatMap((dose) => [dose, -dose].map((signed) => ({ candidate, direction, dose: signed }))),
    ).flat(),
  );
  for (const { rows, keep } of LOOKS) {
    const bases = firstOf(select, rows);
    const agreeing = calm.subarray(0, Math.ceil(rows / 2));
    const scored: { readonly found: Found; readonly turned: number; readonly effect: number }[] = [];
    for (const [candidate, { site, basis, spread }] of candidates.entries()) {
      const own = left.filter((found) => found.candidate === candidate);
      if (own.length === 0) continue;
      const pushes = own.map(({ direction, dose }) => ({
        vector: columnOf(basis, direction, spread[direction]!),
        dose,
      }));
      const outcomes = await pushAll(request, site, bases, pushes);
      const elsewhere = await pushAgreeing(request, site, agreeing, pushes);
      for (const [i, { turned, effects }] of outcomes.entries())
        scored.push({
          found: own[i]!,
          turned: shareOf(turned) - shareOf(elsewhere[i]!.marks),
          effect: meanOf(effects),
        });
    }
    left = scored
      .sort((x, y) => y.turned - x.turned || y.effect - x.effect)
      .slice(0, keep)
      .map(({ found }) => found);
  }
  return left[0]!;
}

async function turnedShare(
  request: ModeRequest,
  candidates: readonly Candidates[],
  { candidate, direction, dose }: Found,
  bases: ModeBases,
): Promise<number> {
  const { site, basis, spread } = candidates[candidate]!;
  const [outcome] = await pushAll(request, site, bases, [
    { vector: columnOf(basis, direction, spread[direction]!), dose },
  ]);
  return shareOf(outcome!.turned);
}

function columnOf(basis: Dense, column: number, length: number): Float64Array {
  return Float64Array.from(
    { length: basis.rows },
    (_, j) => length * basis.data[j * basis.columns + column]!,
  );
}
