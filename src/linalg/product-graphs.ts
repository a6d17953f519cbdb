/** @file linalg: the small ONNX graphs behind the fast products; it builds bytes and runs nothing. */

import { buildModel, type ModelSpec, type NodeSpec, type TensorSpec, type ValueSpec } from '../onnx/build.ts';
import { DATA_TYPE } from '../onnx/contract.ts';

export type ProductGraph =
  | `gemm-${'n' | 't'}${'n' | 't'}`
  | 'gram'
  | `${'binary' | 'multinomial'}-step-${'float32' | 'float64'}`;

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
    case 'binary-step-float32':
      return binaryStep('float32');
    case 'binary-step-float64':
      return binaryStep('float64');
    case 'multinomial-step-float32':
      return multinomialStep('float32');
    case 'multinomial-step-float64':
      return multinomialStep('float64');
  }
}

type Precision = 'float32' | 'float64';

function table(name: string, type: Precision = 'float32'): ValueSpec {
  return { name, type, shape: [null, null] };
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

function scalar(name: string, value: number, type: Precision): TensorSpec {
  return { name, dims: [], type, data: type === 'float32' ? Float32Array.of(value) : Float64Array.of(value) };
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

function examples(type: Precision): readonly ValueSpec[] {
  return [table('x', type), table('weights', type), { name: 'bias', type, shape: [null] }];
}

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
function binaryStep(type: Precision): ModelSpec {
  return {
    inputs: [...examples(type), table('signs')],
    outputs: STEP_OUTPUTS,
    initializers: [ALONG_ROWS, scalar('one', 1, type)],
    nodes: [
      node('Cast', 'signs', 's', { to: DATA_TYPE[type] }),
      // [rows, width] x [width, tasks] -> [rows, tasks]
      node('Gemm', 'x weights bias', 'logits', { transB: 1 }),
      node('Mul', 'logits s', 'against'),
      // 1 / (1 + exp(-u)) spelled out: ONNX Runtime's Sigmoid is accurate to about 1e-8 only, which is nothing left at u = -20.
      node('Neg', 'against', 'in_favour'),
      node('Exp', 'in_favour', 'odds'),
      node('Add', 'odds one', 'odds_plus_one'),
      node('Reciprocal', 'odds_plus_one', 'doubt'),
      node('Mul', 'doubt s', 'residual'),
      // [tasks, rows] x [rows, width] -> [tasks, width]
      node('Gemm', 'residual x', 'gradient', { transA: 1 }),
      node('Cast', 'residual', 'residual_wide', toFloat64),
      node('ReduceSum', 'residual_wide rows_axis', 'bias_gradient', { keepdims: 0 }),
      ...SOFTPLUS,
      node('Mul', 's s', 'counted'),
      node('Mul', 'loss_each counted', 'loss_counted'),
      node('Cast', 'loss_counted', 'loss_wide', toFloat64),
      node('ReduceSum', 'loss_wide rows_axis', 'loss', { keepdims: 0 }),
    ],
  };
}

/**
 * loss_each = softplus(against) = max(u, 0) + log(1 + e), e = exp(-|u|), where log(1 + e) is log(y) e / (y - 1) at the rounded y = 1 + e (Kahan;
 * Goldberg 1991, theorem 4), which keeps its relative accuracy where e is small. ONNX Runtime's own Softplus is for float32 only,
 * and one number at a time: 25 ms for 4 million against 12.
 */
const SOFTPLUS: readonly NodeSpec[] = [
  node('Relu', 'against', 'at_least'),
  node('Abs', 'against', 'size'),
  node('Neg', 'size', 'minus_size'),
  node('Exp', 'minus_size', 'decay'),
  node('Add', 'decay one', 'decay_plus_one'),
  node('Log', 'decay_plus_one', 'log_rounded'),
  node('Sub', 'decay_plus_one one', 'decay_rounded'),
  node('Div', 'decay decay_rounded', 'correction'),
  node('Mul', 'log_rounded correction', 'corrected'),
  // Where 1 + e rounds to 1 the quotient is no number, and the logarithm is e.
  node('Equal', 'decay_plus_one one', 'lost'),
  node('Where', 'lost decay corrected', 'rest'),
  node('Add', 'at_least rest', 'loss_each'),
];

/** Softmax over each task's own logits: `shape` is [rows, tasks, classes]; a task's all-zero target leaves the row out. */
function multinomialStep(type: Precision): ModelSpec {
  return {
    inputs: [...examples(type), table('one_hot'), { name: 'shape', type: 'int64', shape: [3] }],
    outputs: STEP_OUTPUTS,
    initializers: [ALONG_ROWS, integers('class_axis', [-1]), integers('flat', [0, -1])],
    nodes: [
      node('Cast', 'one_hot', 'target_flat', { to: DATA_TYPE[type] }),
      // [rows, width] x [width, tasks * classes] -> [rows, tasks * classes]
      node('Gemm', 'x weights bias', 'logits_flat', { transB: 1 }),
      node('Reshape', 'logits_flat shape', 'logits'),
      node('Reshape', 'target_flat shape', 'target'),
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
}
