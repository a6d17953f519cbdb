/** @file evidence: how well a probe predicts a number on test rows, against the mean it was fitted with; it fits nothing. */
import { MesascopeError } from '../core/errors.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { TestSplit } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { predictNumbers } from '../probe/linear-probe.ts';
import type { NumberTarget, RegressionFit } from '../probe/regression.ts';
import { spearman } from './metric-numeric.ts';

export type RegressionReading = {
  /** Per test row, in the target's unit. */
  readonly predicted: Float64Array;
  /**
   * 1 - sum of (value - prediction)^2 / sum of (value - mean of the fit rows)^2, at most 1. The mean of the test rows would be a reference that
   * no prediction could have known, and makes a useless probe look worse than useless.
   */
  readonly rSquared: Measured;
  /** Rank correlation, -1 to 1: also high where the scale of the predictions is off. */
  readonly spearman: Measured;
  /** Test rows with a value. */
  readonly rows: number;
};

/**
 * Reads a fitted regression on the test side. test.x [n, width]; `target.values` is by example, NaN where there is none. Throws
 * `MATRIX_SHAPE`, and `LABELS_INVALID` when a test example has no target.
 */
export async function readRegression(
  fit: Extract<RegressionFit, { readonly state: 'chosen' }>,
  {
    test,
    target,
    linalg,
  }: { readonly test: TestSplit; readonly target: NumberTarget; readonly linalg: Linalg },
): Promise<RegressionReading> {
  const [predicted] = await predictNumbers([fit.probe], test.x, linalg);
  const values = Float64Array.from(test.rows, (row) => {
    const value = target.values[row];
    if (value !== undefined) return value;
    throw new MesascopeError(
      'LABELS_INVALID',
      `${JSON.stringify(target.name)}: example ${row} has no number`,
    );
  });
  let [residual, total, rows] = [0, 0, 0];
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    residual += (value - predicted![i]!) ** 2;
    total += (value - fit.fitMean) ** 2;
    rows += 1;
  });
  return {
    predicted: predicted!,
    rSquared:
      total > 0
        ? measured(1 - residual / total)
        : undefinedBecause(rows === 0 ? 'there is no row' : 'every value is the mean of the fit rows'),
    spearman: spearman({ predicted: predicted!, values }),
    rows,
  };
}
