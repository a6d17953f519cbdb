/** @file probe: what a fitted linear probe is, and how it scores examples; it fits nothing. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels } from '../core/split.ts';
import type { Dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import type { ColumnMoments } from '../linalg/moments.ts';

/** How a probe was fitted; every default is filled in. */
export type ProbeSettings =
  | { readonly kind: 'mass-mean'; readonly shrinkage: number | undefined }
  | { readonly kind: 'ridge'; readonly penalty: number; readonly standardise: boolean }
  | { readonly kind: 'discriminant'; readonly shrinkage: 'ledoit-wolf' | number }
  | { readonly kind: 'contrast-pairs' }
  | { readonly kind: 'contrast-search'; readonly standardise: boolean; readonly signFrom: 'fit' | 'select' }
  | { readonly kind: 'regression'; readonly penalty: number; readonly standardise: boolean }
  | {
      readonly kind: 'logistic';
      readonly penalty: number;
      readonly standardise: boolean;
      readonly tolerance: number;
      readonly maxIterations: number;
    };

/**
 * One linear score per class: scores(x) = x W^T + b, in the activations' own units (standardisation is folded in). A class that
 * did not occur among the fit rows has a zero row and the bias -Infinity: it is never predicted.
 * A probe of a number (`regression`) has one row, and its score is the number: `predictNumbers` gives it in 64 bits.
 */
export type LinearProbe = {
  readonly kind: ProbeSettings['kind'];
  readonly classes: number;
  readonly width: number;
  readonly classNames: readonly string[];
  /** W, [classes, width]. */
  readonly weights: Matrix;
  /** b, [classes]. */
  readonly bias: Float64Array;
  readonly settings: ProbeSettings;
};

/** Weights of the classes that occur, in the coordinates the fit used. */
export type FittedScores = {
  /** Class number of each row below. */
  readonly present: readonly number[];
  /** [present.length, width]. */
  readonly weights: Dense;
  /** [present.length]. */
  readonly bias: Float64Array;
};

/**
 * Folds the fit's standardisation z = (x - mean) / deviation into weights on x, and gives absent classes their place. The bias is
 * made from the rounded weights, so that rounding cannot shift scores by (error of a weight) x (a large mean). Throws `NON_FINITE`
 * where a weight does not fit into 32 bits.
 */
export function assembleProbe(
  labels: ClassLabels,
  settings: ProbeSettings,
  moments: ColumnMoments,
  fitted: FittedScores,
): LinearProbe {
  const width = moments.mean.length;
  const weights = new Float32Array(labels.classes * width);
  const bias = new Float64Array(labels.classes).fill(Number.NEGATIVE_INFINITY);
  fitted.present.forEach((label, row) => {
    let shift = 0;
    for (let j = 0; j < width; j++) {
      const deviation = moments.deviation[j]!;
      const weight = Math.fround(deviation === 0 ? 0 : fitted.weights.data[row * width + j]! / deviation);
      if (!Number.isFinite(weight)) {
        throw new MesascopeError('NON_FINITE', `the weight of feature ${j} is ${weight} in 32 bits`, {
          facts: { feature: j, deviation },
        });
      }
      weights[label * width + j] = weight;
      shift += weight * moments.mean[j]!;
    }
    bias[label] = fitted.bias[row]! - shift;
  });
  return {
    kind: settings.kind,
    classes: labels.classes,
    width,
    classNames: labels.names,
    weights: { rows: labels.classes, columns: width, data: weights },
    bias,
    settings,
  };
}

/** Scores of x [n, width]: [n, classes]. Throws `MATRIX_SHAPE`. */
export async function scoreProbe(probe: LinearProbe, x: Matrix, linalg: Linalg): Promise<Matrix> {
  const [scores] = await scoreProbes([probe], x, linalg);
  return scores!;
}

/** Scores of x [n, width] by many probes in one product: one [n, classes] each, in order. Throws `MATRIX_SHAPE`. */
export async function scoreProbes(
  probes: readonly LinearProbe[],
  x: Matrix,
  linalg: Linalg,
): Promise<Matrix[]> {
  const { data: all, columns: total } = await productsOf(probes, x, linalg);
  let from = 0;
  return probes.map((probe) => {
    const { classes, bias } = probe;
    const data = new Float32Array(x.rows * classes);
    for (let i = 0; i < x.rows; i++) {
      for (let c = 0; c < classes; c++) data[i * classes + c] = all[i * total + from + c]! + bias[c]!;
    }
    from += classes;
    return { rows: x.rows, columns: classes, data };
  });
}

/**
 * What probes of numbers (`regression`) predict for x [n, width]: one [n] each, in order, in the target's unit. The bias is added in 64 bits:
 * what varies has the seven digits of 32 bits, and a large offset (a year, a time stamp) takes none of them away. Throws `MATRIX_SHAPE`, and
 * `BAD_SETTING` for a probe of classes.
 */
export async function predictNumbers(
  probes: readonly LinearProbe[],
  x: Matrix,
  linalg: Linalg,
): Promise<Float64Array[]> {
  const other = probes.find(({ kind, classes }) => kind !== 'regression' || classes !== 1);
  if (other !== undefined) {
    throw new MesascopeError('BAD_SETTING', `a probe of kind ${other.kind} predicts classes, not a number`);
  }
  const { data, columns } = await productsOf(probes, x, linalg);
  return probes.map(({ bias }, p) =>
    Float64Array.from({ length: x.rows }, (_, i) => data[i * columns + p]! + bias[0]!),
  );
}

/** x W^T of many probes without their bias, [n, sum of their classes]. */
async function productsOf(probes: readonly LinearProbe[], x: Matrix, linalg: Linalg): Promise<Matrix> {
  const total = probes.reduce((sum, probe) => sum + probe.classes, 0);
  const weights = new Float32Array(total * x.columns);
  let row = 0;
  for (const probe of probes) {
    if (probe.width !== x.columns) {
      throw new MesascopeError(
        'MATRIX_SHAPE',
        `a probe of width ${probe.width} cannot score rows of ${x.columns}`,
      );
    }
    weights.set(probe.weights.data, row * x.columns);
    row += probe.classes;
  }
  // [n, width] x [width, total] -> [n, total]
  return linalg.multiply(x, { rows: total, columns: x.columns, data: weights }, { transposeB: true });
}

/** Class of the highest score in each row of scores [n, classes]; of equal ones the lowest. Throws `NON_FINITE` on NaN. */
export function predict(scores: Matrix): Int32Array {
  const { rows, columns, data } = scores;
  const best = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const at = i * columns;
    let chosen = 0;
    for (let c = 0; c < columns; c++) {
      if (Number.isNaN(data[at + c]!))
        throw new MesascopeError('NON_FINITE', `the scores of row ${i} hold NaN`);
      if (data[at + c]! > data[at + chosen]!) chosen = c;
    }
    best[i] = chosen;
  }
  return best;
}

/** Softmax of each row of scores [n, classes]: [n, classes] in [0, 1]. They are probabilities for a logistic probe only. */
export function softmaxRows(scores: Matrix): Matrix {
  const { rows, columns } = scores;
  const data = new Float32Array(scores.data.length);
  for (let i = 0; i < rows; i++) {
    const row = scores.data.subarray(i * columns, (i + 1) * columns);
    const highest = row.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.exp(row[c]! - highest);
    for (let c = 0; c < columns; c++) data[i * columns + c] = Math.exp(row[c]! - highest) / sum;
  }
  return { rows, columns, data };
}

/**
 * Direction along which the score of `to` gains on that of `from`: W_to - W_from, [width], not normalised. For a mass-mean probe
 * it is the difference of class means (Marks and Tegmark 2024). Throws `BAD_SETTING` when either class is absent.
 */
export function classDirection(
  probe: LinearProbe,
  { from, to }: { readonly from: number; readonly to: number },
): Float32Array {
  const direction = new Float32Array(probe.width);
  for (const label of [from, to]) {
    if (!Number.isFinite(probe.bias[label])) {
      throw new MesascopeError('BAD_SETTING', `the probe has no class ${label} to take a direction from`);
    }
  }
  for (let j = 0; j < probe.width; j++) {
    direction[j] = probe.weights.data[to * probe.width + j]! - probe.weights.data[from * probe.width + j]!;
  }
  return direction;
}
