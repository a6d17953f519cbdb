/** @file evidence: the directions that a search without a context tries: those in which examples differ most, clear of the named variables; pushes
 *  nothing. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';
import { type Dense, dense, plainProduct } from '../linalg/dense.ts';
import { firstColumns, orthonormalColumns, symmetricEigen } from '../linalg/factor.ts';
import type { Covariance } from '../linalg/moments.ts';
import { type Columns, pickInts, rowsOnSide, type Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import type { ModeRequest } from './mode-context.ts';
import { freePositions } from './mode-specific.ts';
import { covariancesAt } from './mode-validity.ts';
import { classMeanBases } from './subspace.ts';

/** Directions tried at each hook and position, each both ways. */
const DIRECTIONS = 3;
/** Dimensions of each named variable's subspace that the directions are kept out of: what a goal's code does is no other mode. */
const NAMED_RANK = 8;

/** Share of all variance below which a direction counts as flat. */
const SPREAD_FLOOR = 1e-9;

/** Directions of one hook, as columns [width, k], each of length one, with the spread of the activations along it. */
export type Candidates = {
  readonly site: Site;
  readonly basis: Dense;
  readonly spread: Float64Array;
  readonly covariances: readonly Covariance[];
};
/** The read-out, and positions whose token tells of no goal: a push at one that does is a change of the world. All, where tokens are not known. */
export function searchedPositions({ columns, inputs, positions }: ModeRequest): readonly number[] {
  const length = columns.tokens?.columns;
  if (length === undefined) return positions;
  const free = new Set(
    [...freePositions(columns), inputs.readout].map((one) => (one < 0 ? one + length : one)),
  );
  return positions.filter((one) => free.has(one < 0 ? one + length : one));
}

/** Leading principal components of the fit rows at a site, outside the class-mean subspaces of the named variables. */
export async function candidatesAt(request: ModeRequest, site: Site): Promise<Candidates | undefined> {
  const { columns, inputs } = request;
  const fit = searchRows(columns, 'fit');
  const x = takeRows(inputs.activations(site), fit);
  const covariances = await covariancesAt(request, site, fit);
  const { matrix } = covariances[0]!;
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
    covariances,
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
export function randomlike({ basis, ...rest }: Candidates, random: Random): Candidates {
  const data = Float64Array.from({ length: basis.data.length }, () => random.normal());
  return { ...rest, basis: orthonormalColumns({ ...basis, data }) };
}

/** Training-like rows too: a context that only they show spreads nothing among the others. */
export function searchRows(columns: Columns, side: 'fit' | 'select'): Int32Array {
  return Int32Array.from(
    [columns.train, columns.apart].flatMap((set) => [...rowsOnSide(columns, side, set)]),
  );
}

/** One column of a basis, as long as asked for. */
export function columnOf(basis: Dense, column: number, length: number): Float64Array {
  return Float64Array.from(
    { length: basis.rows },
    (_, j) => length * basis.data[j * basis.columns + column]!,
  );
}
