/** @file evidence: measures, for one goal, every effect that L5 holds against another; judges nothing. */
import { takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { covarianceMatchedBasis, samplerOfCovariance } from '../linalg/covariance-sampler.ts';
import type { Dense } from '../linalg/dense.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type InterchangeOutcome, interchange, interchangeMany } from './interchange.ts';
import type { Goal, Sides } from './reading.ts';

export type MeasureRequest = {
  readonly inputs: CausalInputs;
  readonly sides: Sides;
  readonly where: CausalSite;
  readonly randomSubspaces: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

/** Effects on the bases of the test side, in nats, one per base unless said otherwise. */
export type GoalEffect = {
  /** The model itself on the source input: no edit. */
  readonly total: Float64Array;
  /** Whole vector exchanged at the site. */
  readonly whole: InterchangeOutcome;
  /** Within the goal's class-mean subspace; undefined when there is none. */
  readonly within: InterchangeOutcome | undefined;
  readonly rank: number | undefined;
  /** Mean effect within each random subspace of the same rank; empty when the activations hold none of that rank. */
  readonly random: Float64Array;
  /** The irrelevant variable's source in place of the goal's, whole vector. */
  readonly irrelevant: InterchangeOutcome | undefined;
  /** A source with the same value of the goal, within the goal's subspace. */
  readonly sameValue: InterchangeOutcome | undefined;
};

/** Undefined when the data hold no sources of this goal. Throws what `runIntervened` throws. */
export async function measureGoal(request: MeasureRequest, goal: Goal): Promise<GoalEffect | undefined> {
  const { inputs, where } = request;
  const total = totalEffects(inputs, inputs.test, goal);
  const own = interchangeRequest(inputs, inputs.test, goal, goal);
  if (total === undefined || own === undefined) return undefined;
  const subspace = where.subspace[goal];
  const sites = [where.site];
  const irrelevant = interchangeRequest(inputs, inputs.test, 'irrelevant', goal);
  const same = interchangeRequest(inputs, inputs.test, 'same', goal);
  const random = subspace === undefined ? [] : await randomBases(request, goal, subspace.rank);
  const within = subspace === undefined ? [] : await interchangeMany(own, sites, [subspace.basis, ...random]);
  return {
    total,
    whole: await interchange(own, { sites, basis: null }),
    within: within[0],
    rank: subspace?.rank,
    random: Float64Array.from(within.slice(1), (outcome) => mean(outcome.effects)),
    irrelevant: irrelevant === undefined ? undefined : await interchange(irrelevant, { sites, basis: null }),
    sameValue:
      same === undefined || subspace === undefined
        ? undefined
        : await interchange(same, { sites, basis: subspace.basis }),
  };
}

/** Subspaces of one rank, drawn with the covariance of the activations that the goal's own subspace was fitted on. */
async function randomBases(request: MeasureRequest, goal: Goal, rank: number): Promise<Dense[]> {
  const { inputs, sides, where, linalg } = request;
  const fitted = takeRows(inputs.activations(where.site), sides.apart.fit);
  const covariance = await centeredCovariance(fitted, { linalg });
  if (rank > samplerOfCovariance(covariance).rank) return [];
  return Array.from({ length: request.randomSubspaces }, (_, i) =>
    covarianceMatchedBasis({
      covariance,
      k: rank,
      random: request.random.fork(`used/${goal}/subspace/${i}`),
    }),
  );
}
