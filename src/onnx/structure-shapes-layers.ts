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
