/** @file evidence: the dose response of a push towards another mode, for the figure; decides nothing. */
import { takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { CausalInputs } from './causal-side.ts';
import type { DoseResponse } from './figures.ts';
import { type ModeBases, shareOf } from './mode-push.ts';
import type { CheckedPush } from './mode-validity.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import { quantileOfSorted } from './resample-interval.ts';
import { estimateOf, intervalPart } from './statistic.ts';
import { rowLengths } from './steering-directions.ts';
import { type Place, statesAt } from './steering-push.ts';

export function doseResponseOf(request: {
  readonly inputs: CausalInputs;
  readonly bootstrapDraws: number;
  readonly random: Random;
  readonly id: string;
  readonly label: string;
  readonly site: Place;
  readonly bases: ModeBases;
  readonly doses: readonly number[];
  /** One push per dose, on all bases. */
  readonly checked: readonly CheckedPush[];
  /** Length of the push at dose 1. */
  readonly length: number;
}): DoseResponse {
  const { id, label, site, bases, doses, checked } = request;
  const states = takeRows(statesAt(request.inputs, site), bases.rows);
  const norm = quantileOfSorted(rowLengths({ ...states, data: Float64Array.from(states.data) }).sort(), 0.5);
  let products = 0;
  let squares = 0;
  const points = doses.map((dose, d) => {
    const { outcome, sideEffects, broken } = checked[d]!;
    const valid = broken.length === 0;
    const interval = clusterBootstrapMean({
      groups: bases.groups,
      values: outcome.effects,
      draws: request.bootstrapDraws,
      random: request.random.fork(`${id}/${dose}`),
    });
    if (valid && interval.state === 'measured') {
      products += dose * interval.estimate;
      squares += dose * dose;
    }
    return {
      dose,
      percentOfNorm: norm === 0 ? 0 : (100 * Math.abs(dose) * request.length) / norm,
      effect: estimateOf(interval),
      ...intervalPart(interval),
      flips: measured(shareOf(outcome.turned)),
      valid,
      broken,
      sideEffects,
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
    slope: squares === 0 ? undefinedBecause('no valid dose has an effect') : measured(products / squares),
  };
}
