/** @file onnx: output sizes of one node from its input sizes, for the operators that transformers are made of. */
import type { Fact } from './structure-fact.ts';
import type { GraphNode } from './structure-graph.ts';
import {
  attentionShape,
  blockGatherShape,
  convolutionShape,
  einsumShape,
  embeddedShapes,
  groupedAttentionShape,
  packedAttentionShape,
  recurrentShapes,
} from './structure-shapes-layers.ts';

type Dims = readonly number[] | undefined;
type Inputs = readonly (Fact | undefined)[];

/** The sizes of each output, undefined where they are not followed; rules as in ONNX's Operators.md. */
export function shapesOf(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const rule = RULES[node.op];
  if (rule !== undefined) return rule(node, inputs);
  return SAME.has(node.op) ? node.outputs.map(() => inputs[0]?.dims) : [];
}

/** Operators whose outputs all have the sizes of the first input. */
const SAME: ReadonlySet<string> = new Set([
  ...['Identity', 'Cast', 'CastLike', 'Dropout', 'Softmax', 'LogSoftmax', 'Relu', 'LeakyRelu', 'Elu', 'Selu'],
  ...[
    'Gelu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Swish',
    'Mish',
    'Softplus',
    'Tanh',
    'Erf',
    'Exp',
    'Log',
  ],
  ...[
    'Sin',
    'Cos',
    'Sqrt',
    'Reciprocal',
    'Neg',
    'Abs',
    'Floor',
    'Ceil',
    'Round',
    'Sign',
    'Not',
    'IsNaN',
    'IsInf',
  ],
  ...['Clip', 'CumSum', 'Trilu', 'BatchNormalization', 'ScatterND', 'ScatterElements', 'QuantizeLinear'],
  ...[
    'DequantizeLinear',
    'LpNormalization',
    'MeanVarianceNormalization',
    'com.microsoft:Gelu',
    'RotaryEmbedding',
  ],
  ...['com.microsoft:FastGelu', 'com.microsoft:BiasGelu', 'com.microsoft:QuickGelu'],
  ...[
    'com.microsoft:RotaryEmbedding',
    'EyeLike',
    'Celu',
    'ThresholdedRelu',
    'Softsign',
    'InstanceNormalization',
  ],
]);

function only(dims: Dims): readonly Dims[] {
  return [dims];
}

/** Only the first output has the sizes of the first input (norms also give mean and deviation). */
const firstSame = (_: GraphNode, inputs: Inputs): readonly Dims[] => only(inputs[0]?.dims);

const elementwise = (_: GraphNode, inputs: Inputs): readonly Dims[] => {
  let dims = inputs[0]?.dims;
  for (const input of inputs.slice(1)) dims = broadcast(dims, input?.dims);
  return only(dims);
};

function broadcast(a: Dims, b: Dims): Dims {
  if (a === undefined || b === undefined) return undefined;
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    return x === 1 ? y : x;
  });
}

function axisOf(node: GraphNode, rank: number, otherwise: number): number {
  const axis = node.view.attributes.axis?.int ?? otherwise;
  return axis < 0 ? axis + rank : axis;
}

function axesOf(node: GraphNode, inputs: Inputs, place: number): readonly number[] | undefined {
  return node.view.attributes.axes?.ints ?? inputs[place]?.numbers;
}

function matMul(_: GraphNode, inputs: Inputs): readonly Dims[] {
  const a = inputs[0]?.dims;
  const b = inputs[1]?.dims;
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return [];
  const lead = broadcast(a.length < 2 ? [] : a.slice(0, -2), b.length < 2 ? [] : b.slice(0, -2)) ?? [];
  return only([...lead, ...(a.length < 2 ? [] : a.slice(-2, -1)), ...(b.length < 2 ? [] : b.slice(-1))]);
}

function gemm(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const { transA, transB } = node.view.attributes;
  const a = inputs[0]?.dims;
  const b = inputs[1]?.dims;
  if (a?.length !== 2 || b?.length !== 2) return [];
  return only([a[transA?.int ? 1 : 0]!, b[transB?.int ? 0 : 1]!]);
}

function reshape(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  const shape = inputs[1]?.numbers ?? node.view.attributes.shape?.ints;
  if (shape === undefined) return [];
  const keepZero = node.view.attributes.allowzero?.int === 1;
  const dims = shape.map((size, i) => (size === 0 && !keepZero ? (from?.[i] ?? NaN) : size));
  const open = dims.indexOf(-1);
  if (open >= 0) {
    const rest = dims.reduce((product, size, i) => (i === open ? product : product * size), 1);
    dims[open] = from === undefined ? NaN : from.reduce((product, size) => product * size, 1) / rest;
  }
  return only(dims.every(Number.isInteger) ? dims : undefined);
}

function transpose(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  const order = node.view.attributes.perm?.ints ?? from?.map((_, i) => from.length - 1 - i);
  return only(order?.map((axis) => from?.[axis] ?? NaN));
}

function squeeze(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  if (from === undefined) return [];
  const axes = axesOf(node, inputs, 1);
  if (axes === undefined && inputs.length > 1) return [];
  const gone = new Set(axes?.map((axis) => (axis < 0 ? axis + from.length : axis)));
  return only(from.filter((size, i) => (axes === undefined ? size !== 1 : !gone.has(i))));
}

function unsqueeze(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  const axes = axesOf(node, inputs, 1);
  if (from === undefined || axes === undefined) return [];
  const rank = from.length + axes.length;
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  let at = 0;
  return only(Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (from[at++] ?? NaN))));
}

function gather(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  const at = inputs[1]?.dims;
  if (from === undefined || at === undefined) return [];
  const axis = axisOf(node, from.length, 0);
  return only([...from.slice(0, axis), ...at, ...from.slice(axis + 1)]);
}

function gatherNd(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  const at = inputs[1]?.dims;
  const depth = at?.at(-1);
  if (from === undefined || at === undefined || depth === undefined) return [];
  const lead = node.view.attributes.batch_dims?.int ?? 0;
  return only([...at.slice(0, -1), ...from.slice(lead + depth)]);
}

function slice(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  const named = node.view.attributes;
  const starts = named.starts?.ints ?? inputs[1]?.numbers;
  const ends = named.ends?.ints ?? inputs[2]?.numbers;
  if (from === undefined || starts === undefined || ends === undefined) return [];
  const axes = named.axes?.ints ?? inputs[3]?.numbers ?? starts.map((_, i) => i);
  const steps = inputs[4]?.numbers;
  const dims = [...from];
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + from.length : given;
    const size = from[axis];
    const step = steps?.[i] ?? 1;
    if (size === undefined || step === 0) return;
    const bound = (x: number, low: number, high: number): number =>
      Math.min(Math.max(x < 0 ? x + size : x, low), high);
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const count = (bound(ends[i] ?? size, low, high) - bound(starts[i] ?? 0, low, high)) / step;
    dims[axis] = Math.max(0, Math.ceil(count));
  });
  return only(dims);
}

function split(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  if (from === undefined) return [];
  const axis = axisOf(node, from.length, 0);
  const parts = node.view.attributes.split?.ints ?? inputs[1]?.numbers;
  const equal = Math.ceil((from[axis] ?? NaN) / node.outputs.length);
  return node.outputs.map((_, place) => {
    const last = place === node.outputs.length - 1 ? (from[axis] ?? NaN) - equal * place : equal;
    return from.map((size, i) => (i === axis ? (parts === undefined ? last : (parts[place] ?? NaN)) : size));
  });
}

function concat(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const first = inputs[0]?.dims;
  if (first === undefined || inputs.some((input) => input?.dims === undefined)) return [];
  const axis = axisOf(node, first.length, 0);
  const total = inputs.reduce((sum, input) => sum + (input?.dims?.[axis] ?? NaN), 0);
  return only(first.map((size, i) => (i === axis ? total : size)));
}

function reduce(node: GraphNode, inputs: Inputs): readonly Dims[] {
  const from = inputs[0]?.dims;
  if (from === undefined) return [];
  const given = axesOf(node, inputs, 1) ?? node.view.attributes.axis;
  const list = Array.isArray(given) ? (given as readonly number[]) : undefined;
  const one = node.view.attributes.axis?.int;
  const axes = list ?? (one === undefined ? from.map((_, i) => i) : [one]);
  const gone = new Set(axes.map((axis) => (axis < 0 ? axis + from.length : axis)));
  const keep = (node.view.attributes.keepdims?.int ?? 1) !== 0;
  return only(keep ? from.map((size, i) => (gone.has(i) ? 1 : size)) : from.filter((_, i) => !gone.has(i)));
}

type Rule = (node: GraphNode, inputs: Inputs) => readonly Dims[];

function each(ops: readonly string[], rule: Rule): Record<string, Rule> {
  return Object.fromEntries(ops.map((op) => [op, rule]));
}

const RULES: Readonly<Record<string, Rule>> = {
  ...each(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Min', 'Max', 'Sum', 'Mean', 'PRelu', 'And', 'Or', 'Xor'],
    elementwise,
  ),
  ...each(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Where', 'BitwiseAnd', 'BitwiseOr'],
    elementwise,
  ),
  ...each(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'], firstSame),
  ...each(['com.microsoft:SimplifiedLayerNormalization', 'com.microsoft:MultiHeadAttention'], firstSame),
  ...each(['com.microsoft:Attention', 'com.microsoft:QAttention'], (node, inputs) =>
    only(packedAttentionShape(node, inputs)),
  ),
  'com.microsoft:GroupQueryAttention': (node, inputs) => only(groupedAttentionShape(node, inputs)),
  ...each(['com.microsoft:EmbedLayerNormalization', 'com.microsoft:QEmbedLayerNormalization'], (_, inputs) =>
    embeddedShapes(inputs),
  ),
  'com.microsoft:GatherBlockQuantized': (node, inputs) => only(blockGatherShape(node, inputs)),
  DynamicQuantizeLinear: (_, inputs) => [inputs[0]?.dims, [], []],
  ...each(
    [
      ...['MatMul', 'MatMulInteger', 'com.microsoft:FusedMatMul', 'com.microsoft:MatMulIntegerToFloat'],
      'com.microsoft:DynamicQuantizeMatMul',
    ],
    matMul,
  ),
  ...each(
    ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL2', 'ReduceSumSquare'],
    reduce,
  ),
  ...each(['ArgMax', 'ArgMin'], (node, inputs) =>
    reduce(
      {
        ...node,
        view: {
          ...node.view,
          attributes: { axis: { name: 'axis', int: 0, hasGraph: false }, ...node.view.attributes },
        },
      },
      inputs,
    ),
  ),
  ...each(['LSTM', 'GRU', 'RNN'], recurrentShapes),
  Einsum: (node, inputs) => only(einsumShape(node, inputs)),
  Gemm: gemm,
  'com.microsoft:FusedGemm': gemm,
  Reshape: reshape,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Gather: gather,
  GatherND: gatherNd,
  GatherElements: (_, inputs) => only(inputs[1]?.dims),
  Slice: slice,
  Split: split,
  Concat: concat,
  Attention: (node, inputs) => only(attentionShape(node, inputs)),
  Conv: (node, inputs) => only(convolutionShape(node, inputs)),
  'com.microsoft:FusedConv': (node, inputs) => only(convolutionShape(node, inputs)),
  Shape: (node, inputs) => {
    const { start, end } = node.view.attributes;
    const dims = inputs[0]?.dims;
    return only(dims === undefined ? undefined : [dims.slice(start?.int ?? 0, end?.int).length]);
  },
  Size: () => only([]),
  Expand: (_, inputs) => only(broadcast(inputs[0]?.dims, inputs[1]?.numbers)),
  ConstantOfShape: (_, inputs) => only(inputs[0]?.numbers),
  Range: (_, inputs) => {
    const [start, limit, step] = inputs.map((input) => input?.numbers?.[0]);
    if (start === undefined || limit === undefined || step === undefined || step === 0) return [];
    return only([Math.max(0, Math.ceil((limit - start) / step))]);
  },
  Flatten: (node, inputs) => {
    const from = inputs[0]?.dims;
    if (from === undefined) return [];
    const axis = axisOf(node, from.length, 1);
    const size = (part: readonly number[]): number => part.reduce((product, x) => product * x, 1);
    return only([size(from.slice(0, axis)), size(from.slice(axis))]);
  },
  Tile: (_, inputs) => {
    const repeats = inputs[1]?.numbers;
    return only(
      repeats === undefined ? undefined : inputs[0]?.dims?.map((size, i) => size * (repeats[i] ?? 1)),
    );
  },
  'com.microsoft:MatMulNBits': (node, inputs) => {
    const from = inputs[0]?.dims;
    const columns = node.view.attributes.N?.int;
    return only(from === undefined || columns === undefined ? undefined : [...from.slice(0, -1), columns]);
  },
};
