/** @file onnx test: fused operators written as their steps compute the same, and stay as they are where their steps are not known. */
import { describe, expect, it } from 'vitest';
import { buildModel, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';
import type { ModelIndex } from '../../src/onnx/contract.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { prepareModel } from '../../src/onnx/prepare-model.ts';
import { unfuse } from '../../src/onnx/unfuse.ts';
import { weightRoles } from '../../src/onnx/weight-roles.ts';
import { largestDifference } from './hooks-fixtures.ts';
import { GraphWriter, SIZES } from './hooks-graphs.ts';
import { float32, floats, run, type Values } from './ort-run.ts';
import { apart, CONTRIB, FEEDS, numbers, tensor, X } from './rewritten.ts';

/** Another output of the node that made `first`, as a GraphWriter names them. */
const outputOf = (first: string, place: number): string => `t${Number(first.slice(1)) + place}`;

describe('a fused residual sum', () => {
  const skip = (
    outputs: readonly string[],
    inputs: readonly string[],
    opType = 'SkipLayerNormalization',
  ): ModelSpec => ({
    inputs: [X, { ...X, name: 'y' }],
    initializers: [
      tensor('gain', [8], 3),
      tensor('shift', [8], 4),
      tensor('bias', [8], 5),
      tensor('w', [8, 8], 6),
    ],
    nodes: [
      { opType: 'MatMul', inputs: ['y', 'w'], outputs: ['branch'] },
      { opType, domain: 'com.microsoft', inputs, outputs, attributes: { epsilon: { float: 1e-3 } } },
    ],
    outputs: outputs.filter((name) => name !== '').map((name) => ({ name })),
    domains: CONTRIB,
  });

  it.each([
    ['without bias', ['normed', '', '', 'sum'], ['x', 'branch', 'gain', 'shift'], 'SkipLayerNormalization'],
    [
      'with bias',
      ['normed', '', '', 'sum'],
      ['x', 'branch', 'gain', 'shift', 'bias'],
      'SkipLayerNormalization',
    ],
    [
      'of a branch that comes first',
      ['normed'],
      ['branch', 'x', 'gain', 'shift', 'bias'],
      'SkipLayerNormalization',
    ],
    ['whose sum is not handed out', ['normed'], ['x', 'branch', 'gain'], 'SkipLayerNormalization'],
    [
      "of two streams, whose bias is no branch's",
      ['normed', '', '', 'sum'],
      ['x', 'y', 'gain', 'shift', 'bias'],
      'SkipLayerNormalization',
    ],
    [
      'simplified',
      ['normed', '', '', 'sum'],
      ['x', 'branch', 'gain', 'bias'],
      'SkipSimplifiedLayerNormalization',
    ],
  ] as const)('%s becomes sums and a norm', async (_, outputs, inputs, opType) => {
    const bytes = buildModel(skip(outputs, inputs, opType));
    const unfused = unfuse(indexModel(bytes))!;
    expect(unfused.counts).toEqual({ [opType]: 1 });
    const index = indexModel(unfused.bytes);
    expect(index.nodes.some(({ domain }) => domain === 'com.microsoft')).toBe(false);
    // A twin has its biases shuffled, wherever they are added.
    const given: readonly string[] = inputs;
    expect(weightRoles(index).get('bias')).toBe(given.includes('bias') ? 'bias' : 'other');
    expect(await apart(bytes, unfused.bytes, FEEDS)).toBeLessThan(2e-6);
  });

  it('adds the bias to a branch that is a product of quantised activations, as to any other', async () => {
    const fused = skip(['normed', '', '', 'sum'], ['x', 'branch', 'gain', 'shift', 'bias']);
    const quantised: NodeSpec[] = [
      { opType: 'DynamicQuantizeLinear', inputs: ['y'], outputs: ['y_rounded', 'y_scale', 'y_zero'] },
      { opType: 'MatMulInteger', inputs: ['y_rounded', 'w_rounded', 'y_zero', 'w_zero'], outputs: ['whole'] },
      { opType: 'Cast', inputs: ['whole'], outputs: ['wide'], attributes: { to: { int: 1 } } },
      { opType: 'Mul', inputs: ['y_scale', 'w_scale'], outputs: ['scales'] },
      { opType: 'Mul', inputs: ['wide', 'scales'], outputs: ['branch'] },
    ];
    const bytes = buildModel({
      ...fused,
      initializers: [
        ...fused.initializers!,
        {
          name: 'w_rounded',
          dims: [8, 8],
          type: 'int8',
          data: Int8Array.from(numbers(64), (one) => 100 * one),
        },
        { name: 'w_zero', dims: [], type: 'int8', data: Int8Array.of(0) },
        { name: 'w_scale', dims: [], type: 'float32', data: Float32Array.of(0.01) },
      ],
      nodes: [...quantised, fused.nodes[1]!],
    });
    const unfused = unfuse(indexModel(bytes))!;
    const added = indexModel(unfused.bytes).nodes.find(({ inputs }) => inputs.includes('branch'));
    expect([added?.opType, added?.inputs]).toEqual(['Add', ['branch', 'bias']]);
    expect(await apart(bytes, unfused.bytes, FEEDS)).toBeLessThan(2e-6);
  });

  it('with a bias of which nobody can say whose it is claims no branch without it', () => {
    const w = new GraphWriter();
    let stream = w.embed();
    for (let i = 0; i < 2; i++) {
      const inputs = [
        w.op('Relu', [w.linear(w.norm(stream))]),
        stream,
        w.floats([SIZES.width]),
        w.floats([SIZES.width]),
      ];
      const normed = w.op(
        'com.microsoft:SkipLayerNormalization',
        [...inputs, w.floats([SIZES.width])],
        {},
        4,
      );
      stream = outputOf(normed, 3);
    }
    const { hooks } = prepareModel(indexModel(w.model(w.logits(w.norm(stream)))));
    const found = new Map(hooks.hooks.map((hook) => [hook.name, hook]));
    expect(found.get('blocks.0.mlp_out')).toMatchObject({ state: 'unavailable' });
    expect(found.get('blocks.0.resid_post')).toMatchObject({ state: 'available' });
    expect(found.has('blocks.0.resid_post_sum')).toBe(false);
  });

  it('that is edited reaches the norm behind it, which the fused operator would keep from it', async () => {
    const bytes = buildModel(skip(['normed', '', '', 'sum'], ['x', 'branch', 'gain', 'shift']));
    const change = async (index: ModelIndex): Promise<number> => {
      const made = instrument(index, { outputs: [], edits: [{ value: 'sum', kind: 'add', id: 'e' }] });
      const [edit] = made.edits;
      const feeds = (on: number): Values => ({
        ...FEEDS,
        [edit!.mask]: { type: 'bool', dims: [2, 3, 1], data: new Uint8Array(6).fill(on) },
        [edit!.value!]: float32([2, 3, 8], numbers(48, 7)),
      });
      const [off, on] = [await run(made.bytes, feeds(0)), await run(made.bytes, feeds(1))];
      return largestDifference(floats(off.normed), floats(on.normed));
    };
    expect(await change(indexModel(bytes))).toBe(0);
    expect(await change(prepareModel(indexModel(bytes)).index)).toBeGreaterThan(0.1);
  });

  it('whose deviation is used elsewhere stays as it is', () => {
    const spec = skip(['normed', 'mean', '', 'sum'], ['x', 'branch', 'gain', 'shift']);
    expect(unfuse(indexModel(buildModel(spec)))).toBeUndefined();
  });
});

describe('a fused nonlinearity with a bias', () => {
  it.each(['BiasGelu', 'FastGelu'])('%s becomes a sum and the nonlinearity', async (opType) => {
    const bytes = buildModel({
      inputs: [X],
      initializers: [tensor('bias', [8], 5)],
      nodes: [{ opType, domain: 'com.microsoft', inputs: ['x', 'bias'], outputs: ['out'] }],
      outputs: [{ name: 'out' }],
      domains: CONTRIB,
    });
    const unfused = unfuse(indexModel(bytes))!;
    expect(await apart(bytes, unfused.bytes, { x: FEEDS.x })).toBeLessThan(2e-6);
  });
});

describe('a fused embedding', () => {
  const embedding = (given: { readonly places?: boolean; readonly types?: boolean }): ModelSpec => ({
    inputs: [
      { name: 'ids', type: 'int32', shape: ['batch', 'length'] },
      ...(given.types ? [{ name: 'types', type: 'int32', shape: ['batch', 'length'] } as const] : []),
      ...(given.places ? [{ name: 'places', type: 'int32', shape: ['batch', 'length'] } as const] : []),
      { name: 'mask', type: 'int32', shape: ['batch', 'length'] },
    ],
    initializers: [
      tensor('words', [11, 8], 3),
      tensor('positions', [6, 8], 4),
      tensor('kinds', [2, 8], 5),
      tensor('gain', [8], 6),
      tensor('shift', [8], 7),
    ],
    nodes: [
      {
        opType: 'EmbedLayerNormalization',
        domain: 'com.microsoft',
        inputs: [
          ...['ids', given.types ? 'types' : '', 'words', 'positions', given.types ? 'kinds' : '', 'gain'],
          ...['shift', 'mask', ...(given.places ? ['places'] : [])],
        ],
        outputs: ['normed', 'count', 'sum'],
        attributes: { epsilon: { float: 1e-3 } },
      },
      { opType: 'Cast', inputs: ['count'], outputs: ['real'], attributes: { to: { int: 1 } } },
    ],
    outputs: [{ name: 'normed' }, { name: 'sum' }],
    domains: CONTRIB,
  });
  const int32 = (...data: number[]): Values[string] => ({
    type: 'int32',
    dims: [2, 3],
    data: Int32Array.from(data),
  });
  const feeds: Values = {
    ids: int32(1, 10, 3, 4, 0, 6),
    mask: int32(1, 1, 0, 1, 1, 1),
    types: int32(0, 1, 1, 0, 0, 1),
    places: int32(0, 1, 2, 5, 4, 3),
  };
  const feedsOf = ({ inputs }: ModelSpec): Values =>
    Object.fromEntries(inputs.map(({ name }) => [name, feeds[name]!]));

  it.each([
    ['counted positions', {}],
    ['positions that are fed', { places: true }],
    ['token types', { types: true, places: true }],
  ])('of %s becomes tables, sums and the norm of the last sum', async (_, given) => {
    const spec = { ...embedding(given), nodes: embedding(given).nodes.slice(0, 1) };
    const bytes = buildModel(spec);
    const unfused = unfuse(indexModel(bytes))!;
    expect(unfused.counts).toEqual({ EmbedLayerNormalization: 1 });
    const { nodes } = indexModel(unfused.bytes);
    expect(nodes.some(({ domain }) => domain === 'com.microsoft')).toBe(false);
    expect(nodes.find(({ outputs }) => outputs.includes('normed'))?.inputs[0]).toBe('sum');
    expect(await apart(bytes, unfused.bytes, feedsOf(spec))).toBeLessThan(1e-5);
  });

  it('whose count of real tokens is read keeps the operator for it alone', async () => {
    const spec = { ...embedding({}), outputs: ['normed', 'sum', 'real'].map((name) => ({ name })) };
    const bytes = buildModel(spec);
    const unfused = unfuse(indexModel(bytes))!;
    expect(await apart(bytes, unfused.bytes, feedsOf(spec))).toBeLessThan(1e-5);
    expect(floats((await run(unfused.bytes, feedsOf(spec))).real)).toEqual(Float32Array.of(2, 3));
  });

  it('whose sum is not read stays as it is', () => {
    expect(
      unfuse(indexModel(buildModel({ ...embedding({}), outputs: [{ name: 'normed' }] }))),
    ).toBeUndefined();
  });

  it('before a block whose attention reads the norm is where the stream starts', () => {
    const w = new GraphWriter();
    const table = (rows: number): string => w.floats([rows, SIZES.width]);
    const ids = w.op('Cast', ['ids'], { to: { int: 6 } });
    const inputs = [
      ids,
      '',
      table(SIZES.vocabulary),
      table(6),
      '',
      w.floats([SIZES.width]),
      w.floats([SIZES.width]),
    ];
    const normed = w.op('com.microsoft:EmbedLayerNormalization', inputs, {}, 3);
    const middle = w.op('Add', [outputOf(normed, 2), w.attention(normed)]);
    const stream = w.op('Add', [middle, w.mlp(w.norm(middle))]);
    const { hooks } = prepareModel(indexModel(w.model(w.logits(w.norm(stream)))));
    const found = new Map(hooks.hooks.map((hook) => [hook.name, hook]));
    expect(hooks.blocks).toHaveLength(1);
    expect(found.get('embed')).toMatchObject({ state: 'available', value: outputOf(normed, 2) });
    expect(found.get('blocks.0.resid_mid')).toMatchObject({ state: 'available', value: middle });
  });
});

describe('a fused embedding in 8 bits', () => {
  it('has the sizes of its tables, so that the axes of what follows are known', () => {
    const w = new GraphWriter();
    const table = (...dims: number[]): string => {
      const name = `table_${w.initializers.length}`;
      const data = new Uint8Array(dims.reduce((product, size) => product * size, 1));
      w.initializers.push({ name, dims, type: 'uint8', data });
      return name;
    };
    const tables = [SIZES.vocabulary, 6].map((rows) => table(rows, SIZES.width));
    const inputs = [w.op('Cast', ['ids'], { to: { int: 6 } }), '', ...tables, ''];
    const x = w.op('com.microsoft:QEmbedLayerNormalization', [
      ...inputs,
      table(SIZES.width),
      table(SIZES.width),
    ]);
    const middle = w.norm(w.op('Add', [x, w.attention(x)]));
    const stream = w.norm(w.op('Add', [middle, w.mlp(middle)]));
    const { hooks } = prepareModel(indexModel(w.model(w.logits(stream))));
    expect(hooks.width).toBe(SIZES.width);
    expect(hooks.hooks.find(({ name }) => name === 'embed')).toMatchObject({
      state: 'available',
      value: x,
      width: SIZES.width,
    });
  });
});
