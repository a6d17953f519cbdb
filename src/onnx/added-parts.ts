/** @file onnx: gathers the nodes, inputs and outputs that an instrumented graph adds, and what they need of the opset. */
import { MesascopeError } from '../core/errors.ts';
import { type NodeSpec, nodeMessage, type ValueSpec, valueMessage } from './build.ts';
import type { ModelIndex } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { GRAPH } from './fields.ts';
import { FreshNames } from './value-names.ts';
import type { MessageWriter } from './wire-write.ts';

/** The ai.onnx version from which each operator that is added has the form used here (ONNX, Changelog.md). */
const SINCE: Readonly<Record<string, number>> = {
  Add: 7,
  Cast: 6,
  Constant: 1,
  Gather: 1,
  GatherND: 12,
  Identity: 1,
  MatMul: 1,
  Mul: 7,
  Reshape: 5,
  Sub: 7,
  Transpose: 1,
  Where: 9,
};
/** Cast knows bfloat16 from version 13. */
const BFLOAT16_CAST_SINCE = 13;

export class AddedParts {
  readonly names: FreshNames;
  readonly #opset: number | undefined;
  readonly #nodes: NodeSpec[] = [];
  readonly #inputs: ValueSpec[] = [];
  readonly #outputs: ValueSpec[] = [];

  constructor(index: ModelIndex) {
    this.names = new FreshNames(index);
    this.#opset = index.opsets[''];
  }

  /** A required graph input; returns its name. */
  input(wish: string, value: Omit<ValueSpec, 'name'>): string {
    const name = this.names.fresh(wish);
    this.#inputs.push({ name, ...value });
    return name;
  }

  /** ONNX Runtime infers what is not stated of an output; other readers of a file want its type and shape. */
  output(name: string, value: Omit<ValueSpec, 'name'> = {}): void {
    this.#outputs.push({ name, ...value });
  }

  /**
   * A node with one output, named `as` or freshly after `wish`; returns the output's name. Throws `MODEL_UNSUPPORTED`
   * when the model's opset is older than the operator.
   */
  node(spec: {
    readonly opType: string;
    readonly inputs: readonly string[];
    readonly wish: string;
    readonly as?: string;
    readonly attributes?: NodeSpec['attributes'];
  }): string {
    const { opType, inputs, attributes } = spec;
    this.require(opType, SINCE[opType]!);
    const output = spec.as ?? this.names.fresh(spec.wish);
    this.#nodes.push({
      opType,
      inputs,
      outputs: [output],
      name: this.names.fresh(`mesascope/${output}`),
      ...(attributes === undefined ? {} : { attributes }),
    });
    return output;
  }

  /** `value` as data type `to`. */
  cast(value: string, cast: { readonly to: number; readonly wish: string; readonly as?: string }): string {
    const { to, ...names } = cast;
    if (to === DATA_TYPE.bfloat16) this.require('Cast to bfloat16', BFLOAT16_CAST_SINCE);
    return this.node({ opType: 'Cast', inputs: [value], attributes: { to: { int: to } }, ...names });
  }

  require(what: string, since: number): void {
    if (this.#opset !== undefined && this.#opset >= since) return;
    const has = this.#opset === undefined ? 'names no ai.onnx opset' : `is of opset ${this.#opset}`;
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `the model ${has}; what is added to it needs ${what}, which came with opset ${since}`,
      {
        facts: { opset: this.#opset, needed: since, operator: what },
        remedy: `Export the model again with opset ${since} or later.`,
      },
    );
  }

  writeTo(graph: MessageWriter): void {
    for (const node of this.#nodes) graph.message(GRAPH.node, nodeMessage(node));
    for (const input of this.#inputs) graph.message(GRAPH.input, valueMessage(input));
    for (const output of this.#outputs) graph.message(GRAPH.output, valueMessage(output));
  }
}
