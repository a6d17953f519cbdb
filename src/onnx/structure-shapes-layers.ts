/** @file onnx: output sizes of operators that are whole layers: recurrent ones, attention, convolution. */
import type { Fact } from './structure-fact.ts';
import type { GraphNode } from './structure-graph.ts';

type Dims = readonly number[] | undefined;
type Inputs = readonly (Fact | undefined)[];

/** Recurrent layers: Y [length, directions, batch, hidden], then the last states. */
export function recurrentShapes(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const x = inputs[0]?.dims;
  const hidden = node.view.attributes.hidden_size?.int;
  const directions = inputs[1]?.dims?.[0];
  if (x?.length !== 3 || hidden === undefined || directions === undefined) return [];
  const state = [directions, x[1]!, hidden];
  return [[x[0]!, directions, x[1]!, hidden], state, state];
}

/** Query sizes, with the last one from the value (ai.onnx Attention, opset 23). */
export function attentionShape(node: GraphNode, inputs: Inputs): Dims {
  const query = inputs[0]?.dims;
  const value = inputs[2]?.dims;
  if (query === undefined || value?.length !== query.length) return undefined;
  const heads = node.view.attributes.q_num_heads?.int ?? 1;
  const valueHeads = node.view.attributes.kv_num_heads?.int ?? heads;
  const last = value.at(-1)!;
  return [...query.slice(0, -1), query.length === 3 ? (last / valueHeads) * heads : last];
}

/** Sizes of x, with the last one from the packed weight [width, q + k + v] (ContribOperators.md, Attention). */
export function packedAttentionShape(node: GraphNode, inputs: Inputs): Dims {
  const x = inputs[0]?.dims;
  const packed = inputs[1]?.dims?.[1];
  const last = node.view.attributes.qkv_hidden_sizes?.ints?.[2] ?? (packed === undefined ? NaN : packed / 3);
  return x === undefined || !Number.isInteger(last) ? undefined : [...x.slice(0, -1), last];
}

/** Sizes of the query, or of its part of a packed query, key and value (ContribOperators.md, GroupQueryAttention). */
export function groupedAttentionShape(node: GraphNode, inputs: Inputs): Dims {
  const query = inputs[0]?.dims;
  const { num_heads: heads, kv_num_heads: groups } = node.view.attributes;
  if (query === undefined || inputs[1] !== undefined) return query;
  if (heads?.int === undefined || groups?.int === undefined) return undefined;
  const last = (query.at(-1)! * heads.int) / (heads.int + 2 * groups.int);
  return Number.isInteger(last) ? [...query.slice(0, -1), last] : undefined;
}

/** Normed sum, mask index, sum (ContribOperators.md, EmbedLayerNormalization). */
export function embeddedShapes(inputs: Inputs): readonly Dims[] {
  const ids = inputs[0]?.dims;
  const width = inputs[2]?.dims?.[1];
  const dims = ids === undefined || width === undefined ? undefined : [...ids, width];
  return [dims, ids === undefined ? undefined : ids.slice(0, 1), dims];
}

/** Rows of a table that is stored in blocks along its last axis, whose count the scales tell. */
export function blockGatherShape(node: GraphNode, inputs: Inputs): Dims {
  const ids = inputs[1]?.dims;
  const blocks = inputs[2]?.dims?.at(-1);
  const size = node.view.attributes.block_size?.int ?? 128;
  return ids === undefined || blocks === undefined ? undefined : [...ids, blocks * size];
}

/** The operands of an Einsum's equation and its result, one letter per axis; undefined where an ellipsis stands for axes, or the result is not named. */
export function einsumAxes(
  node: GraphNode,
): { readonly operands: readonly string[]; readonly result: string } | undefined {
  const equation = node.view.attributes.equation?.string?.replaceAll(' ', '');
  const [operands, result] = equation?.split('->') ?? [];
  if (operands === undefined || result === undefined || operands.includes('.')) return undefined;
  return { operands: operands.split(','), result };
}

/** The size of each letter of the result, from the first operand that has it. */
export function einsumShape(node: GraphNode, inputs: Inputs): Dims {
  const axes = einsumAxes(node);
  if (axes === undefined) return undefined;
  const sizes = new Map<string, number>();
  for (const [i, letters] of axes.operands.entries()) {
    const dims = inputs[i]?.dims;
    if (dims === undefined) continue;
    if (dims.length !== letters.length) return undefined;
    for (const [axis, letter] of [...letters].entries()) {
      // An axis of size 1 is repeated to the other's size.
      if ((sizes.get(letter) ?? 1) === 1) sizes.set(letter, dims[axis]!);
    }
  }
  const shape = [...axes.result].map((letter) => sizes.get(letter));
  return shape.every((size) => size !== undefined) ? (shape as number[]) : undefined;
}

/** [batch, channels, ...space] with explicit padding; automatic padding is not followed. */
export function convolutionShape(node: GraphNode, inputs: Inputs): Dims {
  const x = inputs[0]?.dims;
  const kernel = inputs[1]?.dims;
  const { auto_pad: auto, strides, pads, dilations } = node.view.attributes;
  const automatic = auto?.string !== undefined && auto.string !== 'NOTSET';
  if (x === undefined || kernel?.length !== x.length || x.length < 3 || automatic) return undefined;
  const space = x.slice(2).map((size, i) => {
    const reach = (dilations?.ints?.[i] ?? 1) * (kernel[i + 2]! - 1) + 1;
    const padded = size + (pads?.ints?.[i] ?? 0) + (pads?.ints?.[i + x.length - 2] ?? 0);
    return Math.floor((padded - reach) / (strides?.ints?.[i] ?? 1)) + 1;
  });
  return [x[0]!, kernel[0]!, ...space];
}
