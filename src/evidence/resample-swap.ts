/** @file evidence: tests that exchange two labels within a group; needs no model and no refit. */
import type { Random } from '../core/random.ts';
import { requireRows } from './metric-arguments.ts';
import { indexGroups } from './resample-cluster-bootstrap.ts';
import {
  type Alternative,
  canReject,
  type PermutationResult,
  permutationTest,
} from './resample-permutation.ts';

export type SwapOptions = {
  /** Group of every row; one coin is tossed per group, since its rows are not independent. */
  readonly groups: Int32Array;
  readonly random: Random;
  /** Default 999. */
  readonly draws?: number;
  /** Default `greater`. */
  readonly alternative?: Alternative;
};

export type SwapResult =
  | (PermutationResult & {
      readonly state: 'measured';
      /** Groups whose swap changes anything; p cannot go below about 2^-effectiveGroups. */
      readonly effectiveGroups: number;
    })
  | { readonly state: 'undefined'; readonly reason: string };

/**
 * Why a swap test cannot give a p of at most `alpha`, in words; undefined where it can. It needs enough draws (`canReject`) and enough
 * groups whose swap changes anything: k of them have 2^k arrangements, so that p cannot go below 2^-k, or twice that for two sides.
 */
export function whySwapIsOpen(swap: SwapResult, alpha: number): string | undefined {
  if (swap.state === 'undefined') return swap.reason;
  const { draws, undefinedDraws, alternative, effectiveGroups } = swap;
  const smallest = (alternative === 'two-sided' ? 2 : 1) * 2 ** -effectiveGroups;
  if (smallest > alpha * (1 + 1e-12))
    return `swapping changes something in ${effectiveGroups} groups, too few for a p of ${alpha}`;
  return canReject({ draws, undefinedDraws, alpha, alternative })
    ? undefined
    : `${draws} swaps are too few for a p of ${alpha}`;
}

/** sum over groups of sign x difference, over a denominator that no swap changes. */
function signFlips(differences: Float64Array, denominator: number, options: SwapOptions): SwapResult {
  // Groups without a difference cannot move the sum; leaving them out saves their coins.
  const moving = differences.filter((value) => value !== 0);
  const total = moving.reduce((sum, value) => sum + value, 0);
  const result = permutationTest({
    observed: total / denominator,
    random: options.random,
    ...(options.draws === undefined ? {} : { draws: options.draws }),
    ...(options.alternative === undefined ? {} : { alternative: options.alternative }),
    draw: (random) => {
      let sum = 0;
      // Thirty coins from one draw: the generator, not the sum, is what costs time here.
      for (let start = 0; start < moving.length; start += 30) {
        let coins = random.integer(2 ** 30);
        const end = Math.min(start + 30, moving.length);
        for (let g = start; g < end; g++) {
          sum += (coins & 1) === 1 ? moving[g]! : -moving[g]!;
          coins >>= 1;
        }
      }
      return sum / denominator;
    },
  });
  return { state: 'measured', ...result, effectiveGroups: moving.length };
}

function sumByGroup(groups: Int32Array, values: Float64Array): Float64Array {
  const sums = new Float64Array(indexGroups(groups).size);
  for (let i = 0; i < groups.length; i++) sums[groups[i]!] = sums[groups[i]!]! + values[i]!;
  return sums;
}

/**
 * Tests whether the mean of paired differences is 0: under the null the two labels of an example are exchangeable, which turns its
 * difference round (Fisher 1935, section 21; Pitman 1937). `values[i]` is the difference of row i; all rows of a group turn
 * together. Undefined without rows. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function swapTest(options: SwapOptions & { readonly values: Float64Array }): SwapResult {
  requireRows(options.groups.length, options.values.length, 'values');
  if (options.values.length === 0) return { state: 'undefined', reason: 'there is no row' };
  return signFlips(sumByGroup(options.groups, options.values), options.values.length, options);
}

/**
 * The same for rho = (sum plus - sum minus) / (sum plus + sum minus), in [-1, 1] for non-negative rows: a swap exchanges plus and
 * minus of a whole group and leaves the denominator alone. Undefined when the denominator is 0. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function swapTestRatio(
  options: SwapOptions & { readonly plus: Float64Array; readonly minus: Float64Array },
): SwapResult {
  const { groups, plus, minus } = options;
  requireRows(groups.length, plus.length, 'plus values');
  requireRows(groups.length, minus.length, 'minus values');
  let mass = 0;
  for (let i = 0; i < plus.length; i++) mass += plus[i]! + minus[i]!;
  if (mass === 0) return { state: 'undefined', reason: 'neither of the two labels is ever chosen' };
  const differences = plus.map((value, i) => value - minus[i]!);
  return signFlips(sumByGroup(groups, differences), mass, options);
}
