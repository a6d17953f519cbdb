/** @file onnx: what can be said of each value without running the model: constant or not, float or not, its shape. */
import type { ModelIndex, TensorView, ValueInfo } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { readTensor } from './read-tensor.ts';
import type { Fact } from './structure-fact.ts';
import { type GraphNode, type ValueGraph, valueGraph } from './structure-graph.ts';
import { numbersOf } from './structure-numbers.ts';
import { readsShapeOnly } from './structure-operators.ts';
import { shapesOf } from './structure-shapes.ts';

/** Most elements of a tensor whose contents are followed: enough for shapes, axes and scalars. */
export const MAX_NUMBERS = 64;

/** Ranks beyond this are not followed (ONNX Runtime's own operators stop well below). */
const MAX_RANK = 32;

/** A graph with a fact for each value, and the work that questions about it may still take. */
export type Structure = {
  readonly graph: ValueGraph;
  readonly facts: readonly Fact[];
  /** Example size of the batch axis. */
  readonly batch: number;
  /** Steps left for searches; a search that runs out gives up, so a hostile graph costs bounded time. */
  readonly budget: { steps: number };
};

export type ExampleOptions = {
  /** Example sizes to pass over, for a second look with others. */
  readonly skip?: number;
  /** Sizes of inputs that are known. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
};

const UNKNOWN: Fact = { kind: 'constant', isFloat: false, dims: undefined, numbers: undefined };

/**
 * Follows sizes through the graph for one example: every free dimension gets a size that no weight has, so that a size
 * in the middle of the graph tells which axis it is. Time and memory are linear in nodes and edges.
 *
 * Throws `MODEL_CORRUPT` when a small stored tensor does not hold what it states.
 */
export function structureOf(index: ModelIndex, options: ExampleOptions = {}): Structure {
  const graph = valueGraph(index);
  const facts: Fact[] = graph.names.map((name) => {
    const tensor = name === undefined ? undefined : index.initializers.get(name);
    return tensor === undefined ? UNKNOWN : tensorFact(index, tensor);
  });
  const sizes = exampleSizes(index, options.skip ?? 0);
  for (const input of index.inputs) {
    const value = graph.numberOf.get(input.name)!;
    const dims = options.shapes?.[input.name] ?? input.shape?.map((size, axis) => sizes.of(size, axis));
    facts[value] = { kind: 'activation', isFloat: isFloatType(input.dataType), dims, numbers: undefined };
  }
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => (value < 0 ? undefined : facts[value]!));
    const shapes = shapesOf(node, inputs);
    const kind = kindOf(node, inputs);
    node.outputs.forEach((value, place) => {
      if (value < 0) return;
      const declared = index.valueInfo.get(graph.names[value] ?? '');
      const dims = shapes[place] ?? declared?.shape?.map((size, axis) => sizes.of(size, axis));
      const constant = node.op === 'Constant' ? constantFact(index, node) : undefined;
      facts[value] = constant ?? {
        kind,
        isFloat: isFloatResult({ node, inputs, declared }),
        dims: dims === undefined || dims.length > MAX_RANK || dims.some(Number.isNaN) ? undefined : dims,
        numbers:
          kind === 'activation'
            ? undefined
            : numbersOf(node, inputs, { place, dims, fill: fillOf(index, node) }),
      };
    });
  }
  const edges = graph.consumers.reduce((sum, list) => sum + list.length, 0);
  const budget = { steps: 200_000 + 64 * (graph.nodes.length + edges) };
  return { graph, facts, batch: sizes.batch, budget };
}

function kindOf(node: GraphNode, inputs: readonly (Fact | undefined)[]): Fact['kind'] {
  let kind: Fact['kind'] = node.op.startsWith('Random') ? 'shape' : 'constant';
  for (const input of inputs) {
    if (input?.kind === 'activation') {
      if (!readsShapeOnly(node.op)) return 'activation';
      kind = 'shape';
    } else if (input?.kind === 'shape') kind = 'shape';
  }
  return kind;
}

const BOOLEAN_OR_INTEGER: ReadonlySet<string> = new Set([
  ...[
    'Equal',
    'Greater',
    'GreaterOrEqual',
    'Less',
    'LessOrEqual',
    'And',
    'Or',
    'Xor',
    'Not',
    'IsNaN',
    'IsInf',
  ],
  ...['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero', 'QuantizeLinear'],
]);

/** Operators that take integers first and give floats. */
const FLOAT_FROM_INTEGERS: ReadonlySet<string> = new Set([
  'DequantizeLinear',
  ...['EmbedLayerNormalization', 'QEmbedLayerNormalization', 'QAttention', 'MatMulIntegerToFloat'].map(
    (op) => `com.microsoft:${op}`,
  ),
  'com.microsoft:GatherBlockQuantized',
]);

function isFloatResult(of: {
  readonly node: GraphNode;
  readonly inputs: readonly (Fact | undefined)[];
  readonly declared: ValueInfo | undefined;
}): boolean {
  const { node, inputs, declared } = of;
  if (declared?.dataType !== undefined) return isFloatType(declared.dataType);
  if (BOOLEAN_OR_INTEGER.has(node.op)) return false;
  if (node.op === 'Cast') return isFloatType(node.view.attributes.to?.int);
  if (FLOAT_FROM_INTEGERS.has(node.op)) return true;
  if (node.op === 'ConstantOfShape') {
    const type = node.view.attributes.value?.tensor?.dataType;
    return type === undefined || isFloatType(type);
  }
  const from = node.op === 'Where' ? inputs[1] : inputs[0];
  return from?.isFloat ?? true;
}

function isFloatType(dataType: number | undefined): boolean {
  return (
    dataType === undefined ||
    dataType === DATA_TYPE.float32 ||
    dataType === DATA_TYPE.float16 ||
    dataType === DATA_TYPE.bfloat16 ||
    dataType === DATA_TYPE.float64
  );
}

const READABLE: ReadonlySet<number> = new Set(Object.values(DATA_TYPE));

function tensorFact(index: ModelIndex, tensor: TensorView): Fact {
  const count = tensor.dims.reduce((product, size) => product * size, 1);
  const readable = count <= MAX_NUMBERS && tensor.data.kind !== 'external' && READABLE.has(tensor.dataType);
  return {
    kind: 'constant',
    isFloat: isFloatType(tensor.dataType),
    dims: tensor.dims,
    numbers: readable ? Array.from(readTensor(index, tensor).data, Number) : undefined,
  };
}

function constantFact(index: ModelIndex, node: GraphNode): Fact | undefined {
  const { value, value_int, value_ints, value_float, value_floats } = node.view.attributes;
  if (value?.tensor !== undefined) return tensorFact(index, value.tensor);
  const scalar = value_int?.int ?? value_float?.float;
  const list = value_ints?.ints ?? value_floats?.floats;
  const numbers = scalar === undefined ? list : [scalar];
  if (numbers === undefined) return undefined;
  return {
    kind: 'constant',
    isFloat: value_float !== undefined || value_floats !== undefined,
    dims: scalar === undefined ? [numbers.length] : [],
    numbers: numbers.length <= MAX_NUMBERS ? numbers : undefined,
  };
}

/** The value that ConstantOfShape fills with: its `value`, by default 0. */
function fillOf(index: ModelIndex, node: GraphNode): number {
  const tensor = node.op === 'ConstantOfShape' ? node.view.attributes.value?.tensor : undefined;
  return tensor === undefined ? 0 : (tensorFact(index, tensor).numbers?.[0] ?? 0);
}

/** Sizes for the free dimensions, each symbol its own; small, since tables of positions bound the length. */
function exampleSizes(
  index: ModelIndex,
  skip: number,
): {
  readonly batch: number;
  readonly of: (size: number | string | null, axis: number) => number;
} {
  const taken = new Set<number>();
  for (const { dims } of index.initializers.values()) for (const size of dims) taken.add(size);
  let next = 4;
  const fresh = (): number => {
    do next++;
    while (taken.has(next) || !isPrime(next));
    return next;
  };
  for (let i = 0; i < skip; i++) fresh();
  const known = new Map<string, number>();
  const ofSymbol = (symbol: string): number => {
    let size = known.get(symbol);
    if (size === undefined) {
      size = fresh();
      known.set(symbol, size);
    }
    return size;
  };
  /** A symbol, or a sum of symbols and numbers as exporters write it (`past_sequence_length + 1`). */
  const of = (size: number | string | null, axis: number): number => {
    if (typeof size === 'number') return size;
    if (size === null || size === '') return ofSymbol(`axis ${axis}`);
    const parts = size.split('+').map((part) => part.trim());
    return parts.reduce((sum, part) => sum + (/^\d{1,9}$/.test(part) ? Number(part) : ofSymbol(part)), 0);
  };
  const first = index.inputs.find(({ shape }) => shape !== undefined && shape.length > 0);
  const batch = of(first?.shape?.[0] ?? null, 0);
  return { batch, of };
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}
