/** @file models/learner: in-context least squares: designs, two ways to predict from them, and labels made to order; knows no model. */
import type { Random } from '../../src/core/random.ts';
import { type Dense, dense, plainProduct, transposed } from '../../src/linalg/dense.ts';
import { cholesky, choleskySolve, orthonormalColumns } from '../../src/linalg/factor.ts';

/** Demonstrations per sequence, and numbers per demonstration. */
export const DEMONSTRATIONS = 8;
export const FEATURES = 4;

/** What is given besides labels: demonstrations x [8, 4] and the query [4, 1] to predict for. */
export type Design = { readonly x: Dense; readonly query: Dense };

/** Ratio of two spreads in a skewed design, at most. */
const LARGEST_SKEW = 9;
/** Cosine of the two functionals in a skewed design, at most: near 1, labels that part them would have to be huge. */
const LARGEST_COSINE = 0.75;

/**
 * Prediction of least squares for the query as a functional of the labels [8]: x (x^T x)^-1 query, so that the prediction is its
 * product with the labels. It is what regression is for.
 */
export function leastSquaresFunctional({ x, query }: Design): Float64Array {
  const gram = plainProduct(x, x, { transposeA: true });
  return plainProduct(x, choleskySolve(cholesky(gram), query)).data;
}

/**
 * The same of one step of gradient descent from w = 0 on mean (w.x_i - y_i)^2 / 2 with learning rate 1: w = (1/8) sum_i y_i x_i, so
 * the functional is x query / 8. A layer of linear attention computes it (von Oswald et al. 2023, arXiv 2212.07677). Where
 * x^T x = 8 I the step reaches the least-squares solution.
 */
export function gradientStepFunctional({ x, query }: Design): Float64Array {
  return plainProduct(x, query).data.map((value) => value / DEMONSTRATIONS);
}

/** Spreads 1, 1, 1, 1: x^T x = 8 I, so that both predictions are one. */
export function orthogonalDesign(random: Random): Design {
  return designOf([1, 1, 1, 1], random);
}

/** Spreads of 1 to 9 in random order, with the mean square of an orthogonal design, such that the predictions part. */
export function skewedDesign(random: Random): Design {
  for (;;) {
    const raw = Array.from({ length: FEATURES }, () => LARGEST_SKEW ** random.uniform());
    const scale = Math.sqrt(FEATURES / raw.reduce((sum, each) => sum + each * each, 0));
    const design = designOf(
      raw.map((each) => each * scale),
      random,
    );
    const [exact, step] = [leastSquaresFunctional(design), gradientStepFunctional(design)];
    if (dot(exact, step) <= LARGEST_COSINE * Math.sqrt(dot(exact, exact) * dot(step, step))) return design;
  }
}

/** x = sqrt(8) left diag(spreads) right^T with random orthonormal left [8, 4] and right [4, 4]; a query of length 2 in a random direction. */
function designOf(spreads: readonly number[], random: Random): Design {
  const left = orthonormalColumns(normals(DEMONSTRATIONS, FEATURES, random));
  const right = orthonormalColumns(normals(FEATURES, FEATURES, random));
  const scaled = dense(
    DEMONSTRATIONS,
    FEATURES,
    left.data.map((value, i) => value * spreads[i % FEATURES]! * Math.sqrt(DEMONSTRATIONS)),
  );
  const direction = normals(FEATURES, 1, random);
  const length = Math.sqrt(dot(direction.data, direction.data));
  const query = dense(
    FEATURES,
    1,
    direction.data.map((value) => (2 * value) / length),
  );
  return { x: plainProduct(scaled, transposed(right)), query };
}

/** Labels [8] as of a linear function seen with noise: unit normal weights, noise of standard deviation .3. */
export function drawLabels({ x }: Design, random: Random): Float64Array {
  const clean = plainProduct(x, normals(FEATURES, 1, random)).data;
  return clean.map((value) => value / 2 + 0.3 * random.normal());
}

/**
 * The labels nearest to `labels` (least sum of squared changes) whose products with the functionals are the wanted numbers:
 * y + W^T (W W^T)^-1 (wanted - W y), with a functional per row of W. Throws `NOT_POSITIVE_DEFINITE` where one functional is a
 * multiple of another.
 */
export function labelsWith(
  labels: Float64Array,
  wanted: readonly { readonly functional: Float64Array; readonly value: number }[],
): Float64Array {
  const rows = dense(
    wanted.length,
    labels.length,
    Float64Array.from(wanted.flatMap((each) => [...each.functional])),
  );
  const missing = dense(
    wanted.length,
    1,
    Float64Array.from(wanted, ({ functional, value }) => value - dot(functional, labels)),
  );
  const gram = plainProduct(rows, rows, { transposeB: true });
  const change = plainProduct(rows, choleskySolve(cholesky(gram), missing), { transposeA: true });
  return labels.map((label, i) => label + change.data[i]!);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function normals(rows: number, columns: number, random: Random): Dense {
  return dense(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}
