/** @file test: made-up steering, erasure, baselines, calibration and doubts for tests of drawing; no number in them was measured. */
import { measured, undefinedBecause } from '../../src/core/outcome.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { sampleInterval } from './sample-evidence.ts';
import { HOOKS } from './sample-figures.ts';

type Causal = Pick<
  RunRecord,
  'doses' | 'erasure' | 'baselines' | 'calibration' | 'sensitivity' | 'strata' | 'leaks' | 'testReads'
>;

const nullOf = (
  id: string,
  low: number,
  high: number,
): Causal['doses'][number]['points'][number]['nulls'][number] => ({
  id,
  label: `directions of the family ${id}`,
  draws: 199,
  mean: measured((low + high) / 2),
  low: measured(low),
  high: measured(high),
  pValue: measured(0.005),
});

/** Every table filled; `outside` stands where a name of the data's own would. */
export function sampleCausal(outside = 'monitor'): Causal {
  const response = (id: string, label: string, slope: number): Causal['doses'][number] => ({
    id,
    label,
    hook: HOOKS[1]!,
    position: -1,
    bases: 200,
    preference: 'log odds of the new action over the old one',
    points: [-2, -1, -0.5, 0.5, 1, 2].map((dose) => ({
      dose,
      percentOfNorm: 100 * Math.abs(dose),
      effect: measured(slope * dose),
      interval: sampleInterval(slope * dose - 0.4, slope * dose + 0.4),
      flips: measured(Math.max(0, dose / 2)),
      valid: Math.abs(dose) < 2,
      broken: Math.abs(dose) < 2 ? [] : ['the states lie 2.1 times as far out as the activations do'],
      sideEffects: {
        choiceMass: measured(0.99),
        entropy: measured(0.2),
        neutralShift: measured(0.01),
        distance: measured(1 + Math.abs(dose) / 2),
      },
      nulls: [nullOf('isotropic', -0.3, 0.3), nullOf('covariance-matched', -1.2, 1.4)],
    })),
    slope: measured(slope),
    slopeInterval: sampleInterval(slope - 0.3, slope + 0.3),
  });
  return {
    doses: [
      response('goal.intended', 'intended goal', 0.2),
      response('goal.proxy', 'proxy', 6),
      response(`mode.${outside}.0-1`, `${outside}: from 0 towards 1`, 3),
    ],
    erasure: HOOKS.flatMap((hook, h) =>
      (['intended', 'proxy'] as const).map((role) => ({
        role,
        hook,
        position: -1,
        effect: measured(role === 'proxy' ? 3 - h / 2 : 0.1),
        interval: sampleInterval(role === 'proxy' ? 2.5 - h / 2 : -0.2, role === 'proxy' ? 3.5 - h / 2 : 0.4),
        nulls: [nullOf('random-erasers', -0.2, 0.9)],
        accuracyAfter: measured(0.05),
        chance: 0.04,
        othersLost: undefinedBecause('the data name no irrelevant variable'),
      })),
    ),
    baselines: ['probe', 'bag-of-tokens', 'output-logits'].flatMap((id) =>
      (['intended', 'proxy', 'irrelevant'] as const).map((role) => ({
        role,
        id,
        label: id === 'probe' ? 'activations, at the site where it is read best' : id,
        accuracy: measured(0.5),
        interval: sampleInterval(0.4, 0.6),
        chance: 0.04,
      })),
    ),
    calibration: [
      {
        id: 'named',
        label: 'read as the proxy rather than the intended goal',
        rows: 300,
        bins: [0, 0.5].map((low) => ({
          low,
          high: low + 0.5,
          count: 150,
          stated: low + 0.25,
          observed: low + 0.3,
        })),
        brier: measured(0.1),
        ece: measured(0.05),
      },
    ],
    sensitivity: HOOKS.map((hook, h) => ({
      hook,
      position: -1,
      chosen: h === 1,
      intended: measured(0.1),
      proxy: measured(h),
      proxyWeight: h === 0 ? undefinedBecause('neither goal has an effect here') : measured(0.95),
    })),
    strata: ['0', '1'].map((value) => ({
      kind: 'context',
      variable: outside,
      value,
      bases: 100,
      groups: 80,
      intended: measured(3),
      proxy: measured(0.1),
      proxyWeight: measured(0.03),
      proxyWeightInterval: sampleInterval(0.01, 0.06),
      use: { intended: 'used', proxy: 'unused' },
    })),
    leaks: [
      {
        role: 'proxy',
        hook: HOOKS[1]!,
        position: -1,
        rowSplit: measured(0.81),
        groupSplit: measured(0.78),
        difference: measured(0.03),
      },
    ],
    testReads: [{ rung: 'L5', what: 'statistics that decide', times: 9 }],
  };
}
