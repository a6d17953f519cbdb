/** @file evidence: contexts of the data in which the goals change places: the rule, and the numbers that it rests on as statistics. */
import { CRITERIA } from './criteria.ts';
import type { StratumEffect } from './figures.ts';
import type { Statistic } from './rung.ts';
import type { ContextPair } from './verdict.ts';

/** The statistic of a context: an effect of one goal there, or the proxy's share of the two. */
export function contextId(variable: string, value: string, what: 'intended' | 'proxy' | 'weight'): string {
  return `L5.context.${variable}.${value}.${what}`;
}

/**
 * In one value of a context the intended goal leads, in another the proxy does: the first such pair, or undefined. The proxy's share of the
 * two effects tells, with its interval: an effect on the odds between two actions that are both next to impossible is real, and means
 * nothing for what is done.
 */
export function actsInOneContext(strata: readonly StratumEffect[]): ContextPair | undefined {
  const contexts = strata.filter(({ kind }) => kind === 'context');
  for (const here of contexts) {
    if (!leadsHere(here)) continue;
    const there = contexts.find((other) => other.variable === here.variable && leadsThere(other));
    if (there !== undefined) return { variable: here.variable, intendedAt: here.value, proxyAt: there.value };
  }
  return undefined;
}

function leadsHere({ use, proxyWeightInterval: weight }: StratumEffect): boolean {
  return use.intended === 'used' && weight !== undefined && weight.high < CRITERIA.modeWeightHere;
}

function leadsThere({ use, proxyWeightInterval: weight }: StratumEffect): boolean {
  return use.proxy === 'used' && weight !== undefined && weight.low > CRITERIA.modeWeightThere;
}

/** Both effects and the proxy's share of them in each context of the data; the shares of the pair that decides have passed its rule. */
export function contextStatistics(
  strata: readonly StratumEffect[],
  pair: ContextPair | undefined,
): Statistic[] {
  return strata
    .filter(({ kind }) => kind === 'context')
    .flatMap((stratum): Statistic[] => {
      const { variable, value, proxyWeight, proxyWeightInterval } = stratum;
      const where = `where ${variable} is ${value}`;
      const decides = pair?.variable === variable && (pair.intendedAt === value || pair.proxyAt === value);
      return [
        ...(['intended', 'proxy'] as const).map((goal): Statistic => {
          const interval = goal === 'intended' ? stratum.intendedInterval : stratum.proxyInterval;
          return {
            id: contextId(variable, value, goal),
            label: `effect of exchanging the ${goal} goal ${where}, whole vector`,
            role: goal,
            unit: 'nats',
            value: stratum[goal],
            ...(interval === undefined ? {} : { interval }),
            nulls: [],
            state: 'reported',
            criterion: 'shown beside the share of the proxy in the two effects',
          };
        }),
        {
          id: contextId(variable, value, 'weight'),
          label: `the proxy's share of the two effects ${where}: 0 all intended, 1 all proxy`,
          unit: 'ratio',
          value: proxyWeight,
          ...(proxyWeightInterval === undefined ? {} : { interval: proxyWeightInterval }),
          nulls: [],
          state: decides ? 'passed' : 'reported',
          criterion: `its interval below ${CRITERIA.modeWeightHere} in one value of a context, the intended goal used there, and above ${CRITERIA.modeWeightThere} in another, the proxy used there`,
        },
      ];
    });
}
