/** @file onnx test: what is not plainly attention or an MLP, or not plainly one stream, gets no name that says it is; each graph is run. */
import { describe, expect, it } from 'vitest';
import type { HookMap } from '../../src/onnx/hooks-find.ts';
import { residualIdentities } from '../../src/onnx/hooks-names.ts';
import { captureAll, largestDifference, type Row } from './hooks-fixtures.ts';
import { GraphWriter, SIZES } from './hooks-graphs.ts';
import { ids } from './small-models.ts';

const ROWS: readonly Row[] = [{ feeds: { ids: ids([3, 1, 4, 1], [5, 9, 2, 6]) }, truth: new Map() }];
const UNKNOWN = expect.stringContaining('multiplies two of its own values with each other');

/** The hooks of a graph that runs; their identities hold within 1e-5. */
async function mapOf(g: GraphWriter, output: string): Promise<HookMap> {
  const { map, rows } = await captureAll(g.model(output), ROWS);
  for (const { sum, terms } of residualIdentities(map)) {
    const values = rows[0]!;
    const total = new Float64Array(values.get(sum)!.length);
    for (const term of terms) for (let i = 0; i < total.length; i++) total[i]! += values.get(term)![i]!;
    expect(largestDifference(values.get(sum)!, total), `${sum} = ${terms.join(' + ')}`).toBeLessThan(1e-5);
  }
  return map;
}

function hook(map: HookMap, name: string): string | { readonly reason: string } | undefined {
  const found = map.hooks.find((one) => one.name === name);
  return found?.state === 'available' ? found.value : found && { reason: found.reason };
}

/** The value that a transposition makes of a hook's: a projection as the products take it. */
function producerOfHook(g: GraphWriter, map: HookMap, name: string): string | undefined {
  return g.nodes.find(({ opType, inputs }) => opType === 'Transpose' && inputs[0] === hook(map, name))
    ?.outputs[0];
}

/** Two pre-norm blocks; `skip` is what the sums take of the stream. */
function blocks(
  g: GraphWriter,
  options: {
    readonly skip?: (x: string) => string;
    readonly attention?: (x: string) => string;
    readonly between?: (x: string) => string;
  },
): { readonly output: string; readonly streams: string[]; readonly added: string[] } {
  const { skip = (x) => x, attention = (x) => g.attention(x), between = (x) => x } = options;
  let x = g.embed();
  const streams = [x];
  const added: string[] = [];
  for (let i = 0; i < 2; i++) {
    added.push(attention(g.norm(x)));
    x = g.op('Add', [skip(x), added.at(-1)!]);
    streams.push(x);
    added.push(g.mlp(g.norm(x)));
    x = g.op('Add', [skip(x), added.at(-1)!]);
    streams.push(x);
    if (i === 0) x = between(x);
  }
  return { output: g.logits(g.norm(x)), streams, added };
}

describe('a term that the sums take in a form of its own', () => {
  it('by a cast is followed to what the branches read as well, which is what an edit must reach', async () => {
    const g = new GraphWriter();
    const cast = (x: string): string => g.op('Cast', [x], { to: { int: 1 } });
    const { output, streams, added } = blocks(g, { skip: cast });
    const map = await mapOf(g, output);
    expect(map.blocks).toEqual([0, 1].map((index) => ({ index, kind: 'sequential', norm: 'pre' })));
    const names = ['0.resid_pre', '0.resid_mid', '1.resid_pre', '1.resid_mid', '1.resid_post'];
    expect(names.map((name) => hook(map, `blocks.${name}`))).toEqual(streams);
    expect(hook(map, 'blocks.0.resid_post')).toBe(streams[2]);
    const parts = ['0.attn_out', '0.mlp_out', '1.attn_out', '1.mlp_out'];
    expect(parts.map((name) => hook(map, `blocks.${name}`))).toEqual(added);
    expect(residualIdentities(map)).toHaveLength(4);
  });

  it('by a cast that norms read as well begins with a norm all the same', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    for (let i = 0; i < 2; i++) {
      for (const part of [(y: string) => g.attention(y), (y: string) => g.mlp(y)]) {
        const cast = g.op('Cast', [x], { to: { int: 1 } });
        x = g.op('Add', [cast, part(g.rmsNorm(cast))]);
      }
    }
    const map = await mapOf(g, g.logits(g.norm(x)));
    expect(map.blocks.map(({ norm }) => norm)).toEqual(['pre', 'pre']);
  });

  it('by a scale has the same names, and no sum is claimed', async () => {
    const g = new GraphWriter();
    const alpha = g.scalar(1.7);
    const { output, streams, added } = blocks(g, { skip: (x) => g.op('Mul', [x, alpha]) });
    const map = await mapOf(g, output);
    expect(map.blocks.map(({ scaledSkip }) => scaledSkip)).toEqual([true, true]);
    expect(hook(map, 'blocks.1.resid_pre')).toBe(streams[2]);
    expect(hook(map, 'blocks.0.resid_post')).toBe(streams[2]);
    expect(hook(map, 'blocks.1.attn_out')).toBe(added[2]);
    expect(hook(map, 'blocks.1.mlp_out')).toBe(added[3]);
    expect(residualIdentities(map)).toEqual([]);
  });
});

describe('a branch', () => {
  it('of attention with a sink is attention, whose pattern is no value of the graph', async () => {
    const g = new GraphWriter();
    // A column of its own in front of the softmax, taken away behind it.
    const sink = (scores: string): string => {
      const column = g.op('ReduceMax', [scores], { axes: { ints: [-1] }, keepdims: { int: 1 } });
      const all = g.op('Softmax', [g.op('Concat', [scores, column], { axis: { int: -1 } })], {
        axis: { int: -1 },
      });
      return g.op('Slice', [all, g.ints(0), g.ints(-1), g.ints(-1)]);
    };
    const { output, added } = blocks(g, { attention: (x) => g.attention(x, { weigh: sink }) });
    const map = await mapOf(g, output);
    expect(map.blocks).toHaveLength(2);
    expect(['0.attn_out', '0.mlp_out', '1.attn_out'].map((name) => hook(map, `blocks.${name}`))).toEqual(
      added.slice(0, 3),
    );
    expect(producerOfHook(g, map, 'blocks.0.q')).toBe(g.projections[0]!.q);
    expect(hook(map, 'blocks.0.pattern')).toEqual({ reason: expect.stringContaining('is cut before') });
  });

  it('that weighs by something else than a softmax is not called an MLP', async () => {
    const g = new GraphWriter();
    const { output, added } = blocks(g, {
      attention: (x) => g.attention(x, { weigh: (scores) => g.op('Relu', [scores]) }),
    });
    const map = await mapOf(g, output);
    expect(map.blocks).toHaveLength(2);
    for (const part of ['attn_out', 'q', 'pattern', 'z'])
      expect(hook(map, `blocks.1.${part}`)).toEqual({ reason: UNKNOWN });
    expect([hook(map, 'blocks.0.mlp_out'), hook(map, 'blocks.1.mlp_out')]).toEqual([added[1], added[3]]);
    // The sum over both parts lacks one of them.
    expect(residualIdentities(map)).toEqual([]);
  });

  it('that mixes experts by a softmax has no attention', async () => {
    const g = new GraphWriter();
    const experts = (x: string): string => {
      const weights = g.op('Softmax', [g.linear(x, SIZES.width, 3)], { axis: { int: -1 } });
      const each = g.op('Einsum', [x, g.floats([3, SIZES.width, SIZES.width])], {
        equation: { string: 'bsd,edf->bsef' },
      });
      return g.op('Einsum', [weights, each], { equation: { string: 'bse,bsef->bsf' } });
    };
    let x = g.embed();
    for (let i = 0; i < 2; i++) {
      x = g.op('Add', [x, g.attention(g.norm(x))]);
      x = g.op('Add', [x, experts(g.norm(x))]);
    }
    const map = await mapOf(g, g.logits(g.norm(x)));
    expect(map.blocks).toHaveLength(2);
    expect(typeof hook(map, 'blocks.1.pattern')).toBe('string');
    expect(typeof hook(map, 'blocks.1.attn_out')).toBe('string');
    expect(hook(map, 'blocks.1.mlp_out')).toEqual({ reason: UNKNOWN });
    const only = new GraphWriter();
    let y = only.embed();
    for (let i = 0; i < 2; i++) {
      const normed = only.norm(y);
      const weights = only.op('Softmax', [only.linear(normed, SIZES.width, 3)], { axis: { int: -1 } });
      const each = only.op('Einsum', [normed, only.floats([3, SIZES.width, SIZES.width])], {
        equation: { string: 'bsd,edf->bsef' },
      });
      y = only.op('Add', [y, only.op('Einsum', [weights, each], { equation: { string: 'bse,bsef->bsf' } })]);
    }
    const bare = await mapOf(only, only.logits(only.norm(y)));
    expect(bare.blocks).toHaveLength(2);
    expect(hook(bare, 'blocks.0.pattern')).toEqual({ reason: UNKNOWN });
  });

  it('whose score product has the keys first keeps queries and keys apart', async () => {
    const g = new GraphWriter();
    const { output } = blocks(g, { attention: (x) => g.attention(x, { keysFirst: true }) });
    const map = await mapOf(g, output);
    const { q, k, v } = g.projections[1]!;
    expect(['q', 'k', 'v'].map((part) => producerOfHook(g, map, `blocks.1.${part}`))).toEqual([q, k, v]);
  });
});

describe('a stream', () => {
  it('that is clamped between blocks goes on, with the sum under its own name', async () => {
    const g = new GraphWriter();
    let clamped = '';
    const { output, streams } = blocks(g, {
      between: (x) => {
        clamped = g.op('Clip', [x, g.scalar(-60_000), g.scalar(60_000)]);
        return clamped;
      },
    });
    const map = await mapOf(g, output);
    expect(map.blocks).toHaveLength(2);
    expect(hook(map, 'blocks.0.resid_post_sum')).toBe(streams[2]);
    expect(hook(map, 'blocks.0.resid_post')).toBe(clamped);
    expect(hook(map, 'blocks.1.resid_pre')).toBe(clamped);
  });

  it('that a step of no known kind cuts in two is not numbered from its middle', async () => {
    const g = new GraphWriter();
    const { output, streams } = blocks(g, { between: (x) => g.op('Tanh', [x]) });
    const map = await mapOf(g, output);
    expect(map.hooks).toEqual([]);
    expect(map.noResidual).toContain('cannot be followed as a whole');
    expect(map.noResidual).toContain(JSON.stringify(streams[2]));
  });

  it('beside another one is named, and the other is mentioned', async () => {
    const g = new GraphWriter();
    const outputs = [1, 2].map((count) => {
      let x = g.embed();
      for (let i = 0; i < count; i++) {
        x = g.op('Add', [x, g.attention(g.norm(x))]);
        x = g.op('Add', [x, g.mlp(g.norm(x))]);
      }
      return g.norm(x);
    });
    const map = await mapOf(g, g.logits(g.op('Add', [outputs[0]!, outputs[1]!])));
    expect(map.blocks).toHaveLength(2);
    expect(map.unnamed).toContain('Another residual stream');
    const alone = new GraphWriter();
    expect((await mapOf(alone, blocks(alone, {}).output)).unnamed).toBeUndefined();
  });

  it('of single sums without norms ends in a sum, which a final norm follows', async () => {
    const g = new GraphWriter();
    let x = g.embed();
    for (let i = 0; i < 3; i++) x = g.op('Add', [x, g.attention(x)]);
    const normed = g.norm(x);
    const map = await mapOf(g, g.logits(normed));
    expect(map.blocks.map(({ norm }) => norm)).toEqual(['none', 'none', 'none']);
    expect(hook(map, 'blocks.2.resid_post')).toBe(x);
    expect(hook(map, 'final_norm')).toBe(normed);
  });
});
