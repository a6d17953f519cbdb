/** @file onnx: builds small graphs from scratch, for products that run through ONNX Runtime and for tests. */
import { MesascopeError } from '../core/errors.ts';
import { DATA_TYPE } from './contract.ts';
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  GRAPH,
  MODEL,
  NODE,
  OPSET,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './fields.ts';
import { MessageWriter } from './wire-write.ts';

export type ElementType = keyof typeof DATA_TYPE;

/** A dimension is a size, a symbol, or null where nothing is said; without `shape` the rank is free as well. */
export type ValueSpec = {
  readonly name: string;
  /** Left out: only the name is written, and ONNX Runtime infers the rest (outputs only). */
  readonly type?: ElementType;
  readonly shape?: readonly (number | string | null)[];
};

export type TensorData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array
  | Uint16Array;

/** `data` holds the type's own bits: float16 and bfloat16 as Uint16Array, bool as Uint8Array. */
export type TensorSpec = {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: ElementType;
  readonly data: TensorData;
};

export type AttributeSpec =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly tensor: Omit<TensorSpec, 'name'> }
  | { readonly graph: GraphSpec };

export type NodeSpec = {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly domain?: string;
  readonly name?: string;
};

export type GraphSpec = {
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: readonly TensorSpec[];
  readonly valueInfo?: readonly ValueSpec[];
  readonly name?: string;
};

export type ModelSpec = GraphSpec & {
  /** Version of the ai.onnx operators (default 17). */
  readonly opset?: number;
  /** Further operator domains and their versions. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Default 8, the IR of opset 15 to 18 (ONNX, Versioning.md). */
  readonly irVersion?: number;
};

const BYTES_PER_ELEMENT: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  bfloat16: 2,
};

/** A complete ONNX file. Throws `MATRIX_SHAPE` when a tensor's data does not fit its type and dims. */
export function buildModel(spec: ModelSpec): Uint8Array<ArrayBuffer> {
  const model = new MessageWriter()
    .varint(MODEL.irVersion, spec.irVersion ?? 8)
    .string(MODEL.producerName, 'mesascope')
    .message(MODEL.graph, graphMessage(spec));
  for (const [domain, version] of [['', spec.opset ?? 17] as const, ...Object.entries(spec.domains ?? {})]) {
    const opset = new MessageWriter().string(OPSET.domain, domain).varint(OPSET.version, version);
    model.message(MODEL.opsetImport, opset);
  }
  return model.finish();
}

function graphMessage(spec: GraphSpec): MessageWriter {
  const graph = new MessageWriter();
  for (const node of spec.nodes) graph.message(GRAPH.node, nodeMessage(node));
  graph.string(GRAPH.name, spec.name ?? 'graph');
  for (const tensor of spec.initializers ?? []) graph.message(GRAPH.initializer, tensorMessage(tensor));
  for (const value of spec.inputs) graph.message(GRAPH.input, valueMessage(value));
  for (const value of spec.outputs) graph.message(GRAPH.output, valueMessage(value));
  for (const value of spec.valueInfo ?? []) graph.message(GRAPH.valueInfo, valueMessage(value));
  return graph;
}

/** A NodeProto. */
export function nodeMessage(spec: NodeSpec): MessageWriter {
  const node = new MessageWriter();
  for (const name of spec.inputs) node.string(NODE.input, name);
  for (const name of spec.outputs) node.string(NODE.output, name);
  if (spec.name !== undefined) node.string(NODE.name, spec.name);
  node.string(NODE.opType, spec.opType);
  for (const [name, value] of Object.entries(spec.attributes ?? {})) {
    node.message(NODE.attribute, attributeMessage(name, value));
  }
  if (spec.domain !== undefined) node.string(NODE.domain, spec.domain);
  return node;
}

function attributeMessage(name: string, value: AttributeSpec): MessageWriter {
  const attribute = new MessageWriter().string(ATTRIBUTE.name, name);
  const typed = (type: number): MessageWriter => attribute.varint(ATTRIBUTE.type, type);
  if ('int' in value) return typed(ATTRIBUTE_TYPE.int).varint(ATTRIBUTE.int, value.int);
  if ('float' in value) return typed(ATTRIBUTE_TYPE.float).float(ATTRIBUTE.float, value.float);
  if ('string' in value) return typed(ATTRIBUTE_TYPE.string).string(ATTRIBUTE.string, value.string);
  if ('tensor' in value) {
    return typed(ATTRIBUTE_TYPE.tensor).message(
      ATTRIBUTE.tensor,
      tensorMessage({ name: '', ...value.tensor }),
    );
  }
  if ('graph' in value) {
    return typed(ATTRIBUTE_TYPE.graph).message(ATTRIBUTE.graph, graphMessage(value.graph));
  }
  if ('ints' in value) {
    typed(ATTRIBUTE_TYPE.ints);
    for (const item of value.ints) attribute.varint(ATTRIBUTE.ints, item);
    return attribute;
  }
  typed(ATTRIBUTE_TYPE.floats);
  for (const item of value.floats) attribute.float(ATTRIBUTE.floats, item);
  return attribute;
}

/** A TensorProto with raw_data, which is little-endian, as every platform of Node is. Throws `MATRIX_SHAPE`. */
export function tensorMessage(spec: TensorSpec): MessageWriter {
  const { name, dims, type, data } = spec;
  const count = dims.reduce((product, size) => product * size, 1);
  if (data.length !== count || data.BYTES_PER_ELEMENT !== BYTES_PER_ELEMENT[type]) {
    throw new MesascopeError(
      'MATRIX_SHAPE',
      `tensor ${JSON.stringify(name)} of ${type} [${dims.join(', ')}] got ${data.length} values of ${data.BYTES_PER_ELEMENT} bytes`,
      { facts: { name, dims, type, length: data.length } },
    );
  }
  const tensor = new MessageWriter();
  for (const size of dims) tensor.varint(TENSOR.dims, size);
  tensor.varint(TENSOR.dataType, DATA_TYPE[type]);
  if (name !== '') tensor.string(TENSOR.name, name);
  return tensor.bytes(TENSOR.rawData, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** A ValueInfoProto. */
export function valueMessage(spec: ValueSpec): MessageWriter {
  const value = new MessageWriter().string(VALUE_INFO.name, spec.name);
  if (spec.type === undefined) return value;
  const tensorType = new MessageWriter().varint(TENSOR_TYPE.elemType, DATA_TYPE[spec.type]);
  if (spec.shape !== undefined) {
    const shape = new MessageWriter();
    for (const size of spec.shape) {
      const dimension = new MessageWriter();
      if (typeof size === 'number') dimension.varint(DIMENSION.value, size);
      else if (size !== null) dimension.string(DIMENSION.param, size);
      shape.message(SHAPE.dim, dimension);
    }
    tensorType.message(TENSOR_TYPE.shape, shape);
  }
  return value.message(VALUE_INFO.type, new MessageWriter().message(TYPE.tensor, tensorType));
}
