/** @file evidence: pushes that should change nothing, along the irrelevant variable and clear of the goals; runs no model. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import { type Dense, plainProduct } from '../linalg/dense.ts';
import { firstColumns, svd } from '../linalg/factor.ts';
import { type Columns, pickInts } from './columns.ts';
import { GOALS } from './reading.ts';
import { directionsOf, meanCodes } from './steering-directions.ts';
import { classMeanBases } from './subspace.ts';

/** Ranks of the goals' subspaces that neutral directions are kept out of. */
const GOAL_RANK = 8;

/**
 * The irrelevant variable, from the class a base has to the next one that occurs, [bases, width]; a base whose class has no mean is not
 * pushed. Undefined where the data name no irrelevant variable, or the goals leave no direction.
 *
 * @param activations of all examples at the site
 * @param fit rows that means are taken over
 */
export function neutralDirections(
  columns: Columns,
  activations: Matrix,
  fit: Int32Array,
  bases: Int32Array,
): Dense | undefined {
  const labels = columns.labels.irrelevant;
  if (labels === undefined) return undefined;
  const x = takeRows(activations, fit);
  const codes = meanCodes(x, pickInts(labels.values, fit), labels.classes);
  const present = [...codes.known.keys()].filter((value) => codes.known[value] === 1);
  if (present.length < 2) return undefined;
  const own = pickInts(labels.values, bases);
  const from = own.map((value) => (codes.known[value] === 1 ? value : present[0]!));
  const to = own.map((value) =>
    codes.known[value] === 1 ? present[(present.indexOf(value) + 1) % present.length]! : present[0]!,
  );
  return outside(directionsOf(codes, { from, to }), goalSubspaces(columns, x, fit));
}

/** The directions in which the class means of each goal spread; their noise in another variable's class means would be no neutral push. */
function goalSubspaces(columns: Columns, x: Matrix, fit: Int32Array): Dense[] {
  return GOALS.flatMap((goal) => {
    const labels = columns.labels[goal];
    return labels === undefined
      ? []
      : classMeanBases(x, pickInts(labels.values, fit), labels.classes, [GOAL_RANK]);
  });
}

/** Singular value, as a share of the largest, below which a direction of two subspaces together is one of them twice. */
const RANK_FLOOR = 1e-6;

/** Each row without its part in the span of all subspaces together; undefined where that span is everything. */
function outside(directions: Dense, subspaces: readonly Dense[]): Dense | undefined {
  const width = directions.columns;
  const total = subspaces.reduce((sum, { columns }) => sum + columns, 0);
  if (total === 0) return directions;
  const joined = { rows: width, columns: total, data: new Float64Array(width * total) };
  let from = 0;
  for (const { columns, data } of subspaces) {
    for (let j = 0; j < width; j++)
      for (let k = 0; k < columns; k++) joined.data[j * total + from + k] = data[j * columns + k]!;
    from += columns;
  }
  const { left, values } = svd(joined);
  const rank = values.filter((value) => value > RANK_FLOOR * values[0]!).length;
  if (rank >= width) return undefined;
  const basis = firstColumns(left, rank);
  const inside = plainProduct(plainProduct(directions, basis), basis, { transposeB: true });
  return { ...directions, data: directions.data.map((value, i) => value - inside.data[i]!) };
}
