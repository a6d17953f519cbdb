/** @file onnx test: transformer graphs in the many ways exporters and architectures write them, from a few parts. */
import { seededRandom } from '../../src/core/random.ts';
import { type AttributeSpec, buildModel, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';

export const SIZES = { vocabulary: 11, width: 12, heads: 3, hidden: 20 } as const;

type Norm = (x: string) => string;

/** Writes nodes one by one; every method returns the name of the value it made. */
export class GraphWriter {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: NonNullable<ModelSpec['initializers']>[number][] = [];
  /** What each attention projects, split into heads, in order of its making. */
  readonly projections: { readonly q: string; readonly k: string; readonly v: string }[] = [];
  readonly #random = seededRandom('hooks-graphs');
  #count = 0;

  op(opType: string, inputs: string[], attributes: Record<string, AttributeSpec> = {}, outputs = 1): string {
    const names = Array.from({ length: outputs }, () => `t${this.#count++}`);
    const [domain, type] = opType.includes(':') ? opType.split(':') : [undefined, opType];
    const node = { opType: type!, inputs, outputs: names, attributes };
    this.nodes.push(domain === undefined ? node : { ...node, domain });
    return names[0]!;
  }

  floats(dims: number[], scale = 0.4): string {
    const name = `w${this.#count++}`;
    const data = Float32Array.from(
      { length: dims.reduce((a, b) => a * b, 1) },
      () => scale * this.#random.normal(),
    );
    this.initializers.push({ name, dims, type: 'float32', data });
    return name;
  }

  scalar(value: number): string {
    const name = `w${this.#count++}`;
    this.initializers.push({ name, dims: [], type: 'float32', data: Float32Array.of(value) });
    return name;
  }

  ints(...values: number[]): string {
    const name = `w${this.#count++}`;
    this.initializers.push({
      name,
      dims: [values.length],
      type: 'int64',
      data: BigInt64Array.from(values, BigInt),
    });
    return name;
  }

  embed(): string {
    return this.op('Gather', [this.floats([SIZES.vocabulary, SIZES.width], 1), 'ids']);
  }

  linear(
    x: string,
    from: number = SIZES.width,
    to: number = SIZES.width,
    options: { readonly bias?: boolean } = {},
  ): string {
    const product = this.op('MatMul', [x, this.floats([from, to])]);
    return options.bias === false ? product : this.op('Add', [product, this.floats([to])]);
  }

  norm: Norm = (x) =>
    this.op('LayerNormalization', [x, this.floats([SIZES.width], 1), this.floats([SIZES.width])], {
      axis: { int: -1 },
    });

  /** LayerNorm step by step, as exporters for opsets before 17 wrote it. */
  spelledOutNorm: Norm = (x) => {
    const mean = (value: string): string =>
      this.op('ReduceMean', [value], { axes: { ints: [-1] }, keepdims: { int: 1 } });
    const centred = this.op('Sub', [x, mean(x)]);
    const variance = mean(this.op('Pow', [centred, this.scalar(2)]));
    const deviation = this.op('Sqrt', [this.op('Add', [variance, this.scalar(1e-5)])]);
    const scaled = this.op('Mul', [this.op('Div', [centred, deviation]), this.floats([SIZES.width], 1)]);
    return this.op('Add', [scaled, this.floats([SIZES.width])]);
  };

  /** RMSNorm step by step, the reciprocal root first. */
  rmsNorm: Norm = (x) => {
    const square = this.op('Mul', [x, x]);
    const mean = this.op('ReduceMean', [square], { axes: { ints: [-1] }, keepdims: { int: 1 } });
    const root = this.op('Reciprocal', [this.op('Sqrt', [this.op('Add', [mean, this.scalar(1e-5)])])]);
    return this.op('Mul', [this.floats([SIZES.width], 1), this.op('Mul', [x, root])]);
  };

  /** Self-attention, or attention to `other`; with `heads: false` one head without an axis of its own. */
  attention(
    x: string,
    options: {
      readonly other?: string;
      /** Keys and values of earlier positions, [batch, head, past, head_width]. */
      readonly past?: { readonly k: string; readonly v: string };
      readonly heads?: 'axis' | 'none' | 'folded';
      readonly bias?: boolean;
      /** Scores to the weights of the values, in place of the softmax. */
      readonly weigh?: (scores: string) => string;
      /** Scores as an Einsum whose first operand is the keys. */
      readonly keysFirst?: boolean;
    } = {},
  ): string {
    const { other = x, heads = 'axis' } = options;
    const size = SIZES.width / SIZES.heads;
    const split = (value: string): string => {
      if (heads === 'none') return value;
      const parts = this.op('Reshape', [value, this.ints(0, 0, SIZES.heads, size)]);
      const turned = this.op('Transpose', [parts], { perm: { ints: [0, 2, 1, 3] } });
      if (heads === 'axis') return turned;
      const length = this.op('Slice', [this.op('Shape', [turned]), this.ints(2), this.ints(3)]);
      return this.op('Reshape', [
        turned,
        this.op('Concat', [this.ints(-1), length, this.ints(size)], { axis: { int: 0 } }),
      ]);
    };
    const [q, newK, newV] = [x, other, other].map((from) => split(this.linear(from)));
    this.projections.push({ q: q!, k: newK!, v: newV! });
    const withPast = (past: string | undefined, fresh: string): string =>
      past === undefined ? fresh : this.op('Concat', [past, fresh], { axis: { int: 2 } });
    const [k, v] = [withPast(options.past?.k, newK!), withPast(options.past?.v, newV!)];
    const last = heads === 'axis' ? [0, 1, 3, 2] : [0, 2, 1];
    const product = options.keysFirst
      ? this.op('Einsum', [k, q!], { equation: { string: 'bhkd,bhqd->bhqk' } })
      : this.op('MatMul', [q!, this.op('Transpose', [k], { perm: { ints: last } })]);
    const scores = this.op('Mul', [product, this.scalar(0.5)]);
    const pattern = options.weigh?.(scores) ?? this.op('Softmax', [scores], { axis: { int: -1 } });
    let z = this.op('MatMul', [pattern, v]);
    if (heads === 'folded') {
      const shape = this.op(
        'Concat',
        [
          this.ints(-1, SIZES.heads),
          this.op('Slice', [this.op('Shape', [x]), this.ints(1), this.ints(2)]),
          this.ints(size),
        ],
        { axis: { int: 0 } },
      );
      z = this.op('Reshape', [z, shape]);
    }
    if (heads !== 'none') {
      z = this.op('Reshape', [
        this.op('Transpose', [z], { perm: { ints: [0, 2, 1, 3] } }),
        this.ints(0, 0, SIZES.width),
      ]);
    }
    return this.linear(z, SIZES.width, SIZES.width, { bias: options.bias ?? true });
  }

  mlp(x: string, options: { readonly gated?: boolean; readonly bias?: boolean } = {}): string {
    const pre = this.linear(x, SIZES.width, SIZES.hidden);
    let post = this.op('Mul', [pre, this.op('Sigmoid', [pre])]);
    if (options.gated === true) post = this.op('Mul', [this.linear(x, SIZES.width, SIZES.hidden), post]);
    return this.linear(post, SIZES.hidden, SIZES.width, { bias: options.bias ?? true });
  }

  /** The finished model: ids [batch, position] to `output`. */
  model(
    output: string,
    options: {
      readonly opset?: number;
      readonly more?: ModelSpec['inputs'];
      readonly shape?: readonly (number | string)[];
    } = {},
  ): Uint8Array {
    return buildModel({
      inputs: [
        { name: 'ids', type: 'int64', shape: options.shape ?? ['batch', 'position'] },
        ...(options.more ?? []),
      ],
      outputs: [{ name: output }],
      nodes: this.nodes,
      initializers: this.initializers,
      opset: options.opset ?? 17,
      domains: { 'com.microsoft': 1 },
    });
  }

  logits(x: string): string {
    return this.linear(x, SIZES.width, SIZES.vocabulary);
  }
}
