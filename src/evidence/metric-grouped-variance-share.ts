/** @file evidence: the variance share as a function of how often each group was drawn, fast enough for thousands of draws; draws nothing. */
import type { Matrix } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { requireRows } from './metric-arguments.ts';
import { centredRows, requireVarianceInput, shareOf, type VarianceShare } from './metric-variance-share.ts';
import { indexGroups } from './resample-cluster-bootstrap.ts';

export type ResampledVarianceShare = VarianceShare & {
  /**
   * The share with every squared mean estimated from products of *different* groups only, so that neither few rows per class nor likeness
   * within a group inflates it, and a group drawn twice is not taken for two (as in cross-validated distances: Walther et al. 2016,
   * NeuroImage 137, 188-200). At most 1; around no effect it falls on both sides of 0. The one to bootstrap: resampled eta^2 and omega^2
   * are centred above their own estimate, because copies of a group look like agreement, and with many classes every draw can lie above
   * it. Where there is no effect its bootstrap interval is too wide (a degenerate U-statistic), never too narrow.
   */
  readonly crossGroup: Measured;
};

export type GroupedVarianceShare = {
  /** The shares when group g counts `groupCounts[g]` times (not negative), indexed by the group numbers handed in. */
  evaluate(groupCounts: Float64Array): ResampledVarianceShare;
  /** `evaluate` with every group once. */
  readonly estimate: ResampledVarianceShare;
  /** Class sums held: a draw costs about entries x columns. */
  readonly entries: number;
};

/** Rows of one class in one group: weight, centred sum [columns], its squared length, and sum of squares of the rows. */
type Entries = {
  readonly count: number;
  readonly group: Int32Array;
  readonly label: Int32Array;
  readonly mass: Float64Array;
  readonly sums: Float64Array;
  readonly length2: Float64Array;
  readonly squares: Float64Array;
};

function collect(
  x: Matrix,
  labels: Int32Array,
  classes: number,
  groups: Int32Array,
  weights: Float64Array | undefined,
): Entries {
  const { columns } = x;
  const centred = centredRows(x, labels, weights);
  const keys = new Set<number>();
  for (let i = 0; i < x.rows; i++) if (labels[i]! >= 0) keys.add(groups[i]! * classes + labels[i]!);
  // Ascending keys put the entries of a group side by side, which the pass over whole groups relies on.
  const ordered = [...keys].sort((a, b) => a - b);
  const placeOf = new Map(ordered.map((key, place) => [key, place]));
  const count = ordered.length;
  const mass = new Float64Array(count);
  const sums = new Float64Array(count * columns);
  const squares = new Float64Array(count);
  for (let i = 0; i < x.rows; i++) {
    if (labels[i]! < 0) continue;
    const place = placeOf.get(groups[i]! * classes + labels[i]!)!;
    const weight = weights?.[i] ?? 1;
    mass[place] = mass[place]! + weight;
    for (let j = 0; j < columns; j++) {
      const value = centred[i * columns + j]!;
      sums[place * columns + j] = sums[place * columns + j]! + weight * value;
      squares[place] = squares[place]! + weight * value * value;
    }
  }
  const length2 = Float64Array.from({ length: count }, (_, place) =>
    sums.subarray(place * columns, (place + 1) * columns).reduce((sum, value) => sum + value * value, 0),
  );
  return {
    count,
    group: Int32Array.from(ordered, (key) => Math.floor(key / classes)),
    label: Int32Array.from(ordered, (key) => key % classes),
    mass,
    sums,
    length2,
    squares,
  };
}

/** Per class: weight, sum, sum of squares, and the part of |sum|^2 and weight^2 that comes from a group with itself. */
type ClassTotals = {
  readonly mass: Float64Array;
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  readonly selfLength2: Float64Array;
  readonly selfMass2: Float64Array;
};

function squaredLength(values: Float64Array, start: number, columns: number): number {
  let sum = 0;
  for (let j = start; j < start + columns; j++) sum += values[j]! * values[j]!;
  return sum;
}

/**
 * The share of variance between classes for any group multiplicities, from one pass over the data; made for `clusterBootstrap`
 * (its counts are indexed by the same group numbers). Between-class variance is sum_c p_c |mu_c|^2 - |mu|^2, the total is E|x|^2 - |mu|^2;
 * `crossGroup` estimates |mu_c|^2 by (|S_c|^2 - sum_g |s_gc|^2) / (N_c^2 - sum_g n_gc^2), and |mu|^2 likewise. It is not held in [0, 1]:
 * around no effect it falls on both sides of 0. Classes that occur in one group only are left out of `crossGroup`. Undefined with fewer
 * than two classes or no variance. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function varianceShareByGroup(
  x: Matrix,
  labels: Int32Array,
  classes: number,
  groups: Int32Array,
  weights?: Float64Array,
): GroupedVarianceShare {
  requireVarianceInput(x, labels, classes, weights);
  requireRows(x.rows, groups.length, 'groups');
  const { size, present } = indexGroups(groups);
  const { columns } = x;
  const entries = collect(x, labels, classes, groups, weights);
  // Work space is kept between calls: 2,000 draws would otherwise allocate it 2,000 times.
  const totals: ClassTotals = {
    mass: new Float64Array(classes),
    sums: new Float64Array(classes * columns),
    squares: new Float64Array(classes),
    selfLength2: new Float64Array(classes),
    selfMass2: new Float64Array(classes),
  };
  const whole = new Float64Array(columns);
  const groupSum = new Float64Array(columns);

  const accumulate = (counts: Float64Array): void => {
    requireRows(size, counts.length, 'group counts');
    for (const part of Object.values(totals)) part.fill(0);
    const { mass, sums, squares, selfLength2, selfMass2 } = totals;
    for (let e = 0; e < entries.count; e++) {
      const times = counts[entries.group[e]!]!;
      if (times === 0) continue;
      const c = entries.label[e]!;
      const own = times * entries.mass[e]!;
      mass[c] = mass[c]! + own;
      squares[c] = squares[c]! + times * entries.squares[e]!;
      selfLength2[c] = selfLength2[c]! + times * times * entries.length2[e]!;
      selfMass2[c] = selfMass2[c]! + own * own;
      const from = e * columns;
      const to = c * columns;
      for (let j = 0; j < columns; j++) sums[to + j] = sums[to + j]! + times * entries.sums[from + j]!;
    }
  };

  const sumsOfSquares = (): VarianceShare => {
    whole.fill(0);
    let rows = 0;
    let squares = 0;
    let between = 0;
    let seen = 0;
    for (let c = 0; c < classes; c++) {
      const mass = totals.mass[c]!;
      if (!(mass > 0)) continue;
      seen++;
      rows += mass;
      squares += totals.squares[c]!;
      between += squaredLength(totals.sums, c * columns, columns) / mass;
      for (let j = 0; j < columns; j++) whole[j] = whole[j]! + totals.sums[c * columns + j]!;
    }
    const shift = rows > 0 ? squaredLength(whole, 0, columns) / rows : 0;
    return shareOf(between - shift, squares - shift, rows, seen);
  };

  /** The part of |sum of everything|^2 and of its weight^2 that comes from a group with itself, over the usable classes. */
  const selfTerms = (counts: Float64Array, usable: Uint8Array): { length2: number; mass2: number } => {
    let length2 = 0;
    let mass2 = 0;
    for (let e = 0; e < entries.count; ) {
      const group = entries.group[e]!;
      const times = counts[group]!;
      let own = 0;
      groupSum.fill(0);
      for (; e < entries.count && entries.group[e] === group; e++) {
        if (times === 0 || usable[entries.label[e]!] === 0) continue;
        own += entries.mass[e]!;
        for (let j = 0; j < columns; j++) groupSum[j] = groupSum[j]! + entries.sums[e * columns + j]!;
      }
      if (own === 0) continue;
      length2 += times * times * squaredLength(groupSum, 0, columns);
      mass2 += times * times * own * own;
    }
    return { length2, mass2 };
  };

  const crossGroup = (counts: Float64Array): Measured => {
    const usable = new Uint8Array(classes);
    whole.fill(0);
    let rows = 0;
    let squares = 0;
    let seen = 0;
    let classPart = 0; // sum_c N_c |mu_c|^2
    for (let c = 0; c < classes; c++) {
      const mass = totals.mass[c]!;
      const pairs = mass * mass - totals.selfMass2[c]!;
      // A class from one group has no pair of different groups; rounding may leave a little above 0.
      if (!(pairs > 1e-9 * mass * mass)) continue;
      usable[c] = 1;
      seen++;
      rows += mass;
      squares += totals.squares[c]!;
      const length2 = squaredLength(totals.sums, c * columns, columns);
      classPart += (mass * (length2 - totals.selfLength2[c]!)) / pairs;
      for (let j = 0; j < columns; j++) whole[j] = whole[j]! + totals.sums[c * columns + j]!;
    }
    if (seen < 2) return undefinedBecause('fewer than two classes occur in more than one group');
    const self = selfTerms(counts, usable);
    const grandMean2 = (squaredLength(whole, 0, columns) - self.length2) / (rows * rows - self.mass2);
    const total = squares / rows - grandMean2;
    if (!(squares > 0 && total > 0)) return undefinedBecause('the activations do not vary');
    return measured((classPart / rows - grandMean2) / total);
  };

  const evaluate = (counts: Float64Array): ResampledVarianceShare => {
    accumulate(counts);
    return { ...sumsOfSquares(), crossGroup: crossGroup(counts) };
  };
  const once = new Float64Array(size);
  for (const group of present) once[group] = 1;
  return { evaluate, estimate: evaluate(once), entries: entries.count };
}
