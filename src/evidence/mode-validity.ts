/** @file evidence: holds pushes towards another mode to what L6 asks of its own: states, choices and a neutral variable stay in range; judges no mode. */
import { takeRows } from '../core/matrix.ts';
import { seededRandom } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';
import { type Dense, dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type Covariance, centeredCovariance } from '../linalg/moments.ts';
import type { CausalInputs } from './causal-side.ts';
import type { Columns } from './columns.ts';
import type { SideEffects } from './figures.ts';
import { type ModeBases, type ModeOutcome, modeOutcome, repeated } from './mode-push.ts';
import { neutralDirections } from './steering-neutral.ts';
import type { Place } from './steering-push.ts';
import { naturalShift, sideEffectsOf, validityRange } from './steering-validity.ts';

/** One push and what it does besides turning choices. */
export type CheckedPush = {
  readonly outcome: ModeOutcome;
  readonly sideEffects: SideEffects;
  /** The checks that it breaks, in words; a push that breaks one says nothing of a mode. */
  readonly broken: readonly string[];
};

export type ModeCheck = (push: {
  readonly vector: Float64Array;
  readonly dose: number;
}) => Promise<CheckedPush>;

/** Covariance of some rows' activations at each position of a place. */
export function covariancesAt(
  { inputs, linalg }: { readonly inputs: CausalInputs; readonly linalg: Linalg },
  { hook, position }: Place,
  rows: Int32Array,
): Promise<Covariance[]> {
  const positions = typeof position === 'number' ? [position] : position;
  return Promise.all(
    positions.map((one) =>
      centeredCovariance(takeRows(inputs.activations({ hook, position: one }), rows), { linalg }),
    ),
  );
}

/**
 * Checks for pushes of the same bases at one place. The states must stay among those of `reference`, rows of both modes where two are known;
 * the choices must keep their probability and not come close to a blind guess; and a push of the irrelevant variable by as many gaps
 * between two halves of its values, clear of the goals, must leave the choices alone. Throws what `observeIntervened` throws.
 */
export async function modeCheck(request: {
  readonly columns: Columns;
  readonly inputs: CausalInputs;
  readonly side: 'select' | 'test';
  readonly site: Place;
  readonly bases: ModeBases;
  /** Rows that covariances and class means are taken over, and the covariance at each position. */
  readonly fit: Int32Array;
  readonly covariances: readonly Covariance[];
  readonly reference: Int32Array;
  /** Gaps of the irrelevant variable that a dose of 1 is held against. */
  readonly gapsPerDose: number;
}): Promise<ModeCheck> {
  const { columns, inputs, side, site, bases, fit, gapsPerDose } = request;
  const { rows } = bases;
  const range = await validityRange({
    inputs,
    site,
    bases: rows,
    covariances: request.covariances,
    ...(request.reference.length === 0 ? {} : { reference: request.reference }),
    natural: naturalShift(inputs, inputs[side], rows),
  });
  const neutral = neutralAt(columns, inputs, site, { fit, rows });
  return async ({ vector, dose }) => {
    const { logProbabilities, sideEffects, broken } = await sideEffectsOf({
      inputs,
      site,
      bases: rows,
      push: { dose, directions: repeated(vector, rows.length) },
      neutral: neutral === undefined ? undefined : { dose: dose * gapsPerDose, directions: neutral },
      range,
    });
    return { outcome: modeOutcome(columns, bases, logProbabilities), sideEffects, broken };
  };
}

/** The irrelevant variable from one half of its values to the other, at each position clear of the goals there, [rows, positions x width]. */
function neutralAt(
  columns: Columns,
  inputs: CausalInputs,
  { hook, position }: Place,
  { fit, rows }: { readonly fit: Int32Array; readonly rows: Int32Array },
): Dense | undefined {
  const { irrelevant, ...goals } = columns.labels;
  if (irrelevant === undefined) return undefined;
  const halved = { ...columns, labels: { ...goals, irrelevant: inHalves(irrelevant) } };
  const positions = typeof position === 'number' ? [position] : position;
  const parts = positions.map((one) =>
    neutralDirections(halved, inputs.activations({ hook, position: one }), fit, rows),
  );
  if (parts.every((part) => part === undefined)) return undefined;
  const { columns: width } = inputs.activations({ hook, position: positions[0]! });
  const joined = dense(rows.length, positions.length * width);
  // Where the goals leave no direction, nothing is pushed.
  for (const [p, part] of parts.entries())
    for (let i = 0; part !== undefined && i < rows.length; i++)
      joined.data.set(part.data.subarray(i * width, (i + 1) * width), i * joined.columns + p * width);
  return joined;
}

/**
 * The same variable with its values dealt into two halves, the same at every call: a mode is one direction between two means, and many class
 * means of few rows each would bring, over several positions, more noise than a push of two.
 */
function inHalves({ classes, values }: ClassLabels): ClassLabels {
  const order = seededRandom('halves').shuffled(Array.from({ length: classes }, (_, value) => value));
  const half = new Map(order.map((value, i) => [value, i % 2]));
  return {
    classes: 2,
    names: ['one half', 'the other half'],
    values: values.map((value) => half.get(value) ?? -1),
  };
}
