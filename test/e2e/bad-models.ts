/** @file test: models that a user may be handed: cut short, damaged, lying about sizes, pointing outside, computing NaN. */
import { readFileSync } from 'node:fs';
import { indexModel } from '../../src/onnx/index-model.ts';
import { decodeModel, encodeModel } from '../onnx/schema.ts';

const EMBEDDING_ROWS = 106;

/** A copy of a model whose first large weight is said to lie in a file of another name. */
export function withWeightsAt(file: string, location: string): Uint8Array {
  const model = decodeModel(readFileSync(file));
  const initializer = model.graph.initializer.map((tensor) => {
    if (tensor.dims?.length !== 2 || Number(tensor.dims[0]) !== EMBEDDING_ROWS) return tensor;
    const { raw_data: _, ...rest } = tensor;
    return { ...rest, data_location: 1, external_data: [{ key: 'location', value: location }] };
  });
  return encodeModel({ ...model, graph: { ...model.graph, initializer } });
}

/** A copy whose first weight claims sizes that no memory holds. */
export function withHugeTensor(file: string): Uint8Array {
  const model = decodeModel(readFileSync(file));
  const [first, ...rest] = model.graph.initializer;
  const huge = { ...first, dims: ['4611686018427387904', '4'] };
  return encodeModel({ ...model, graph: { ...model.graph, initializer: [huge, ...rest] } });
}

/** A copy in which graphs lie inside graphs inside graphs. */
export function withDeepGraphs(file: string, depth: number): Uint8Array {
  const model = decodeModel(readFileSync(file));
  let graph: object = { name: 'innermost', node: [] };
  for (let i = 0; i < depth; i++) {
    graph = { name: 'g', node: [{ op_type: 'If', attribute: [{ name: 'then_branch', type: 5, g: graph }] }] };
  }
  const node = [
    ...model.graph.node,
    { op_type: 'If', attribute: [{ name: 'then_branch', type: 5, g: graph }] },
  ];
  return encodeModel({ ...model, graph: { ...model.graph, node } });
}

/** The file with one row of its embedding set to `value`: whoever looks that token up gets it. */
export function withEmbeddingOf(file: string, token: number, value: number): Uint8Array {
  const bytes = Buffer.from(readFileSync(file));
  for (const { dims, data, dataType } of indexModel(bytes).initializers.values()) {
    if (data.kind !== 'raw' || dataType !== 1 || dims.length !== 2 || dims[0] !== EMBEDDING_ROWS) continue;
    const start = data.range.start + token * dims[1]! * 4;
    for (let i = 0; i < dims[1]!; i++) bytes.writeFloatLE(value, start + 4 * i);
    return bytes;
  }
  throw new Error(`${file} stores no embedding of ${EMBEDDING_ROWS} rows`);
}
