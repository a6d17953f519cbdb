/** @file onnx: the door into a model file: an index of what it holds, by byte range, within limits; copies nothing. */
import type { ByteRange, ModelIndex, ReadLimits } from './contract.ts';
import { MODEL, OPSET } from './fields.ts';
import { refuseOtherFormats } from './other-formats.ts';
import {
  countParts,
  decodeMetadata,
  emptyGraph,
  type MetadataEntry,
  type Reading,
  readGraphPiece,
  readMetadataEntry,
} from './read-graph.ts';
import { corrupt, lenientText, overLimit, WireCursor } from './wire-read.ts';

export type { ModelIndex, NodeView, ReadLimits, TensorView, ValueInfo } from './contract.ts';

/** Above what any exporter writes today by an order of magnitude, and low enough for a hostile file to stay cheap. */
export const DEFAULT_LIMITS: ReadLimits = {
  maxNodes: 200_000,
  maxInitializers: 200_000,
  maxValues: 500_000,
  maxParts: 4_000_000,
  maxDepth: 16,
  maxRank: 32,
  maxNameBytes: 65_536,
};

/** Operator domains in one file; real ones have a handful. */
const MAX_OPSETS = 1_000;

/**
 * Indexes an ONNX file by byte range, in time and memory linear in its structure; weights are not looked at.
 *
 * A graph that the file holds in several pieces is indexed as the one graph that protobuf merges them into. Time and
 * memory are bounded by the file's own size and by `limits` (each overridable), never by a size that the file states.
 *
 * Throws `MODEL_CORRUPT`, `MODEL_LIMIT`, `MODEL_UNSUPPORTED` (another format) and `EXTERNAL_DATA_PATH` (a weight file
 * outside the model's folder).
 */
export function indexModel(
  file: Uint8Array,
  options: { readonly limits?: Partial<ReadLimits> } = {},
): ModelIndex {
  // A Node Buffer's `slice` shares memory where Uint8Array's copies: keep the plain kind only.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  refuseOtherFormats(bytes);
  const limits: ReadLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const reading: Reading = {
    bytes,
    limits,
    nestedNames: new Set(),
    nodes: 0,
    initializers: 0,
    values: 0,
    parts: 0,
  };
  const graph = emptyGraph();
  const graphPieces: ByteRange[] = [];
  const metadata: MetadataEntry[] = [];
  const opsets: Record<string, number> = Object.create(null);
  let irVersion = 0;
  let producer = '';
  let functions = 0;
  let opsetCount = 0;
  const cursor = new WireCursor(bytes, { start: 0, end: bytes.length });
  while (cursor.next()) {
    if (cursor.isLength(MODEL.graph)) {
      countParts(reading, 1);
      graphPieces.push(cursor.range);
      readGraphPiece(reading, cursor.range, graph, 0);
    } else if (cursor.isVarint(MODEL.irVersion)) irVersion = cursor.int();
    else if (cursor.isLength(MODEL.producerName)) {
      producer = lenientText(bytes, cursor.range, limits.maxNameBytes);
    } else if (cursor.isLength(MODEL.opsetImport)) {
      if (++opsetCount > MAX_OPSETS) throw overLimit('more operator domains', MAX_OPSETS);
      const { domain, version } = readOpset(bytes, cursor.range, limits);
      opsets[domain] = version;
    } else if (cursor.isLength(MODEL.metadataProps)) {
      countParts(reading, 1);
      metadata.push(readMetadataEntry(bytes, cursor.range));
    } else if (cursor.isLength(MODEL.functions)) functions++;
  }
  const [graphRange] = graphPieces;
  if (graphRange === undefined) throw corrupt('no graph in the whole file', bytes.length);
  return {
    bytes,
    irVersion,
    opsets,
    producer,
    metadata: decodeMetadata(bytes, metadata),
    graphName: graph.name,
    graphRange,
    graphPieces,
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)),
    outputs: graph.outputs,
    valueInfo: graph.valueInfo,
    functions,
    nestedNames: reading.nestedNames,
    sparseInitializers: graph.sparse,
  };
}

function readOpset(
  bytes: Uint8Array,
  range: ByteRange,
  limits: ReadLimits,
): { domain: string; version: number } {
  const cursor = new WireCursor(bytes, range);
  let domain = '';
  let version = 0;
  while (cursor.next()) {
    if (cursor.isLength(OPSET.domain)) domain = cursor.text(limits.maxNameBytes);
    else if (cursor.isVarint(OPSET.version)) version = cursor.int();
  }
  return { domain: domain === 'ai.onnx' ? '' : domain, version };
}
