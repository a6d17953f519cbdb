/** @file evidence: omega squared of many labelings of the same activations; the fast twin of `varianceShare`. */
import type { Matrix } from '../core/matrix.ts';
import { type Measured, undefinedBecause } from '../core/outcome.ts';
import { shareOf } from './metric-variance-share.ts';

/** omega squared of one labeling of the scorer's rows; labels in [0, classes), -1 leaves a row out. */
export type ShareScorer = (labels: Int32Array, classes: number) => Measured;

/**
 * Prepares x [rows, columns] once, so that each labeling costs one pass of additions. The rows are centred first: sums of squares around
 * a large mean would cancel. Same formula and the same answer as `varianceShare(...).omegaSquared` (Hays 1963).
 */
export function shareScorer(x: Matrix): ShareScorer {
  const { rows, columns } = x;
  const mean = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) mean[j]! += x.data[at]!;
  for (let j = 0; j < columns; j++) mean[j]! /= Math.max(1, rows);
  const centred = new Float64Array(rows * columns);
  const squares = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    let square = 0;
    for (let j = 0; j < columns; j++, at++) {
      const value = x.data[at]! - mean[j]!;
      centred[at] = value;
      square += value * value;
    }
    squares[i] = square;
  }
  let sums = new Float64Array(0);
  return (labels, classes) => {
    // One more row at the end holds the sum over all classes.
    if (sums.length !== (classes + 1) * columns) sums = new Float64Array((classes + 1) * columns);
    else sums.fill(0);
    const counts = new Float64Array(classes);
    let labelled = 0;
    let raw = 0;
    for (let i = 0; i < rows; i++) {
      const label = labels[i]!;
      if (label < 0) continue;
      counts[label]! += 1;
      labelled++;
      raw += squares[i]!;
      const to = label * columns;
      const from = i * columns;
      for (let j = 0; j < columns; j++) sums[to + j]! += centred[from + j]!;
    }
    if (labelled === 0) return undefinedBecause('no row has a value');
    const all = classes * columns;
    let between = 0;
    let present = 0;
    for (let c = 0; c < classes; c++) {
      const count = counts[c]!;
      if (count === 0) continue;
      present++;
      let square = 0;
      for (let j = 0; j < columns; j++) {
        const sum = sums[c * columns + j]!;
        sums[all + j]! += sum;
        square += sum * sum;
      }
      between += square / count;
    }
    let grand = 0;
    for (let j = 0; j < columns; j++) grand += sums[all + j]! ** 2;
    const shift = grand / labelled;
    return shareOf(between - shift, raw - shift, labelled, present).omegaSquared;
  };
}
