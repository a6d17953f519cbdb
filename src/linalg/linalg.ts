/** @file linalg: the fast products, through ONNX Runtime's Gemm; one session per kind of product, opened when first needed. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Session } from '../runtime/contract.ts';
import { openSession } from '../runtime/session.ts';
import {
  type CrossEntropyInput,
  type CrossEntropyStep,
  crossEntropyStep,
  float32Of,
  float64Of,
  type Numbers,
  stepGraph,
  tensorOf,
} from './cross-entropy.ts';
import {
  type Dense,
  type ProductShape,
  plainProduct,
  productShape,
  type TransposeOptions,
  toMatrix,
} from './dense.ts';
import { type ProductGraph, productGraph } from './product-graphs.ts';

export type LinalgOptions = {
  /** Threads inside one product; 0 (the default) lets ONNX Runtime decide. */
  readonly threads?: number;
  /** A product whose arrays would hold more bytes than this is done in parts. Default 2^30. */
  readonly chunkBytes?: number;
};

/**
 * Products of matrices. `multiply` takes and gives 32-bit numbers; large ones are summed in 32 bits by blocks (relative error
 * of a sum about 1e-6 at inner size 20,000), small ones in 64 bits. `gram` sums in 64 bits and gives 64 bits.
 */
export type Linalg = {
  /** op(a) op(b): [m, k] x [k, n] -> [m, n]. NaN and infinity pass through. Throws `MATRIX_SHAPE`. */
  multiply(a: Matrix, b: Matrix, options?: TransposeOptions): Promise<Matrix>;
  /** X^T X of x [rows, width]: [width, width], exactly symmetric. NaN and infinity pass through. */
  gram(x: Matrix): Promise<Dense>;
  /** Loss and gradient of many logistic regressions on the same examples, in the precision of x. Throws `MATRIX_SHAPE`. */
  crossEntropy<T extends Numbers>(input: CrossEntropyInput<T>): Promise<CrossEntropyStep<T>>;
  /** Releases the sessions; a later call throws `INTERNAL`. */
  close(): Promise<void>;
};

/**
 * At or below this many multiplications a product runs as plain loops. Measured (ONNX Runtime 1.30, two cores): a call costs 10
 * to 20 microseconds whatever its size, and 16 x 16 x 16 = 4,096 plain multiplications cost 8; see test/bench/probes.bench.ts.
 */
const PLAIN_LIMIT = 4096;

/** Opens the fast path; no native session is made until a product needs one. */
export async function openLinalg(options: LinalgOptions = {}): Promise<Linalg> {
  const { threads = 0, chunkBytes = 2 ** 30 } = options;
  if (!(Number.isInteger(threads) && threads >= 0) || !(chunkBytes > 0)) {
    throw new MesascopeError(
      'BAD_SETTING',
      `linalg cannot use ${threads} threads and parts of ${chunkBytes} bytes`,
    );
  }
  const sessions = new Map<ProductGraph, Promise<Session>>();
  let open = true;
  const sessionFor = (graph: ProductGraph): Promise<Session> => {
    if (!open) throw new MesascopeError('INTERNAL', 'a closed linalg was used');
    let session = sessions.get(graph);
    if (session === undefined) {
      session = openSession({ kind: 'bytes', bytes: productGraph(graph) }, { threads });
      sessions.set(graph, session);
    }
    return session;
  };
  const native = { sessionFor, chunkBytes };
  return {
    multiply: (a, b, transpose = {}) => multiply(native, a, b, transpose),
    gram: (x) => gram(native, x),
    crossEntropy: async (input) => crossEntropyStep(await sessionFor(stepGraph(input)), input),
    async close() {
      open = false;
      const opened = [...sessions.values()];
      sessions.clear();
      for (const session of opened) await (await session).close();
    },
  };
}

type Native = { readonly sessionFor: (graph: ProductGraph) => Promise<Session>; readonly chunkBytes: number };

async function multiply(native: Native, a: Matrix, b: Matrix, transpose: TransposeOptions): Promise<Matrix> {
  const shape = productShape(a, b, transpose);
  if (shape.rows * shape.inner * shape.columns <= PLAIN_LIMIT) return toMatrix(plainProduct(a, b, transpose));
  // A vector is its own transpose in memory, and the kernels for an untransposed vector are several times faster.
  if (shape.columns === 1)
    return oneGemm(native, a, { ...b, rows: shape.inner, columns: 1 }, shape, transpose, false);
  if (shape.rows === 1) {
    const turned = { rows: shape.columns, inner: shape.inner, columns: 1 };
    const column = { ...a, rows: shape.inner, columns: 1 };
    const product = await oneGemm(
      native,
      b,
      column,
      turned,
      { transposeA: transpose.transposeB !== true },
      false,
    );
    return { rows: 1, columns: shape.columns, data: product.data };
  }
  return oneGemm(native, a, b, shape, transpose, transpose.transposeB === true);
}

/** op(a) op(b), in parts along the rows of `a` as it lies in memory, so that each part is a view. */
async function oneGemm(
  native: Native,
  a: Matrix,
  b: Matrix,
  shape: ProductShape,
  { transposeA = false }: TransposeOptions,
  transposeB: boolean,
): Promise<Matrix> {
  const session = await native.sessionFor(`gemm-${transposeA ? 't' : 'n'}${transposeB ? 't' : 'n'}`);
  const run = async (part: Matrix, other: Matrix): Promise<Float32Array> =>
    float32Of((await session.run({ a: tensorOf(part), b: tensorOf(other) })).product);
  const bytes = 4 * (a.data.length + b.data.length + shape.rows * shape.columns);
  if (bytes <= native.chunkBytes) {
    return { rows: shape.rows, columns: shape.columns, data: await run(a, b) };
  }
  const step = rowsPerPart(native.chunkBytes, transposeA ? a.columns + b.columns : a.columns + shape.columns);
  if (!transposeA) {
    // Each part gives its own rows of the result.
    const data = new Float32Array(shape.rows * shape.columns);
    for (let from = 0; from < a.rows; from += step) {
      data.set(await run(rowsOf(a, from, step), b), from * shape.columns);
    }
    return { rows: shape.rows, columns: shape.columns, data };
  }
  // The rows of `a` are summed over: parts add up, in 64 bits.
  const sum = new Float64Array(shape.rows * shape.columns);
  for (let from = 0; from < a.rows; from += step) {
    const other = transposeB ? columnsOf(b, from, step) : rowsOf(b, from, step);
    addInto(sum, await run(rowsOf(a, from, step), other));
  }
  return { rows: shape.rows, columns: shape.columns, data: Float32Array.from(sum) };
}

async function gram(native: Native, x: Matrix): Promise<Dense> {
  const { rows, columns } = x;
  if (rows * columns * columns <= PLAIN_LIMIT) return plainProduct(x, x, { transposeA: true });
  const session = await native.sessionFor('gram');
  // The graph holds a 64-bit copy beside the 32-bit rows.
  const step = rowsPerPart(native.chunkBytes, 3 * columns);
  const sum = new Float64Array(columns * columns);
  for (let from = 0; from < rows; from += step) {
    addInto(sum, float64Of((await session.run({ x: tensorOf(rowsOf(x, from, step)) })).product));
  }
  // The blocks of a product may be summed in different orders on the two sides of the diagonal.
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < i; j++) sum[j * columns + i] = sum[i * columns + j]!;
  }
  return { rows: columns, columns, data: sum };
}

function rowsPerPart(chunkBytes: number, valuesPerRow: number): number {
  return Math.max(1, Math.floor(chunkBytes / (4 * valuesPerRow)));
}

/** At most `count` rows from row `from` on, sharing memory. */
function rowsOf(source: Matrix, from: number, count: number): Matrix {
  const end = Math.min(source.rows, from + count);
  return {
    rows: end - from,
    columns: source.columns,
    data: source.data.subarray(from * source.columns, end * source.columns),
  };
}

/** At most `count` columns from column `from` on, copied. */
function columnsOf(source: Matrix, from: number, count: number): Matrix {
  const columns = Math.min(source.columns, from + count) - from;
  const data = new Float32Array(source.rows * columns);
  for (let i = 0; i < source.rows; i++) {
    const at = i * source.columns + from;
    data.set(source.data.subarray(at, at + columns), i * columns);
  }
  return { rows: source.rows, columns, data };
}

function addInto(sum: Float64Array, part: Float32Array | Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}
