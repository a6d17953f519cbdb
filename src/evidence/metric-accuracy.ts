/** @file evidence: how often predicted classes are right; pure counts, no resampling and no thresholds. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { requireLabels, requireRows, requireWeights } from './metric-arguments.ts';

/**
 * Weighted share of rows whose prediction equals the label, in [0, 1]. Rows with label -1 are left out; a prediction
 * of -1 is an abstention and counts as wrong. Undefined without rows. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function accuracy(predicted: Int32Array, labels: Int32Array, weights?: Float64Array): Measured {
  requireRows(labels.length, predicted.length, 'predictions');
  requireRows(labels.length, weights?.length, 'weights');
  requireWeights(weights);
  let hit = 0;
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! < 0) continue;
    const weight = weights?.[i] ?? 1;
    total += weight;
    if (predicted[i] === labels[i]) hit += weight;
  }
  return total > 0 ? measured(hit / total) : undefinedBecause('no row has a label');
}

/** Weights of right rows, of labelled rows and of predictions per class, each [classes]. */
type ClassTallies = {
  readonly hits: Float64Array;
  readonly labelled: Float64Array;
  readonly called: Float64Array;
};

function tally(
  predicted: Int32Array,
  labels: Int32Array,
  classes: number,
  weights: Float64Array | undefined,
): ClassTallies {
  requireRows(labels.length, predicted.length, 'predictions');
  requireRows(labels.length, weights?.length, 'weights');
  requireWeights(weights);
  requireLabels(labels, classes);
  requireLabels(predicted, classes);
  const hits = new Float64Array(classes);
  const labelled = new Float64Array(classes);
  const called = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label < 0) continue;
    const weight = weights?.[i] ?? 1;
    const guess = predicted[i]!;
    labelled[label] = labelled[label]! + weight;
    if (guess >= 0) called[guess] = called[guess]! + weight;
    if (guess === label) hits[label] = hits[label]! + weight;
  }
  return { hits, labelled, called };
}

/**
 * Mean recall over the classes that occur in `labels` (values in [0, classes), -1 left out), in [0, 1]; chance is one over the
 * number of those classes for any rule that ignores the input. Undefined without rows. Throws `MATRIX_SHAPE`, `BAD_SETTING`.
 */
export function balancedAccuracy(
  predicted: Int32Array,
  labels: Int32Array,
  classes: number,
  weights?: Float64Array,
): Measured {
  const { hits, labelled } = tally(predicted, labels, classes, weights);
  let sum = 0;
  let present = 0;
  for (let c = 0; c < classes; c++) {
    if (labelled[c]! > 0) {
      sum += hits[c]! / labelled[c]!;
      present++;
    }
  }
  return present > 0 ? measured(sum / present) : undefinedBecause('no row has a label');
}

/**
 * Mean over classes of 2 TP / (labelled + called), in [0, 1]; the mean runs over classes that occur in the labels or in the
 * predictions, so that calling a class which never occurs costs something. Undefined without rows. Throws `MATRIX_SHAPE`,
 * `BAD_SETTING`.
 */
export function macroF1(
  predicted: Int32Array,
  labels: Int32Array,
  classes: number,
  weights?: Float64Array,
): Measured {
  const { hits, labelled, called } = tally(predicted, labels, classes, weights);
  let sum = 0;
  let present = 0;
  let rows = 0;
  for (let c = 0; c < classes; c++) {
    rows += labelled[c]!;
    const mass = labelled[c]! + called[c]!;
    if (mass > 0) {
      sum += (2 * hits[c]!) / mass;
      present++;
    }
  }
  return rows > 0 ? measured(sum / present) : undefinedBecause('no row has a label');
}
