/** @file onnx test: hooks found in real exports hold what PyTorch itself recorded, under the right names. */
import { describe, expect, it } from 'vitest';
import { residualIdentities } from '../../src/onnx/hooks-names.ts';
import {
  captureAll,
  FIXTURES,
  fixtureBytes,
  fixtureRows,
  fixtureText,
  largestDifference,
  WITH_RESIDUAL,
} from './hooks-fixtures.ts';

/** The acceptance bound of the project for captured activations, float32. */
const CLOSE = 1e-5;

const BLOCK = [
  ...['resid_pre', 'q', 'k', 'v', 'attn_scores', 'pattern', 'z', 'attn_out', 'resid_mid'],
  ...['mlp_pre', 'mlp_post', 'mlp_out', 'resid_post'],
];

/** Blocks and kinds as the scripts that built the models say; what each graph cannot offer, and nothing else. */
const EXPECTED: Readonly<
  Record<string, { blocks: number; kind: string; norm: string; missing: readonly string[] }>
> = {
  bert: { blocks: 2, kind: 'sequential', norm: 'post', missing: ['final_norm', 'logits'] },
  'bert-classifier': { blocks: 2, kind: 'sequential', norm: 'post', missing: ['final_norm'] },
  'decoder-by-hand': { blocks: 3, kind: 'sequential', norm: 'pre', missing: [] },
  'encoder-post-norm': { blocks: 2, kind: 'sequential', norm: 'post', missing: ['final_norm'] },
  'encoder-pre-norm': { blocks: 2, kind: 'sequential', norm: 'pre', missing: [] },
  'gpt-neox': {
    blocks: 2,
    kind: 'parallel',
    norm: 'pre',
    missing: ['blocks.0.resid_mid', 'blocks.1.resid_mid'],
  },
  'gpt2-current-exporter': { blocks: 3, kind: 'sequential', norm: 'pre', missing: [] },
  'gpt2-older-exporter': { blocks: 3, kind: 'sequential', norm: 'pre', missing: [] },
  llama: { blocks: 2, kind: 'sequential', norm: 'pre', missing: [] },
};

describe.each(WITH_RESIDUAL)('the hooks of %s', (name) => {
  const rows = fixtureRows(name);
  const captured = captureAll(fixtureBytes(name), rows);
  const expected = EXPECTED[name]!;

  it('are all that its architecture has, and each missing one has a reason', async () => {
    const { map } = await captured;
    const blocks = Array.from({ length: expected.blocks }, (_, i) => i);
    expect(map.noResidual).toBeUndefined();
    expect(map.width).toBe(32);
    expect(map.blocks).toEqual(blocks.map((index) => ({ index, kind: expected.kind, norm: expected.norm })));
    const sums = expected.norm === 'post' ? ['resid_mid_sum', 'resid_post_sum'] : [];
    const names = blocks.flatMap((i) => [...BLOCK, ...sums].map((part) => `blocks.${i}.${part}`));
    expect(map.hooks.map((hook) => hook.name).sort()).toEqual(
      ['embed', ...names, 'final_norm', 'logits'].sort(),
    );
    const missing = map.hooks.filter((hook) => hook.state === 'unavailable');
    expect(missing.map((hook) => hook.name)).toEqual(expected.missing);
    for (const hook of missing) expect(hook.reason).toMatch(/^[a-z].{20,}/);
  });

  it('hold what PyTorch recorded, for rows of three lengths, within 1e-5', async () => {
    const { hooks, rows: values } = await captured;
    const unchecked = new Set(hooks.map((hook) => hook.name));
    rows.forEach(({ truth }, r) => {
      for (const [hook, value] of truth) {
        expect(values[r]!.has(hook), `${hook} is available`).toBe(true);
        const difference = largestDifference(values[r]!.get(hook)!, value.data as Float32Array);
        expect(difference, `${hook}, row ${r}`).toBeLessThan(CLOSE);
        unchecked.delete(hook);
      }
    });
    // Scores before the softmax are no module's value in PyTorch; the next test ties them to the pattern.
    expect([...unchecked].filter((hook) => !hook.endsWith('.attn_scores'))).toEqual([]);
  });

  it('have attention patterns that are the softmax of the scores, with rows that sum to one', async () => {
    const { hooks, rows: values } = await captured;
    const patterns = hooks.filter((hook) => hook.name.endsWith('.pattern'));
    expect(patterns.length).toBe(expected.blocks);
    rows.forEach((row, r) => {
      const keys = Object.values(row.feeds)[0]!.dims[1]!;
      for (const { name: hook } of patterns) {
        const pattern = values[r]!.get(hook)!;
        const scores = values[r]!.get(hook.replace('pattern', 'attn_scores'))!;
        expect(pattern.length).toBe(4 * keys * keys);
        for (let start = 0; start < pattern.length; start += keys) {
          const weights = pattern.subarray(start, start + keys);
          expect(Math.abs(weights.reduce((sum, x) => sum + x, 0) - 1)).toBeLessThan(CLOSE);
          const exponentials = softmax(scores.subarray(start, start + keys));
          expect(largestDifference(weights, exponentials)).toBeLessThan(CLOSE);
        }
      }
    });
  });

  it('satisfy the residual identities within 1e-5', async () => {
    const { map, rows: values } = await captured;
    const identities = residualIdentities(map);
    expect(identities.length).toBe(expected.blocks * (expected.kind === 'parallel' ? 1 : 2));
    for (const { sum, terms } of identities) {
      for (const row of values) {
        const total = new Float64Array(row.get(sum)!.length);
        for (const term of terms) for (let i = 0; i < total.length; i++) total[i]! += row.get(term)![i]!;
        expect(largestDifference(row.get(sum)!, total), `${sum} = ${terms.join(' + ')}`).toBeLessThan(CLOSE);
      }
    }
  });

  it('pass the stream on: what a block leaves is what the next one takes', async () => {
    const { hooks } = await captured;
    const graphValue = new Map(hooks.map((hook) => [hook.name, hook.value]));
    expect(graphValue.get('embed')).toBe(graphValue.get('blocks.0.resid_pre'));
    for (let i = 1; i < expected.blocks; i++) {
      expect(graphValue.get(`blocks.${i}.resid_pre`)).toBe(graphValue.get(`blocks.${i - 1}.resid_post`));
    }
  });
});

function softmax(scores: Float32Array): Float64Array {
  const largest = scores.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(scores, (x) => Math.exp(x - largest));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total);
}

describe('models without a residual stream', () => {
  it.each(FIXTURES.filter((name) => !WITH_RESIDUAL.includes(name)))(
    '%s has no hooks and a sentence that says why',
    async (name) => {
      const rows = fixtureRows(name);
      const { map } = await captureAll(fixtureBytes(name), rows);
      expect(map).toEqual({
        blocks: [],
        hooks: [],
        width: undefined,
        noResidual: 'No residual stream: no sum in this graph adds a value to a function of itself.',
      });
    },
  );
});

describe('the recorded files', () => {
  it('carry no path of the machine that made them', () => {
    for (const name of FIXTURES.flatMap((fixture) => [`${fixture}.onnx`, `${fixture}.safetensors`])) {
      const text = fixtureText(name);
      for (const trace of ['site-packages', '/opt/', '/home/', '/tmp/', '/root', '.py']) {
        expect(text.includes(trace), `${name} holds ${trace}`).toBe(false);
      }
    }
  });
});
