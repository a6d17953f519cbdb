/** @file bench: a GPT-2-sized decoder with random weights, built in memory; its numbers mean nothing, its sizes do. */
import { buildModel, type NodeSpec, type TensorSpec } from '../../src/onnx/build.ts';

export type DecoderSize = {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** Positions of the table: every row is so long, or with `anyLength` at most so long. */
  readonly length: number;
  readonly vocabulary: number;
  readonly anyLength?: boolean;
};

export type WideDecoder = {
  readonly bytes: Uint8Array;
  /** Float weights by name, as another program needs them to build the same model. */
  readonly weights: readonly {
    readonly name: string;
    readonly dims: readonly number[];
    readonly data: Float32Array;
  }[];
};

/** input_ids [batch, length] -> logits [batch, length, vocabulary]; pre-norm blocks, causal, MLP of four times the width. */
export function wideDecoder(size: DecoderSize): Uint8Array {
  return wideDecoderWithWeights(size).bytes;
}

export function wideDecoderWithWeights(size: DecoderSize): WideDecoder {
  const { layers, width, heads, length, vocabulary, anyLength = false } = size;
  const head = width / heads;
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  const weight = (name: string, dims: readonly number[], scale = 0.02): string => {
    const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
    // A linear congruential generator (Numerical Recipes): 85 million draws must not dominate the bench.
    let state = (initializers.length + 1) * 747_796_405;
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      data[i] = (state / 2 ** 31) * scale;
    }
    initializers.push({ name, dims, type: 'float32', data });
    return name;
  };
  const constant = (name: string, data: readonly number[]): string => {
    initializers.push({ name, dims: [data.length], type: 'int64', data: BigInt64Array.from(data, BigInt) });
    return name;
  };
  const scalar = (name: string, value: number): string => {
    initializers.push({ name, dims: [], type: 'float32', data: Float32Array.of(value) });
    return name;
  };
  let made = 0;
  const node = (
    opType: string,
    inputs: readonly string[],
    attributes: NodeSpec['attributes'] = {},
  ): string => {
    const output = `v${made++}`;
    nodes.push({ opType, inputs, outputs: [output], attributes });
    return output;
  };
  const linear = (x: string, name: string, from: number, to: number): string =>
    node('Add', [node('MatMul', [x, weight(`${name}.weight`, [from, to])]), weight(`${name}.bias`, [to])]);
  const norm = (x: string, name: string): string =>
    node('LayerNormalization', [x, weight(`${name}.gain`, [width], 1), weight(`${name}.bias`, [width])], {
      axis: { int: -1 },
    });
  const split = constant('split', [0, 0, heads, head]);
  const join = constant('join', [0, 0, width]);
  const scale = scalar('scale', head ** -0.5);
  const rootHalf = scalar('root-half', Math.SQRT1_2);
  const half = scalar('half', 0.5);
  const one = scalar('one', 1);
  const causal = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? -1e9 : 0,
  );
  initializers.push({ name: 'causal', dims: [length, length], type: 'float32', data: causal });
  const perHead = (x: string, perm: readonly number[]): string =>
    node('Transpose', [node('Reshape', [x, split])], { perm: { ints: perm } });

  const tables = { positions: weight('positions', [length, width]), causal: 'causal' };
  if (anyLength) {
    const [first, second, both] = [constant('first', [0]), constant('second', [1]), constant('both', [0, 1])];
    const fed = node('Slice', [node('Shape', ['input_ids']), second, constant('stop', [2])]);
    tables.positions = node('Slice', [tables.positions, first, fed, first]);
    tables.causal = node('Slice', [
      'causal',
      constant('starts', [0, 0]),
      node('Concat', [fed, fed], { axis: { int: 0 } }),
      both,
    ]);
  }
  let stream = node('Add', [
    node('Gather', [weight('embedding', [vocabulary, width]), 'input_ids']),
    tables.positions,
  ]);
  for (let i = 0; i < layers; i++) {
    const x = norm(stream, `${i}.norm-1`);
    const q = perHead(linear(x, `${i}.q`, width, width), [0, 2, 1, 3]);
    const k = perHead(linear(x, `${i}.k`, width, width), [0, 2, 3, 1]);
    const v = perHead(linear(x, `${i}.v`, width, width), [0, 2, 1, 3]);
    const scores = node('Add', [node('Mul', [node('MatMul', [q, k]), scale]), tables.causal]);
    const z = node('MatMul', [node('Softmax', [scores], { axis: { int: -1 } }), v]);
    const merged = node('Reshape', [node('Transpose', [z], { perm: { ints: [0, 2, 1, 3] } }), join]);
    stream = node('Add', [stream, linear(merged, `${i}.out`, width, width)]);
    const up = linear(norm(stream, `${i}.norm-2`), `${i}.up`, width, 4 * width);
    const gelu = node('Mul', [
      node('Mul', [up, half]),
      node('Add', [node('Erf', [node('Mul', [up, rootHalf])]), one]),
    ]);
    stream = node('Add', [stream, linear(gelu, `${i}.down`, 4 * width, width)]);
  }
  const last = norm(stream, 'final-norm');
  nodes.push({
    opType: 'MatMul',
    inputs: [last, weight('unembedding', [width, vocabulary])],
    outputs: ['logits'],
  });
  const positions = anyLength ? 'length' : length;
  const bytes = buildModel({
    inputs: [{ name: 'input_ids', type: 'int64', shape: ['batch', positions] }],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', positions, vocabulary] }],
    nodes,
    initializers,
  });
  const weights = initializers.flatMap(({ name, dims, data }) =>
    data instanceof Float32Array ? [{ name, dims, data }] : [],
  );
  return { bytes, weights };
}
