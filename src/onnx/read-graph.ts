/** @file onnx: reads the parts of a GraphProto (nodes, attributes, declared values), sub-graphs included. */
import { MesascopeError } from '../core/errors.ts';
import type { Attribute, ByteRange, NodeView, ReadLimits, TensorView, ValueInfo } from './contract.ts';
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  GRAPH,
  NODE,
  SHAPE,
  SPARSE_TENSOR,
  STRING_ENTRY,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './fields.ts';
import { readTensorView } from './read-tensor-view.ts';
import { lenientText, overLimit, pushFloats, pushInts, WireCursor } from './wire-read.ts';

/** Longest metadata or string attribute that is decoded; the rest of a longer one is cut off. */
const MAX_TEXT_BYTES = 1 << 20;

/** One reading of one file: what is shared by all its graphs. */
export type Reading = {
  readonly bytes: Uint8Array;
  readonly limits: ReadLimits;
  readonly nestedNames: Set<string>;
  nodes: number;
  initializers: number;
  values: number;
  parts: number;
};

/** A graph's own parts, gathered over all the pieces that a file holds of it. */
export type GraphParts = {
  name: string;
  readonly nodes: NodeView[];
  readonly initializers: Map<string, TensorView>;
  readonly sparse: string[];
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly valueInfo: Map<string, ValueInfo>;
};

export function emptyGraph(): GraphParts {
  return {
    name: '',
    nodes: [],
    initializers: new Map(),
    sparse: [],
    inputs: [],
    outputs: [],
    valueInfo: new Map(),
  };
}

/** Adds the piece of a GraphProto at `range` to `graph`. Throws `MODEL_CORRUPT`, `MODEL_LIMIT`, `EXTERNAL_DATA_PATH`. */
export function readGraphPiece(reading: Reading, range: ByteRange, graph: GraphParts, depth: number): void {
  const { bytes, limits } = reading;
  const cursor = new WireCursor(bytes, range);
  while (cursor.next()) {
    if (cursor.isLength(GRAPH.node)) {
      if (++reading.nodes > limits.maxNodes) throw overLimit('more nodes', limits.maxNodes);
      graph.nodes.push(readNode(reading, cursor.range, graph.nodes.length, depth));
    } else if (cursor.isLength(GRAPH.initializer)) {
      const tensor = readTensorView(bytes, cursor.range, countInitializer(reading));
      graph.initializers.set(tensor.name, tensor);
    } else if (cursor.isLength(GRAPH.sparseInitializer)) {
      graph.sparse.push(readSparseName(bytes, cursor.range, countInitializer(reading)));
    } else if (cursor.isLength(GRAPH.input)) graph.inputs.push(readValue(reading, cursor.range));
    else if (cursor.isLength(GRAPH.output)) graph.outputs.push(readValue(reading, cursor.range));
    else if (cursor.isLength(GRAPH.valueInfo)) {
      const value = readValue(reading, cursor.range);
      graph.valueInfo.set(value.name, value);
    } else if (cursor.isLength(GRAPH.name)) graph.name = cursor.text(limits.maxNameBytes);
  }
}

/** Counts what costs far more memory than the two bytes it may take in a file. Throws `MODEL_LIMIT`. */
export function countParts(reading: Reading, count: number): void {
  reading.parts += count;
  if (reading.parts > reading.limits.maxParts) {
    throw overLimit('more inputs, outputs, attributes and metadata', reading.limits.maxParts);
  }
}

function countInitializer(reading: Reading): ReadLimits {
  const { limits } = reading;
  if (++reading.initializers > limits.maxInitializers)
    throw overLimit('more tensors', limits.maxInitializers);
  return limits;
}

function readSparseName(bytes: Uint8Array, range: ByteRange, limits: ReadLimits): string {
  const cursor = new WireCursor(bytes, range);
  let name = '';
  while (cursor.next()) {
    if (cursor.isLength(SPARSE_TENSOR.values)) name = readTensorView(bytes, cursor.range, limits).name;
  }
  return name;
}

function readNode(reading: Reading, range: ByteRange, index: number, depth: number): NodeView {
  const { bytes, limits } = reading;
  const cursor = new WireCursor(bytes, range);
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, Attribute> = Object.create(null);
  const captures = new Set<string>();
  const metadata: MetadataEntry[] = [];
  let name = '';
  let opType = '';
  let domain = '';
  let hasGraph = false;
  while (cursor.next()) {
    countParts(reading, 1);
    if (cursor.isLength(NODE.input)) inputs.push(cursor.text(limits.maxNameBytes));
    else if (cursor.isLength(NODE.output)) outputs.push(cursor.text(limits.maxNameBytes));
    else if (cursor.isLength(NODE.name)) name = cursor.text(limits.maxNameBytes);
    else if (cursor.isLength(NODE.opType)) opType = cursor.text(limits.maxNameBytes);
    else if (cursor.isLength(NODE.domain)) domain = cursor.text(limits.maxNameBytes);
    else if (cursor.isLength(NODE.attribute)) {
      const attribute = readAttribute(reading, cursor.range, captures, depth);
      hasGraph ||= attribute.hasGraph;
      attributes[attribute.name] = attribute;
    } else if (cursor.isLength(NODE.metadataProps)) metadata.push(readMetadataEntry(bytes, cursor.range));
  }
  return {
    index,
    name,
    opType,
    domain: domain === 'ai.onnx' ? '' : domain,
    inputs,
    outputs,
    attributes,
    // Exporters put stack traces here, often more bytes than the rest of the node: decoded when somebody asks.
    get metadata(): Readonly<Record<string, string>> {
      return decodeMetadata(bytes, metadata);
    },
    ...(hasGraph ? { captures: [...captures] } : {}),
    range,
  };
}

/** Where the two texts of a StringStringEntryProto lie; walked at once so that damage shows at once. */
export type MetadataEntry = { readonly key: ByteRange; readonly value: ByteRange };

export function readMetadataEntry(bytes: Uint8Array, range: ByteRange): MetadataEntry {
  const cursor = new WireCursor(bytes, range);
  let key: ByteRange = { start: 0, end: 0 };
  let value = key;
  while (cursor.next()) {
    if (cursor.isLength(STRING_ENTRY.key)) key = cursor.range;
    else if (cursor.isLength(STRING_ENTRY.value)) value = cursor.range;
  }
  return { key, value };
}

/** The entries as one record, decoded leniently; never throws. */
export function decodeMetadata(
  bytes: Uint8Array,
  entries: readonly MetadataEntry[],
): Readonly<Record<string, string>> {
  const record: Record<string, string> = Object.create(null);
  for (const { key, value } of entries) {
    record[lenientText(bytes, key, MAX_TEXT_BYTES)] = lenientText(bytes, value, MAX_TEXT_BYTES);
  }
  return record;
}

function readAttribute(reading: Reading, range: ByteRange, captures: Set<string>, depth: number): Attribute {
  const { bytes, limits } = reading;
  const cursor = new WireCursor(bytes, range);
  const ints: number[] = [];
  const floats: number[] = [];
  let name = '';
  let type = 0;
  let int: number | undefined;
  let float: number | undefined;
  let string: string | undefined;
  let tensor: TensorView | undefined;
  let hasGraph = false;
  let subGraph: GraphParts | undefined;
  while (cursor.next()) {
    if (cursor.isLength(ATTRIBUTE.name)) name = cursor.text(limits.maxNameBytes);
    else if (cursor.isVarint(ATTRIBUTE.type)) type = cursor.int();
    else if (cursor.isVarint(ATTRIBUTE.int)) int = cursor.int();
    else if (cursor.field === ATTRIBUTE.float && cursor.wire === 5) float = cursor.float32();
    else if (cursor.isLength(ATTRIBUTE.string)) string = lenientText(bytes, cursor.range, MAX_TEXT_BYTES);
    else if (cursor.field === ATTRIBUTE.ints) {
      pushInts(cursor, ints, { count: limits.maxParts, what: 'integers' });
    } else if (cursor.field === ATTRIBUTE.floats) pushFloats(cursor, floats);
    else if (cursor.isLength(ATTRIBUTE.tensor)) {
      if (tensor !== undefined) {
        throw new MesascopeError(
          'MODEL_UNSUPPORTED',
          `attribute ${JSON.stringify(name)} holds a tensor in two pieces`,
        );
      }
      tensor = readTensorView(bytes, cursor.range, limits);
    } else if (cursor.isLength(ATTRIBUTE.tensors)) readTensorView(bytes, cursor.range, limits);
    else if (cursor.isLength(ATTRIBUTE.graph)) {
      // One graph in two pieces is one graph; `graphs` are graphs of their own.
      hasGraph = true;
      subGraph ??= emptyGraph();
      readSubGraph(reading, cursor.range, subGraph, depth + 1);
    } else if (cursor.isLength(ATTRIBUTE.graphs)) {
      hasGraph = true;
      const own = emptyGraph();
      readSubGraph(reading, cursor.range, own, depth + 1);
      addCaptures(reading, own, captures);
    }
  }
  if (subGraph !== undefined) addCaptures(reading, subGraph, captures);
  countParts(reading, ints.length + floats.length);
  // Writers of proto3 habits leave zeros and empty lists out; the stated type tells which value was meant.
  if (type === ATTRIBUTE_TYPE.int) int ??= 0;
  if (type === ATTRIBUTE_TYPE.float) float ??= 0;
  if (type === ATTRIBUTE_TYPE.string) string ??= '';
  return {
    name,
    ...(int === undefined ? {} : { int }),
    ...(float === undefined ? {} : { float }),
    ...(string === undefined ? {} : { string }),
    ...(tensor === undefined ? {} : { tensor }),
    ...(ints.length > 0 || type === ATTRIBUTE_TYPE.ints ? { ints } : {}),
    ...(floats.length > 0 || type === ATTRIBUTE_TYPE.floats ? { floats } : {}),
    hasGraph,
  };
}

function readSubGraph(reading: Reading, range: ByteRange, graph: GraphParts, depth: number): void {
  countParts(reading, 1);
  if (depth > reading.limits.maxDepth) throw overLimit('deeper graphs', reading.limits.maxDepth);
  readGraphPiece(reading, range, graph, depth);
}

/** What a sub-graph reads without defining it, the captures of its own nodes included. */
function addCaptures(reading: Reading, graph: GraphParts, captures: Set<string>): void {
  const own = new Set<string>([...graph.initializers.keys(), ...graph.sparse]);
  for (const { name } of graph.inputs) own.add(name);
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name);
  for (const name of own) reading.nestedNames.add(name);
  const read = (name: string): void => {
    if (name !== '' && !own.has(name)) captures.add(name);
  };
  for (const node of graph.nodes) {
    node.inputs.forEach(read);
    node.captures?.forEach(read);
  }
  for (const { name } of graph.outputs) read(name);
}

/** A ValueInfoProto; without a tensor type (sequence, map, optional) neither type nor shape is known. */
function readValue(reading: Reading, range: ByteRange): ValueInfo {
  const { bytes, limits } = reading;
  if (++reading.values > limits.maxValues) throw overLimit('more declared values', limits.maxValues);
  const cursor = new WireCursor(bytes, range);
  const found: { name: string; dataType: number | undefined; shape: (number | string | null)[] | undefined } =
    {
      name: '',
      dataType: undefined,
      shape: undefined,
    };
  while (cursor.next()) {
    if (cursor.isLength(VALUE_INFO.name)) found.name = cursor.text(limits.maxNameBytes);
    else if (cursor.isLength(VALUE_INFO.type)) readType(bytes, cursor.range, limits, found);
  }
  return found;
}

function readType(
  bytes: Uint8Array,
  range: ByteRange,
  limits: ReadLimits,
  into: { dataType: number | undefined; shape: (number | string | null)[] | undefined },
): void {
  const cursor = new WireCursor(bytes, range);
  while (cursor.next()) {
    if (!cursor.isLength(TYPE.tensor)) continue;
    const tensor = new WireCursor(bytes, cursor.range);
    while (tensor.next()) {
      if (tensor.isVarint(TENSOR_TYPE.elemType)) into.dataType = tensor.int();
      else if (tensor.isLength(TENSOR_TYPE.shape)) {
        const shape = new WireCursor(bytes, tensor.range);
        into.shape ??= [];
        while (shape.next()) {
          if (!shape.isLength(SHAPE.dim)) continue;
          into.shape.push(readDimension(bytes, shape.range, limits));
          if (into.shape.length > limits.maxRank)
            throw overLimit('more dimensions in one shape', limits.maxRank);
        }
      }
    }
  }
}

function readDimension(bytes: Uint8Array, range: ByteRange, limits: ReadLimits): number | string | null {
  const cursor = new WireCursor(bytes, range);
  let size: number | string | null = null;
  while (cursor.next()) {
    if (cursor.isVarint(DIMENSION.value)) size = cursor.int();
    else if (cursor.isLength(DIMENSION.param)) size = cursor.text(limits.maxNameBytes);
  }
  return size;
}
