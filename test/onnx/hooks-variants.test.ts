/** @file onnx test: hooks in the many ways one architecture can be written; each is run, and its identities are measured. */
import { describe, expect, it } from 'vitest';
import type { HookMap } from '../../src/onnx/hooks-find.ts';
import { findHookPoints } from '../../src/onnx/hooks-find.ts';
import { residualIdentities } from '../../src/onnx/hooks-names.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { captureAll, largestDifference, type Row } from './hooks-fixtures.ts';
import { GraphWriter, SIZES } from './hooks-graphs.ts';
import { ids } from './small-models.ts';

const ROWS: readonly Row[] = [
  { feeds: { ids: ids([3, 1, 4, 1], [5, 9, 2, 6]) }, truth: new Map() },
  { feeds: { ids: ids([2, 7, 1, 8, 2, 8, 10]) }, truth: new Map() },
];

/** Captures everything and checks what must hold of any map: identities within 1e-5, patterns that sum to one. */
async function sound(bytes: Uint8Array, rows: readonly Row[] = ROWS): Promise<HookMap> {
  const { map, rows: captured } = await captureAll(bytes, rows);
  for (const [r, row] of rows.entries()) {
    const values = captured[r]!;
    for (const { sum, terms } of residualIdentities(map)) {
      const total = new Float64Array(values.get(sum)!.length);
      for (const term of terms) for (let i = 0; i < total.length; i++) total[i]! += values.get(term)![i]!;
      expect(largestDifference(values.get(sum)!, total), `${sum} = ${terms.join(' + ')}`).toBeLessThan(1e-5);
    }
    for (const [name, value] of values) {
      if (!name.endsWith('.pattern')) continue;
      const keys = row.feeds.ids!.dims[1]!;
      for (let start = 0; start < value.length; start += keys) {
        const weights = value.subarray(start, start + keys);
        expect(Math.abs(weights.reduce((sum, x) => sum + x, 0) - 1)).toBeLessThan(1e-5);
      }
    }
  }
  return map;
}

function reasons(map: HookMap): Record<string, string> {
  return Object.fromEntries(
    map.hooks.flatMap((hook) => (hook.state === 'unavailable' ? [[hook.name, hook.reason]] : [])),
  );
}

function axes(map: HookMap, name: string): readonly string[] | undefined {
  const hook = map.hooks.find((candidate) => candidate.name === name);
  return hook?.state === 'available' ? hook.axes : undefined;
}

function valueOfHook(map: HookMap, name: string): string | undefined {
  const hook = map.hooks.find((candidate) => candidate.name === name);
  return hook?.state === 'available' ? hook.value : undefined;
}

describe('norms', () => {
  it.each(['norm', 'spelledOutNorm', 'rmsNorm'] as const)(
    'are recognised before a branch when written as %s',
    async (kind) => {
      const g = new GraphWriter();
      let x = g.embed();
      for (let i = 0; i < 2; i++) {
        x = g.op('Add', [x, g.attention(g[kind](x))]);
        x = g.op('Add', [x, g.mlp(g[kind](x), { gated: true })]);
      }
      const normed = g[kind](x);
      const map = await sound(g.model(g.logits(normed)));
      expect(map.blocks.map(({ norm }) => norm)).toEqual(['pre', 'pre']);
      expect(reasons(map)).toEqual({});
      expect(valueOfHook(map, 'final_norm')).toBe(normed);
    },
  );

  it.each(['norm', 'spelledOutNorm', 'rmsNorm'] as const)(
    'are crossed after a sum when written as %s',
    async (kind) => {
      const g = new GraphWriter();
      let x = g[kind](g.embed());
      for (let i = 0; i < 2; i++) {
        x = g[kind](g.op('Add', [x, g.attention(x)]));
        x = g[kind](g.op('Add', [g.mlp(x), x]));
      }
      const map = await sound(g.model(g.logits(x)));
      expect(map.blocks.map(({ norm }) => norm)).toEqual(['post', 'post']);
      expect(Object.keys(reasons(map))).toEqual(['final_norm']);
      expect(valueOfHook(map, 'blocks.1.resid_post')).toBe(x);
      expect(residualIdentities(map)).toHaveLength(4);
    },
  );

  it('on both sides of a branch belong to what the branch adds', async () => {
    const g = new GraphWriter();
    const x = g.embed();
    const added = g.norm(g.attention(g.norm(x)));
    const mid = g.op('Add', [x, added]);
    const map = await sound(g.model(g.logits(g.norm(g.op('Add', [mid, g.norm(g.mlp(g.norm(mid)))])))));
    expect(valueOfHook(map, 'blocks.0.attn_out')).toBe(added);
    expect(map.blocks).toEqual([{ index: 0, kind: 'sequential', norm: 'pre' }]);
  });
});

describe('sums', () => {
  it('with scaled branches add the scaled value', async () => {
    const g = new GraphWriter();
    const x = g.embed();
    const added = g.op('Mul', [g.attention(g.norm(x)), g.floats([SIZES.width])]);
    const mid = g.op('Add', [x, added]);
    const map = await sound(
      g.model(g.logits(g.op('Add', [mid, g.op('Mul', [g.mlp(g.norm(mid)), g.scalar(0.5)])]))),
    );
    expect(valueOfHook(map, 'blocks.0.attn_out')).toBe(added);
    expect(reasons(map)).toEqual({ final_norm: 'no norm follows the last block' });
  });

  it.each([
    [
      '(x + attention) + mlp',
      (g: GraphWriter, x: string, a: string, m: string) => g.op('Add', [g.op('Add', [x, a]), m]),
    ],
    [
      '(attention + mlp) + x',
      (g: GraphWriter, x: string, a: string, m: string) => g.op('Add', [g.op('Add', [a, m]), x]),
    ],
    [
      'x + (mlp + attention)',
      (g: GraphWriter, x: string, a: string, m: string) => g.op('Add', [x, g.op('Add', [m, a])]),
    ],
    ['Sum(mlp, x, attention)', (g: GraphWriter, x: string, a: string, m: string) => g.op('Sum', [m, x, a])],
  ] as const)('of a parallel block are found in the order %s', async (_, add) => {
    const g = new GraphWriter();
    let x = g.embed();
    let attention = '';
    for (let i = 0; i < 2; i++) {
      attention = g.attention(g.norm(x));
      x = add(g, x, attention, g.mlp(g.norm(x)));
    }
    const map = await sound(g.model(g.logits(g.norm(x))));
    expect(map.blocks.map(({ kind }) => kind)).toEqual(['parallel', 'parallel']);
    expect(valueOfHook(map, 'blocks.1.attn_out')).toBe(attention);
    expect(valueOfHook(map, 'blocks.1.resid_post')).toBe(x);
    expect(residualIdentities(map)).toHaveLength(2);
  });

  it('that a bias follows keep the identity, with the sum before the bias under its own name', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    for (let i = 0; i < 2; i++) {
      x = g.op('Add', [g.op('Add', [x, g.attention(g.norm(x), { bias: false })]), g.floats([SIZES.width])]);
      x = g.op('Add', [g.op('Add', [x, g.mlp(g.norm(x), { bias: false })]), g.floats([SIZES.width])]);
    }
    const map = await sound(g.model(g.logits(g.norm(x))));
    expect(map.blocks.map(({ norm }) => norm)).toEqual(['pre', 'pre']);
    expect(valueOfHook(map, 'blocks.0.resid_mid_sum')).toBeDefined();
    expect(residualIdentities(map).length).toBeGreaterThanOrEqual(3);
  });

  it('of attention alone, and of MLPs alone, make blocks that say what they lack', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    for (let i = 0; i < 2; i++) x = g.op('Add', [x, g.attention(g.norm(x))]);
    const attentionOnly = await sound(g.model(g.logits(g.norm(x))));
    expect(attentionOnly.blocks).toHaveLength(2);
    expect(reasons(attentionOnly)['blocks.1.mlp_out']).toBe('this block has no MLP');
    expect(valueOfHook(attentionOnly, 'blocks.1.attn_out')).toBeDefined();

    const h = new GraphWriter();
    let y = h.embed();
    for (let i = 0; i < 3; i++) y = h.op('Add', [h.mlp(h.norm(y)), y]);
    const mlpOnly = await sound(h.model(h.logits(h.norm(y))));
    expect(mlpOnly.blocks).toHaveLength(3);
    expect(reasons(mlpOnly)['blocks.2.pattern']).toBe('this block has no attention');
    expect(valueOfHook(mlpOnly, 'blocks.2.mlp_pre')).toBeDefined();
  });

  it('inside a branch do not join the stream', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    for (let i = 0; i < 2; i++) {
      x = g.op('Add', [x, g.attention(g.norm(x))]);
      const hidden = g.linear(g.norm(x), SIZES.width, SIZES.width);
      const inner = g.op('Add', [hidden, g.linear(g.op('Relu', [g.linear(hidden)]))]);
      x = g.op('Add', [x, g.linear(g.op('Relu', [inner]))]);
    }
    const map = await sound(g.model(g.logits(g.norm(x))));
    expect(map.blocks).toHaveLength(2);
    expect(valueOfHook(map, 'blocks.1.resid_post')).toBe(x);
  });
});

describe('attention', () => {
  const model = (heads: 'axis' | 'none' | 'folded'): Uint8Array => {
    const g = new GraphWriter();
    let x = g.embed();
    x = g.op('Add', [x, g.attention(g.norm(x), { heads })]);
    x = g.op('Add', [x, g.mlp(g.norm(x))]);
    return g.model(g.logits(g.norm(x)));
  };

  it('with a single head has no head axis', async () => {
    const map = await sound(model('none'));
    expect(axes(map, 'blocks.0.pattern')).toEqual(['batch', 'query', 'key']);
    expect(axes(map, 'blocks.0.q')).toEqual(['batch', 'position', 'width']);
    expect(axes(map, 'blocks.0.z')).toEqual(['batch', 'position', 'width']);
  });

  it('with heads folded into the batch offers what comes before and after the folding', async () => {
    const map = await sound(model('folded'));
    expect(reasons(map)).toEqual({
      'blocks.0.attn_scores': 'the graph folds heads into the batch axis here',
      'blocks.0.pattern': 'the graph folds heads into the batch axis here',
    });
    expect(axes(map, 'blocks.0.q')).toEqual(['batch', 'position', 'head', 'head_width']);
    expect(axes(map, 'blocks.0.z')).toEqual(['batch', 'position', 'head', 'head_width']);
  });

  it('in one operator offers q, k, v and z, and says why there is no pattern', () => {
    const g = new GraphWriter();
    let x = g.embed();
    const h = g.norm(x);
    const size = SIZES.width / SIZES.heads;
    const [q, k, v] = [0, 1, 2].map(() =>
      g.op('Transpose', [g.op('Reshape', [g.linear(h), g.ints(0, 0, SIZES.heads, size)])], {
        perm: { ints: [0, 2, 1, 3] },
      }),
    );
    const z = g.op('Transpose', [g.op('Attention', [q!, k!, v!], { is_causal: { int: 1 } })], {
      perm: { ints: [0, 2, 1, 3] },
    });
    x = g.op('Add', [x, g.linear(g.op('Reshape', [z, g.ints(0, 0, SIZES.width)]))]);
    x = g.op('Add', [x, g.mlp(g.norm(x))]);
    const map = findHookPoints(indexModel(g.model(g.logits(g.norm(x)), { opset: 23 })));
    const reason = 'attention is one operator here (Attention), which does not hand it out';
    expect(reasons(map)).toEqual({ 'blocks.0.attn_scores': reason, 'blocks.0.pattern': reason });
    expect(valueOfHook(map, 'blocks.0.z')).toBe(z);
    expect(axes(map, 'blocks.0.k')).toEqual(['batch', 'position', 'head', 'head_width']);
  });

  it('with a cache of earlier positions offers the keys and values of the new ones', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    x = g.op('Add', [x, g.attention(g.norm(x), { past: { k: 'past.k', v: 'past.v' } })]);
    x = g.op('Add', [x, g.mlp(g.norm(x))]);
    const size = SIZES.width / SIZES.heads;
    const more = ['past.k', 'past.v'].map((name) => ({
      name,
      type: 'float32' as const,
      shape: ['batch', SIZES.heads, 'past', size],
    }));
    const data = new Float32Array(SIZES.heads * 2 * size).fill(0.2);
    const past = { type: 'float32', dims: [1, SIZES.heads, 2, size], data } as const;
    const feeds = { ids: ids([3, 1, 4]), 'past.k': past, 'past.v': past };
    const { map, rows } = await captureAll(g.model(g.logits(g.norm(x)), { more }), [
      { feeds, truth: new Map() },
    ]);
    expect(reasons(map)).toEqual({});
    expect(axes(map, 'blocks.0.k')).toEqual(['batch', 'position', 'head', 'head_width']);
    expect(rows[0]!.get('blocks.0.k')).toHaveLength(3 * SIZES.width);
    expect(rows[0]!.get('blocks.0.pattern')).toHaveLength(SIZES.heads * 3 * 5);
  });

  it('to another sequence stays in the block of the attention before it', async () => {
    const g = new GraphWriter();
    const memory = g.linear('memory');
    let x = g.embed();
    for (let i = 0; i < 2; i++) {
      x = g.op('Add', [x, g.attention(g.norm(x))]);
      x = g.op('Add', [x, g.attention(g.norm(x), { other: memory })]);
      x = g.op('Add', [x, g.mlp(g.norm(x))]);
    }
    const more = [{ name: 'memory', type: 'float32', shape: ['batch', 'source', SIZES.width] }] as const;
    const feeds = {
      ids: ids([3, 1, 4, 1]),
      memory: {
        type: 'float32',
        dims: [1, 5, SIZES.width],
        data: new Float32Array(5 * SIZES.width).fill(0.3),
      },
    } as const;
    const map = await sound(g.model(g.logits(g.norm(x)), { more }), [{ feeds, truth: new Map() }]);
    expect(map.blocks).toHaveLength(2);
    expect(valueOfHook(map, 'blocks.1.cross_attn_out')).toBeDefined();
    expect(residualIdentities(map).map(({ terms }) => terms.length)).toEqual([2, 4, 2, 4]);
  });
});

describe('layouts and ends', () => {
  it('a stream kept as [position, batch, width] is labelled so', async () => {
    const g = new GraphWriter();
    let x = g.op('Transpose', [g.embed()], { perm: { ints: [1, 0, 2] } });
    const turn = (value: string): string => g.op('Transpose', [value], { perm: { ints: [1, 0, 2] } });
    x = g.op('Add', [x, turn(g.attention(turn(g.norm(x))))]);
    x = g.op('Add', [x, g.mlp(g.norm(x))]);
    const map = await sound(g.model(turn(g.logits(g.norm(x)))));
    expect(axes(map, 'blocks.0.resid_post')).toEqual(['position', 'batch', 'width']);
    expect(axes(map, 'logits')).toEqual(['batch', 'position', 'vocabulary']);
  });

  it('with sizes fixed at export are told apart, or given in the layout that leaves no doubt', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    x = g.op('Add', [x, g.attention(g.norm(x))]);
    x = g.op('Add', [x, g.mlp(g.norm(x))]);
    // Length 4 is also the width of a head, so [1, 4, 3, 4] could be read two ways.
    const map = await sound(g.model(g.logits(g.norm(x)), { shape: [1, 4] }), [
      { feeds: { ids: ids([3, 1, 4, 1]) }, truth: new Map() },
    ]);
    expect(axes(map, 'blocks.0.q')).toEqual(['batch', 'position', 'width']);
    expect(axes(map, 'blocks.0.pattern')).toEqual(['batch', 'head', 'query', 'key']);
    expect(axes(map, 'blocks.0.resid_post')).toEqual(['batch', 'position', 'width']);
  });

  it('logits are what a probability output is the softmax of', async () => {
    const g = new GraphWriter();
    const x = g.embed();
    const logits = g.logits(g.norm(g.op('Add', [x, g.mlp(g.norm(x))])));
    const map = await sound(g.model(g.op('Softmax', [logits], { axis: { int: -1 } })));
    expect(valueOfHook(map, 'logits')).toBe(logits);
  });

  it('logits of one position per row, soft-capped, are the capped values', async () => {
    const g = new GraphWriter();
    const x = g.embed();
    const last = g.op('Gather', [g.norm(g.op('Add', [x, g.mlp(g.norm(x))])), g.ints(-1)], {
      axis: { int: 1 },
    });
    const logits = g.logits(g.op('Squeeze', [last, g.ints(1)]));
    const capped = g.op('Mul', [g.op('Tanh', [g.op('Div', [logits, g.scalar(30)])]), g.scalar(30)]);
    const map = await sound(g.model(capped));
    expect(valueOfHook(map, 'logits')).toBe(capped);
    expect(axes(map, 'logits')).toEqual(['batch', 'vocabulary']);
  });

  it('sums of feature maps are no residual stream, and the sentence says so', () => {
    const g = new GraphWriter();
    const convolved = g.op('Conv', ['image', g.floats([3, 3, 1, 1])]);
    const out = g.op('Add', ['image', g.op('Relu', [convolved])]);
    const image = { name: 'image', type: 'float32', shape: ['n', 3, 8, 8] } as const;
    const map = findHookPoints(indexModel(g.model(out, { more: [image] })));
    expect(map.hooks).toEqual([]);
    expect(map.noResidual).toContain('4 axes, as feature maps do');
  });
});
