/** @file onnx: what the operators of a graph do to a residual stream, by class; knows operators, no models. */
import type { GraphNode } from './structure-graph.ts';

/** Operators that mix the width (or positions) by a product: what makes a branch more than a rearrangement. */
const HEAVY: ReadonlySet<string> = new Set([
  'MatMul',
  'Gemm',
  'Conv',
  'ConvTranspose',
  'Einsum',
  'MatMulInteger',
  'QLinearMatMul',
  'QLinearConv',
  'ConvInteger',
  'LSTM',
  'GRU',
  'RNN',
  'com.microsoft:MatMulNBits',
  'com.microsoft:FusedMatMul',
  'com.microsoft:FusedGemm',
  'com.microsoft:MatMulIntegerToFloat',
  'com.microsoft:DynamicQuantizeMatMul',
  'com.microsoft:MatMulBnb4',
  'com.microsoft:MatMulFpQ4',
  'com.microsoft:QMoE',
  'com.microsoft:MoE',
]);

/** Operators that do all of attention, scores to weighted values, and hand out no pattern. */
const ATTENTION: ReadonlySet<string> = new Set([
  'Attention',
  'com.microsoft:Attention',
  'com.microsoft:MultiHeadAttention',
  'com.microsoft:GroupQueryAttention',
  'com.microsoft:PackedAttention',
  'com.microsoft:PackedMultiHeadAttention',
  'com.microsoft:DecoderMaskedMultiHeadAttention',
  'com.microsoft:QAttention',
  'com.microsoft:SparseAttention',
  'com.microsoft:LongformerAttention',
]);

/** Operators that keep every number and at most rearrange or round them (`input 0` to `output 0`). */
const LAYOUT: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'CastLike',
  'Dropout',
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'QuantizeLinear',
  'DequantizeLinear',
]);

const NORM: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
  'com.microsoft:SimplifiedLayerNormalization',
  'BatchNormalization',
  'MeanVarianceNormalization',
  'LpNormalization',
]);

/** Operators that pick a part of their input: how a fused product is taken apart, or positions are chosen. */
const SELECT: ReadonlySet<string> = new Set(['Split', 'Slice', 'Gather', 'GatherND', 'GatherElements']);

const NONLINEAR: ReadonlySet<string> = new Set([
  'Relu',
  'LeakyRelu',
  'PRelu',
  'ThresholdedRelu',
  'Elu',
  'Celu',
  'Selu',
  'Gelu',
  'Sigmoid',
  'HardSigmoid',
  'HardSwish',
  'Swish',
  'Mish',
  'Softplus',
  'Softsign',
  'Tanh',
  'Erf',
  'Exp',
  'Clip',
  'Max',
  'Sin',
  'Abs',
  'com.microsoft:Gelu',
  'com.microsoft:FastGelu',
  'com.microsoft:BiasGelu',
  'com.microsoft:QuickGelu',
]);

export function isHeavy(op: string): boolean {
  return HEAVY.has(op) || ATTENTION.has(op);
}

export function isAttention(op: string): boolean {
  return ATTENTION.has(op);
}

export function isLayout(op: string): boolean {
  return LAYOUT.has(op);
}

/** Operators that round a value to a coarser grid or read it back: half of a quantise pair each. */
export function isRounding(op: string): boolean {
  return op === 'QuantizeLinear' || op === 'DequantizeLinear';
}

export function isNorm(op: string): boolean {
  return NORM.has(op);
}

export function isSelect(op: string): boolean {
  return SELECT.has(op);
}

export function isNonlinear(op: string): boolean {
  return NONLINEAR.has(op);
}

/** True for a product that also applies a nonlinearity (ONNX Runtime's FusedGemm and FusedConv). */
export function hidesNonlinearity(node: GraphNode): boolean {
  return node.op.startsWith('com.microsoft:Fused') && node.view.attributes.activation !== undefined;
}

/** Operators that only read the size of their input. */
export function readsShapeOnly(op: string): boolean {
  return op === 'Shape' || op === 'Size';
}
