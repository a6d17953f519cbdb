/** @file linalg: principal components; the only importer of ml-pca, which is given covariances prepared by the fast path. */
import { PCA } from 'ml-pca';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { seededRandom } from '../core/random.ts';
import { type Dense, dense, plainProduct, toDense, toMatrix, transposed } from './dense.ts';
import { firstColumns, orthonormalColumns, pack, unpack } from './factor.ts';
import type { Linalg } from './linalg.ts';
import { centeredCovariance, centred } from './moments.ts';

export type PcaOptions = {
  /** How many components, 1 to the width. */
  readonly components: number;
  readonly linalg: Linalg;
};

export type PrincipalComponents = {
  readonly mean: Float64Array;
  /** [components, width]: unit rows by falling variance; in each, the entry largest in size is positive. */
  readonly components: Matrix;
  /** [n, components]: (x - mean) . component. */
  readonly scores: Matrix;
  /** [components]: variance along each component (divided by n - 1), in squared units of x. */
  readonly explainedVariance: Float64Array;
  /** [components]: share in the total variance of x, 0 to 1; all 0 when nothing varies. */
  readonly explainedVarianceRatio: Float64Array;
  /** Largest |C v - variance v| over the components, as a share of the largest variance; how exact they are. */
  readonly residual: number;
};

/** Up to this width the whole spectrum is solved for (80 ms at 256, but 2 s at 768); above, only the leading part. */
const WHOLE_SPECTRUM = 256;
/** Extra columns that speed up the iteration when the variances after the last one asked for are close to it. */
const OVERSAMPLE = 10;
const RESIDUAL_GOAL = 1e-5;
const MAX_ROUNDS = 300;
/** Iterating on C + shift I keeps its directions, and keeps the columns independent where C itself has no more of them. */
const SHIFT = 1e-6;

/**
 * Principal components of the rows of x [n, width], by eigendecomposition of their covariance (products in 64 bits). Wide
 * matrices use subspace iteration with Rayleigh-Ritz (Halko, Martinsson and Tropp 2011, algorithm 4.4) until the residual is
 * under 1e-5; what it reached is in `residual`. Throws `BAD_SETTING`, `MATRIX_SHAPE` (fewer than two rows), `NON_FINITE`.
 */
export async function pca(x: Matrix, options: PcaOptions): Promise<PrincipalComponents> {
  const { components: count, linalg } = options;
  const width = x.columns;
  if (!(Number.isInteger(count) && count >= 1 && count <= width)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `components must be a whole number from 1 to ${width}, got ${count}`,
    );
  }
  const { mean, matrix: covariance } = await centeredCovariance(x, { linalg });
  const found =
    width <= WHOLE_SPECTRUM
      ? { ...leadingOf(covariance, count), residual: 0 }
      : await iterate(covariance, count, linalg);
  turnLargestPositive(found.vectors);
  let total = 0;
  for (let j = 0; j < width; j++) total += covariance.data[j * width + j]!;
  const components = toMatrix(transposed(found.vectors));
  return {
    mean,
    components,
    // [n, width] x [width, components] -> [n, components]
    scores: await linalg.multiply(centred(x, mean), components, { transposeB: true }),
    explainedVariance: found.values,
    explainedVarianceRatio: found.values.map((value) => (total === 0 ? 0 : value / total)),
    residual:
      width <= WHOLE_SPECTRUM ? residualOf(plainProduct(covariance, found.vectors), found) : found.residual,
  };
}

/** Values fall; column i of `vectors` belongs to value i. */
type Leading = { readonly values: Float64Array; readonly vectors: Dense };

/** The leading eigenpairs of a small covariance. Rounding can leave a variance just below 0; it is 0. */
function leadingOf(covariance: Dense, count: number): Leading {
  const solved = new PCA(pack(covariance), { isCovarianceMatrix: true });
  const values = Float64Array.from(solved.getEigenvalues().slice(0, count), (value) => Math.max(0, value));
  return { values, vectors: firstColumns(unpack(solved.getEigenvectors()), count) };
}

async function iterate(
  covariance: Dense,
  count: number,
  linalg: Linalg,
): Promise<Leading & { readonly residual: number }> {
  const width = covariance.rows;
  const size = Math.min(width, count + OVERSAMPLE);
  const rounded = toMatrix(covariance);
  const random = seededRandom('pca/start');
  let basis = orthonormalColumns(
    dense(
      width,
      size,
      Float64Array.from({ length: width * size }, () => random.normal()),
    ),
  );
  for (let round = 1; ; round++) {
    // [width, width] x [width, size] -> [width, size]
    const image = toDense(await linalg.multiply(rounded, toMatrix(basis)));
    // Rayleigh-Ritz: the covariance inside the subspace, [size, size].
    const inside = leadingOf(plainProduct(basis, image, { transposeA: true }), size);
    const ritz = {
      values: inside.values.slice(0, count),
      vectors: firstColumns(plainProduct(basis, inside.vectors), count),
    };
    const residual = residualOf(firstColumns(plainProduct(image, inside.vectors), count), ritz);
    if (residual <= RESIDUAL_GOAL || round === MAX_ROUNDS) return { ...ritz, residual };
    basis = orthonormalColumns(shifted(image, basis, SHIFT * inside.values[0]!));
  }
}

function shifted(image: Dense, basis: Dense, shift: number): Dense {
  return { ...image, data: image.data.map((value, i) => value + shift * basis.data[i]!) };
}

/** Largest |C v - value v| over the pairs, divided by the largest value; `image` is C times the vectors. */
function residualOf(image: Dense, { values, vectors }: Leading): number {
  const highest = values[0]!;
  if (highest === 0) return 0;
  let worst = 0;
  for (let c = 0; c < values.length; c++) {
    let square = 0;
    for (let i = 0; i < image.rows; i++) {
      const at = i * values.length + c;
      square += (image.data[at]! - values[c]! * vectors.data[at]!) ** 2;
    }
    worst = Math.max(worst, Math.sqrt(square));
  }
  return worst / highest;
}

/** Fixes the sign that an eigenvector leaves free: in each column the entry largest in size (the first of equals) is positive. */
function turnLargestPositive(vectors: Dense): void {
  const { rows, columns, data } = vectors;
  for (let c = 0; c < columns; c++) {
    let largest = 0;
    for (let i = 0; i < rows; i++) {
      if (Math.abs(data[i * columns + c]!) > Math.abs(largest)) largest = data[i * columns + c]!;
    }
    if (largest < 0) for (let i = 0; i < rows; i++) data[i * columns + c]! *= -1;
  }
}
