/** @file onnx: collects the nodes that stand for one fused operator, under names that the graph does not have. */
import type { AttributeSpec, NodeSpec } from './build.ts';
import type { NodeView } from './contract.ts';
import type { FreshNames } from './value-names.ts';

export type StepWriter = {
  readonly steps: NodeSpec[];
  /** A node with one output, named after the operator's first output and `wish`; returns the output's name. */
  readonly add: (
    opType: string,
    inputs: readonly string[],
    wish: string,
    attributes?: Readonly<Record<string, AttributeSpec>>,
  ) => string;
  /** A stored int64 [values.length]. */
  readonly numbers: (values: readonly number[], wish: string) => string;
  /** A stored int64 without axes. */
  readonly scalar: (value: number, wish: string) => string;
};

export function stepWriter(node: NodeView, names: FreshNames): StepWriter {
  const steps: NodeSpec[] = [];
  const first = node.outputs.find((name) => name !== '') ?? node.opType;
  const add: StepWriter['add'] = (opType, inputs, wish, attributes) => {
    const output = names.fresh(`${first}__${wish}`);
    const name = names.fresh(`mesascope/${output}`);
    steps.push({
      opType,
      inputs,
      outputs: [output],
      name,
      ...(attributes === undefined ? {} : { attributes }),
    });
    return output;
  };
  const stored = (dims: readonly number[], values: readonly number[], wish: string): string =>
    add('Constant', [], wish, {
      value: { tensor: { dims, type: 'int64', data: BigInt64Array.from(values, BigInt) } },
    });
  return {
    steps,
    add,
    numbers: (values, wish) => stored([values.length], values, wish),
    scalar: (value, wish) => stored([], [value], wish),
  };
}

/** The operator's own name where it has one, so that an error of ONNX Runtime still points at it. */
export function nodeNameOf(node: NodeView, names: FreshNames): string {
  return node.name === '' ? names.fresh(`mesascope/${node.outputs[0]}`) : node.name;
}

/** A node's attributes as they are written; tensors and graphs do not occur in these operators. */
export function attributesOf(node: NodeView): Record<string, AttributeSpec> {
  const written: Record<string, AttributeSpec> = {};
  for (const [name, { int, ints, float, floats, string }] of Object.entries(node.attributes)) {
    if (int !== undefined) written[name] = { int };
    else if (float !== undefined) written[name] = { float };
    else if (string !== undefined) written[name] = { string };
    else if (ints !== undefined) written[name] = { ints };
    else if (floats !== undefined) written[name] = { floats };
  }
  return written;
}
