/** @file model: how many token ids a graph can look up, read off the table that its token input indexes. */
import type { ModelIndex, NodeView, TensorView } from '../onnx/contract.ts';

/** Values pass these unchanged in number and meaning. */
const PASSING = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);
/** A table may be stored in fewer bits and widened by one of these. */
const WIDENING = new Set(['DequantizeLinear', 'Cast', 'Identity']);

/** Rows of the smallest table that the ids of `input` look up directly; undefined when there is none to be found. */
export function vocabularySize(index: ModelIndex, input: string): number | undefined {
  const readers = new Map<string, NodeView[]>();
  const producer = new Map<string, NodeView>();
  for (const node of index.nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
    for (const name of node.outputs) producer.set(name, node);
  }
  const stored = (name: string, depth = 0): TensorView | undefined => {
    const tensor = index.initializers.get(name) ?? producer.get(name)?.attributes.value?.tensor;
    const node = producer.get(name);
    if (tensor !== undefined || node === undefined || depth > 4 || !WIDENING.has(node.opType)) return tensor;
    return stored(node.inputs[0] ?? '', depth + 1);
  };
  let rows: number | undefined;
  const pending = [input];
  const seen = new Set(pending);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    for (const node of readers.get(value) ?? []) {
      const table =
        node.opType === 'Gather' && node.inputs[1] === value && (node.attributes.axis?.int ?? 0) === 0
          ? stored(node.inputs[0] ?? '')
          : node.opType === 'EmbedLayerNormalization' && node.inputs[0] === value
            ? stored(node.inputs[2] ?? '')
            : undefined;
      const size = table?.dims[0];
      if (size !== undefined) rows = Math.min(rows ?? size, size);
      if (!PASSING.has(node.opType) || node.inputs[0] !== value) continue;
      for (const next of node.outputs) {
        if (!seen.has(next)) pending.push(next);
        seen.add(next);
      }
    }
  }
  return rows;
}
