/** @file evidence: the dose response of a push towards another mode, for the figure; decides nothing. */
import { takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { CausalInputs } from './causal-side.ts';
import type { DoseResponse } from './figures.ts';
import { type ModeBases, type ModeOutcome, shareOf } from './mode-push.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import { quantileOfSorted } from './resample-interval.ts';
import { estimateOf, intervalPart } from './statistic.ts';
import { rowLengths } from './steering-directions.ts';
import { type Place, statesAt } from './steering-push.ts';

const UNASKED = undefinedBecause('not measured for a push towards another mode');

export function doseResponseOf(request: {
  readonly inputs: CausalInputs;
  readonly bootstrapDraws: number;
  readonly random: Random;
  readonly id: string;
  readonly label: string;
  readonly site: Place;
  readonly bases: ModeBases;
  readonly doses: readonly number[];
  readonly outcomes: readonly ModeOutcome[];
  /** Length of the push at dose 1. */
  readonly length: number;
}): DoseResponse {
  const { id, label, site, bases, doses, outcomes } = request;
  const states = takeRows(statesAt(request.inputs, site), bases.rows);
  const norm = quantileOfSorted(rowLengths({ ...states, data: Float64Array.from(states.data) }).sort(), 0.5);
  let products = 0;
  let squares = 0;
  const points = doses.map((dose, d) => {
    const outcome = outcomes[d]!;
    const interval = clusterBootstrapMean({
      groups: bases.groups,
      values: outcome.effects,
      draws: request.bootstrapDraws,
      random: request.random.fork(`${id}/${dose}`),
    });
    if (interval.state === 'measured') {
      products += dose * interval.estimate;
      squares += dose * dose;
    }
    return {
      dose,
      percentOfNorm: norm === 0 ? 0 : (100 * Math.abs(dose) * request.length) / norm,
      effect: estimateOf(interval),
      ...intervalPart(interval),
      flips: measured(shareOf(outcome.turned)),
      valid: true,
      broken: [],
      sideEffects: { choiceMass: UNASKED, entropy: UNASKED, neutralShift: UNASKED, distance: UNASKED },
      nulls: [],
    };
  });
  return {
    id,
    label,
    hook: site.hook,
    position: typeof site.position === 'number' ? site.position : request.inputs.readout,
    bases: bases.rows.length,
    preference:
      "log odds of the proxy's action over the intended one; a turn is a choice that becomes the proxy's",
    points,
    slope: squares === 0 ? undefinedBecause('no dose has an effect') : measured(products / squares),
  };
}
