/** @file linalg: small factorisations in 64 bits; the only importer of ml-matrix, which accepts NaN in silence: we refuse. */
import { EigenvalueDecomposition, Matrix as Packed, QrDecomposition, SVD } from 'ml-matrix';
import { MesascopeError } from '../core/errors.ts';
import { type Dense, transposed } from './dense.ts';
import { mustBeFinite } from './moments.ts';

/** ml-matrix's own form of a dense matrix, for PCA's library as well; copies. */
export function pack(source: Dense): Packed {
  return Packed.from1DArray(source.rows, source.columns, source.data);
}

/** Back from ml-matrix's form; copies. */
export function unpack(source: Packed): Dense {
  return { rows: source.rows, columns: source.columns, data: Float64Array.from(source.to1DArray()) };
}

function mustBeSquare(a: Dense): void {
  if (a.rows !== a.columns) {
    throw new MesascopeError('MATRIX_SHAPE', `a square matrix is needed, got [${a.rows}, ${a.columns}]`);
  }
}

/** Lower triangle L with a = L L^T. */
export type Cholesky = { readonly lower: Dense };

/**
 * Cholesky factor of a symmetric positive definite matrix [n, n]; only the lower triangle is read.
 * Throws `NON_FINITE`, `MATRIX_SHAPE`, and `NOT_POSITIVE_DEFINITE` when a pivot is within rounding of zero.
 */
export function cholesky(a: Dense): Cholesky {
  mustBeSquare(a);
  mustBeFinite(a.data, 'the matrix to factor');
  const n = a.rows;
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      lower[i * n + j] = (a.data[i * n + j]! - dotProduct(lower, i * n, lower, j * n, j)) / lower[j * n + j]!;
    }
    const own = a.data[i * n + i]!;
    const pivot = own - dotProduct(lower, i * n, lower, i * n, i);
    // A pivot is a difference of numbers as large as the diagonal, so it is known to about n units in their last place.
    if (!(pivot > n * Number.EPSILON * own)) {
      throw new MesascopeError('NOT_POSITIVE_DEFINITE', `row ${i} of ${n} depends on the rows before it`, {
        facts: { row: i, size: n },
      });
    }
    lower[i * n + i] = Math.sqrt(pivot);
  }
  return { lower: { rows: n, columns: n, data: lower } };
}

/**
 * Sum of x[a + k] y[b + k] over k < length. Four sums are kept, so that none waits for the one before: a factor of 768 rows takes a
 * quarter of the time of ml-matrix's own.
 */
function dotProduct(x: Float64Array, a: number, y: Float64Array, b: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += x[a + k]! * y[b + k]!;
    s1 += x[a + k + 1]! * y[b + k + 1]!;
    s2 += x[a + k + 2]! * y[b + k + 2]!;
    s3 += x[a + k + 3]! * y[b + k + 3]!;
  }
  for (; k < length; k++) s0 += x[a + k]! * y[b + k]!;
  return s0 + s1 + s2 + s3;
}

function mirrored(a: Dense): Dense {
  const n = a.rows;
  const data = Float64Array.from(a.data);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) data[j * n + i] = data[i * n + j]!;
  }
  return { rows: n, columns: n, data };
}

/** Solves a x = b for every column of b [n, k] -> [n, k], given a's factor. Throws `MATRIX_SHAPE`. */
export function choleskySolve(factor: Cholesky, b: Dense): Dense {
  const { data: lower, rows: n } = factor.lower;
  const k = b.columns;
  if (b.rows !== n) {
    throw new MesascopeError('MATRIX_SHAPE', `the system has ${n} rows, the right side ${b.rows}`);
  }
  const x = Float64Array.from(b.data);
  // L y = b, then L^T x = y; whole rows of x at a time, so that memory is walked in order.
  for (let i = 0; i < n; i++) {
    for (let l = 0; l < i; l++) addRow(x, i * k, l * k, -lower[i * n + l]!, k);
    scaleRow(x, i * k, 1 / lower[i * n + i]!, k);
  }
  for (let i = n - 1; i >= 0; i--) {
    scaleRow(x, i * k, 1 / lower[i * n + i]!, k);
    for (let l = 0; l < i; l++) addRow(x, l * k, i * k, -lower[i * n + l]!, k);
  }
  return { rows: n, columns: k, data: x };
}

/** Inverse of a lower triangle [n, n], itself lower triangular. */
export function invertLower(lower: Dense): Dense {
  const n = lower.rows;
  // By columns of the inverse, each kept as a row, so that the sums walk both in order.
  const columns = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const pivot = 1 / lower.data[i * n + i]!;
    for (let j = 0; j < i; j++) {
      columns[j * n + i] = -pivot * dotProduct(lower.data, i * n + j, columns, j * n + j, i - j);
    }
    columns[i * n + i] = pivot;
  }
  return transposed({ rows: n, columns: n, data: columns });
}

/** data[to ...] += factor * data[from ...], `length` elements. */
function addRow(data: Float64Array, to: number, from: number, factor: number, length: number): void {
  for (let j = 0; j < length; j++) data[to + j]! += factor * data[from + j]!;
}

function scaleRow(data: Float64Array, at: number, factor: number, length: number): void {
  for (let j = 0; j < length; j++) data[at + j]! *= factor;
}

/** Eigenvalues in falling order; column i of `vectors` [n, n] belongs to value i and has length 1. */
export type Eigen = { readonly values: Float64Array; readonly vectors: Dense };

/** Eigendecomposition of a symmetric matrix [n, n]; only the lower triangle is read. Throws `NON_FINITE`, `MATRIX_SHAPE`. */
export function symmetricEigen(a: Dense): Eigen {
  mustBeSquare(a);
  mustBeFinite(a.data, 'the matrix to decompose');
  const n = a.rows;
  const solved = new EigenvalueDecomposition(pack(mirrored(a)), { assumeSymmetric: true });
  const rising = unpack(solved.eigenvectorMatrix);
  const values = Float64Array.from(solved.realEigenvalues);
  const order = Array.from(values.keys()).sort((i, j) => values[j]! - values[i]! || i - j);
  const vectors = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) vectors[i * n + j] = rising.data[i * n + order[j]!]!;
  }
  return {
    values: values.map((_, j) => values[order[j]!]!),
    vectors: { rows: n, columns: n, data: vectors },
  };
}

/** Thin SVD a = U diag(s) V^T with r = min(rows, columns): left [rows, r], values falling [r], right [columns, r]. */
export type Svd = { readonly left: Dense; readonly values: Float64Array; readonly right: Dense };

/** Singular value decomposition of a small matrix. Throws `NON_FINITE`. */
export function svd(a: Dense): Svd {
  mustBeFinite(a.data, 'the matrix to decompose');
  const r = Math.min(a.rows, a.columns);
  const solved = new SVD(pack(a), { autoTranspose: true });
  const keep = (m: Packed): Dense => firstColumns(unpack(m), r);
  return {
    left: keep(solved.leftSingularVectors),
    values: Float64Array.from(solved.diagonal.slice(0, r)),
    right: keep(solved.rightSingularVectors),
  };
}

/** The first k columns, copied. Throws `MATRIX_SHAPE` when there are fewer. */
export function firstColumns(a: Dense, k: number): Dense {
  if (k > a.columns) {
    throw new MesascopeError('MATRIX_SHAPE', `${k} columns asked for, the matrix has ${a.columns}`);
  }
  const data = new Float64Array(a.rows * k);
  for (let i = 0; i < a.rows; i++) data.set(a.data.subarray(i * a.columns, i * a.columns + k), i * k);
  return { rows: a.rows, columns: k, data };
}

/**
 * Orthonormal basis of the columns of a [n, k], k <= n: Q of QR, [n, k], each column turned so that Q's column i points along
 * column i of a. Throws `RANK_DEFICIENT` when the columns are dependent (pivot below 1e-10 of the longest column), `NON_FINITE`.
 */
export function orthonormalColumns(a: Dense): Dense {
  mustBeFinite(a.data, 'the columns to orthonormalise');
  const { rows: n, columns: k } = a;
  if (k > n)
    throw new MesascopeError('RANK_DEFICIENT', `${k} columns cannot be independent in ${n} dimensions`);
  if (k === 0) return { rows: n, columns: 0, data: new Float64Array(0) };
  const solved = new QrDecomposition(pack(a));
  const q = firstColumns(unpack(solved.orthogonalMatrix), k);
  const r = unpack(solved.upperTriangularMatrix);
  let longest = 0;
  for (let j = 0; j < k; j++) {
    let square = 0;
    for (let i = 0; i < n; i++) square += a.data[i * k + j]! ** 2;
    longest = Math.max(longest, Math.sqrt(square));
  }
  for (let j = 0; j < k; j++) {
    const pivot = r.data[j * r.columns + j]!;
    if (!(Math.abs(pivot) > longest * 1e-10)) {
      throw new MesascopeError('RANK_DEFICIENT', `column ${j} of ${k} depends on the columns before it`, {
        facts: { column: j, columns: k },
      });
    }
    if (pivot < 0) for (let i = 0; i < n; i++) q.data[i * k + j]! *= -1;
  }
  return q;
}
