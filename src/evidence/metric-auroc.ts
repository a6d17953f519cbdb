/** @file evidence: how well scores rank positives above negatives; no thresholds and no resampling. */
import type { Matrix } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { ranked, requireLabels, requireRows } from './metric-arguments.ts';

/**
 * Area under the ROC curve, in [0, 1]: the chance that a positive scores above a negative, ties counted one half (Mann and
 * Whitney 1947; Hanley and McNeil 1982). `positives[i]` is 1, 0, or -1 for a row that is left out. Undefined without both kinds
 * or with a score that is not a number. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function auroc(
  scores: Float64Array | Float32Array,
  positives: ArrayLike<number>,
  weights?: Float64Array,
): Measured {
  const order = ranked(scores, positives, weights);
  if (typeof order === 'string') return undefinedBecause(order);
  let won = 0;
  let positiveMass = 0;
  let negativeBelow = 0;
  for (let start = 0; start < order.length; ) {
    // One block of equal scores: its positives beat every negative below it and half of those inside it.
    const score = scores[order[start]!]!;
    let end = start;
    let positiveHere = 0;
    let negativeHere = 0;
    for (; end < order.length && scores[order[end]!] === score; end++) {
      const weight = weights?.[order[end]!] ?? 1;
      if (positives[order[end]!] === 1) positiveHere += weight;
      else negativeHere += weight;
    }
    won += positiveHere * (negativeBelow + negativeHere / 2);
    positiveMass += positiveHere;
    negativeBelow += negativeHere;
    start = end;
  }
  if (!(positiveMass > 0 && negativeBelow > 0)) {
    return undefinedBecause(positiveMass > 0 ? 'there is no negative row' : 'there is no positive row');
  }
  return measured(won / (positiveMass * negativeBelow));
}

/**
 * Mean one-against-the-rest AUROC over the classes that occur, from scores [n, classes]; chance is 0.5. Rows with label -1 are
 * left out. Undefined with fewer than two classes. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function macroAuroc(scores: Matrix, labels: Int32Array, weights?: Float64Array): Measured {
  requireRows(scores.rows, labels.length, 'labels');
  requireLabels(labels, scores.columns);
  const column = new Float64Array(scores.rows);
  const kinds = new Int8Array(scores.rows);
  let sum = 0;
  let present = 0;
  for (let c = 0; c < scores.columns; c++) {
    if (!labels.includes(c)) continue;
    for (let i = 0; i < scores.rows; i++) {
      column[i] = scores.data[i * scores.columns + c]!;
      kinds[i] = labels[i]! < 0 ? -1 : labels[i] === c ? 1 : 0;
    }
    const one = auroc(column, kinds, weights);
    if (one.state === 'undefined') return one;
    sum += one.value;
    present++;
  }
  return present > 0 ? measured(sum / present) : undefinedBecause('no row has a label');
}
