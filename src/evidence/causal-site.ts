/** @file evidence: where to test causally: the earliest place that carries the effect, found on the select side only. */
import { type Matrix, takeRows } from '../core/matrix.ts';
import { type Dense, plainProduct, toDense } from '../linalg/dense.ts';
import { symmetricEigen } from '../linalg/factor.ts';
import { centred, columnMoments } from '../linalg/moments.ts';
import { type CausalInputs, interchangeRequest, mean, totalEffects } from './causal-side.ts';
import { type Columns, pickInts, type Site } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { interchange, interchangeMany } from './interchange.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { classMeanBases } from './subspace.ts';

export type CausalSite = {
  /** The goal with the larger total effect on the select side. */
  readonly lead: Goal;
  /** The lead's site. */
  readonly site: Site;
  /** Where each goal is tested: the lead's site, or a later one for a goal that reaches the read-out only there. */
  readonly sites: Readonly<Record<Goal, Site>>;
  /** Rank and basis of each goal's class-mean subspace at its site, the rank chosen on the select side. */
  readonly subspace: Readonly<Partial<Record<Goal, { readonly rank: number; readonly basis: Dense }>>>;
};

/**
 * Per goal the earliest hook at the read-out at which swapping the whole vector carries `siteShare` of its own total effect; the last hook
 * carries all of it and would prove nothing. The other goal is tested at the lead's site unless it arrives later; one whose total effect is
 * near zero stays with the lead. Ranks: the smallest one that carries `rankShare` of the whole vector's effect, else the largest.
 */
export async function findCausalSite(
  inputs: CausalInputs,
  columns: Columns,
  sides: Sides,
  ranks: readonly number[],
): Promise<CausalSite | undefined> {
  const totals = GOALS.map((goal) => ({ goal, effects: totalEffects(inputs, inputs.select, goal) }));
  const known = totals.flatMap(({ goal, effects }) =>
    effects === undefined ? [] : [{ goal, total: mean(effects) }],
  );
  if (known.length === 0 || inputs.select.bases.length === 0) return undefined;
  const lead = known.reduce((best, next) => (next.total > best.total ? next : best));
  const first = await earliest(inputs, lead, 0);
  const site: Site = { hook: inputs.chain[first]!, position: inputs.readout };
  const sites: Record<Goal, Site> = { intended: site, proxy: site };
  const enough = Math.max(CRITERIA.equivalenceNats, CRITERIA.equivalenceShare * Math.abs(lead.total));
  for (const other of known) {
    if (other.goal === lead.goal || !(other.total > enough)) continue;
    sites[other.goal] = { ...site, hook: inputs.chain[await earliest(inputs, other, first)]! };
  }
  const subspace: Partial<Record<Goal, { rank: number; basis: Dense }>> = {};
  for (const goal of GOALS) {
    const chosen = await chooseRank(inputs, columns, sides, sites[goal], goal, ranks);
    if (chosen !== undefined) subspace[goal] = chosen;
  }
  return { lead: lead.goal, site, sites, subspace };
}

/** The later of the goals' sites: the first at which both can be compared. */
export function commonSite({ sites }: CausalSite, chain: readonly string[]): Site {
  const { intended, proxy } = sites;
  return chain.indexOf(proxy.hook) > chain.indexOf(intended.hook) ? proxy : intended;
}

/** Index in the chain, from `from` on, of the first hook that carries enough of a goal's total effect; the last one when none does. */
async function earliest(
  inputs: CausalInputs,
  { goal, total }: { readonly goal: Goal; readonly total: number },
  from: number,
): Promise<number> {
  const request = interchangeRequest(inputs, inputs.select, goal, goal)!;
  for (let i = from; i < inputs.chain.length; i++) {
    const site = { hook: inputs.chain[i]!, position: inputs.readout };
    const effect = mean((await interchange(request, { sites: [site], basis: null })).effects);
    if (effect > 0 && effect >= CRITERIA.siteShare * total) return i;
  }
  return inputs.chain.length - 1;
}

async function chooseRank(
  inputs: CausalInputs,
  columns: Columns,
  sides: Sides,
  site: Site,
  goal: Goal,
  ranks: readonly number[],
): Promise<{ rank: number; basis: Dense } | undefined> {
  const request = interchangeRequest(inputs, inputs.select, goal, goal);
  if (request === undefined) return undefined;
  const bases = rankCandidates(inputs, columns, sides, site, goal, ranks);
  if (bases === undefined) return undefined;
  const outcomes = await interchangeMany(request, [site], [null, ...bases]);
  const whole = mean(outcomes[0]!.effects);
  const found = outcomes.slice(1).findIndex(({ effects }) => mean(effects) >= CRITERIA.rankShare * whole);
  const index = found < 0 ? bases.length - 1 : found;
  return { rank: bases[index]!.columns, basis: bases[index]! };
}

/** Those of `goalBases` that a rank may be chosen from; undefined when there are none. */
export function rankCandidates(...where: Parameters<typeof goalBases>): Dense[] | undefined {
  const [inputs, , sides, site] = where;
  // A subspace of more than half the dimensions leaves random ones of its rank no room to differ from it, and nothing could be tested.
  const most = Math.floor(varyingDimensions(takeRows(inputs.activations(site), sides.apart.fit)) / 2);
  return goalBases(...where)?.filter((basis, i) => i === 0 || basis.columns <= most);
}

/**
 * Class-mean subspaces of a goal at a site, rising in rank, fitted on the fit rows of the come-apart set. Ranks beyond what the class means
 * span fall together into one; undefined when they do not spread at all.
 */
export function goalBases(
  inputs: CausalInputs,
  columns: Columns,
  sides: Sides,
  site: Site,
  goal: Goal,
  ranks: readonly number[],
): Dense[] | undefined {
  const labels = columns.labels[goal];
  if (labels === undefined || ranks.length === 0) return undefined;
  const x = takeRows(inputs.activations(site), sides.apart.fit);
  const rising = [...ranks].sort((a, b) => a - b);
  const bases = classMeanBases(x, pickInts(labels.values, sides.apart.fit), labels.classes, rising);
  const distinct = bases.filter(
    (basis, i) => basis.columns > 0 && (i === 0 || basis.columns > bases[i - 1]!.columns),
  );
  return distinct.length === 0 ? undefined : distinct;
}

/** Share of the variance that the dimensions counted as varying hold together. */
const VARYING_SHARE = 0.999;
/** Rows that a count of dimensions is made on. */
const COUNTED_ROWS = 1000;

/** Number of principal components that hold nearly all of the variance of x [rows, width]. */
export function varyingDimensions(x: Matrix): number {
  const rows = Math.min(x.rows, COUNTED_ROWS);
  if (rows === 0) return 0;
  const some: Matrix = { rows, columns: x.columns, data: x.data.subarray(0, rows * x.columns) };
  const offsets = toDense(centred(some, columnMoments(some).mean));
  const { values } = symmetricEigen(plainProduct(offsets, offsets, { transposeA: true }));
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  let held = 0;
  let count = 0;
  for (const value of values) {
    if (held >= VARYING_SHARE * total) break;
    held += Math.max(0, value);
    count++;
  }
  return count;
}
