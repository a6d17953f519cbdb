/** @file test: tokens are kept as transformers keeps them, and drawn as often as they are likely. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseToken, keptTokens, type Sampling } from '../../src/behavior/sampling.ts';
import { seededRandom } from '../../src/core/random.ts';

type Case = {
  readonly logits: readonly number[];
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly kept: readonly number[];
};

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/behavior/sampling.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

const samplingOf = ({ temperature, topK, topP }: Case): Sampling & { readonly kind: 'sampled' } => ({
  kind: 'sampled',
  temperature,
  ...(topK === null ? {} : { topK }),
  ...(topP === null ? {} : { topP }),
});

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'nothing thrown';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('a sampled token', () => {
  it.each(cases)(
    'has the probabilities of transformers at temperature $temperature, top-k $topK, top-p $topP',
    (one) => {
      const { tokens, weights } = keptTokens(Float32Array.from(one.logits), samplingOf(one));
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      const kept = new Array<number>(one.logits.length).fill(0);
      for (const [i, token] of tokens.entries()) kept[token] = weights[i]! / all;
      for (const [token, probability] of one.kept.entries()) expect(kept[token]).toBeCloseTo(probability, 6);
    },
  );

  it('is drawn as often as it is likely (chi-squared, 1 in 1000 at the most would exceed this)', () => {
    const one = cases.find(({ topK }) => topK === 5)!;
    const draws = 20_000;
    const random = seededRandom('draws');
    const counts = new Array<number>(one.logits.length).fill(0);
    for (let i = 0; i < draws; i++)
      counts[chooseToken(Float32Array.from(one.logits), samplingOf(one), random).token]!++;
    let chiSquared = 0;
    let classes = 0;
    for (const [token, probability] of one.kept.entries()) {
      if (probability === 0) expect(counts[token]).toBe(0);
      else {
        classes++;
        chiSquared += (counts[token]! - draws * probability) ** 2 / (draws * probability);
      }
    }
    expect(classes).toBeGreaterThan(1);
    // Quantiles .999 of chi-squared with 1 to 7 degrees of freedom (NIST/SEMATECH e-Handbook, table 1.3.6.7.4).
    expect(chiSquared).toBeLessThan([10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322][classes - 2]!);
  });

  it('is one that top-k 1, a tiny top-p and greed agree on; its log probability is that of the logits as they are', () => {
    // Equal ones are not told apart by top-k.
    const logits = fc.uniqueArray(fc.float({ min: -8, max: 8, noNaN: true }), {
      minLength: 1,
      maxLength: 30,
      comparator: 'SameValueZero',
    });
    fc.assert(
      fc.property(logits, fc.integer(), (values, seed) => {
        const vector = Float32Array.from(values);
        const best = vector.indexOf(Math.max(...vector));
        const sum = vector.reduce((total, logit) => total + Math.exp(logit), 0);
        for (const sampling of [
          { kind: 'greedy' },
          { kind: 'sampled', temperature: 1, topK: 1 },
          { kind: 'sampled', temperature: 1, topP: 1e-9 },
        ] as const satisfies readonly Sampling[]) {
          const { token, logProbability } = chooseToken(vector, sampling, seededRandom(seed));
          expect(token).toBe(best);
          expect(logProbability).toBeCloseTo(vector[best]! - Math.log(sum), 9);
        }
      }),
    );
  });

  it('may be any of those that tie for the last place among the k, as in transformers', () => {
    const kept = (logits: readonly number[], topK: number): number[] =>
      Array.from(keptTokens(Float32Array.from(logits), { kind: 'sampled', temperature: 1, topK }).tokens);
    expect(kept([1, 1, 0], 1)).toEqual([0, 1]);
    expect(kept([0, 3, 1, 2, 1, 1], 3)).toEqual([1, 3, 2, 4, 5]);
    expect(kept([0, 3, 1, 2, 1, 1], 2)).toEqual([1, 3]);
    expect(kept([5, Number.NEGATIVE_INFINITY, 5], 9)).toEqual([0, 2]);
  });

  it('is never one that is ruled out, and there must be one that is not', () => {
    const out = Number.NEGATIVE_INFINITY;
    const random = seededRandom(1);
    for (let i = 0; i < 50; i++) {
      const sampling = { kind: 'sampled', temperature: 5, topK: 3 } as const;
      expect(chooseToken(Float32Array.of(out, 0, out, -3), sampling, random).token % 2).toBe(1);
    }
    for (const bad of [[out, out], [0, Number.NaN], [Number.NaN, 0], [Number.POSITIVE_INFINITY, 0], []])
      expect(codeOf(() => chooseToken(Float32Array.from(bad), { kind: 'greedy' }, random))).toBe(
        'NON_FINITE',
      );
  });
});
