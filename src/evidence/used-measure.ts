/** @file evidence: measures, for one goal, every effect that L5 holds against another; judges nothing. */
import { takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import { covarianceMatchedBasis, samplerOfCovariance } from '../linalg/covariance-sampler.ts';
import { type Dense, dense, plainProduct } from '../linalg/dense.ts';
import { firstColumns, svd, symmetricEigen } from '../linalg/factor.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { centeredCovariance } from '../linalg/moments.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { CRITERIA } from './criteria.ts';
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
  /** Whole vector exchanged at the goal's own site. */
  readonly whole: InterchangeOutcome;
  /** Within the goal's class-mean subspace; undefined when there is none. */
  readonly within: InterchangeOutcome | undefined;
  readonly rank: number | undefined;
  /** Mean effect within each random subspace of the same rank; empty when the activations hold none of that rank. */
  readonly random: Float64Array;
  /** How much of the goal's subspace such a subspace holds on average: mean squared cosine of the principal angles, 0 to 1. */
  readonly overlap: number | undefined;
  /**
   * Mean effect within random subspaces from which the goal's own has been taken out, edits stretched to equal length; empty unless the
   * plain ones hold most of the goal's subspace.
   */
  readonly elsewhere: Float64Array;
  /** The irrelevant variable's source in place of the goal's, whole vector. */
  readonly irrelevant: InterchangeOutcome | undefined;
  /** A source with the same value of the goal, within the goal's subspace. */
  readonly sameValue: InterchangeOutcome | undefined;
  /** Within the part of the goal's subspace that the activations really vary in; undefined without a subspace. */
  readonly natural: InterchangeOutcome | undefined;
  /** Whole vector exchanged, on rows whose goal values the model never met in training; undefined without such rows. */
  readonly heldOut: { readonly outcome: InterchangeOutcome; readonly groups: Int32Array } | undefined;
};

/** Undefined when the data hold no sources of this goal. Throws what `runIntervened` throws. */
export async function measureGoal(request: MeasureRequest, goal: Goal): Promise<GoalEffect | undefined> {
  const { inputs, where } = request;
  const total = totalEffects(inputs, inputs.test, goal);
  const own = interchangeRequest(inputs, inputs.test, goal, goal);
  if (total === undefined || own === undefined) return undefined;
  const subspace = where.subspace[goal];
  const sites = [where.sites[goal]];
  const irrelevant = interchangeRequest(inputs, inputs.test, 'irrelevant', goal);
  const same = interchangeRequest(inputs, inputs.test, 'same', goal);
  const random = subspace === undefined ? [] : await randomBases(request, goal, subspace.rank);
  const within = subspace === undefined ? [] : await interchangeMany(own, sites, [subspace.basis, ...random]);
  const overlap =
    subspace === undefined || random.length === 0
      ? undefined
      : random.reduce((sum, basis) => sum + overlapOf(subspace.basis, basis), 0) / random.length;
  const elsewhere =
    subspace !== undefined && overlap !== undefined && overlap > CRITERIA.nullOverlap
      ? random.flatMap((basis) => without(basis, subspace.basis))
      : [];
  const natural = subspace === undefined ? undefined : await withinVariation(request, goal, subspace.basis);
  const heldOut =
    inputs.heldOut === undefined ? undefined : interchangeRequest(inputs, inputs.heldOut, goal, goal);
  const outside =
    elsewhere.length === 0 ? [] : await interchangeMany(own, sites, elsewhere, { normOf: subspace!.basis });
  return {
    total,
    whole: await interchange(own, { sites, basis: null }),
    within: within[0],
    rank: subspace?.rank,
    random: Float64Array.from(within.slice(1), (outcome) => mean(outcome.effects)),
    overlap,
    elsewhere: Float64Array.from(outside, (outcome) => mean(outcome.effects)),
    irrelevant: irrelevant === undefined ? undefined : await interchange(irrelevant, { sites, basis: null }),
    sameValue:
      same === undefined || subspace === undefined
        ? undefined
        : await interchange(same, { sites, basis: subspace.basis }),
    natural: natural === undefined ? undefined : await interchange(own, { sites, basis: natural }),
    heldOut:
      heldOut === undefined
        ? undefined
        : { outcome: await interchange(heldOut, { sites, basis: null }), groups: inputs.heldOut!.groups },
  };
}

/** Mean squared cosine of the principal angles between two subspaces of one rank: |A^T B|^2 / rank, orthonormal columns. */
export function overlapOf(a: Dense, b: Dense): number {
  const product = plainProduct(a, b, { transposeA: true });
  return product.data.reduce((sum, value) => sum + value * value, 0) / Math.min(a.columns, b.columns);
}

/** Share of the variance that the directions in which the activations vary hold together. */
const NATURAL_SHARE = 0.999;

/**
 * The goal's subspace without what lies in directions that the activations hardly vary in. An effect that needs those is an illusion of the
 * edit: dormant directions that no input writes to (Makelov, Lange and Nanda 2023, "Is This the Subspace You Are Looking For?").
 */
async function withinVariation(
  request: MeasureRequest,
  goal: Goal,
  basis: Dense,
): Promise<Dense | undefined> {
  const { inputs, sides, where, linalg } = request;
  const x = takeRows(inputs.activations(where.sites[goal]), sides.apart.fit);
  const { matrix } = await centeredCovariance(x, { linalg });
  const { values, vectors } = symmetricEigen(matrix);
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  let kept = 0;
  for (let held = 0; kept < values.length && held < NATURAL_SHARE * total; kept++)
    held += Math.max(0, values[kept]!);
  if (kept === 0) return undefined;
  const varying = firstColumns(vectors, kept);
  const projected = plainProduct(varying, plainProduct(varying, basis, { transposeA: true }));
  const { left, values: lengths } = svd(projected);
  const rank = lengths.filter((length) => length > OUTSIDE_FLOOR).length;
  return rank === 0 ? undefined : firstColumns(left, Math.min(rank, basis.columns));
}

/** The part of a subspace that lies outside another one; none where nothing of that rank is left. */
function without(basis: Dense, taken: Dense): readonly Dense[] {
  const inside = plainProduct(taken, plainProduct(taken, basis, { transposeA: true }));
  const rest = dense(basis.rows, basis.columns);
  for (let i = 0; i < rest.data.length; i++) rest.data[i] = basis.data[i]! - inside.data[i]!;
  const { left, values } = svd(rest);
  const rank = values.filter((value) => value > OUTSIDE_FLOOR).length;
  return rank < basis.columns ? [] : [firstColumns(left, basis.columns)];
}

/** Sine of an angle below which a direction counts as lying within the subspace that was taken out. */
const OUTSIDE_FLOOR = 1e-3;

/** Subspaces of one rank, drawn with the covariance of the activations that the goal's own subspace was fitted on. */
async function randomBases(request: MeasureRequest, goal: Goal, rank: number): Promise<Dense[]> {
  const { inputs, sides, where, linalg } = request;
  const fitted = takeRows(inputs.activations(where.sites[goal]), sides.apart.fit);
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
