/** @file evidence: the rule of L5 on goal values that the model never met in training; measures nothing itself. */
import { undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { CRITERIA } from './criteria.ts';
import type { Goal } from './reading.ts';
import { clusterBootstrapDraws, clusterBootstrapMean, meanStatistic } from './resample-cluster-bootstrap.ts';
import { equivalenceTest } from './resample-equivalence.ts';
import type { Statistic } from './rung.ts';
import { estimateOf, intervalPart, stateOf } from './statistic.ts';
import type { GoalEffect } from './used-measure.ts';
import type { Use } from './verdict.ts';

/**
 * `used` when the interval of the effect lies beyond the margin, `unused` when its size is shown to be near zero, else `unclear`;
 * `not-run` without rows of the set `held-out`. A habit, learned value by value, does not carry over; a goal does.
 */
export function judgeHeldOut(
  request: {
    readonly goal: Goal;
    readonly effect: GoalEffect;
    readonly site: string;
    readonly alpha: number;
    readonly bootstrapDraws: number;
    readonly random: Random;
  },
  margin: number,
): { readonly use: Use; readonly statistic: Statistic } {
  const { goal, effect, random, bootstrapDraws: draws } = request;
  const base = {
    id: `L5.${goal}.held-out`,
    label: `effect of exchanging the ${goal} goal on goal values that the model never met in training`,
    role: goal,
    unit: 'nats' as const,
    nulls: [],
    criterion: `interval above ${margin.toFixed(2)} nats; needs rows of the set "held-out"`,
    site: request.site,
  };
  if (effect.heldOut === undefined) {
    return {
      use: 'not-run',
      statistic: {
        ...base,
        value: undefinedBecause('the data hold no usable rows of the set "held-out"'),
        state: 'reported',
      },
    };
  }
  const { outcome, groups } = effect.heldOut;
  const values = outcome.effects;
  const interval = clusterBootstrapMean({
    groups,
    values,
    draws,
    random: random.fork(`held-out/${goal}`),
  });
  const zero = equivalenceTest({
    bootstrap: clusterBootstrapDraws({
      groups,
      draws,
      random: random.fork(`held-out/${goal}/equivalence`),
      statistic: meanStatistic({ groups, values: values.map(Math.abs) }),
    }),
    margin,
    level: request.alpha,
  });
  const enough = new Set(groups).size >= CRITERIA.minCausalGroups;
  const use: Use =
    !enough || interval.state !== 'measured'
      ? 'unclear'
      : interval.low > margin
        ? 'used'
        : zero.state === 'measured' && zero.equivalent
          ? 'unused'
          : 'unclear';
  return {
    use,
    statistic: {
      ...base,
      value: estimateOf(interval),
      ...intervalPart(interval),
      state: stateOf(use === 'used' ? true : use === 'unused' ? false : undefined),
      ...(enough
        ? {}
        : {
            criterion: `${base.criterion}; these are too few groups (at least ${CRITERIA.minCausalGroups})`,
          }),
    },
  };
}
