/** @file onnx: the width of keys and values in a cache whose file does not state it, from what reads the cache; runs nothing. */
import type { ModelIndex } from './contract.ts';
import { type Structure, structureOf } from './structure-facts.ts';
import type { GraphNode } from './structure-graph.ts';

/** A reader of widths for one model; the graph is followed once, when first asked. */
export function cacheWidths(index: ModelIndex): (input: string) => number | undefined {
  let structure: Structure | undefined;
  return (input) => {
    structure ??= structureOf(index);
    return cacheWidth(structure, input);
  };
}

/**
 * Last axis of a cache: that of what it is joined with, or of one head where an operator takes it in (ContribOperators.md,
 * GroupQueryAttention and MultiHeadAttention). Undefined where no reader tells.
 */
function cacheWidth(structure: Structure, input: string): number | undefined {
  const { graph, facts } = structure;
  const value = graph.numberOf.get(input) ?? -1;
  for (const reader of graph.consumers[value] ?? []) {
    const node = graph.nodes[reader]!;
    const width =
      node.op === 'Concat'
        ? node.inputs.map((other) => (other === value ? undefined : facts[other]?.dims?.at(-1))).find(isSize)
        : headWidth(structure, node);
    if (isSize(width)) return width;
  }
  return undefined;
}

function headWidth({ facts }: Structure, { op, inputs, view }: GraphNode): number | undefined {
  const query = facts[inputs[0] ?? -1]?.dims?.at(-1);
  const heads = view.attributes.num_heads?.int;
  if (query === undefined || heads === undefined) return undefined;
  if (op === 'com.microsoft:MultiHeadAttention') return query / heads;
  if (op !== 'com.microsoft:GroupQueryAttention') return undefined;
  const packed = (inputs[1] ?? -1) < 0;
  return query / (packed ? heads + 2 * (view.attributes.kv_num_heads?.int ?? heads) : heads);
}

function isSize(size: number | undefined): size is number {
  return size !== undefined && Number.isInteger(size) && size > 0;
}
