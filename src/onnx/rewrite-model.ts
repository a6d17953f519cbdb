/** @file onnx: writes a model file again with parts of its graph left out, replaced or added; the rest is copied byte for byte. */
import type { ByteRange, ModelIndex, NodeView, TensorView } from './contract.ts';
import { GRAPH, MODEL, NODE, VALUE_INFO } from './fields.ts';
import { WireCursor } from './wire-read.ts';
import { MessageWriter } from './wire-write.ts';

/** What happens to one part: its bytes stay, it goes, or it is replaced, by several parts where need be. */
export type Fate = 'keep' | 'drop' | MessageWriter | readonly MessageWriter[];

export type GraphRewrite = {
  readonly node?: (node: NodeView) => Fate;
  readonly initializer?: (tensor: TensorView) => Fate;
  /** Whether a declared input stays (default: all). */
  readonly keepInput?: (name: string) => boolean;
  /** Whether the model's own outputs stay (default true). */
  readonly keepOutputs?: boolean;
  /** Whether the declaration of an inner value stays (default: all). */
  readonly keepValueInfo?: (name: string) => boolean;
  /** Appends parts at the end of the graph. */
  readonly add?: (graph: MessageWriter) => void;
  /** Appends fields of the model itself, after its graph. */
  readonly addToModel?: (model: MessageWriter) => void;
};

/** A stretch of a rewritten file: new bytes, or a range of the original. */
export type FilePiece =
  | { readonly kind: 'made'; readonly bytes: Uint8Array }
  | { readonly kind: 'copied'; readonly range: ByteRange };

/**
 * The model with `rewrite` applied to its outer graph. A graph in several pieces becomes one; of two tensors of one name
 * the last stays, as in the index. Fields this project does not know are copied.
 */
export function rewriteModel(index: ModelIndex, rewrite: GraphRewrite): Uint8Array<ArrayBuffer> {
  return rewritten(index, rewrite).finish();
}

/**
 * The same in pieces, so that a large file can be written without being held: `index` may be of a file whose weights were
 * left out, since only their places are used.
 */
export function rewritePieces(index: ModelIndex, rewrite: GraphRewrite): readonly FilePiece[] {
  const { buffer, byteOffset } = index.bytes;
  return rewritten(index, rewrite)
    .chunks()
    .map((chunk) => {
      if (chunk.buffer !== buffer) return { kind: 'made', bytes: chunk };
      const start = chunk.byteOffset - byteOffset;
      return { kind: 'copied', range: { start, end: start + chunk.length } };
    });
}

function rewritten(index: ModelIndex, rewrite: GraphRewrite): MessageWriter {
  const { bytes } = index;
  const file = new MessageWriter();
  const cursor = new WireCursor(bytes, { start: 0, end: bytes.length });
  let written = false;
  while (cursor.next()) {
    if (!cursor.isLength(MODEL.graph)) file.copy(bytes, { start: cursor.tagStart, end: cursor.end });
    else if (!written) {
      file.message(MODEL.graph, rewriteGraph(index, rewrite));
      written = true;
    }
  }
  rewrite.addToModel?.(file);
  return file;
}

function rewriteGraph(index: ModelIndex, rewrite: GraphRewrite): MessageWriter {
  const { bytes, nodes } = index;
  const tensors = new Map<number, TensorView>();
  for (const tensor of index.initializers.values()) tensors.set(tensor.range.start, tensor);
  const graph = new MessageWriter();
  let nodeIndex = 0;
  const fateOf = (cursor: WireCursor): Fate => {
    if (cursor.isLength(GRAPH.node)) return rewrite.node?.(nodes[nodeIndex++]!) ?? 'keep';
    if (cursor.isLength(GRAPH.initializer)) {
      const tensor = tensors.get(cursor.start);
      return tensor === undefined ? 'drop' : (rewrite.initializer?.(tensor) ?? 'keep');
    }
    if (cursor.isLength(GRAPH.output)) return rewrite.keepOutputs === false ? 'drop' : 'keep';
    const keeps = cursor.isLength(GRAPH.valueInfo)
      ? rewrite.keepValueInfo
      : cursor.isLength(GRAPH.input)
        ? rewrite.keepInput
        : undefined;
    if (keeps !== undefined) return keeps(nameOf(cursor)) ? 'keep' : 'drop';
    return 'keep';
  };
  for (const piece of index.graphPieces) {
    const cursor = new WireCursor(bytes, piece);
    while (cursor.next()) {
      const fate = fateOf(cursor);
      if (fate === 'keep') graph.copy(bytes, { start: cursor.tagStart, end: cursor.end });
      else if (fate !== 'drop')
        for (const part of Array.isArray(fate) ? fate : [fate]) graph.message(cursor.field, part);
    }
  }
  rewrite.add?.(graph);
  return graph;
}

function nameOf(cursor: WireCursor): string {
  const value = new WireCursor(cursor.bytes, cursor.range);
  let name = '';
  // The index has read this name before, within its limit.
  while (value.next()) if (value.isLength(VALUE_INFO.name)) name = value.text(Number.POSITIVE_INFINITY);
  return name;
}

/** The node with the outputs in `renamed` under their new names; all other bytes are copied. */
export function renameOutputs(
  index: ModelIndex,
  node: NodeView,
  renamed: ReadonlyMap<string, string>,
): MessageWriter {
  const { bytes } = index;
  const writer = new MessageWriter();
  const cursor = new WireCursor(bytes, node.range);
  let output = 0;
  while (cursor.next()) {
    if (cursor.isLength(NODE.output)) {
      const name = node.outputs[output++]!;
      writer.string(NODE.output, renamed.get(name) ?? name);
    } else writer.copy(bytes, { start: cursor.tagStart, end: cursor.end });
  }
  return writer;
}
