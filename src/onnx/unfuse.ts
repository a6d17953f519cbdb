/** @file onnx: writes operators that ONNX Runtime's optimizer fused as the steps that they are made of, so that each step is a value. */
import { type AttributeSpec, type NodeSpec, nodeMessage } from './build.ts';
import type { ModelIndex, NodeView } from './contract.ts';
import { producers } from './prune.ts';
import { rewriteModel } from './rewrite-model.ts';
import { isHeavy } from './structure-operators.ts';
import { AttentionSteps } from './unfuse-attention.ts';
import { embeddingSteps } from './unfuse-embedding.ts';
import { nodeNameOf } from './unfuse-writer.ts';
import { FreshNames } from './value-names.ts';

/** A model in which some operators are written as their steps. */
export type Unfused = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many of each operator, by its name. */
  readonly counts: Readonly<Record<string, number>>;
};

/**
 * The same model with residual sums, biases and norms outside of fused operators; undefined where there is nothing to do.
 *
 * A fused sum and norm (ContribOperators.md: SkipLayerNormalization and its simplified form) hands its sum out, but reads
 * its own: a sum that is edited there would reach the next block and not the norm. Written as a sum and a norm, the sum is one value that
 * all readers share. The bias of the branch is added to the branch first, where the fused operator adds it last: results
 * differ in the last bits. Embeddings that hand out their sum beside its norm are the same case. BiasGelu and FastGelu with a bias become a
 * sum and the nonlinearity; attention that projects by itself becomes its products, one that adds the bias of its projections takes them
 * with their bias, and packed q, k and v are split. An operator whose mean or
 * deviation is used elsewhere stays as it is.
 */
export function unfuse(index: ModelIndex): Unfused | undefined {
  if (!index.nodes.some(isFused)) return undefined;
  const names = new FreshNames(index);
  const read = new Set(index.outputs.map(({ name }) => name));
  for (const { inputs, captures = [] } of index.nodes)
    for (const name of [...inputs, ...captures]) read.add(name);
  const context = {
    names,
    producer: producers(index),
    attention: new AttentionSteps(index, names),
    isRead: (value: string): boolean => read.has(value),
  };
  const counts: Record<string, number> = Object.create(null);
  const steps = new Map<number, readonly NodeSpec[]>();
  for (const node of index.nodes) {
    const written = stepsOf(node, context);
    if (written === undefined) continue;
    steps.set(node.index, written);
    counts[node.opType] = (counts[node.opType] ?? 0) + 1;
  }
  if (steps.size === 0) return undefined;
  const bytes = rewriteModel(index, {
    node: (node) => steps.get(node.index)?.map(nodeMessage) ?? 'keep',
  });
  return { bytes, counts };
}

const FUSED: ReadonlySet<string> = new Set([
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
  'BiasGelu',
  'FastGelu',
  'Attention',
  'GroupQueryAttention',
  'MultiHeadAttention',
  'EmbedLayerNormalization',
]);

function isFused({ domain, opType }: NodeView): boolean {
  return domain === 'com.microsoft' && FUSED.has(opType);
}

type Context = {
  readonly names: FreshNames;
  readonly producer: ReadonlyMap<string, NodeView>;
  readonly attention: AttentionSteps;
  /** Whether anything reads a value, or the graph hands it out. */
  readonly isRead: (value: string) => boolean;
};

function stepsOf(node: NodeView, context: Context): readonly NodeSpec[] | undefined {
  if (!isFused(node)) return undefined;
  switch (node.opType) {
    case 'SkipLayerNormalization':
      return skipNorm(node, { norm: 'LayerNormalization', bias: 4 }, context);
    case 'SkipSimplifiedLayerNormalization':
      return skipNorm(node, { norm: 'SimplifiedLayerNormalization', bias: 3 }, context);
    case 'BiasGelu':
      return biasedGelu(node, 'Gelu', context);
    case 'FastGelu':
      return (node.inputs[1] ?? '') === '' ? undefined : biasedGelu(node, 'FastGelu', context);
    case 'Attention':
      return context.attention.attention(node);
    case 'GroupQueryAttention':
      return context.attention.groupedAttention(node);
    case 'MultiHeadAttention':
      return context.attention.biasedAttention(node);
    case 'EmbedLayerNormalization':
      return embeddingSteps(node, context);
    default:
      return undefined;
  }
}

/** Epsilon where the node states none (ContribOperators.md). */
const DEFAULT_EPSILON = 1e-12;

function skipNorm(
  node: NodeView,
  { norm, bias }: { readonly norm: string; readonly bias: number },
  { names, producer }: Context,
): readonly NodeSpec[] | undefined {
  const [normed = '', mean = '', deviation = '', sum = ''] = node.outputs;
  const [x = '', skip = ''] = node.inputs;
  if (mean !== '' || deviation !== '' || normed === '' || x === '' || skip === '') return undefined;
  const added = node.inputs[bias] ?? '';
  const total = sum === '' ? names.fresh(`${normed}__sum`) : sum;
  const steps: NodeSpec[] = [];
  const add = (a: string, b: string, output: string): string => {
    const name = names.fresh(`mesascope/${output}`);
    steps.push({ opType: 'Add', inputs: [a, b], outputs: [output], name });
    return output;
  };
  if (added === '') add(x, skip, total);
  else {
    const branch = [x, skip].find((value) => comesFromProduct(producer, value));
    const stream = branch === x ? skip : x;
    if (branch === undefined || comesFromProduct(producer, stream)) {
      // Whose bias it is cannot be told: one sum of all three says so, where one after the other would claim a branch without it.
      const name = names.fresh(`mesascope/${total}`);
      steps.push({ opType: 'Sum', inputs: [x, skip, added], outputs: [total], name });
    } else add(add(branch, added, names.fresh(`${branch}__biased`)), stream, total);
  }
  const affine = node.inputs.slice(2, bias).filter((name) => name !== '');
  const attributes: Record<string, AttributeSpec> = {
    axis: { int: -1 },
    epsilon: { float: node.attributes.epsilon?.float ?? DEFAULT_EPSILON },
  };
  const name = nodeNameOf(node, names);
  steps.push({ opType: norm, inputs: [total, ...affine], outputs: [normed], attributes, name });
  return steps;
}

/** Operators between a product and the sum that its bias belongs to. */
const BETWEEN: ReadonlySet<string> = new Set([
  'Reshape',
  'Transpose',
  'Cast',
  'Identity',
  'Dropout',
  'Squeeze',
  'QuantizeLinear',
  'DequantizeLinear',
]);
/** Longest way back from a sum to the product before it. */
const MAX_STEPS = 8;

function comesFromProduct(
  producer: ReadonlyMap<string, NodeView>,
  value: string,
  steps: number = MAX_STEPS,
): boolean {
  const node = producer.get(value);
  if (node === undefined || steps === 0) return false;
  if (isHeavy(node.domain === '' ? node.opType : `${node.domain}:${node.opType}`)) return true;
  // The scales of a product of integers, or a learned one; either input may be the scaled one.
  if (node.opType === 'Mul') return node.inputs.some((input) => comesFromProduct(producer, input, steps - 1));
  return BETWEEN.has(node.opType) && comesFromProduct(producer, node.inputs[0] ?? '', steps - 1);
}

function biasedGelu(node: NodeView, opType: string, { names }: Context): readonly NodeSpec[] | undefined {
  const [x = '', bias = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (x === '' || bias === '' || output === '') return undefined;
  const biased = names.fresh(`${x}__biased`);
  const name = nodeNameOf(node, names);
  return [
    { opType: 'Add', inputs: [x, bias], outputs: [biased], name: names.fresh(`mesascope/${biased}`) },
    { opType, domain: 'com.microsoft', inputs: [biased], outputs: [output], name },
  ];
}
