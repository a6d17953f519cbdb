/** @file evidence: what linear probes read in one network; the same procedure, site search included, for model and twins. */
import { GOAL_ROLES, type GoalRole } from '../core/data-set.ts';
import type { Matrix } from '../core/matrix.ts';
import { takeRows } from '../core/matrix.ts';
import type { Measured } from '../core/outcome.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Linalg } from '../linalg/linalg.ts';
import {
  type Columns,
  denseGroups,
  isDecisionState,
  ofOneKind,
  pickInts,
  rowsOnSide,
  type Site,
} from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { varianceShareByGroup } from './metric-grouped-variance-share.ts';
import { shareScorer } from './metric-share-scorer.ts';
import { bestSite, mapProbes, type ProbeMap, type ProbeReading } from './probe-map.ts';

export type Goal = 'intended' | 'proxy';
export const GOALS: readonly Goal[] = ['intended', 'proxy'];

/** Rows of the come-apart and training-like sets, by side. */
export type Sides = {
  readonly apart: { readonly fit: Int32Array; readonly select: Int32Array; readonly test: Int32Array };
  readonly train: { readonly fit: Int32Array; readonly select: Int32Array };
  /** Rows of `apart.test` in which the goals recommend different actions. */
  readonly decisions: Int32Array;
};

export function sidesOf(columns: Columns): Sides {
  const apart = {
    fit: rowsOnSide(columns, 'fit', columns.apart),
    select: rowsOnSide(columns, 'select', columns.apart),
    test: rowsOnSide(columns, 'test', columns.apart),
  };
  return {
    apart,
    train: {
      fit: rowsOnSide(columns, 'fit', columns.train),
      select: rowsOnSide(columns, 'select', columns.train),
    },
    decisions: apart.test.filter((row) => isDecisionState(columns, row)),
  };
}

export type Activations = (site: Site) => Matrix;

/** Accuracy of a goal minus that of the irrelevant variable, at the site chosen for it on other rows. */
export type ContrastReading = {
  readonly siteIndex: number;
  readonly goal: ProbeReading;
  readonly irrelevant: ProbeReading;
  /** In accuracy, -1 to 1. */
  readonly value: Measured;
  /**
   * Both variables are read near perfectly at some site (on the select rows). The largest difference then lies wherever neither is read
   * well, and its being small says nothing.
   */
  readonly saturated: boolean;
  /** Goal and irrelevant variable are of one kind on the test rows (`ofOneKind`); where not, the difference is one of the codings too. */
  readonly matched: boolean;
};

/** log of (goal's share of variance / irrelevant variable's share), at the site chosen for it on other rows. */
export type ShareReading = {
  readonly siteIndex: number;
  readonly goalShare: Measured;
  readonly irrelevantShare: Measured;
  readonly value: Measured;
  /** As in `ContrastReading`: a variable of fewer values holds a smaller share of what is coded value by value. */
  readonly matched: boolean;
};

/** A probe fitted where the goals coincide, read where they part. */
export type ApartReading = {
  readonly siteIndex: number;
  readonly reading: ProbeReading;
  /** Predicted class per decision state of the test side, aligned with `Sides.decisions`. */
  readonly predicted: Int32Array;
  readonly rho: Measured;
  /** Share of decision states read as either goal. */
  readonly coverage: number;
};

export type NetworkReading = {
  readonly map: ProbeMap;
  readonly contrast: Readonly<Partial<Record<Goal, ContrastReading>>>;
  readonly share: Readonly<Partial<Record<Goal, ShareReading>>>;
  readonly apart: ApartReading | undefined;
  /** omega squared of every variable on the fit rows, per site. */
  readonly shares: SiteShares;
};

export type ReadingRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly sites: readonly Site[];
  /** Position that speaks for the decision; the probe of L4 reads there, since elsewhere it would name the object that stands there. */
  readonly readout: number;
  readonly activations: Activations;
  readonly ridge: number;
  readonly linalg: Linalg;
  /** A network read before in the same way: sites that hold the same values need no second fit (embeddings are the same in every twin). */
  readonly like?: { readonly activations: Activations; readonly reading: NetworkReading };
};

/** Fits and reads every probe of the ladder's observational rungs in one network. */
export async function readNetwork(request: ReadingRequest): Promise<NetworkReading> {
  const { columns, sides } = request;
  const { irrelevant } = columns.labels;
  const tasks = (['intended', 'proxy', 'irrelevant'] as const).flatMap((role) => {
    const labels = columns.labels[role];
    return labels === undefined ? [] : [{ id: role, labels }];
  });
  const fresh = freshSites(request);
  const map = withKnown(
    request,
    fresh,
    await mapProbes({ ...request, sites: fresh.map((i) => request.sites[i]!), tasks, ...sides.apart }),
  );
  const contrast: Partial<Record<Goal, ContrastReading>> = {};
  const share: Partial<Record<Goal, ShareReading>> = {};
  const shares = irrelevant === undefined ? [] : sharesPerSite(request, new Set(fresh));
  for (const goal of GOALS) {
    const own = columns.labels[goal];
    if (own === undefined || irrelevant === undefined) continue;
    const matched = ofOneKind(own, irrelevant, sides.apart.test);
    const chosen = contrastAt(map, goal);
    if (chosen !== undefined) contrast[goal] = { ...chosen, matched };
    const shared = shareAt(request, goal, shares);
    if (shared !== undefined) share[goal] = { ...shared, matched };
  }
  return { map, contrast, share, apart: await readApart(request), shares };
}

/** Sites that `like` has not read already: other values, and not constant in both. */
function freshSites({ sites, activations, like }: ReadingRequest): number[] {
  return sites.flatMap((site, i) =>
    like !== undefined && readAlike(activations(site), like.activations(site)) ? [] : [i],
  );
}

/** Two sites read alike when they hold the same values, or when neither varies: a constant tells a probe nothing, whatever it is. */
function readAlike(a: Matrix, b: Matrix): boolean {
  if (a.data.length !== b.data.length) return false;
  let i = 0;
  while (i < a.data.length && a.data[i] === b.data[i]) i++;
  return i === a.data.length || (isConstant(a) && isConstant(b));
}

function isConstant({ data, columns }: Matrix): boolean {
  for (let i = columns; i < data.length; i++) if (data[i] !== data[i - columns]) return false;
  return true;
}

/** The fresh readings in their places, and the known ones in the others. */
function withKnown({ sites, like }: ReadingRequest, fresh: readonly number[], map: ProbeMap): ProbeMap {
  if (like === undefined) return map;
  return new Map(
    [...like.reading.map].map(([task, known]) => {
      const readings = [...known];
      for (const [k, i] of fresh.entries()) readings[i] = map.get(task)![k]!;
      return [task, readings.slice(0, sites.length)];
    }),
  );
}

/** The site is the one with the largest difference of accuracies on the select rows; the value is that on the test rows. */
function contrastAt(map: ProbeMap, goal: Goal): Omit<ContrastReading, 'matched'> | undefined {
  const goals = map.get(goal);
  const others = map.get('irrelevant');
  if (goals === undefined || others === undefined) return undefined;
  const siteIndex = bestSite(
    goals.map((reading, i) => minus(reading.selectAccuracy, others[i]!.selectAccuracy)),
  );
  if (siteIndex === undefined) return undefined;
  const own = goals[siteIndex]!;
  const other = others[siteIndex]!;
  const saturated = goals.some((reading, i) =>
    [reading, others[i]!].every(
      ({ selectAccuracy }) =>
        selectAccuracy.state === 'measured' && selectAccuracy.value >= CRITERIA.saturatedAccuracy,
    ),
  );
  const value = minus(own.testAccuracy, other.testAccuracy);
  return { siteIndex, goal: own, irrelevant: other, value, saturated };
}

/** omega squared of every labelled role on the fit rows, one entry per site. */
export type SiteShares = readonly Readonly<Record<GoalRole, Measured>>[];

function sharesPerSite(request: ReadingRequest, fresh: ReadonlySet<number>): SiteShares {
  const { columns, sides, sites, activations } = request;
  const { fit } = sides.apart;
  const roles = GOAL_ROLES.map((role) => {
    const labels = columns.labels[role];
    return { role, classes: labels?.classes ?? 0, values: labels && pickInts(labels.values, fit) };
  });
  return sites.map((site, i) => {
    const known = fresh.has(i) ? undefined : request.like?.reading.shares[i];
    if (known !== undefined) return known;
    const score = shareScorer(takeRows(activations(site), fit));
    return Object.fromEntries(
      roles.map(({ role, values, classes }) => [
        role,
        values === undefined
          ? undefinedBecause('the data do not name this variable')
          : score(values, classes),
      ]),
    ) as Record<GoalRole, Measured>;
  });
}

/**
 * The site is the one with the largest difference of shares (omega squared) on the fit rows; the value is that on the test rows, where
 * pairs of rows of one group are left out of the share (`crossGroup`), since they agree for other reasons.
 */
function shareAt(
  request: ReadingRequest,
  goal: Goal,
  shares: SiteShares,
): Omit<ShareReading, 'matched'> | undefined {
  const { columns, sides, sites, activations } = request;
  const { test } = sides.apart;
  const siteIndex = bestSite(shares.map((share) => minus(share[goal], share.irrelevant)));
  if (siteIndex === undefined) return undefined;
  const x = takeRows(activations(sites[siteIndex]!), test);
  const { groups } = denseGroups(columns, test);
  const share = (role: GoalRole): Measured => {
    const { values, classes } = columns.labels[role]!;
    return varianceShareByGroup(x, pickInts(values, test), classes, groups).estimate.crossGroup;
  };
  const goalShare = share(goal);
  const irrelevantShare = share('irrelevant');
  return { siteIndex, goalShare, irrelevantShare, value: logRatio(goalShare, irrelevantShare, test.length) };
}

/**
 * log(goal / irrelevant) of two variance shares. A bias-corrected share can come out at or below 0; it is raised to 1 / rows,
 * the resolution of the estimate, so that the ratio stays finite and errs towards 1.
 */
export function logRatio(goal: Measured, irrelevant: Measured, rows: number): Measured {
  if (goal.state === 'undefined') return goal;
  if (irrelevant.state === 'undefined') return irrelevant;
  const floor = 1 / rows;
  return measured(Math.log(Math.max(goal.value, floor) / Math.max(irrelevant.value, floor)));
}

async function readApart(request: ReadingRequest): Promise<ApartReading | undefined> {
  const { columns, sides } = request;
  const { intended, proxy } = columns.labels;
  if (intended === undefined || proxy === undefined) return undefined;
  if (sides.train.fit.length === 0 || sides.train.select.length === 0 || sides.decisions.length === 0)
    return undefined;
  const atReadout = request.sites.flatMap((site, i) => (site.position === request.readout ? [i] : []));
  const map = await mapProbes({
    ...request,
    sites: atReadout.map((i) => request.sites[i]!),
    tasks: [{ id: 'shared', labels: intended }],
    fit: sides.train.fit,
    select: sides.train.select,
    test: sides.decisions,
  });
  const readings = map.get('shared');
  if (readings === undefined) return undefined;
  const best = bestSite(
    readings.map((reading) => reading.selectAccuracy),
    0.01,
  );
  if (best === undefined) return undefined;
  const siteIndex = atReadout[best]!;
  const reading = readings[best]!;
  const { plus, minus: less } = followed(columns, sides.decisions, reading.test);
  const total = sum(plus) + sum(less);
  return {
    siteIndex,
    reading,
    predicted: reading.test,
    rho:
      total === 0
        ? undefinedBecause('the probe reads neither goal in any row')
        : measured((sum(plus) - sum(less)) / total),
    coverage: total / sides.decisions.length,
  };
}

/**
 * Per row: did the probe name the proxy's value (plus), did it name the intended goal's (minus). A row in which the two have one value in
 * this coding, though they recommend different actions, cannot tell, and counts as neither.
 */
export function followed(
  columns: Columns,
  rows: Int32Array,
  predicted: Int32Array,
): { readonly plus: Float64Array; readonly minus: Float64Array } {
  const intended = columns.labels.intended!.values;
  const proxy = columns.labels.proxy!.values;
  const names = (values: Int32Array): Float64Array =>
    Float64Array.from(rows, (row, i) =>
      intended[row] !== proxy[row] && predicted[i] === values[row] ? 1 : 0,
    );
  return { plus: names(proxy), minus: names(intended) };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function minus(a: Measured, b: Measured): Measured {
  if (a.state === 'undefined') return a;
  if (b.state === 'undefined') return b;
  return measured(a.value - b.value);
}
