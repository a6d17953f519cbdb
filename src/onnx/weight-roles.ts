/** @file onnx: says of every stored floating tensor what it is to the network, by what reads it; names play no part. */
import type { ModelIndex, NodeView, TensorView } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { LAYOUT_OPS, normalisedValues } from './normalised-values.ts';
import { storedTensors } from './stored-tensors.ts';

/**
 * matrix: a factor of a product with activations. bias: added to a whole position. norm: gain or bias of a normalisation.
 * embedding: rows are looked up, or a table is added (learned positions). other: anything else (masks, rotary
 * frequencies, scales of quantised weights, scalars), and whatever only a sub-graph reads as a vector.
 */
export type WeightRole = 'matrix' | 'bias' | 'norm' | 'embedding' | 'other';

/** When several nodes read one tensor, the first of these that any of them gives. */
const PRIORITY: readonly WeightRole[] = ['embedding', 'norm', 'matrix', 'bias', 'other'];

const FLOATING: ReadonlySet<number> = new Set([
  DATA_TYPE.float32,
  DATA_TYPE.float16,
  DATA_TYPE.bfloat16,
  DATA_TYPE.float64,
]);

/** Views of a part of a tensor; what reads them reads the tensor. */
const PART_OPS = new Set([...LAYOUT_OPS, 'Slice', 'Split', 'Concat', 'DequantizeLinear']);

/** Tensors joined into one; more are no weight of any exporter, and following them would cost the square of their number. */
const MAX_PARTS = 64;

const M = 'matrix';
const B = 'bias';
const N = 'norm';
const E = 'embedding';
const _ = 'other';
/** Roles by input position: ONNX Operators.md and onnxruntime ContribOperators.md. The rest of the inputs: other. */
const ROLES: Readonly<Record<string, readonly WeightRole[]>> = {
  MatMul: [M, M],
  Gemm: [M, M, B],
  Einsum: [M, M, M, M],
  Conv: [M, M, B],
  ConvTranspose: [M, M, B],
  LSTM: [M, M, M, B, _, _, _, B],
  GRU: [M, M, M, B],
  RNN: [M, M, M, B],
  LayerNormalization: [_, N, N],
  RMSNormalization: [_, N],
  SimplifiedLayerNormalization: [_, N],
  BatchNormalization: [_, N, N, N, N],
  InstanceNormalization: [_, N, N],
  GroupNormalization: [_, N, N],
  Gather: [E],
  // com.microsoft
  FusedMatMul: [M, M],
  FusedGemm: [M, M, B],
  MatMulNBits: [_, _, _, _, _, B],
  Attention: [_, M, B],
  MultiHeadAttention: [_, _, _, B],
  BiasGelu: [_, B],
  FastGelu: [_, B],
  SkipLayerNormalization: [_, _, N, N, B],
  SkipSimplifiedLayerNormalization: [_, _, N, B],
  EmbedLayerNormalization: [_, _, E, E, E, N, N],
};
const KNOWN_DOMAINS = new Set(['', 'com.microsoft']);

/** Role of every stored floating tensor (initializers and Constant nodes of the outer graph), by value name. */
export function weightRoles(index: ModelIndex): ReadonlyMap<string, WeightRole> {
  const stored = storedTensors(index);
  const normalised = normalisedValues(index);
  const rotated = feedsRotation(index);
  const roles = new Map<string, WeightRole>();
  const sources = new Map<string, readonly string[]>();
  for (const [name, tensor] of stored) {
    if (!FLOATING.has(tensor.dataType)) continue;
    sources.set(name, [name]);
    roles.set(name, 'other');
  }
  const give = (value: string, role: (tensor: TensorView) => WeightRole): void => {
    for (const name of sources.get(value) ?? []) {
      const found = role(stored.get(name)!);
      if (PRIORITY.indexOf(found) < PRIORITY.indexOf(roles.get(name)!)) roles.set(name, found);
    }
  };
  /** Values that a gain has scaled right after a normalisation, where a norm's bias is added. */
  const scaled = new Set(normalised);
  for (const node of index.nodes) {
    const { opType, inputs, outputs } = node;
    if (PART_OPS.has(opType)) {
      const from = [...new Set(inputs.flatMap((name) => sources.get(name) ?? []))];
      // Concat of a weight with activations makes neither a weight nor a part of one.
      if (
        from.length > 0 &&
        from.length <= MAX_PARTS &&
        (opType !== 'Concat' || inputs.every((name) => sources.has(name)))
      ) {
        for (const name of outputs) sources.set(name, from);
      }
      if (LAYOUT_OPS.has(opType) && scaled.has(inputs[0]!)) for (const name of outputs) scaled.add(name);
      continue;
    }
    const besideNorm = inputs.some((name) => scaled.has(name));
    if (besideNorm && opType === 'Mul') for (const name of outputs) scaled.add(name);
    inputs.forEach((name, position) => {
      give(name, (tensor) => roleAt(node, position, { tensor, besideNorm, rotated }));
    });
    for (const name of node.captures ?? []) give(name, (tensor) => (spread(tensor) > 1 ? 'matrix' : 'other'));
  }
  return roles;
}

function roleAt(
  node: NodeView,
  position: number,
  context: {
    readonly tensor: TensorView;
    readonly besideNorm: boolean;
    readonly rotated: ReadonlySet<string>;
  },
): WeightRole {
  const { tensor, besideNorm, rotated } = context;
  const width = spread(tensor);
  if (width === 0) return 'other';
  switch (node.opType) {
    case 'Add':
    case 'Sum':
    case 'Sub':
      if (width > 1) return 'embedding';
      return besideNorm ? 'norm' : 'bias';
    case 'Mul':
      return besideNorm && width === 1 ? 'norm' : 'other';
  }
  const known = KNOWN_DOMAINS.has(node.domain);
  const role = known ? ROLES[node.opType]?.[position] : undefined;
  // A product whose result goes into a sine or cosine is an angle: the factor is a table of frequencies.
  if (role === 'matrix' && node.outputs.some((name) => rotated.has(name))) return 'other';
  if (role !== undefined) return role;
  // An operator of the user's own or a local function: a matrix is surely a weight, a vector may be anything.
  return !known && width > 1 ? 'matrix' : 'other';
}

/** Number of dimensions beyond size one: 0 for a scalar, 1 for a vector however it is padded. */
function spread({ dims }: TensorView): number {
  return dims.filter((size) => size > 1).length;
}

/** Values that become, through layout and scaling alone, the argument of a sine or cosine. */
function feedsRotation(index: ModelIndex): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { opType, inputs, outputs } of index.nodes.toReversed()) {
    const turns = opType === 'Sin' || opType === 'Cos';
    const passes = LAYOUT_OPS.has(opType) || opType === 'Concat' || opType === 'Mul';
    if (turns || (passes && outputs.some((name) => found.has(name)))) {
      for (const name of inputs) found.add(name);
    }
  }
  return found;
}
