/** @file onnx test: decided branches and fused operators written in another way compute the same, and stay where they cannot. */
import { describe, expect, it } from 'vitest';
import { buildModel, type GraphSpec, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';
import type { ModelIndex } from '../../src/onnx/contract.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { inlineBranches } from '../../src/onnx/inline-branch.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { prepareModel } from '../../src/onnx/prepare-model.ts';
import { unfuse } from '../../src/onnx/unfuse.ts';
import { largestDifference } from './hooks-fixtures.ts';
import { float32, floats, run, type Values } from './ort-run.ts';

const CONTRIB = { 'com.microsoft': 1 };
const numbers = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 0.8);
const tensor = (
  name: string,
  dims: readonly number[],
  seed: number,
): NonNullable<ModelSpec['initializers']>[number] => ({
  name,
  dims,
  type: 'float32',
  data: numbers(
    dims.reduce((product, size) => product * size, 1),
    seed,
  ),
});

/** Runs both and gives the largest difference of every output. */
async function apart(before: Uint8Array, after: Uint8Array, feeds: Values): Promise<number> {
  const [a, b] = [await run(before, feeds), await run(after, feeds)];
  expect(Object.keys(b)).toEqual(Object.keys(a));
  return Math.max(...Object.keys(a).map((name) => largestDifference(floats(a[name]), floats(b[name]))));
}

const X = { name: 'x', type: 'float32', shape: ['batch', 'length', 8] } as const;
const FEEDS = { x: float32([2, 3, 8], numbers(48)), y: float32([2, 3, 8], numbers(48, 2)) };

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
});

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
    expect(indexModel(unfused.bytes).nodes.some(({ domain }) => domain === 'com.microsoft')).toBe(false);
    expect(await apart(bytes, unfused.bytes, FEEDS)).toBeLessThan(2e-6);
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

describe('fused attention', () => {
  const attention = (mask: 'none' | 'marks' | 'lengths', more: NodeSpec['attributes'] = {}): ModelSpec => ({
    inputs: [
      X,
      ...(mask === 'none'
        ? []
        : [
            {
              name: 'mask',
              type: 'int32',
              shape: mask === 'marks' ? ['batch', 'length'] : ['batch'],
            } as const,
          ]),
    ],
    initializers: [tensor('w', [8, 24], 3), tensor('b', [24], 4)],
    nodes: [
      {
        opType: 'Attention',
        domain: 'com.microsoft',
        inputs: ['x', 'w', 'b', ...(mask === 'none' ? [] : ['mask'])],
        outputs: ['out'],
        attributes: { num_heads: { int: 2 }, ...more },
      },
    ],
    outputs: [{ name: 'out' }],
    domains: CONTRIB,
  });
  const masks = {
    none: {},
    marks: { mask: { type: 'int32', dims: [2, 3], data: Int32Array.of(1, 1, 0, 1, 1, 1) } },
    lengths: { mask: { type: 'int32', dims: [2], data: Int32Array.of(2, 3) } },
  } as const;

  it.each(['none', 'marks', 'lengths'] as const)('with a mask of %s becomes its steps', async (mask) => {
    const bytes = buildModel(attention(mask));
    const unfused = unfuse(indexModel(bytes))!;
    expect(unfused.counts).toEqual({ Attention: 1 });
    expect(await apart(bytes, unfused.bytes, { x: FEEDS.x, ...masks[mask] })).toBeLessThan(2e-6);
  });

  it('with a scale and a filter of its own keeps them', async () => {
    const bytes = buildModel(attention('marks', { scale: { float: 0.7 }, mask_filter_value: { float: -3 } }));
    expect(await apart(bytes, unfuse(indexModel(bytes))!.bytes, { x: FEEDS.x, ...masks.marks })).toBeLessThan(
      2e-6,
    );
  });

  it('that is causal stays as it is, since its steps are not known here', () => {
    expect(unfuse(indexModel(buildModel(attention('none', { unidirectional: { int: 1 } }))))).toBeUndefined();
  });
});
