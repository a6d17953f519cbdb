/** @file linalg: the small ONNX graphs behind the fast products; it builds bytes and runs nothing. */

import { buildModel, type ModelSpec, type NodeSpec, type TensorSpec, type ValueSpec } from '../onnx/build.ts';
import { DATA_TYPE } from '../onnx/contract.ts';

export type ProductGraph = `gemm-${'n' | 't'}${'n' | 't'}` | 'gram' | 'binary-step' | 'multinomial-step';

/** The ONNX file of a product. Inputs and outputs are named in `specOf`. */
export function productGraph(graph: ProductGraph): Uint8Array {
  return buildModel(specOf(graph));
}

function specOf(graph: ProductGraph): ModelSpec {
  switch (graph) {
    case 'gemm-nn':
      return gemm({ transA: 0, transB: 0 });
    case 'gemm-nt':
      return gemm({ transA: 0, transB: 1 });
    case 'gemm-tn':
      return gemm({ transA: 1, transB: 0 });
    case 'gemm-tt':
      return gemm({ transA: 1, transB: 1 });
    case 'gram':
      return GRAM;
    case 'binary-step':
      return BINARY_STEP;
    case 'multinomial-step':
      return MULTINOMIAL_STEP;
  }
}

function table(name: string): ValueSpec {
  return { name, type: 'float32', shape: [null, null] };
}

function node(
  opType: string,
  inputs: string,
  output: string,
  attributes: Record<string, number> = {},
): NodeSpec {
  return {
    opType,
    inputs: inputs.split(' '),
    outputs: [output],
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, int]) => [name, { int }])),
  };
}

function integers(name: string, values: readonly number[]): TensorSpec {
  return { name, dims: [values.length], type: 'int64', data: BigInt64Array.from(values.map(BigInt)) };
}

function gemm(transpose: { readonly transA: number; readonly transB: number }): ModelSpec {
  return {
    inputs: [table('a'), table('b')],
    outputs: [{ name: 'product' }],
    nodes: [node('Gemm', 'a b', 'product', transpose)],
  };
}

const toFloat64 = { to: DATA_TYPE.float64 };

/** x [rows, width] float32 -> product [width, width] float64, summed in 64 bits. */
const GRAM: ModelSpec = {
  inputs: [table('x')],
  outputs: [{ name: 'product' }],
  nodes: [node('Cast', 'x', 'wide', toFloat64), node('Gemm', 'wide wide', 'product', { transA: 1 })],
};

const EXAMPLES: readonly ValueSpec[] = [
  table('x'),
  table('weights'),
  { name: 'bias', type: 'float32', shape: [null] },
];
const STEP_OUTPUTS: readonly ValueSpec[] = [
  { name: 'loss' },
  { name: 'gradient' },
  { name: 'bias_gradient' },
];
const ALONG_ROWS = integers('rows_axis', [0]);

/**
 * With s the signs and u = s * logit: loss = sum softplus(u), d loss / d logit = s * sigmoid(u). Both keep their relative accuracy
 * where the fit is confident, as sigmoid(logit) - target would not. Sums over the examples are in 64 bits.
 */
const BINARY_STEP: ModelSpec = {
  inputs: [...EXAMPLES, table('signs')],
  outputs: STEP_OUTPUTS,
  initializers: [ALONG_ROWS, { name: 'one', dims: [], type: 'float32', data: Float32Array.of(1) }],
  nodes: [
    // [rows, width] x [width, tasks] -> [rows, tasks]
    node('Gemm', 'x weights bias', 'logits', { transB: 1 }),
    node('Mul', 'logits signs', 'against'),
    // 1 / (1 + exp(-u)) spelled out: ONNX Runtime's Sigmoid is accurate to about 1e-8 only, which is nothing left at u = -20.
    node('Neg', 'against', 'in_favour'),
    node('Exp', 'in_favour', 'odds'),
    node('Add', 'odds one', 'odds_plus_one'),
    node('Reciprocal', 'odds_plus_one', 'doubt'),
    node('Mul', 'doubt signs', 'residual'),
    // [tasks, rows] x [rows, width] -> [tasks, width]
    node('Gemm', 'residual x', 'gradient', { transA: 1 }),
    node('Cast', 'residual', 'residual_wide', toFloat64),
    node('ReduceSum', 'residual_wide rows_axis', 'bias_gradient', { keepdims: 0 }),
    node('Softplus', 'against', 'loss_each'),
    node('Mul', 'signs signs', 'counted'),
    node('Mul', 'loss_each counted', 'loss_counted'),
    node('Cast', 'loss_counted', 'loss_wide', toFloat64),
    node('ReduceSum', 'loss_wide rows_axis', 'loss', { keepdims: 0 }),
  ],
};

/** Softmax over each task's own logits: `shape` is [rows, tasks, classes]; a task's all-zero target leaves the row out. */
const MULTINOMIAL_STEP: ModelSpec = {
  inputs: [...EXAMPLES, table('one_hot'), { name: 'shape', type: 'int64', shape: [3] }],
  outputs: STEP_OUTPUTS,
  initializers: [ALONG_ROWS, integers('class_axis', [-1]), integers('flat', [0, -1])],
  nodes: [
    // [rows, width] x [width, tasks * classes] -> [rows, tasks * classes]
    node('Gemm', 'x weights bias', 'logits_flat', { transB: 1 }),
    node('Reshape', 'logits_flat shape', 'logits'),
    node('Reshape', 'one_hot shape', 'target'),
    node('LogSoftmax', 'logits', 'log_p', { axis: -1 }),
    node('Exp', 'log_p', 'p'),
    node('ReduceSum', 'target class_axis', 'counted', { keepdims: 1 }),
    node('Mul', 'p counted', 'p_counted'),
    node('Sub', 'p_counted target', 'residual'),
    node('Reshape', 'residual flat', 'residual_flat'),
    // [tasks * classes, rows] x [rows, width] -> [tasks * classes, width]
    node('Gemm', 'residual_flat x', 'gradient', { transA: 1 }),
    node('Cast', 'residual_flat', 'residual_wide', toFloat64),
    node('ReduceSum', 'residual_wide rows_axis', 'bias_gradient', { keepdims: 0 }),
    node('Mul', 'target log_p', 'gain_each'),
    node('ReduceSum', 'gain_each class_axis', 'gain', { keepdims: 0 }),
    node('Neg', 'gain', 'loss_each'),
    node('Cast', 'loss_each', 'loss_wide', toFloat64),
    node('ReduceSum', 'loss_wide rows_axis', 'loss', { keepdims: 0 }),
  ],
};
