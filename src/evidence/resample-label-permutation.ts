/** @file evidence: rearranges labels between groups and scores fixed predictions against them; fits nothing. */
import { MesascopeError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { requireLabels, requireRows } from './metric-arguments.ts';
import { indexGroups } from './resample-cluster-bootstrap.ts';
import { type MaxStatisticResult, maxStatisticTest } from './resample-max-statistic.ts';

export type GroupExchange = {
  /** Row i takes the label of row `result[i]`; fills and returns one buffer that the next call overwrites. */
  draw(random: Random): Int32Array;
  /** Groups that have another group of their size and stratum to exchange with. */
  readonly movableGroups: number;
  /**
   * Number of different labellings that exchanges make of `labels`, [rows]: per pool, n! over the factorials of the numbers of groups whose
   * label blocks are alike. A p-value cannot go below about one over this. Infinity when past what a number holds.
   */
  labellings(labels: Int32Array): number;
  readonly groups: number;
};

/**
 * Plans permutations that move whole groups: the label block of a group (its rows in row order) goes to another group of the same size
 * and the same stratum, so that whatever depends on rows of a group being alike survives under the null. A group without a partner of its
 * size stays where it is, which makes the test conservative; look at `movableGroups`. Throws `BAD_SETTING` on a group in two strata.
 */
export function planGroupExchange(options: {
  readonly groups: Int32Array;
  /** Stratum of every row; constant within a group. Default: one stratum. */
  readonly strata?: Int32Array;
}): GroupExchange {
  const { groups, strata } = options;
  requireRows(groups.length, strata?.length, 'strata');
  const { size, present } = indexGroups(groups);
  const rowsOf: number[][] = Array.from({ length: size }, () => []);
  for (let i = 0; i < groups.length; i++) {
    const rows = rowsOf[groups[i]!]!;
    if (strata !== undefined && rows.length > 0 && strata[rows[0]!] !== strata[i]) {
      throw new MesascopeError('BAD_SETTING', `group ${groups[i]!} lies in more than one stratum`, {
        facts: { group: groups[i]! },
      });
    }
    rows.push(i);
  }
  const pools = new Map<string, number[]>();
  for (const group of present) {
    const rows = rowsOf[group]!;
    const key = `${rows.length}/${strata?.[rows[0]!] ?? 0}`;
    pools.set(key, [...(pools.get(key) ?? []), group]);
  }
  const exchanging = [...pools.values()].filter((pool) => pool.length > 1);
  const source = Int32Array.from({ length: groups.length }, (_, i) => i);
  return {
    draw(random) {
      for (const pool of exchanging) {
        const order = random.permutation(pool.length);
        for (let p = 0; p < pool.length; p++) {
          const to = rowsOf[pool[p]!]!;
          const from = rowsOf[pool[order[p]!]!]!;
          for (let k = 0; k < to.length; k++) source[to[k]!] = from[k]!;
        }
      }
      return source;
    },
    movableGroups: exchanging.reduce((sum, pool) => sum + pool.length, 0),
    labellings(labels) {
      requireRows(groups.length, labels.length, 'labels');
      return exchanging.reduce(
        (product, pool) =>
          product * orders(pool.map((group) => rowsOf[group]!.map((row) => labels[row]).join())),
        1,
      );
    },
    groups: present.length,
  };
}

/** Different orders of things of which some are alike: a multinomial coefficient, a binomial for each kind in turn, so that all steps are whole. */
function orders(things: readonly string[]): number {
  const alike = new Map<string, number>();
  let product = 1;
  for (const [i, thing] of [...things].sort().entries()) {
    const count = (alike.get(thing) ?? 0) + 1;
    alike.set(thing, count);
    product = (product * (i + 1)) / count;
  }
  return product;
}

/** One draw of `planGroupExchange` as a new array: [rows]. Throws `MATRIX_SHAPE`, `BAD_SETTING`. */
export function permuteWithinStrata(options: {
  readonly groups: Int32Array;
  readonly strata?: Int32Array;
  readonly random: Random;
}): Int32Array {
  return planGroupExchange(options).draw(options.random).slice();
}

export type LabelPermutationResult = MaxStatisticResult & {
  /** Accuracy per site under the true labels; undefined when no row has a label. */
  readonly observed: readonly (number | undefined)[];
  /** Groups that the permutations can move; with none the test cannot reject. */
  readonly movableGroups: number;
  /** Number of different labellings that moving them makes; a p-value cannot go below about one over this. */
  readonly labellings: number;
};

/**
 * Are predictions better than chance anywhere? Labels of the test rows are permuted between groups while the predictions stay, and every
 * site is held against the largest accuracy over all sites (`maxStatisticTest`). The null is that test labels are exchangeable between
 * groups given the predictions (test 1 of Ojala and Garriga 2010, JMLR 11, 1833-1863, without the refit: predictions come from other
 * rows, so under this null nothing was learned about these labels). It says nothing about what would happen if the probe were refitted.
 * `predicted[s]` holds the predictions of site s, [rows]; labels of -1 move with their block and are not scored. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function labelPermutationAccuracy(options: {
  readonly predicted: readonly Int32Array[];
  readonly labels: Int32Array;
  readonly groups: Int32Array;
  readonly classes: number;
  readonly random: Random;
  /** Default 999. */
  readonly draws?: number;
  readonly strata?: Int32Array;
  /** Default `balanced`: mean recall over classes. */
  readonly metric?: 'balanced' | 'plain';
  /** Default false: accuracies share a scale. */
  readonly studentize?: boolean;
}): LabelPermutationResult {
  const { predicted, labels, groups, classes } = options;
  requireRows(labels.length, groups.length, 'groups');
  requireLabels(labels, classes);
  for (const one of predicted) requireRows(labels.length, one.length, 'predictions');
  const perClass = new Float64Array(classes);
  for (const label of labels) if (label >= 0) perClass[label] = perClass[label]! + 1;
  const present = perClass.filter((count) => count > 0).length;
  const labelled = perClass.reduce((sum, count) => sum + count, 0);
  // What one right row of class c adds; a permutation leaves the class counts alone, so this is fixed.
  const credit = perClass.map((count) =>
    count === 0 ? 0 : options.metric === 'plain' ? 1 / labelled : 1 / (count * present),
  );
  const moved = new Int32Array(labels.length);
  const values = new Float64Array(predicted.length);
  const score = (truth: Int32Array): Float64Array => {
    for (let s = 0; s < predicted.length; s++) {
      const guesses = predicted[s]!;
      let sum = 0;
      for (let i = 0; i < truth.length; i++) {
        const label = truth[i]!;
        if (guesses[i] === label && label >= 0) sum += credit[label]!;
      }
      values[s] = sum;
    }
    return values;
  };
  const exchange = planGroupExchange(
    options.strata === undefined ? { groups } : { groups, strata: options.strata },
  );
  const observed = Array.from(score(labels), (value) => (labelled > 0 ? value : undefined));
  const result = maxStatisticTest({
    observed,
    random: options.random,
    ...(options.draws === undefined ? {} : { draws: options.draws }),
    ...(options.studentize === undefined ? {} : { studentize: options.studentize }),
    draw: (random) => {
      const source = exchange.draw(random);
      for (let i = 0; i < moved.length; i++) moved[i] = labels[source[i]!]!;
      return score(moved);
    },
  });
  return {
    ...result,
    observed,
    movableGroups: exchange.movableGroups,
    labellings: exchange.labellings(labels),
  };
}
