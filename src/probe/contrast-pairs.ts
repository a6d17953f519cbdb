/** @file probe: the direction along which the halves of contrast pairs differ most; labels give it a sign and a threshold, nothing else. */

import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { ClassLabels } from '../core/split.ts';
import { dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { pca } from '../linalg/pca.ts';
import { assembleProbe, type LinearProbe } from './linear-probe.ts';
import { orientByVotes } from './orientation.ts';
import { type PairedRows, pairDifferences } from './pairs.ts';
import { valuesOnRows } from './tasks.ts';

/** A direction found without labels. */
export type ContrastDirection = {
  /** Unit length, [width]; its sign means nothing (the entry largest in size is positive). */
  readonly direction: Float32Array;
  /** Share of the differences' sum of squares along it, 0 to 1, and along the next best direction: near-equal ones are interchangeable. */
  readonly share: number;
  readonly nextShare: number;
};

export type ContrastPairsFit = ContrastDirection &
  (
    | {
        readonly state: 'fitted';
        /** Class 0 scores 0; class 1 scores direction . x - threshold, in the activations' units. */
        readonly probe: LinearProbe;
        /** Share of the fit pairs with two labels that lie the way of the sign, and the p of its sign test. */
        readonly agreement: number;
        readonly signP: number;
      }
    | { readonly state: 'undefined'; readonly reason: string }
  );

/**
 * Reads each binary variable along the first principal component of the within-pair differences (linear artificial tomography, Zou et al.
 * 2023, "Representation Engineering", section 3.1). There the order within a pair is drawn at random, so that the differences have no mean
 * in expectation; here both orders of every pair enter, so that they have none at all and the result depends neither on a draw nor on
 * which half is called the first. The labels of the fit side choose the sign, by a sign test over pairs whose halves are labelled differently,
 * and the threshold, half way between the projected class means. A sign that they do not settle is `undefined`, and there is no probe.
 * An offset that all pairs share is part of their difference; where it only says which half it is (one ends in "yes", the other in "no"), use
 * contrast-consistent search, which takes it out.
 *
 * `labels[t].values` is by example. pairs [n, width] each; one fit per task, in order, all along one direction. Turning the features, or
 * multiplying all by one number, changes no prediction; a constant feature has the weight 0; features in other units are other features.
 * Throws `NON_FINITE`, `MATRIX_SHAPE`, `LABELS_INVALID`, `BAD_SETTING` for a variable that is not binary, and `RANK_DEFICIENT` when no pair differs.
 */
export async function fitContrastPairs(
  pairs: PairedRows<'fit'>,
  tasks: readonly ClassLabels[],
  { linalg }: { readonly linalg: Linalg },
): Promise<ContrastPairsFit[]> {
  const labels = tasks.map((task, t) => binaryValues(task, t, pairs));
  const found = await contrastDirection(pairs, linalg);
  const { direction } = found;
  const projections = {
    first: await along(pairs.first.x, direction, linalg),
    second: await along(pairs.second.x, direction, linalg),
  };
  return tasks.map((task, t): ContrastPairsFit => {
    const { first, second } = labels[t]!;
    let [toward, away] = [0, 0];
    for (let i = 0; i < first.length; i++) {
      if (first[i] === -1 || second[i] === -1 || first[i] === second[i]) continue;
      const gap = (projections.first[i]! - projections.second[i]!) * (first[i]! - second[i]!);
      if (gap > 0) toward += 1;
      else if (gap < 0) away += 1;
    }
    const orientation = orientByVotes({ toward, away });
    if (orientation.state === 'undefined') return { ...found, ...orientation };
    const sign = orientation.state === 'toward' ? 1 : -1;
    const threshold = sign * middleOfMeans(projections, labels[t]!);
    return {
      ...found,
      state: 'fitted',
      probe: probeAlong(task, direction, sign, threshold),
      agreement: Math.max(toward, away) / (toward + away),
      signP: orientation.p,
    };
  });
}

/** The direction alone; labels are not asked for. Throws `NON_FINITE`, `MATRIX_SHAPE`, `RANK_DEFICIENT`. */
export async function contrastDirection(
  pairs: PairedRows<'fit'>,
  linalg: Linalg,
): Promise<ContrastDirection> {
  const differences = pairDifferences(pairs);
  const { rows, columns: width } = differences;
  const data = new Float32Array(2 * rows * width);
  data.set(differences.data);
  for (let at = 0; at < rows * width; at++) data[rows * width + at] = -differences.data[at]!;
  return leadingDirection({ rows: 2 * rows, columns: width, data }, linalg);
}

/** The first principal component of x, with its share. Throws `RANK_DEFICIENT` when no row differs from another. */
export async function leadingDirection(x: Matrix, linalg: Linalg): Promise<ContrastDirection> {
  const { components, explainedVarianceRatio } = await pca(x, {
    components: Math.min(2, x.columns),
    linalg,
  });
  const share = explainedVarianceRatio[0]!;
  if (share === 0) {
    throw new MesascopeError(
      'RANK_DEFICIENT',
      'the halves of the pairs do not differ, so there is no direction',
    );
  }
  return {
    direction: components.data.slice(0, x.columns),
    share,
    nextShare: explainedVarianceRatio[1] ?? 0,
  };
}

/** Throws `BAD_SETTING` unless the variable has two classes. */
export function checkBinary(task: ClassLabels, index: number): void {
  if (task.classes !== 2) {
    throw new MesascopeError(
      'BAD_SETTING',
      `task ${index} has ${task.classes} classes; a contrast has two sides`,
    );
  }
}

type PairLabels = { readonly first: Int32Array; readonly second: Int32Array };

function binaryValues(task: ClassLabels, index: number, { first, second }: PairedRows<'fit'>): PairLabels {
  checkBinary(task, index);
  return {
    first: valuesOnRows(first.rows, task, index),
    second: valuesOnRows(second.rows, task, index),
  };
}

/** x [n, width] . direction -> [n]. */
async function along(x: Matrix, direction: Float32Array, linalg: Linalg): Promise<Float32Array> {
  const row = { rows: 1, columns: direction.length, data: direction };
  return (await linalg.multiply(x, row, { transposeB: true })).data;
}

/** Half way between the mean projection of class 0 and that of class 1; both occur, or no pair could have voted. */
function middleOfMeans(
  projections: { readonly first: Float32Array; readonly second: Float32Array },
  labels: PairLabels,
): number {
  const sums = [0, 0];
  const counts = [0, 0];
  for (const half of ['first', 'second'] as const) {
    labels[half].forEach((label, i) => {
      if (label === -1) return;
      sums[label]! += projections[half][i]!;
      counts[label]! += 1;
    });
  }
  return (sums[0]! / counts[0]! + sums[1]! / counts[1]!) / 2;
}

function probeAlong(
  task: ClassLabels,
  direction: Float32Array,
  sign: number,
  threshold: number,
): LinearProbe {
  const width = direction.length;
  const weights = dense(2, width);
  weights.data.set(
    direction.map((value) => sign * value),
    width,
  );
  const moments = { mean: new Float64Array(width), deviation: new Float64Array(width).fill(1) };
  const fitted = { present: [0, 1], weights, bias: Float64Array.of(0, -threshold) };
  return assembleProbe(task, { kind: 'contrast-pairs' }, moments, fitted);
}
