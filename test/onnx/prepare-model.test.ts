/** @file onnx test: decided branches and flat values written in another way compute the same, and stay where they cannot. */
import { describe, expect, it } from 'vitest';
import { buildModel, type GraphSpec, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { inlineBranches } from '../../src/onnx/inline-branch.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { prepareModel } from '../../src/onnx/prepare-model.ts';
import { GraphWriter, SIZES } from './hooks-graphs.ts';
import { floats, run, type Values } from './ort-run.ts';
import { apart, FEEDS, tensor, X } from './rewritten.ts';
import { ids } from './small-models.ts';

describe('an If whose condition is known', () => {
  const branch = (opType: string, name: string): GraphSpec => ({
    inputs: [],
    nodes: [
      { opType, inputs: ['x', 'w'], outputs: ['deep'], name: `${name}_first` },
      { opType: 'Identity', inputs: ['deep'], outputs: ['inner'] },
      { opType: 'Add', inputs: ['inner', 'own'], outputs: [`${name}_out`], name: `${name}_second` },
    ],
    // One name in both branches, and one that the outer graph uses too once the first is moved.
    initializers: [tensor('own', [8], name.length)],
    outputs: [
      { name: `${name}_out`, type: 'float32' },
      { name: 'inner', type: 'float32' },
    ],
  });
  const spec = (flag: 'input' | 'stored'): ModelSpec => ({
    inputs: [X, ...(flag === 'input' ? [{ name: 'flag', type: 'bool', shape: [1] } as const] : [])],
    initializers: [
      tensor('w', [8], 3),
      ...(flag === 'stored'
        ? [{ name: 'flag', dims: [1], type: 'bool', data: Uint8Array.of(1) } as const]
        : []),
    ],
    nodes: [
      {
        opType: 'If',
        inputs: ['flag'],
        outputs: ['first', 'same'],
        attributes: {
          then_branch: { graph: branch('Mul', 'then') },
          else_branch: { graph: branch('Sub', 'else') },
        },
      },
      // A value of the outer graph with the name of one inside: both must live beside each other afterwards.
      { opType: 'Identity', inputs: ['first'], outputs: ['else_out_2'] },
      {
        opType: 'If',
        inputs: ['flag'],
        outputs: ['second', 'again'],
        attributes: {
          then_branch: { graph: branch('Sub', 'then') },
          else_branch: { graph: branch('Mul', 'else') },
        },
      },
      { opType: 'Add', inputs: ['else_out_2', 'second'], outputs: ['sum'] },
    ],
    outputs: [{ name: 'sum' }, { name: 'same' }, { name: 'again' }],
  });

  it.each([true, false])('gives its branch for %s, under names that do not collide', async (holds) => {
    const bytes = buildModel(spec('input'));
    const inlined = inlineBranches(indexModel(bytes), { flag: holds })!;
    expect(inlined.taken).toEqual(Array(2).fill({ condition: 'flag', branch: holds ? 'then' : 'else' }));
    const index = indexModel(inlined.bytes);
    expect(index.nodes.some(({ opType }) => opType === 'If')).toBe(false);
    const feeds = {
      x: FEEDS.x,
      flag: { type: 'bool', dims: [1], data: Uint8Array.of(holds ? 1 : 0) },
    } as const;
    expect(await apart(bytes, inlined.bytes, feeds)).toBe(0);
    // What lay inside can be brought out now.
    const made = instrument(index, { outputs: [{ value: 'deep', pick: 'all' }] });
    expect(Object.keys(await run(made.bytes, feeds))).toHaveLength(4);
  });

  it('stored in the file needs no word from outside, and an unknown one stays', () => {
    expect(inlineBranches(indexModel(buildModel(spec('stored'))), {})?.taken).toHaveLength(2);
    expect(inlineBranches(indexModel(buildModel(spec('input'))), {})).toBeUndefined();
  });

  it('is read in its place where a model is opened only for the switch of merged decoders', () => {
    expect(prepareModel(indexModel(buildModel(spec('input')))).changes).toEqual([]);
    const merged = spec('input');
    const renamed = JSON.parse(
      JSON.stringify(merged.nodes).replaceAll('"flag"', '"use_cache_branch"'),
      (_, value) =>
        typeof value === 'object' && value !== null && '0' in value && !Array.isArray(value)
          ? Float32Array.from(Object.values(value) as number[])
          : value,
    ) as NodeSpec[];
    const inputs = merged.inputs.map((input) =>
      input.name === 'flag' ? { ...input, name: 'use_cache_branch' } : input,
    );
    const { changes } = prepareModel(indexModel(buildModel({ ...merged, inputs, nodes: renamed })));
    expect(changes).toEqual(
      Array(2).fill('the else branch of the If on "use_cache_branch" is read in its place'),
    );
  });

  it('gives each of two branches the stored tensor that it hands out, though both call theirs the same', async () => {
    const constant = (seed: number): GraphSpec => ({
      inputs: [],
      nodes: [],
      initializers: [tensor('c', [8], seed)],
      outputs: [{ name: 'c', type: 'float32', shape: [8] }],
    });
    const conditional = (output: string, seed: number): NodeSpec => ({
      opType: 'If',
      inputs: ['flag'],
      outputs: [output],
      attributes: { then_branch: { graph: constant(seed) }, else_branch: { graph: constant(seed + 1) } },
    });
    const bytes = buildModel({
      inputs: [X],
      initializers: [{ name: 'flag', dims: [1], type: 'bool', data: Uint8Array.of(1) }],
      nodes: [
        conditional('first', 3),
        conditional('second', 5),
        { opType: 'Sub', inputs: ['first', 'second'], outputs: ['apart'] },
        { opType: 'Add', inputs: ['x', 'apart'], outputs: ['sum'] },
      ],
      outputs: [{ name: 'sum' }],
    });
    const { bytes: inlined } = inlineBranches(indexModel(bytes), {})!;
    expect(await apart(bytes, inlined, { x: FEEDS.x })).toBe(0);
    // The two are different numbers, or the comparison says nothing.
    const [sum, x] = [floats((await run(inlined, { x: FEEDS.x })).sum), floats(FEEDS.x)];
    expect(sum.some((value, i) => Math.abs(value - x[i]!) > 0.1)).toBe(true);
  });

  it('inside the branch of another one is read in its place as well', async () => {
    const outer = spec('stored');
    const inside = (graph: GraphSpec, output: string): GraphSpec => ({
      inputs: [],
      nodes: [
        {
          opType: 'If',
          inputs: ['flag'],
          outputs: [output],
          attributes: { then_branch: { graph }, else_branch: { graph } },
        },
      ],
      outputs: [{ name: output, type: 'float32' }],
    });
    const { outputs } = branch('Mul', 'then');
    const one = { ...branch('Mul', 'then'), outputs: outputs.slice(0, 1) };
    const nested: NodeSpec = {
      opType: 'If',
      inputs: ['flag'],
      outputs: ['first'],
      attributes: {
        then_branch: { graph: inside(one, 'within') },
        else_branch: { graph: inside(one, 'without') },
      },
    };
    const bytes = buildModel({ ...outer, nodes: [nested], outputs: [{ name: 'first' }] });
    const { index, changes } = prepareModel(indexModel(bytes));
    expect(index.nodes.map(({ opType }) => opType)).toEqual(['Mul', 'Identity', 'Add']);
    expect(changes).toHaveLength(2);
    expect(await apart(bytes, index.bytes, { x: FEEDS.x })).toBe(0);
  });
});

describe('values with batch and positions on one axis', () => {
  it('take the sizes of their own stream, where an encoder and its decoder have different ones', async () => {
    const w = new GraphWriter();
    let encoder = w.embed();
    encoder = w.op('Add', [encoder, w.attention(w.norm(encoder))]);
    const flat = w.op('Reshape', [w.norm(encoder), w.ints(-1, SIZES.width)]);
    const hidden = w.op('Relu', [w.linear(flat, SIZES.width, SIZES.hidden)]);
    const back = w.op('Reshape', [w.linear(hidden, SIZES.hidden, SIZES.width), w.op('Shape', [encoder])]);
    const states = w.norm(w.op('Add', [encoder, back]));
    let decoder = w.op('Gather', [w.floats([SIZES.vocabulary, SIZES.width], 1), 'decoder_input_ids']);
    decoder = w.op('Add', [decoder, w.attention(w.norm(decoder))]);
    decoder = w.op('Add', [decoder, w.attention(w.norm(decoder), { other: states })]);
    decoder = w.op('Add', [decoder, w.mlp(w.norm(decoder))]);
    const more = [{ name: 'decoder_input_ids', type: 'int64', shape: ['batch', 'target'] } as const];
    const bytes = w.model(w.logits(w.norm(decoder)), { more });
    const { index, hooks, changes } = prepareModel(indexModel(bytes));
    expect(changes.join()).toContain('whose batch and positions are one axis');
    expect(hooks.hooks.find(({ name }) => name === 'encoder.blocks.0.mlp_pre')).toMatchObject({
      state: 'available',
      axes: ['batch', 'position', 'width'],
    });
    const feeds: Values = {
      ids: ids([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]),
      decoder_input_ids: ids([1, 2, 3], [4, 5, 6]),
    };
    expect(await apart(bytes, index.bytes, feeds)).toBe(0);
  });
});
