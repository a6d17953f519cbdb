/** @file onnx: finds stored matrices that hold another one's values, as they are or transposed. */
import { sha256 } from '../core/hash.ts';
import type { ModelIndex, TensorView } from './contract.ts';
import { bytesPerValue, valueCount } from './read-tensor.ts';

/**
 * Those of `candidates` that equal one of `tables`, or its transpose, bit for bit. Only matrices with raw values are
 * compared. By content hash, so the time is linear in the bytes however many tensors there are.
 */
export function copiesOf(
  index: ModelIndex,
  tables: readonly TensorView[],
  candidates: readonly TensorView[],
): ReadonlySet<TensorView> {
  const known = new Set<string>();
  const wanted = new Set(candidates.map(shapeKey));
  for (const table of tables) {
    const matrix = rawMatrix(index, table);
    if (matrix === undefined) continue;
    const { rows, columns, bytes, unit } = matrix;
    const as = (a: number, b: number): string => shapeKey({ ...table, dims: [a, b] });
    if (wanted.has(as(rows, columns))) known.add(`${as(rows, columns)} ${sha256(bytes)}`);
    if (wanted.has(as(columns, rows))) {
      known.add(`${as(columns, rows)} ${sha256(transposed(bytes, { rows, columns, unit }))}`);
    }
  }
  const shapes = new Set([...known].map((key) => key.slice(0, key.indexOf(' '))));
  return new Set(
    candidates.filter((tensor) => {
      const key = shapeKey(tensor);
      if (!shapes.has(key)) return false;
      const matrix = rawMatrix(index, tensor);
      return matrix !== undefined && known.has(`${key} ${sha256(matrix.bytes)}`);
    }),
  );
}

function shapeKey({ dims, dataType }: Pick<TensorView, 'dims' | 'dataType'>): string {
  return `${dataType}:${dims.join('x')}`;
}

type RawMatrix = {
  readonly rows: number;
  readonly columns: number;
  readonly bytes: Uint8Array;
  readonly unit: number;
};

function rawMatrix(index: ModelIndex, { dims, dataType, data }: TensorView): RawMatrix | undefined {
  const unit = bytesPerValue(dataType);
  if (dims.length !== 2 || data.kind !== 'raw' || unit === undefined) return undefined;
  const bytes = index.bytes.subarray(data.range.start, data.range.end);
  if (bytes.length !== valueCount(dims) * unit) return undefined;
  return { rows: dims[0]!, columns: dims[1]!, bytes, unit };
}

/** [rows, columns] -> [columns, rows], values of `unit` bytes. */
function transposed(
  bytes: Uint8Array,
  { rows, columns, unit }: { readonly rows: number; readonly columns: number; readonly unit: number },
): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const [from, to] = [(i * columns + j) * unit, (j * rows + i) * unit];
      for (let k = 0; k < unit; k++) out[to + k] = bytes[from + k]!;
    }
  }
  return out;
}
