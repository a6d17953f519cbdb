/** @file probe: ridge regression of number-valued goals, the penalty chosen on the select side; it never sees the test side. */

import { MesascopeError } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { SelectSplit, TrainSplit } from '../core/split.ts';
import { type Dense, dense, plainProduct } from '../linalg/dense.ts';
import { cholesky, choleskySolve } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type ColumnMoments, centred, columnMoments, mustBeFinite, standardised } from '../linalg/moments.ts';
import { assembleProbe, type LinearProbe, predictNumbers } from './linear-probe.ts';
import { checkPath, liesAtEdge, lowestWithTies } from './penalty-choice.ts';

/** A number per example, in any unit; NaN where it has none. */
export type NumberTarget = { readonly name: string; readonly values: Float64Array | Float32Array };

export type RegressionOptions = {
  readonly linalg: Linalg;
  /** Rising and above 0, at least one; default `REGRESSION_PENALTIES`. scikit-learn's `alpha`. */
  readonly penalties?: readonly number[];
  /** Give every feature unit spread on the fit rows, so that the penalty treats them alike. Default true. */
  readonly standardise?: boolean;
};

export type RegressionPoint = {
  readonly penalty: number;
  /** Mean over the select rows of (prediction - value)^2, in squared units of the target. */
  readonly selectMeanSquare: number;
  /** 1 - that / mean of (value - mean of the fit rows)^2, at most 1; undefined when the select values are all that mean. */
  readonly selectRSquared: number | undefined;
  readonly chosen: boolean;
};

/** `undefined`: there is nothing to fit (the target does not vary, or beyond 32-bit weights) or nothing to choose by (no select row has a value). */
export type RegressionFit =
  | {
      readonly state: 'chosen';
      /** One row of weights on what varies, the target's offset in the bias (64 bits): `predictNumbers` gives the number, in the target's unit. */
      readonly probe: LinearProbe;
      readonly penalty: number;
      /** Mean of the target over the fit rows: what a prediction that knows nothing says, so what R squared is to be held against. */
      readonly fitMean: number;
      /** By rising penalty. */
      readonly table: readonly RegressionPoint[];
      /** The choice is the first or last of several penalties: a better one may lie outside. */
      readonly atEdge: boolean;
      readonly fitRows: number;
      readonly selectRows: number;
    }
  | { readonly state: 'undefined'; readonly reason: string };

export const REGRESSION_PENALTIES: readonly number[] = [1e-2, 1e-1, 1, 10, 100, 1e3, 1e4, 1e5];

/** A target with a deviation beyond this, or below its inverse, would have weights at the ends of 32 bits (2^-126 to 2^128), where digits are lost. */
const TARGET_LIMIT = 2 ** 100;

/**
 * Fits numbers by ridge regression (Hoerl and Kennard 1970): minimises sum (y - w.z - b)^2 + penalty |w|^2, b not penalised, which is
 * scikit-learn's `Ridge`, at every penalty, and keeps the one with the least mean squared error on the select rows; of equal ones (within
 * 1e-6) the largest. Targets with values on the same rows share one Gram matrix and one factorisation per penalty.
 *
 * fit.x [n, width], select.x [m, width]; `targets[t].values` is by example; one fit per target, in order. Multiplying the target multiplies
 * the predictions; with `standardise` the unit of a feature changes nothing, without it turning all features does not. A constant feature
 * has the weight 0, and an offset of the target costs no digits. Throws `NON_FINITE` (also for an infinite target), `LABELS_INVALID` when an example has no target, `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export async function fitRegression(
  sides: { readonly fit: TrainSplit; readonly select: SelectSplit },
  targets: readonly NumberTarget[],
  options: RegressionOptions,
): Promise<RegressionFit[]> {
  const { fit, select } = sides;
  const { linalg, penalties = REGRESSION_PENALTIES, standardise = true } = options;
  checkPath(penalties);
  if (!(penalties[0]! > 0)) {
    throw new MesascopeError('BAD_SETTING', 'the penalties of a regression must be above 0');
  }
  if (fit.rows.length !== fit.x.rows || select.rows.length !== select.x.rows) {
    throw new MesascopeError('MATRIX_SHAPE', 'the rows of a side and its examples differ in number');
  }
  const tasks = targets.map((target, index): RegressionTask => {
    const fitValues = numbersOnRows(fit.rows, target);
    return { index, target, fit: fitValues, select: numbersOnRows(select.rows, target) };
  });
  const fits: RegressionFit[] = new Array(targets.length);
  for (const group of groupByRows(tasks, fits)) {
    const used = Array.from(group[0]!.fit.keys()).filter((i) => !Number.isNaN(group[0]!.fit[i]!));
    const x = used.length === fit.x.rows ? fit.x : takeRows(fit.x, used);
    await fitGroup({ x, used, group, select, linalg, penalties, standardise }, fits);
  }
  return fits;
}

/** Values on the fit and select rows, NaN where there is none. */
type RegressionTask = {
  readonly index: number;
  readonly target: NumberTarget;
  readonly fit: Float64Array;
  readonly select: Float64Array;
};

function numbersOnRows(rows: Int32Array, { name, values }: NumberTarget): Float64Array {
  return Float64Array.from(rows, (row) => {
    const value = values[row];
    if (value === undefined) {
      throw new MesascopeError('LABELS_INVALID', `${JSON.stringify(name)}: example ${row} has no number`);
    }
    if (Math.abs(value) === Number.POSITIVE_INFINITY) {
      throw new MesascopeError('NON_FINITE', `${JSON.stringify(name)}: example ${row} has ${value}`);
    }
    return value;
  });
}

/** Tasks with values on the same fit rows; those that cannot be fitted or chosen get their state in `fits`. */
function groupByRows(tasks: readonly RegressionTask[], fits: RegressionFit[]): RegressionTask[][] {
  const groups = new Map<string, RegressionTask[]>();
  for (const task of tasks) {
    const known = task.fit.filter((value) => !Number.isNaN(value));
    if (known.length < 2 || known.every((value) => value === known[0])) {
      const reason = `the target takes ${known.length === 0 ? 'no value' : 'one value only'} on ${task.fit.length} fit rows`;
      fits[task.index] = { state: 'undefined', reason };
    } else if (!isCarried(known)) {
      const reason =
        'the spread of the target lies beyond what 32-bit weights carry; give it in another unit';
      fits[task.index] = { state: 'undefined', reason };
    } else if (task.select.every(Number.isNaN)) {
      const reason = `none of ${task.select.length} select rows has a value to choose the penalty by`;
      fits[task.index] = { state: 'undefined', reason };
    } else {
      const key = sha256(Uint8Array.from(task.fit, (value) => (Number.isNaN(value) ? 0 : 1)));
      groups.set(key, [...(groups.get(key) ?? []), task]);
    }
  }
  return [...groups.values()];
}

function isCarried(values: Float64Array): boolean {
  const mean = meanOf(values);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return deviation >= 1 / TARGET_LIMIT && deviation <= TARGET_LIMIT;
}

/** By differences from the first value, whose sum does not lose the digits that a sum of large values would. */
function meanOf(values: Float64Array): number {
  const first = values[0]!;
  return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length;
}

type GroupRequest = {
  /** The fit rows in use, and their places among the fit rows. */
  readonly x: Matrix;
  readonly used: readonly number[];
  readonly group: readonly RegressionTask[];
  readonly select: SelectSplit;
  readonly linalg: Linalg;
  readonly penalties: readonly number[];
  readonly standardise: boolean;
};

async function fitGroup(request: GroupRequest, fits: RegressionFit[]): Promise<void> {
  const { x, used, group, select, linalg, penalties, standardise } = request;
  const found = columnMoments(x);
  const moments = standardise
    ? found
    : { ...found, deviation: found.deviation.map((deviation) => (deviation === 0 ? 0 : 1)) };
  const z = standardise ? standardised(x, moments) : centred(x, found.mean);
  const gram = await linalg.gram(z);
  mustBeFinite(gram.data, 'the Gram matrix');
  const means = group.map((task) => meanOf(Float64Array.from(used, (i) => task.fit[i]!)));
  const y = dense(used.length, group.length);
  used.forEach((row, i) => {
    group.forEach((task, t) => {
      y.data[i * group.length + t] = task.fit[row]! - means[t]!;
    });
  });
  // [width, n] x [n, targets] -> [width, targets]
  const right = plainProduct(z, y, { transposeA: true });
  const probes = penalties.flatMap((penalty) => {
    const solution = choleskySolve(cholesky(withPenalty(gram, moments, penalty)), right);
    return group.map(({ target }, t) => {
      const weights = dense(1, z.columns);
      for (let j = 0; j < z.columns; j++) weights.data[j] = solution.data[j * group.length + t]!;
      return assembleProbe(
        { classes: 1, values: new Int32Array(0), names: [target.name] },
        { kind: 'regression', penalty, standardise },
        moments,
        { present: [0], weights, bias: Float64Array.of(means[t]!) },
      );
    });
  });
  const predicted = await predictNumbers(probes, select.x, linalg);
  group.forEach((task, t) => {
    const own = penalties.map((_, k) => k * group.length + t);
    const read = own.map((at) => errorsOf(predicted[at]!, task.select, means[t]!));
    const best = lowestWithTies(read.map(({ meanSquare }) => meanSquare));
    fits[task.index] = {
      state: 'chosen',
      probe: probes[own[best]!]!,
      penalty: penalties[best]!,
      fitMean: means[t]!,
      table: penalties.map((penalty, k) => ({
        penalty,
        selectMeanSquare: read[k]!.meanSquare,
        selectRSquared: read[k]!.rSquared,
        chosen: k === best,
      })),
      atEdge: liesAtEdge(best, penalties.length),
      fitRows: used.length,
      selectRows: read[best]!.rows,
    };
  });
}

/** Z^T Z + penalty I; a constant feature has a zero row, and any pivot gives it the weight 0. */
function withPenalty(gram: Dense, moments: ColumnMoments, penalty: number): Dense {
  const width = gram.rows;
  const data = Float64Array.from(gram.data);
  for (let j = 0; j < width; j++) data[j * width + j]! += moments.deviation[j] === 0 ? 1 : penalty;
  return dense(width, width, data);
}

function errorsOf(
  predicted: Float64Array,
  values: Float64Array,
  reference: number,
): { readonly meanSquare: number; readonly rSquared: number | undefined; readonly rows: number } {
  let [residual, total, rows] = [0, 0, 0];
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    residual += (predicted[i]! - value) ** 2;
    total += (value - reference) ** 2;
    rows += 1;
  });
  return { meanSquare: residual / rows, rSquared: total > 0 ? 1 - residual / total : undefined, rows };
}
