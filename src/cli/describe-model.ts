/** @file cli: what `inspect` says about a model, as one plain value; reads the index and runs nothing. */
import type { Model } from '../model/open-model.ts';
import { DATA_TYPE, type HookPoint, type MissingHook, type ValueInfo } from '../onnx/contract.ts';

type DescribedValue = {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[] | null;
};

/** Stored tensors of one element type, biggest first in a list. */
type StoredWeights = {
  readonly type: string;
  readonly tensors: number;
  readonly values: number;
};

export type ModelDescription = {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly exporter: string;
  readonly irVersion: number;
  /** Operator set by domain; the standard one is called `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly inputs: readonly (DescribedValue & { readonly role: string })[];
  readonly outputs: readonly DescribedValue[];
  readonly weights: readonly StoredWeights[];
  /** Files beside the model that hold weights. */
  readonly weightFiles: readonly string[];
  /** Operators and element types that say so; empty when the model is not quantised. */
  readonly quantisation: readonly string[];
  readonly blocks: number;
  readonly norms: readonly string[];
  readonly width: number | null;
  /** Why there is no residual stream; null when there is one. */
  readonly noResidual: string | null;
  /** About a stream that has no names. */
  readonly unnamed: string | null;
  readonly hooks: readonly (
    | { readonly name: string; readonly state: 'available'; readonly shape: readonly (number | string)[] }
    | { readonly name: string; readonly state: 'unavailable'; readonly reason: string }
  )[];
};

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DATA_TYPE).map(([name, number]) => [number, name]),
);

/** Operators of ONNX and of ONNX Runtime's own domain that compute with quantised values. */
const QUANTISED_OPERATOR =
  /^(QLinear|QGemm|QAttention|MatMulInteger|MatMulNBits|ConvInteger|DynamicQuantize|QuantizeLinear|DequantizeLinear|GatherBlockQuantized)/;
const QUANTISED_TYPES: ReadonlySet<string> = new Set(['int8', 'uint8', 'int4', 'uint4']);
/** int4 and uint4 (ONNX TensorProto.DataType 22 and 21), which nothing else here needs by name. */
const MORE_TYPES: Readonly<Record<number, string>> = {
  8: 'string',
  12: 'uint32',
  13: 'uint64',
  21: 'uint4',
  22: 'int4',
};

export function describeModel(model: Model, hooks: readonly (HookPoint | MissingHook)[]): ModelDescription {
  const { index } = model;
  const weights = storedWeights(model);
  const operators = new Set(
    index.nodes.map(({ opType }) => opType).filter((type) => QUANTISED_OPERATOR.test(type)),
  );
  const types = weights.map(({ type }) => type).filter((type) => QUANTISED_TYPES.has(type));
  return {
    file: model.name,
    bytes: model.byteLength,
    sha256: model.sha256,
    exporter: index.producer || 'not stated',
    irVersion: index.irVersion,
    opsets: Object.fromEntries(
      Object.entries(index.opsets).map(([domain, version]) => [domain || 'ai.onnx', version]),
    ),
    nodes: index.nodes.length,
    inputs: model.inputs.map(({ name, role, type, shape }) => ({
      name,
      role,
      type: type ?? 'unknown',
      shape: shownShape(shape),
    })),
    outputs: index.outputs.map((value) => ({
      name: value.name,
      type: typeName(value.dataType),
      shape: shownShape(value.shape),
    })),
    weights,
    weightFiles: weightFiles(model),
    quantisation: operators.size === 0 ? [] : [...operators, ...types],
    blocks: model.hooks.blocks.length,
    norms: [...new Set(model.hooks.blocks.map(({ norm }) => norm))],
    width: model.hooks.width ?? null,
    noResidual: model.hooks.noResidual ?? null,
    unnamed: model.hooks.unnamed ?? null,
    hooks: hooks.map((hook) =>
      hook.state === 'available'
        ? { name: hook.name, state: hook.state, shape: hookShape(hook) }
        : { name: hook.name, state: hook.state, reason: hook.reason },
    ),
  };
}

/** Axis names, with the size where it is known. */
function hookShape({ axes, width }: HookPoint): (number | string)[] {
  return axes.map((axis) => (axis === 'width' || axis === 'vocabulary' ? (width ?? axis) : axis));
}

function storedWeights({ index }: Model): StoredWeights[] {
  const byType = new Map<string, StoredWeights>();
  for (const { dims, dataType } of index.initializers.values()) {
    const type = typeName(dataType);
    const sofar = byType.get(type) ?? { type, tensors: 0, values: 0 };
    const values = dims.reduce((product, size) => product * size, 1);
    byType.set(type, { type, tensors: sofar.tensors + 1, values: sofar.values + values });
  }
  return [...byType.values()].sort((a, b) => b.values - a.values);
}

function weightFiles({ index, name }: Model): string[] {
  const locations = [...index.initializers.values()].flatMap(({ data }) =>
    data.kind === 'external' && data.location !== name ? [data.location] : [],
  );
  return [...new Set(locations)].sort();
}

function typeName(dataType: number | undefined): string {
  if (dataType === undefined) return 'unknown';
  return TYPE_NAMES.get(dataType) ?? MORE_TYPES[dataType] ?? `type ${dataType}`;
}

function shownShape(shape: ValueInfo['shape']): (number | string)[] | null {
  return shape === undefined ? null : shape.map((size) => size ?? '?');
}
