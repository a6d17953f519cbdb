/** @file onnx: writes fused attention that projects, or takes q, k and v packed, as its projections and what follows them. */
import type { AttributeSpec, NodeSpec } from './build.ts';
import type { ModelIndex, NodeView } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { type Structure, structureOf } from './structure-facts.ts';
import type { FreshNames } from './value-names.ts';
import { valueTypes } from './value-types.ts';

/** Value added where a mask is 0, when the node states none (ContribOperators.md, Attention). */
const MASK_FILTER = -10_000;
/** Split takes its sizes as an input from this opset on (ONNX, Changelog.md). */
const SPLIT_BY_INPUT = 13;

/** What the writers of attention need to know of a graph; followed once, when first asked. */
export class AttentionSteps {
  readonly #index: ModelIndex;
  readonly #names: FreshNames;
  #structure: Structure | undefined;
  #types: ReadonlyMap<string, number> | undefined;

  constructor(index: ModelIndex, names: FreshNames) {
    this.#index = index;
    this.#names = names;
  }

  /**
   * com.microsoft:Attention without caches, over float32, with no mask, a mark per key or a count of keys: product, bias, split, heads, scores,
   * softmax, weighted values, in ai.onnx operators. Undefined for any other.
   */
  attention(node: NodeView): readonly NodeSpec[] | undefined {
    const [x = '', weight = '', bias = '', mask = '', ...rest] = node.inputs;
    const { num_heads: heads, unidirectional, do_rotary: rotary } = node.attributes;
    const width = this.#dims(weight)?.[1];
    const sizes = node.attributes.qkv_hidden_sizes?.ints ?? Array(3).fill((width ?? Number.NaN) / 3);
    const simple =
      rest.every((name) => name === '') &&
      node.outputs.slice(1).every((name) => name === '') &&
      (unidirectional?.int ?? 0) === 0 &&
      (rotary?.int ?? 0) === 0 &&
      (mask === '' || this.#maskKind(mask) !== undefined) &&
      this.#isFloat32(weight);
    if (!simple || heads?.int === undefined || !sizes.every(Number.isInteger)) return undefined;
    const { steps, add, numbers } = this.#writer(node);
    const product = add('MatMul', [x, weight], 'qkv');
    const packed = bias === '' ? product : add('Add', [product, bias], 'qkv_biased');
    const parts = this.#split(packed, sizes, { steps, add, numbers });
    const [q, k, v] = parts.map((part, i) => {
      const rows = add('Reshape', [part, numbers([0, 0, heads.int!, -1], 'heads')], `${'qkv'[i]}_heads`);
      return add('Transpose', [rows], `${'qkv'[i]}_by_head`, {
        perm: { ints: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] },
      });
    });
    const scale = node.attributes.scale?.float ?? 1 / Math.sqrt(sizes[0]! / heads.int);
    let scores = add('Mul', [add('MatMul', [q!, k!], 'products'), this.#number(scale, add)], 'scores');
    if (mask !== '') {
      const filter = node.attributes.mask_filter_value?.float ?? MASK_FILTER;
      const marks =
        this.#maskKind(mask) === 'lengths' ? this.#withinLengths(x, mask, { add, numbers }) : mask;
      const kept = add('Cast', [marks], 'kept', { to: { int: DATA_TYPE.float32 } });
      const left = add('Sub', [this.#number(1, add), kept], 'left_out');
      const added = add('Mul', [left, this.#number(filter, add)], 'mask');
      scores = add(
        'Add',
        [scores, add('Reshape', [added, numbers([0, 1, 1, -1], 'mask_shape')], 'mask_rows')],
        'masked',
      );
    }
    const pattern = add('Softmax', [scores], 'pattern', { axis: { int: -1 } });
    const z = add('Transpose', [add('MatMul', [pattern, v!], 'z_by_head')], 'z', {
      perm: { ints: [0, 2, 1, 3] },
    });
    steps.push({
      opType: 'Reshape',
      inputs: [z, numbers([0, 0, -1], 'z_shape')],
      outputs: [node.outputs[0]!],
      name: this.#names.fresh(`mesascope/${node.outputs[0]}`),
    });
    return steps;
  }

  /** com.microsoft:GroupQueryAttention over packed q, k and v: the same operator over its three parts. */
  groupedAttention(node: NodeView): readonly NodeSpec[] | undefined {
    const [packed = '', key = '', value = '', ...rest] = node.inputs;
    const { num_heads: heads, kv_num_heads: groups } = node.attributes;
    const width = this.#dims(packed)?.at(-1);
    if (packed === '' || key !== '' || value !== '') return undefined;
    if (heads?.int === undefined || groups?.int === undefined || width === undefined) return undefined;
    const head = width / (heads.int + 2 * groups.int);
    if (!Number.isInteger(head)) return undefined;
    const { steps, add, numbers } = this.#writer(node);
    const parts = this.#split(packed, [heads.int * head, groups.int * head, groups.int * head], {
      steps,
      add,
      numbers,
    });
    steps.push({
      opType: node.opType,
      domain: node.domain,
      inputs: [...parts, ...rest],
      outputs: node.outputs,
      name: node.name === '' ? this.#names.fresh(`mesascope/${node.outputs[0]}`) : node.name,
      attributes: attributesOf(node),
    });
    return steps;
  }

  /** A mark per key [batch, position], or the count of keys that are kept [batch]; undefined for masks of other forms. */
  #maskKind(mask: string): 'marks' | 'lengths' | undefined {
    const dims = this.#dims(mask);
    if (dims?.length === 2) return 'marks';
    return dims?.length === 1 && dims[0] === this.#graph().batch ? 'lengths' : undefined;
  }

  /** Whether each position of `x` [batch, position, width] is below its row's length. */
  #withinLengths(x: string, lengths: string, { add, numbers }: Pick<Writer, 'add' | 'numbers'>): string {
    const scalar = (value: bigint, wish: string): string =>
      add('Constant', [], wish, {
        value: { tensor: { dims: [], type: 'int64', data: BigInt64Array.of(value) } },
      });
    const one = scalar(1n, 'one');
    const size = add('Gather', [add('Shape', [x], 'sizes'), one], 'positions', { axis: { int: 0 } });
    const places = add('Range', [scalar(0n, 'zero'), size, one], 'places');
    const wide = add('Cast', [lengths], 'lengths', { to: { int: DATA_TYPE.int64 } });
    return add('Less', [places, add('Reshape', [wide, numbers([-1, 1], 'column')], 'ends')], 'within');
  }

  #split(packed: string, sizes: readonly number[], { steps, numbers }: Writer): string[] {
    const outputs = ['q', 'k', 'v'].map((part) => this.#names.fresh(`${packed}__${part}`));
    const byInput = (this.#index.opsets[''] ?? 0) >= SPLIT_BY_INPUT;
    steps.push({
      opType: 'Split',
      inputs: byInput ? [packed, numbers(sizes, 'split')] : [packed],
      outputs,
      name: this.#names.fresh(`mesascope/${packed}__split`),
      attributes: { axis: { int: -1 }, ...(byInput ? {} : { split: { ints: sizes } }) },
    });
    return outputs;
  }

  #writer(node: NodeView): Writer {
    const steps: NodeSpec[] = [];
    const add: Writer['add'] = (opType, inputs, wish, attributes) => {
      const output = this.#names.fresh(`${node.outputs[0]}__${wish}`);
      const name = this.#names.fresh(`mesascope/${output}`);
      steps.push({
        opType,
        inputs,
        outputs: [output],
        name,
        ...(attributes === undefined ? {} : { attributes }),
      });
      return output;
    };
    const numbers: Writer['numbers'] = (values, wish) =>
      add('Constant', [], wish, {
        value: { tensor: { dims: [values.length], type: 'int64', data: BigInt64Array.from(values, BigInt) } },
      });
    return { steps, add, numbers };
  }

  #number(value: number, add: Writer['add']): string {
    return add('Constant', [], 'number', {
      value: { tensor: { dims: [], type: 'float32', data: Float32Array.of(value) } },
    });
  }

  #dims(name: string): readonly number[] | undefined {
    const { graph, facts } = this.#graph();
    return facts[graph.numberOf.get(name) ?? -1]?.dims;
  }

  #graph(): Structure {
    this.#structure ??= structureOf(this.#index);
    return this.#structure;
  }

  #isFloat32(name: string): boolean {
    this.#types ??= valueTypes(this.#index);
    return this.#types.get(name) === DATA_TYPE.float32;
  }
}

type Writer = {
  readonly steps: NodeSpec[];
  readonly add: (
    opType: string,
    inputs: readonly string[],
    wish: string,
    attributes?: Readonly<Record<string, AttributeSpec>>,
  ) => string;
  readonly numbers: (values: readonly number[], wish: string) => string;
};

/** A node's attributes as they are written; tensors and graphs do not occur in these operators. */
function attributesOf(node: NodeView): Record<string, AttributeSpec> {
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
