/** @file behavior: one token from one vector of logits, greedily or by chance; runs no model. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/**
 * `greedy`: the largest logit, the lowest id on a tie. `sampled`: a draw from the softmax of the logits divided by `temperature`
 * (above 0), among the `topK` largest (at least 1; all by default) and those equal to the last of them, and of these among the fewest whose
 * probabilities reach `topP` (above 0, at most 1; all by default). The order is that of transformers: temperature, top-k, top-p.
 */
export type Sampling =
  | { readonly kind: 'greedy' }
  | {
      readonly kind: 'sampled';
      readonly temperature: number;
      readonly topK?: number;
      readonly topP?: number;
    };

export type ChosenToken = {
  readonly token: number;
  /** Of the token under the model's own distribution: the softmax of the logits as they are, in nats. */
  readonly logProbability: number;
};

/** Throws `BAD_SETTING` on a temperature, `topK` or `topP` out of range. */
export function mustBeSampling(sampling: Sampling): void {
  if (sampling.kind === 'greedy') return;
  const { temperature, topK, topP } = sampling;
  const bad = (seen: string): MesascopeError =>
    new MesascopeError('BAD_SETTING', seen, { facts: { ...sampling } });
  if (!(Number.isFinite(temperature) && temperature > 0))
    throw bad(`the temperature must be above 0, got ${temperature}`);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw bad(`top-k must be a whole number of at least 1, got ${topK}`);
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw bad(`top-p must be above 0 and at most 1, got ${topP}`);
}

/**
 * Chooses from `logits` [vocabulary]; `random` is used for sampled draws alone, once each. A logit of -Infinity is never chosen. Throws
 * `NON_FINITE` on NaN or Infinity, and where every token is ruled out.
 */
export function chooseToken(logits: Float32Array, sampling: Sampling, random: Random): ChosenToken {
  let best = 0;
  // NaN compares as false with everything: the first one is found, and kept.
  for (let i = 0; i < logits.length && !Number.isNaN(logits[best]); i++)
    if (!(logits[i]! <= logits[best]!)) best = i;
  const largest = logits[best] ?? Number.NEGATIVE_INFINITY;
  if (!Number.isFinite(largest)) {
    throw new MesascopeError('NON_FINITE', `the largest logit is ${largest}, so no token can be chosen`, {
      facts: { largest: String(largest) },
    });
  }
  const token = sampling.kind === 'greedy' ? best : drawn(keptTokens(logits, sampling), random.uniform());
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return { token, logProbability: logits[token]! - largest - Math.log(sum) };
}

/** Tokens that may be drawn, likeliest first, with their probabilities before they are brought to a sum of 1. */
export type KeptTokens = { readonly tokens: Int32Array; readonly weights: Float64Array };

/** What temperature, top-k and top-p leave of [vocabulary] logits whose largest is finite; at least one token. */
export function keptTokens(
  logits: Float32Array,
  sampling: Sampling & { readonly kind: 'sampled' },
): KeptTokens {
  const { temperature, topK = logits.length, topP = 1 } = sampling;
  const order = Int32Array.from(logits.keys()).filter((i) => logits[i]! > Number.NEGATIVE_INFINITY);
  order.sort((a, b) => logits[b]! - logits[a]! || a - b);
  // What is below the k-th is left out, so that ties with it stay in: coarse logits (16 bits, int8) have many.
  const least = logits[order[Math.min(topK, order.length) - 1]!]!;
  const tokens = order.filter((i) => logits[i]! >= least);
  const largest = logits[tokens[0]!]!;
  const weights = Float64Array.from(tokens, (i) => Math.exp((logits[i]! - largest) / temperature));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let count = 0;
  for (let reached = 0; count < weights.length && (count === 0 || reached < topP * all); count++)
    reached += weights[count]!;
  return { tokens: tokens.subarray(0, count), weights: weights.subarray(0, count) };
}

/** The token whose share of [0, 1) holds `uniform`. */
function drawn({ tokens, weights }: KeptTokens, uniform: number): number {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let below = uniform * all;
  for (const [i, weight] of weights.entries()) {
    below -= weight;
    if (below < 0) return tokens[i]!;
  }
  // Sums of rounded numbers may end a hair below the total.
  return tokens.at(-1)!;
}
