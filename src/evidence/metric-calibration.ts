/** @file evidence: whether stated probabilities come true; fits nothing and moves no probability. */
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { CalibrationTable } from './figures.ts';
import { requireLabels, requireRows, requireWeights } from './metric-arguments.ts';

export type StatedOptions = {
  /** Probability stated for the event of each row, 0 to 1. */
  readonly stated: Float64Array | Float32Array;
  /** Per row 1 (it happened), 0 (it did not) or -1 (left out). */
  readonly outcomes: ArrayLike<number>;
  /** Per row; default 1 each. */
  readonly weights?: Float64Array;
};

export type CalibrationOptions = StatedOptions & {
  readonly id: string;
  readonly label: string;
  /** Default 10. */
  readonly bins?: number;
  /** Bins with equally many rows (default), or of equal width. */
  readonly binning?: 'equal-count' | 'equal-width';
};

/** How far outside [0, 1] rounding may push a probability. */
const ROUNDING = 1e-6;

/** Rows in use and their weights, or why there are none. */
function usedRows({ stated, outcomes, weights }: StatedOptions): readonly number[] | string {
  requireRows(stated.length, outcomes.length, 'outcomes');
  requireRows(stated.length, weights?.length, 'weights');
  requireWeights(weights);
  const rows: number[] = [];
  for (let i = 0; i < stated.length; i++) {
    const outcome = outcomes[i]!;
    if (outcome !== 1 && outcome !== 0 && outcome !== -1) {
      throw new MesascopeError(
        'BAD_SETTING',
        `an outcome is 1, 0 or -1 for a row that is left out, got ${outcome}`,
      );
    }
    if (outcome === -1) continue;
    if (!(stated[i]! >= -ROUNDING && stated[i]! <= 1 + ROUNDING)) {
      return `what is stated of row ${i} is not a probability`;
    }
    if ((weights?.[i] ?? 1) > 0) rows.push(i);
  }
  return rows.length === 0 ? 'there is no row' : rows;
}

/**
 * Brier score of an event, in [0, 1]: weighted mean of (stated - outcome)^2 (Brier 1950; half of his sum over both outcomes). 0.25 for
 * a constant one half. Undefined without rows or with a value that is no probability. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function brierScore(options: StatedOptions): Measured {
  const rows = usedRows(options);
  if (typeof rows === 'string') return undefinedBecause(rows);
  const { stated, outcomes, weights } = options;
  let sum = 0;
  let total = 0;
  for (const i of rows) {
    const weight = weights?.[i] ?? 1;
    sum += weight * (stated[i]! - outcomes[i]!) ** 2;
    total += weight;
  }
  return measured(sum / total);
}

/**
 * Brier score over classes, in [0, 2]: weighted mean over rows of the sum over classes of (stated - indicator)^2 (Brier 1950, eq. 2).
 * Probabilities are [n, classes]; rows with label -1 are left out. Undefined without rows, or when a row is no distribution (within
 * 1e-4). Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function brierScoreOfClasses(
  probabilities: Matrix,
  labels: Int32Array,
  weights?: Float64Array,
): Measured {
  const { rows, columns, data } = probabilities;
  requireRows(rows, labels.length, 'labels');
  requireRows(rows, weights?.length, 'weights');
  requireWeights(weights);
  requireLabels(labels, columns);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    if (label < 0) continue;
    const weight = weights?.[i] ?? 1;
    let mass = 0;
    let gap = 0;
    for (let c = 0; c < columns; c++) {
      const p = data[i * columns + c]!;
      mass += p;
      gap += (p - (c === label ? 1 : 0)) ** 2;
    }
    // Written so that NaN is caught too.
    if (!(Math.abs(mass - 1) < 1e-4)) return undefinedBecause(`what is stated of row ${i} does not sum to 1`);
    sum += weight * gap;
    total += weight;
  }
  return total > 0 ? measured(sum / total) : undefinedBecause('no row has a label');
}

type Bin = { low: number; high: number; mass: number; stated: number; happened: number };

/**
 * The reliability table of stated probabilities, with Brier score and expected calibration error: sum over bins of
 * (share of rows) x |mean stated - share that happened| (Naeini, Cooper and Hauskrecht 2015). Equal-count bins by default, since bins of
 * equal width leave most of them empty where a model is sure (Nixon et al. 2019); rows with one stated value share a bin, whichever
 * that makes longer, so the order of rows cannot matter. Counts are sums of weights. The error is positive by chance alone, by about
 * sqrt(bins / rows) x 0.4 at one half: compare it with that of resampled outcomes before calling it large.
 * Numbers are undefined, and the table is empty, without rows or with a value that is no probability. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function calibrationTable(options: CalibrationOptions): CalibrationTable {
  const { id, label } = options;
  const bins = options.bins ?? 10;
  if (!(Number.isInteger(bins) && bins >= 1)) {
    throw new MesascopeError('BAD_SETTING', `the number of bins is a positive integer, got ${bins}`);
  }
  const rows = usedRows(options);
  if (typeof rows === 'string') {
    const nothing = undefinedBecause(rows);
    return { id, label, rows: 0, bins: [], brier: nothing, ece: nothing };
  }
  const filled =
    (options.binning ?? 'equal-count') === 'equal-count'
      ? equalCount(options, rows, bins)
      : equalWidth(options, rows, bins);
  let error = 0;
  let total = 0;
  for (const { mass, stated, happened } of filled) {
    // |mean stated - share| x mass, without dividing by the mass of an empty bin.
    error += Math.abs(stated - happened);
    total += mass;
  }
  return {
    id,
    label,
    rows: rows.length,
    bins: filled.map(({ low, high, mass, stated, happened }) => ({
      low,
      high,
      count: mass,
      stated: mass > 0 ? stated / mass : null,
      observed: mass > 0 ? happened / mass : null,
    })),
    brier: brierScore(options),
    ece: measured(error / total),
  };
}

function add(bin: Bin, stated: number, outcome: number, weight: number): void {
  bin.mass += weight;
  bin.stated += weight * stated;
  bin.happened += weight * outcome;
}

function equalWidth(
  { stated, outcomes, weights }: StatedOptions,
  rows: readonly number[],
  bins: number,
): Bin[] {
  const made = Array.from({ length: bins }, (_, b) => ({
    low: b / bins,
    high: (b + 1) / bins,
    mass: 0,
    stated: 0,
    happened: 0,
  }));
  for (const i of rows) {
    // A probability of 1 belongs to the last bin, and one on an edge to the bin above it.
    const b = Math.min(bins - 1, Math.max(0, Math.floor(stated[i]! * bins)));
    add(made[b]!, stated[i]!, outcomes[i]!, weights?.[i] ?? 1);
  }
  return made;
}

/** A block of equal values goes to the bin in which its middle lies; bins that get none are left out. */
function equalCount(
  { stated, outcomes, weights }: StatedOptions,
  rows: readonly number[],
  bins: number,
): Bin[] {
  const order = [...rows].sort((a, b) => stated[a]! - stated[b]! || a - b);
  const total = order.reduce((sum, i) => sum + (weights?.[i] ?? 1), 0);
  const made = new Map<number, Bin>();
  let below = 0;
  for (let start = 0; start < order.length; ) {
    const value = stated[order[start]!]!;
    let end = start;
    let mass = 0;
    for (; end < order.length && stated[order[end]!] === value; end++) mass += weights?.[order[end]!] ?? 1;
    const b = Math.min(bins - 1, Math.floor(((below + mass / 2) / total) * bins));
    const bin = made.get(b) ?? { low: value, high: value, mass: 0, stated: 0, happened: 0 };
    made.set(b, bin);
    bin.high = value;
    for (let k = start; k < end; k++) {
      const i = order[k]!;
      add(bin, value, outcomes[i]!, weights?.[i] ?? 1);
    }
    below += mass;
    start = end;
  }
  return [...made.values()];
}
