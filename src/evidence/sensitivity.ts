/** @file evidence: what the causal rung would have measured, had another hook been chosen; decides nothing. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type CausalInputs, interchangeRequest } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { CRITERIA } from './criteria.ts';
import type { SensitivityPoint } from './figures.ts';
import { interchange } from './interchange.ts';
import type { Goal } from './reading.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import { estimateOf, intervalPart } from './statistic.ts';

/** Whole-vector exchange of each goal at every hook of the chain, on the test bases. */
export async function sensitivity(request: {
  readonly inputs: CausalInputs;
  readonly where: CausalSite;
  readonly bootstrapDraws: number;
  readonly random: Random;
}): Promise<SensitivityPoint[]> {
  const { inputs, where } = request;
  const points: SensitivityPoint[] = [];
  for (const hook of inputs.chain) {
    const site = { hook, position: inputs.readout };
    const effectOf = async (goal: Goal): Promise<Interval> => {
      const own = interchangeRequest(inputs, inputs.test, goal, goal);
      if (own === undefined) return { state: 'undefined', reason: 'the data hold no sources of this goal' };
      const { effects } = await interchange(own, { sites: [site], basis: null });
      return clusterBootstrapMean({
        groups: inputs.test.groups,
        values: effects,
        draws: request.bootstrapDraws,
        random: request.random.fork(`sensitivity/${hook}/${goal}`),
      });
    };
    const [intended, proxy] = [await effectOf('intended'), await effectOf('proxy')];
    const [i, p] = [intervalPart(intended).interval, intervalPart(proxy).interval];
    points.push({
      hook,
      position: site.position,
      chosen: hook === where.site.hook && site.position === where.site.position,
      intended: estimateOf(intended),
      proxy: estimateOf(proxy),
      ...(i === undefined ? {} : { intendedInterval: i }),
      ...(p === undefined ? {} : { proxyInterval: p }),
      proxyWeight: weightOf(estimateOf(intended), estimateOf(proxy)),
    });
  }
  return points;
}

function weightOf(intended: Measured, proxy: Measured): Measured {
  if (intended.state === 'undefined') return intended;
  if (proxy.state === 'undefined') return proxy;
  const total = intended.value + proxy.value;
  return total < CRITERIA.ignoredNats
    ? undefinedBecause('neither goal has an effect here')
    : measured(proxy.value / total);
}
