/** @file onnx: follows the contents of small tensors (shapes, axes, scalars) through the operators that compute them. */
import type { Fact } from './structure-fact.ts';
import type { GraphNode } from './structure-graph.ts';

const MOST = 64;

type Numbers = readonly number[];

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Min: Math.min,
  Max: Math.max,
  Mod: (a, b) => a - b * Math.floor(a / b),
  Equal: (a, b) => Number(a === b),
  Greater: (a, b) => Number(a > b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  Less: (a, b) => Number(a < b),
  LessOrEqual: (a, b) => Number(a <= b),
  And: (a, b) => Number(a !== 0 && b !== 0),
  Or: (a, b) => Number(a !== 0 || b !== 0),
};

const UNARY: Readonly<Record<string, (a: number) => number>> = {
  Neg: (a) => -a,
  Abs: Math.abs,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Round: Math.round,
  Sqrt: Math.sqrt,
  Not: (a) => Number(a === 0),
};

const UNCHANGED: ReadonlySet<string> = new Set([
  ...['Identity', 'Squeeze', 'Unsqueeze', 'Reshape', 'Flatten', 'Dropout'],
]);

/** Contents of one output of a node that reads no activation, or undefined where they are large or not followed. */
export function numbersOf(
  node: GraphNode,
  inputs: readonly (Fact | undefined)[],
  output: {
    readonly place: number;
    readonly dims: readonly number[] | undefined;
    /** What ConstantOfShape fills with. */
    readonly fill: number;
  },
): Numbers | undefined {
  const { op } = node;
  const attribute = node.view.attributes;
  const first = inputs[0];
  const a = first?.numbers;
  if (op === 'Shape') return shapeNumbers(node, first);
  if (op === 'Size') return first?.dims === undefined ? undefined : [product(first.dims)];
  if (op === 'Range') return range(a?.[0], inputs[1]?.numbers?.[0], inputs[2]?.numbers?.[0]);
  if (op === 'ConstantOfShape') return filled(output.dims, output.fill);
  if (op === 'Concat') return concatenated(inputs);
  if (a === undefined) return undefined;
  if (UNCHANGED.has(op)) return a;
  if (op === 'Cast') return isWholeType(attribute.to?.int) ? a.map(Math.trunc) : a;
  const unary = UNARY[op];
  if (unary !== undefined) return a.map((x) => unary(x));
  const b = inputs[1]?.numbers;
  if (op === 'Div' && b !== undefined) {
    return zip(a, b, first?.isFloat === true ? (x, y) => x / y : (x, y) => Math.trunc(x / y));
  }
  const binary = BINARY[op];
  if (binary !== undefined) {
    let result: Numbers | undefined = a;
    for (const other of inputs.slice(1)) result = zip(result, other?.numbers, binary);
    return result;
  }
  if (op === 'Where') return where(a, b, inputs[2]?.numbers);
  if (op === 'Gather' && first?.dims?.length === 1)
    return b?.map((at) => a[at < 0 ? at + a.length : at] ?? NaN);
  if (op === 'Slice' && first?.dims?.length === 1) return sliced(a, inputs);
  if (op === 'Split' && first?.dims?.length === 1 && output.dims !== undefined) return split(a, output);
  if (op === 'Expand' && output.dims !== undefined && product(output.dims) <= MOST && a.length === 1) {
    return new Array<number>(product(output.dims)).fill(a[0]!);
  }
  if (output.dims !== undefined && product(output.dims) === 1 && a.length > 0) {
    if (op === 'ReduceProd') return [product(a)];
    if (op === 'ReduceSum') return [a.reduce((sum, x) => sum + x, 0)];
    if (op === 'ReduceMax') return [Math.max(...a)];
    if (op === 'ReduceMin') return [Math.min(...a)];
  }
  return undefined;
}

function product(of: Numbers): number {
  return of.reduce((result, x) => result * x, 1);
}

function isWholeType(dataType: number | undefined): boolean {
  return dataType !== undefined && dataType !== 1 && dataType !== 10 && dataType !== 11 && dataType !== 16;
}

function shapeNumbers(node: GraphNode, of: Fact | undefined): Numbers | undefined {
  const { start, end } = node.view.attributes;
  return of?.dims?.slice(start?.int ?? 0, end?.int);
}

function range(start?: number, limit?: number, step?: number): Numbers | undefined {
  if (start === undefined || limit === undefined || step === undefined || step === 0) return undefined;
  const count = Math.max(0, Math.ceil((limit - start) / step));
  return count <= MOST ? Array.from({ length: count }, (_, i) => start + i * step) : undefined;
}

function filled(dims: Numbers | undefined, fill: number): Numbers | undefined {
  if (dims === undefined) return undefined;
  const count = product(dims);
  return count <= MOST ? new Array<number>(count).fill(fill) : undefined;
}

function concatenated(inputs: readonly (Fact | undefined)[]): Numbers | undefined {
  const all: number[] = [];
  for (const input of inputs) {
    if (input?.numbers === undefined || (input.dims !== undefined && input.dims.length > 1)) return undefined;
    all.push(...input.numbers);
    if (all.length > MOST) return undefined;
  }
  return all;
}

function zip(
  a: Numbers | undefined,
  b: Numbers | undefined,
  f: (x: number, y: number) => number,
): Numbers | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
  if (a.length === 0 || b.length === 0) return [];
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => f(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!));
}

function where(condition: Numbers, yes: Numbers | undefined, no: Numbers | undefined): Numbers | undefined {
  const chosen = zip(condition, yes, (c, x) => (c === 0 ? 0 : x));
  const other = zip(condition, no, (c, x) => (c === 0 ? x : 0));
  return zip(chosen, other, (x, y) => x + y);
}

function sliced(a: Numbers, inputs: readonly (Fact | undefined)[]): Numbers | undefined {
  const start = inputs[1]?.numbers?.[0];
  const end = inputs[2]?.numbers?.[0];
  const step = inputs[4]?.numbers?.[0] ?? 1;
  if (start === undefined || end === undefined || step !== 1) return undefined;
  return a.slice(start, Math.min(end, a.length));
}

function split(a: Numbers, output: { readonly place: number; readonly dims: Numbers | undefined }): Numbers {
  const size = output.dims?.[0] ?? 0;
  // Equal parts, or a smaller last one: both start at place times the first part's size in what exporters write.
  return output.place * size + size <= a.length
    ? a.slice(output.place * size, output.place * size + size)
    : [];
}
