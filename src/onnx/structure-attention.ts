/** @file onnx: the parts of an attention branch around its score product: q, k, scores, pattern, v, z. */
import type { Structure } from './structure-facts.ts';
import type { GraphNode } from './structure-graph.ts';
import { isAttention, isRounding } from './structure-operators.ts';
import { activationInputs, isActivation, producerOf } from './structure-steps.ts';
import { layoutsAfter, layoutsBefore, layoutsBeyond, lightBefore } from './structure-trace.ts';

/** Each part as the values that hold it in different layouts; empty where the graph has no such value. */
export type AttentionParts = {
  /** Set where one operator does all of it and hands out neither scores nor pattern. */
  readonly fused: string | undefined;
  readonly q: readonly number[];
  readonly k: readonly number[];
  readonly v: readonly number[];
  readonly scores: readonly number[];
  readonly pattern: readonly number[];
  readonly z: readonly number[];
  /** Example size of the query axis, where it is known. */
  readonly positions: number | undefined;
  /** True when keys do not come from the stream that the branch adds to: attention to another sequence. */
  readonly cross: boolean;
};

const PRODUCT: ReadonlySet<string> = new Set(['MatMul', 'Einsum', 'com.microsoft:FusedMatMul']);

/** What may stand between a softmax and the product with v. */
const AFTER_SOFTMAX: ReadonlySet<string> = new Set([
  ...['Cast', 'Dropout', 'Identity', 'Where', 'Reshape', 'Mul', 'QuantizeLinear', 'DequantizeLinear'],
]);

/** What may stand between the score product and the softmax: scale, mask, soft cap. */
const BEFORE_SOFTMAX: ReadonlySet<string> = new Set([
  ...[
    'Cast',
    'Identity',
    'Reshape',
    'Where',
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Tanh',
    'Clip',
    'Max',
    'Min',
    'Dropout',
    'QuantizeLinear',
    'DequantizeLinear',
  ],
]);

/** Attention among the nodes of a branch, or undefined when it has none. `region` ascends. */
export function attentionParts(structure: Structure, region: readonly number[]): AttentionParts | undefined {
  const { nodes } = structure.graph;
  const inside = new Set(region);
  for (const at of region) {
    const node = nodes[at]!;
    if (isAttention(node.op)) return fusedParts(structure, node, inside);
    if (node.op !== 'Softmax') continue;
    const parts = spelledOutParts(structure, node, inside);
    if (parts !== undefined) return parts;
  }
  return undefined;
}

function spelledOutParts(
  structure: Structure,
  softmax: GraphNode,
  inside: ReadonlySet<number>,
): AttentionParts | undefined {
  const [scores] = softmax.inputs;
  const [weights] = softmax.outputs;
  if (!isActivation(structure, scores) || !isActivation(structure, weights)) return undefined;
  const weighted = valueProduct(structure, weights);
  if (weighted === undefined) return undefined;
  const product = scoreProduct(structure, scores);
  const [q, k] = product?.inputs ?? [];
  return {
    fused: undefined,
    q: projected(structure, q, inside),
    k: projected(structure, k, inside),
    v: projected(structure, weighted.v, inside),
    scores: [scores],
    pattern: weighted.pattern,
    z: weighted.z,
    positions: structure.facts[scores]!.dims?.at(-2),
    cross: k !== undefined && !inside.has(structure.graph.producer[k]!),
  };
}

function fusedParts(structure: Structure, node: GraphNode, inside: ReadonlySet<number>): AttentionParts {
  // com.microsoft:Attention and QAttention project by themselves: their inputs are the stream and packed weights.
  const projects = node.op === 'com.microsoft:Attention' || node.op === 'com.microsoft:QAttention';
  const [q, k, v] = projects ? [] : node.inputs;
  const [out] = node.outputs;
  const z = isActivation(structure, out) ? layoutsBeyond(structure, out) : [];
  return {
    fused: node.op,
    q: projected(structure, q, inside),
    k: projected(structure, k, inside),
    v: projected(structure, v, inside),
    scores: [],
    pattern: [],
    z,
    positions: z.length === 0 ? undefined : structure.facts[z[0]!]!.dims?.at(-2),
    cross: isActivation(structure, k) && !inside.has(structure.graph.producer[k]!),
  };
}

/** Forward from the softmax to the product of pattern and v; `pattern` lists its layouts, the one multiplied first. */
function valueProduct(
  structure: Structure,
  weights: number,
): { readonly pattern: readonly number[]; readonly v: number; readonly z: readonly number[] } | undefined {
  const { graph } = structure;
  const from = new Map<number, number>([[weights, -1]]);
  const open = [weights];
  for (let head = 0; head < open.length && head < 16; head++) {
    const value = open[head]!;
    if (graph.consumers[value]!.length > 16) return undefined;
    for (const reader of graph.consumers[value]!) {
      const node = graph.nodes[reader]!;
      const [result] = node.outputs;
      if (!isActivation(structure, result)) continue;
      if (PRODUCT.has(node.op)) {
        const other = node.inputs.find((input) => input !== value && isActivation(structure, input));
        if (other === undefined) continue;
        const pattern: number[] = [];
        // What is rounded on its way to the product no longer sums to one: the last value before that is the pattern.
        for (let at = value; at >= 0; at = from.get(at)!) {
          pattern.push(at);
          if (isRounding(producerOf(structure, at)?.op ?? '')) pattern.length = 0;
        }
        return { pattern, v: other, z: layoutsBeyond(structure, result) };
      }
      const continues = AFTER_SOFTMAX.has(node.op) && activationInputs(structure, node).length <= 2;
      if (continues && !from.has(result)) {
        from.set(result, value);
        open.push(result);
      }
    }
  }
  return undefined;
}

/** Back from the softmax to the product of two activations. */
function scoreProduct(structure: Structure, scores: number): GraphNode | undefined {
  const { graph } = structure;
  const seen = new Set<number>([scores]);
  const open = [scores];
  for (let head = 0; head < open.length && head < 64; head++) {
    const at = graph.producer[open[head]!]!;
    const node = at < 0 ? undefined : graph.nodes[at]!;
    if (node === undefined) continue;
    const inputs = activationInputs(structure, node);
    if (PRODUCT.has(node.op) && inputs.length === 2) return node;
    if (!BEFORE_SOFTMAX.has(node.op)) continue;
    for (const value of inputs) {
      if (seen.has(value)) continue;
      seen.add(value);
      open.push(value);
    }
  }
  return undefined;
}

/**
 * A head's input as its projection gives it, bias included, before rotary positions, scaling and repetition for grouped
 * queries; what enters the operand's product where no product of the branch comes before (no projection, or one of
 * another sequence). Empty where several products or several parts of one make it up.
 */
function projected(
  structure: Structure,
  operand: number | undefined,
  inside: ReadonlySet<number>,
): readonly number[] {
  if (!isActivation(structure, operand)) return [];
  const light = lightBefore(structure, operand, inside);
  const [product] = light.products;
  if (product === undefined) return layoutsBefore(structure, operand);
  const start = structure.graph.nodes[product]!.outputs[0]!;
  const lists = light.products.length === 1 ? layoutsAfter(structure, start, light) : [];
  return lists.length === 1 ? lists[0]! : [];
}
