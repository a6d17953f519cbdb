/** @file core: seeded random numbers; every draw in the project comes from here, and none from the clock. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { sha256 } from './hash.ts';

export type Random = {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal. */
  normal(): number;
  /** A new array in random order (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[];
  /** A random permutation of 0..n-1. */
  permutation(n: number): Int32Array;
  /** An independent stream that depends on this stream's seed and the label alone, not on draws made so far. */
  fork(label: string): Random;
};

/** A stream that is the same on every machine for the same seed (xoroshiro128+; seed and labels pass through SHA-256). */
export function seededRandom(seed: number | string): Random {
  const key = String(seed);
  const digest = sha256('mesascope-random/1:', key);
  const generator = xoroshiro128plus(Number.parseInt(digest.slice(0, 8), 16) | 0);
  let spare: number | undefined;
  const integer = (bound: number): number => uniformInt(generator, 0, bound - 1);
  const permutation = (n: number): Int32Array => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = integer(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  };
  return {
    uniform: () => uniformFloat64(generator),
    integer,
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      // Box-Muller; 1 - u keeps the logarithm finite.
      const radius = Math.sqrt(-2 * Math.log(1 - uniformFloat64(generator)));
      const angle = 2 * Math.PI * uniformFloat64(generator);
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    shuffled: (items) => Array.from(permutation(items.length), (i) => items[i]!),
    permutation,
    fork: (label) => seededRandom(`${key}/${label}`),
  };
}
