/** @file evidence: L3, did training put it there: the contrasts of L2 against copies of the model with shuffled weights. */
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import { NOT_OF_ONE_KIND, type Site, siteName } from './columns.ts';
import { GOALS, type Goal, type NetworkReading } from './reading.ts';
import { type Alternative, canReject, permutationPValue, summariseNull } from './resample-permutation.ts';
import type { NullComparison, RungResult, RungState, Statistic } from './rung.ts';
import { bestState, nullOf, rungStateOf, spoken, stateOf } from './statistic.ts';

export type LearnedRequest = {
  readonly sites: readonly Site[];
  readonly model: NetworkReading;
  /** Readings of the twins, each made by the same procedure, site search included. */
  readonly twins: readonly NetworkReading[];
  readonly alpha: number;
};

/** Each contrast minus the mean of the twins' contrasts, with the rank of the model among its twins as its p. */
export function learned(request: LearnedRequest): RungResult {
  const statistics: Statistic[] = [];
  const byRole: Partial<Record<Goal, RungState>> = {};
  for (const goal of GOALS) {
    const own = [
      contrastStatistic(request, goal, 'contrast', 'points'),
      contrastStatistic(request, goal, 'share', 'log-ratio'),
    ].flatMap((statistic) => (statistic === undefined ? [] : [statistic]));
    if (own.length === 0) continue;
    statistics.push(...own);
    byRole[goal] = request.twins.length === 0 ? 'not-run' : rungStateOf(own);
  }
  const said = statistics
    .filter((statistic) => statistic.id.endsWith('.contrast'))
    .map((statistic) => `${statistic.role} ${spoken(statistic)}`)
    .join(', ');
  return {
    id: 'L3',
    title: 'Learned',
    question: 'Is it there because of training, or would any network of this shape show it?',
    byRole,
    state: bestState(Object.values(byRole)),
    summary:
      request.twins.length === 0
        ? 'No twins were made, so an untrained network may read as much.'
        : `Contrast above the mean of ${request.twins.length} weight-shuffled twins, in points: ${said}.`,
    statistics,
  };
}

function contrastStatistic(
  request: LearnedRequest,
  goal: Goal,
  which: 'contrast' | 'share',
  unit: 'points' | 'log-ratio',
): Statistic | undefined {
  const own = request.model[which][goal];
  if (own === undefined) return undefined;
  const against = againstTwins({
    own: own.value,
    twins: request.twins.map((twin) => twin[which][goal]?.value ?? undefinedBecause('no site')),
    alternative: 'greater',
    alpha: request.alpha,
  });
  // Two variables that are both read perfectly have no contrast to compare; the variance share decides alone.
  const saturated =
    which === 'contrast' &&
    own.matched &&
    request.model.contrast[goal]?.saturated === true &&
    against.beyond === false;
  return {
    id: `L3.${goal}.${which}`,
    label:
      which === 'contrast'
        ? `accuracy contrast of the ${goal} goal minus the mean of the twins`
        : `variance-share contrast of the ${goal} goal minus the mean of the twins`,
    role: goal,
    unit,
    value: against.difference,
    nulls: [against.comparison],
    state: saturated ? 'reported' : stateOf(own.matched ? against.beyond : undefined),
    criterion: saturated
      ? 'both variables are read near perfectly at some site: reported only'
      : own.matched
        ? `p at most ${request.alpha} among the twins${against.decides ? '' : ', for which these are too few'}`
        : `${NOT_OF_ONE_KIND}, so their contrast cannot be held against that of the twins`,
    site: siteName(request.sites[own.siteIndex]!),
  };
}

/**
 * The model's value minus the twins' mean, and its rank among them. `beyond` is undefined when the twins are too few for a p of `alpha`
 * (19 for one side at .05, 39 for two): not found and not looked for are different answers.
 */
export function againstTwins(request: {
  readonly own: Measured;
  readonly twins: readonly Measured[];
  readonly alternative: Alternative;
  readonly alpha: number;
}): {
  readonly difference: Measured;
  readonly comparison: NullComparison;
  readonly decides: boolean;
  readonly beyond: boolean | undefined;
} {
  const { own, twins, alternative, alpha } = request;
  const values = Float64Array.from(twins.flatMap((twin) => (twin.state === 'measured' ? [twin.value] : [])));
  const summary = values.length === 0 ? undefined : summariseNull(values);
  const undefinedDraws = twins.length - values.length;
  const pValue =
    own.state === 'measured' && summary !== undefined
      ? permutationPValue({ observed: own.value, values, alternative, undefinedDraws })
      : undefined;
  const decides = canReject({ draws: twins.length, undefinedDraws, alpha, alternative });
  return {
    decides,
    beyond: pValue === undefined || !decides ? undefined : pValue <= alpha,
    comparison: nullOf(
      'twins',
      'the same procedure in copies of the model with shuffled weights',
      summary,
      pValue,
    ),
    difference:
      own.state === 'undefined'
        ? own
        : summary === undefined
          ? undefinedBecause('no twins were made')
          : measured(own.value - summary.mean),
  };
}
