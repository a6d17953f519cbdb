/** @file onnx: the parts of an attention branch around its score product: q, k, scores, pattern, v, z. */
import type { Structure } from './structure-facts.ts';
import type { GraphNode } from './structure-graph.ts';
import { isAttention, isRounding } from './structure-operators.ts';
import { einsumAxes } from './structure-shapes-layers.ts';
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
  /** Empty also where what follows the softmax is cut before it weighs the values (attention with a sink). */
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
  ...['Cast', 'CastLike', 'Dropout', 'Identity', 'Where', 'Reshape', 'Squeeze', 'Unsqueeze', 'Mul'],
  ...['QuantizeLinear', 'DequantizeLinear', 'Slice'],
]);

/** What may stand between the score product and the softmax: scale, mask, soft cap. */
const BEFORE_SOFTMAX: ReadonlySet<string> = new Set([
  ...[
    'Cast',
    'CastLike',
    'Identity',
    'Reshape',
    'Squeeze',
    'Unsqueeze',
    'Expand',
    // A column of its own that the softmax takes as well: a sink.
    'Concat',
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

/** These project by themselves: their inputs are the stream and packed weights. */
const PROJECTING: ReadonlySet<string> = new Set([
  'com.microsoft:Attention',
  'com.microsoft:QAttention',
  'com.microsoft:LongformerAttention',
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
  // A softmax that no product of queries and keys leads to weighs something else: a router's experts, for instance.
  const product = scoreProduct(structure, scores);
  if (product === undefined) return undefined;
  const [q, k] = operands(product);
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
  const projects = PROJECTING.has(node.op);
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
        let cut = false;
        for (let at = value; at >= 0; at = from.get(at)!) {
          pattern.push(at);
          const { op } = producerOf(structure, at) ?? { op: '' };
          if (isRounding(op)) pattern.length = 0;
          cut ||= op === 'Slice';
        }
        // Cut off a sink, rows no longer sum to one; with it, they are of more keys than there are.
        return { pattern: cut ? [] : pattern, v: other, z: layoutsBeyond(structure, result) };
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

/** Queries and keys of a score product. The keys' positions are the last axis: the second operand of a MatMul has it, in an Einsum its letter tells. */
function operands(product: GraphNode): readonly [q: number | undefined, k: number | undefined] {
  const [first, second] = product.inputs;
  const axes = einsumAxes(product);
  const key = axes?.result.at(-1);
  const [left = '', right = ''] = axes?.operands ?? [];
  const swapped = key !== undefined && left.includes(key) && !right.includes(key);
  return swapped ? [second, first] : [first, second];
}

/** True when a product in the region takes two different values that both come out of it. `region` ascends. */
export function multipliesItself(structure: Structure, region: readonly number[]): boolean {
  const { graph } = structure;
  const inside = new Set(region);
  return region.some((at) => {
    const node = graph.nodes[at]!;
    if (!PRODUCT.has(node.op)) return false;
    return (
      activationInputs(structure, node).filter((value) => inside.has(graph.producer[value]!)).length >= 2
    );
  });
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
