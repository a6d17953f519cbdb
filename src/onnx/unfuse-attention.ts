/** @file onnx: writes fused attention that projects, adds a bias, or takes q, k and v packed, as these steps and what follows them. */
import type { NodeSpec } from './build.ts';
import type { ModelIndex, NodeView } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { type Structure, structureOf } from './structure-facts.ts';
import { attributesOf, nodeNameOf, type StepWriter, stepWriter } from './unfuse-writer.ts';
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
    const writer = stepWriter(node, this.#names);
    const { steps, add, numbers } = writer;
    const product = add('MatMul', [x, weight], 'qkv');
    const packed = bias === '' ? product : add('Add', [product, bias], 'qkv_biased');
    const parts = this.#split(packed, sizes, writer);
    const [q, k, v] = parts.map((part, i) => {
      const rows = add('Reshape', [part, numbers([0, 0, heads.int!, -1], 'heads')], `${'qkv'[i]}_heads`);
      return add('Transpose', [rows], `${'qkv'[i]}_by_head`, {
        perm: { ints: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] },
      });
    });
    // The operator takes a scale of 0 for none.
    const scale = node.attributes.scale?.float || 1 / Math.sqrt(sizes[0]! / heads.int);
    let scores = add('Mul', [add('MatMul', [q!, k!], 'products'), this.#number(scale, add)], 'scores');
    if (mask !== '') {
      const filter = node.attributes.mask_filter_value?.float ?? MASK_FILTER;
      const kept =
        this.#maskKind(mask) === 'lengths'
          ? this.#withinLengths(x, mask, writer)
          : this.#aboveZero(mask, writer);
      const added = add('Where', [kept, this.#number(0, add), this.#number(filter, add)], 'mask');
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
    const writer = stepWriter(node, this.#names);
    const parts = this.#split(packed, [heads.int * head, groups.int * head, groups.int * head], writer);
    return [...writer.steps, this.#sameOver([...parts, ...rest], node)];
  }

  /**
   * com.microsoft:MultiHeadAttention that adds the bias of its projections: three sums before the same operator without it, so that q, k
   * and v with their bias are values. Undefined where keys or values are packed or come by head, or sizes are not known.
   */
  biasedAttention(node: NodeView): readonly NodeSpec[] | undefined {
    const [q = '', k = '', v = '', bias = '', ...rest] = node.inputs;
    if ([q, k, v, bias].includes('')) return undefined;
    const sizes = [q, k, v].map((name) => {
      const dims = this.#dims(name);
      return dims?.length === 3 ? dims[2]! : Number.NaN;
    });
    const all = this.#dims(bias);
    if (all?.length !== 1 || sizes.reduce((sum, size) => sum + size, 0) !== all[0]) return undefined;
    const writer = stepWriter(node, this.#names);
    const parts = this.#split(bias, sizes, writer);
    const biased = [q, k, v].map((name, i) => writer.add('Add', [name, parts[i]!], `${'qkv'[i]}_biased`));
    return [
      ...writer.steps,
      this.#sameOver(rest.some((name) => name !== '') ? [...biased, '', ...rest] : biased, node),
    ];
  }

  /** The same operator over other inputs. */
  #sameOver(inputs: readonly string[], node: NodeView): NodeSpec {
    const { opType, domain, outputs } = node;
    return {
      opType,
      domain,
      inputs,
      outputs,
      name: nodeNameOf(node, this.#names),
      attributes: attributesOf(node),
    };
  }

  /** A mark per key [batch, position], or the count of keys that are kept [batch]; undefined for masks of other forms. */
  #maskKind(mask: string): 'marks' | 'lengths' | undefined {
    const dims = this.#dims(mask);
    if (dims?.length === 2) return 'marks';
    return dims?.length === 1 && dims[0] === this.#graph().batch ? 'lengths' : undefined;
  }

  /** Whether each position of `x` [batch, position, width] is below its row's length. */
  #withinLengths(x: string, lengths: string, { add, numbers, scalar }: StepWriter): string {
    const one = scalar(1, 'one');
    const size = add('Gather', [add('Shape', [x], 'sizes'), one], 'positions', { axis: { int: 0 } });
    const places = add('Range', [scalar(0, 'zero'), size, one], 'places');
    const wide = add('Cast', [lengths], 'lengths', { to: { int: DATA_TYPE.int64 } });
    return add('Less', [places, add('Reshape', [wide, numbers([-1, 1], 'column')], 'ends')], 'within');
  }

  /** Whether each mark is above 0, which is what the operator asks; marks other than 0 and 1 occur. */
  #aboveZero(marks: string, { add }: StepWriter): string {
    const wide = add('Cast', [marks], 'marks', { to: { int: DATA_TYPE.float32 } });
    return add('Greater', [wide, this.#number(0, add)], 'kept');
  }

  #split(packed: string, sizes: readonly number[], { steps, numbers }: StepWriter): string[] {
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

  #number(value: number, add: StepWriter['add']): string {
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
