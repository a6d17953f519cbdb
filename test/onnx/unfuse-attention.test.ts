/** @file onnx test: fused attention written as its steps, or with its bias before it, computes the same. */
import { describe, expect, it } from 'vitest';
import { buildModel, type ModelSpec, type NodeSpec } from '../../src/onnx/build.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { unfuse } from '../../src/onnx/unfuse.ts';
import { float32, type Values } from './ort-run.ts';
import { apart, CONTRIB, FEEDS, numbers, tensor, X } from './rewritten.ts';

describe('attention that adds the bias of its projections', () => {
  const biased = (inputs: readonly string[]): ModelSpec => ({
    inputs: [
      X,
      { ...X, name: 'y', shape: ['batch', 'other', 8] },
      { name: 'lengths', type: 'int32', shape: ['batch'] },
    ],
    // Values may be wider than queries and keys.
    initializers: [
      tensor('wq', [8, 8], 3),
      tensor('wk', [8, 8], 4),
      tensor('wv', [8, 12], 5),
      tensor('bias', [28], 6),
    ],
    nodes: [
      { opType: 'MatMul', inputs: ['x', 'wq'], outputs: ['q'] },
      { opType: 'MatMul', inputs: ['y', 'wk'], outputs: ['k'] },
      { opType: 'MatMul', inputs: ['y', 'wv'], outputs: ['v'] },
      {
        opType: 'MultiHeadAttention',
        domain: 'com.microsoft',
        inputs,
        outputs: ['out'],
        attributes: { num_heads: { int: 2 }, scale: { float: 0.7 } },
      },
    ],
    outputs: [{ name: 'out' }],
    domains: CONTRIB,
  });
  const feeds: Values = {
    x: FEEDS.x,
    y: float32([2, 5, 8], numbers(80, 9)),
    lengths: { type: 'int32', dims: [2], data: Int32Array.of(4, 5) },
  };

  it.each([
    ['alone', []],
    ['and a mask', ['lengths']],
  ])('%s takes q, k and v with their bias, as values', async (_, rest) => {
    const bytes = buildModel(biased(['q', 'k', 'v', 'bias', ...rest]));
    const unfused = unfuse(indexModel(bytes))!;
    const { nodes } = indexModel(unfused.bytes);
    const sums = nodes.filter(({ opType }) => opType === 'Add');
    expect(sums.map(({ inputs }) => inputs[0])).toEqual(['q', 'k', 'v']);
    const operator = nodes.find(({ opType }) => opType === 'MultiHeadAttention');
    expect(operator?.inputs.slice(0, 3)).toEqual(sums.flatMap(({ outputs }) => outputs));
    expect(operator?.inputs.slice(3)).toEqual(rest.length === 0 ? [] : ['', ...rest]);
    expect(await apart(bytes, unfused.bytes, feeds)).toBeLessThan(1e-5);
  });

  it('stays as it is without a bias, and where keys and values are packed', () => {
    for (const inputs of [
      ['q', 'k', 'v'],
      ['q', '', '', 'bias'],
    ])
      expect(unfuse(indexModel(buildModel(biased(inputs))))).toBeUndefined();
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

  it('takes a scale of 0 for none, and keeps what has a mark above 0', async () => {
    const bytes = buildModel(attention('marks', { scale: { float: 0 } }));
    const mask = { type: 'int32', dims: [2, 3], data: Int32Array.of(2, 1, 0, -1, 3, 1) } as const;
    expect(await apart(bytes, unfuse(indexModel(bytes))!.bytes, { x: FEEDS.x, mask })).toBeLessThan(2e-6);
  });

  it('that is causal stays as it is, since its steps are not known here', () => {
    expect(unfuse(indexModel(buildModel(attention('none', { unidirectional: { int: 1 } }))))).toBeUndefined();
  });
});
