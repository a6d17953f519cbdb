/** @file onnx: the data type of each value of a graph, as declared or, where nothing is declared, as its operator gives. */
import type { ModelIndex, NodeView } from './contract.ts';
import { DATA_TYPE } from './contract.ts';

const INT64_RESULT = new Set(['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero']);
const BOOL_RESULT = new Set(
  'Equal Less Greater LessOrEqual GreaterOrEqual Not And Or Xor IsNaN IsInf'.split(' '),
);
const FLOATING: ReadonlySet<number> = new Set([
  DATA_TYPE.float32,
  DATA_TYPE.float16,
  DATA_TYPE.bfloat16,
  DATA_TYPE.float64,
]);
/** Operators whose result has the type of another input than the first. */
const TYPED_BY_INPUT: Readonly<Record<string, number>> = {
  CastLike: 1,
  Where: 1,
  DequantizeLinear: 1,
  OneHot: 2,
  EmbedLayerNormalization: 2,
};

/**
 * TensorProto.DataType of every value whose type is declared or follows from its operator's definition (ONNX
 * Operators.md): older exporters declare nothing between inputs and outputs. Values of other operators take the first
 * input's type, as most operators give it (of other domains: the first floating input's). Assumes, as ONNX demands, that nodes come in topological order.
 */
export function valueTypes(index: ModelIndex): ReadonlyMap<string, number> {
  const types = new Map<string, number>();
  const declare = (name: string, type: number | undefined): void => {
    if (type !== undefined && type !== 0 && name !== '') types.set(name, type);
  };
  for (const { name, dataType } of index.initializers.values()) declare(name, dataType);
  for (const { name, dataType } of index.inputs) declare(name, dataType);
  for (const { name, dataType } of index.valueInfo.values()) declare(name, dataType);
  for (const { name, dataType } of index.outputs) declare(name, dataType);
  for (const node of index.nodes) {
    const type = resultType(node, types);
    for (const name of node.outputs) if (!types.has(name)) declare(name, type);
  }
  return types;
}

function resultType(node: NodeView, types: ReadonlyMap<string, number>): number | undefined {
  const { opType, attributes, inputs } = node;
  if (INT64_RESULT.has(opType)) return DATA_TYPE.int64;
  if (BOOL_RESULT.has(opType)) return DATA_TYPE.bool;
  switch (opType) {
    case 'Cast':
      return attributes.to?.int;
    case 'Constant':
      return constantType(node);
    case 'ConstantOfShape':
      return attributes.value?.tensor?.dataType ?? DATA_TYPE.float32;
    case 'If':
    case 'Loop':
    case 'Scan':
      return undefined;
    default: {
      const given = types.get(inputs[TYPED_BY_INPUT[opType] ?? 0] ?? '');
      // Fused quantized operators (com.microsoft) take integers first and give the type of a later input, or float32.
      if (node.domain === '' || given === undefined || FLOATING.has(given)) return given;
      return inputs.map((name) => types.get(name)).find((type) => type !== undefined && FLOATING.has(type));
    }
  }
}

function constantType({ attributes }: NodeView): number | undefined {
  if (attributes.value?.tensor !== undefined) return attributes.value.tensor.dataType;
  if (attributes.value_float !== undefined || attributes.value_floats !== undefined) return DATA_TYPE.float32;
  return attributes.value_int !== undefined || attributes.value_ints !== undefined
    ? DATA_TYPE.int64
    : undefined;
}
