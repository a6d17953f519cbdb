/** @file evidence: L6, does pushing along a goal's direction move the choice, dose by dose, beyond every family of null directions. */
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type CausalInputs, mean as meanOf, totalEffects } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type Columns, siteName } from './columns.ts';
import type { DirectionFamily, DoseResponse } from './figures.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import { summariseNull } from './resample-permutation.ts';
import type { NullComparison, RungResult, RungState, Statistic } from './rung.ts';
import { bestState, estimateOf, intervalPart, nullOf, shownOnly, spoken } from './statistic.ts';
import { FAMILY_NAMES, judgeSteering } from './steering-judge.ts';
import { type GoalSteering, measureSteering } from './steering-measure.ts';
import type { Steers } from './verdict.ts';

export type SteerableRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  /** Undefined when the data hold no counterfactuals. */
  readonly inputs: CausalInputs | undefined;
  readonly where: CausalSite | undefined;
  readonly randomDirections: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
};

export type SteerableResult = {
  readonly rung: RungResult;
  readonly steers: Readonly<Record<Goal, Steers>>;
  readonly doses: readonly DoseResponse[];
};

const BASE = {
  id: 'L6' as const,
  title: 'Steerable',
  question: 'Does pushing the activations along the direction of a goal move the choice, dose by dose?',
};

/** Pushes every test base from the class it has towards that of its counterfactual, at the site that L5 chose for the goal. */
export async function steerable(request: SteerableRequest): Promise<SteerableResult> {
  const { inputs, where } = request;
  const steers: Record<Goal, Steers> = { intended: 'not-run', proxy: 'not-run' };
  const statistics: Statistic[] = [];
  const doses: DoseResponse[] = [];
  const byRole: Partial<Record<Goal, RungState>> = {};
  if (inputs !== undefined && where !== undefined) {
    for (const goal of GOALS) {
      const at = { ...where, site: where.sites[goal] };
      const steering = await measureSteering(
        { ...request, inputs, where: at, random: request.random.fork(`steer/${goal}`) },
        goal,
      );
      if (steering === undefined) continue;
      const other = totalEffects(inputs, inputs.test, goal === 'intended' ? 'proxy' : 'intended');
      const otherTotal = other === undefined ? 0 : meanOf(other);
      const judged = judgeSteering({
        ...request,
        goal,
        steering,
        otherTotal: Number.isFinite(otherTotal) ? otherTotal : 0,
        site: siteName(at.site),
      });
      steers[goal] = judged.steers;
      statistics.push(...judged.statistics);
      doses.push(responseOf(request, at, goal, steering, judged.slope));
      byRole[goal] =
        judged.steers === 'steers' ? 'passed' : judged.steers === 'does-not' ? 'failed' : 'undefined';
    }
  }
  if (doses.length === 0) {
    return {
      steers,
      doses,
      rung: {
        ...BASE,
        byRole: { intended: 'not-run', proxy: 'not-run' },
        state: 'not-run',
        summary:
          'Nothing was pushed: that needs counterfactual inputs that name the value a goal has in them, and class means that differ.',
        statistics,
      },
    };
  }
  const said = doses
    .map(
      ({ id, slope, hook, position }) =>
        `${id.slice('goal.'.length)} ${spoken({ value: slope, unit: 'nats' })} at ${siteName({ hook, position })}`,
    )
    .join(', ');
  return {
    steers,
    doses,
    rung: {
      ...BASE,
      byRole,
      state: bestState(Object.values(byRole)),
      summary: `Change of the preference per class gap, in nats: ${said}.`,
      statistics,
    },
  };
}

function responseOf(
  request: SteerableRequest,
  { site }: CausalSite,
  goal: Goal,
  steering: GoalSteering,
  slope: Interval,
): DoseResponse {
  const { decidingDose, nulls, groups } = steering;
  const mean = (values: Float64Array, label: string): Interval =>
    clusterBootstrapMean({
      groups,
      values,
      draws: request.bootstrapDraws,
      random: request.random.fork(`steer/${goal}/${label}`),
    });
  const band = (values: Float64Array, family: DirectionFamily): NullComparison =>
    shownOnly(
      nullOf(
        family,
        FAMILY_NAMES[family],
        values.every(Number.isFinite) ? summariseNull(values) : undefined,
        undefined,
      ),
    );
  return {
    id: `goal.${goal}`,
    label: goal === 'proxy' ? 'proxy' : 'intended goal',
    hook: site.hook,
    position: site.position,
    bases: steering.bases.length,
    preference:
      'from the value that the goal has towards that of its counterfactual; log odds of the new action over the old one',
    points: steering.doses.map((point) => {
      const interval = mean(point.effects, `dose/${point.dose}`);
      return {
        dose: point.dose,
        percentOfNorm: point.percentOfNorm,
        effect: estimateOf(interval),
        ...intervalPart(interval),
        flips:
          point.couldFlip === 0
            ? undefinedBecause('every base chose the new action already')
            : measured(point.flips / point.couldFlip),
        valid: point.broken.length === 0,
        broken: point.broken,
        sideEffects: point.sideEffects,
        nulls:
          point.dose === decidingDose
            ? nulls.deciding.map(({ family, plain }) => band(plain.means, family))
            : [...(nulls.bands.get(point.dose) ?? [])].map(([family, values]) => band(values, family)),
      };
    }),
    slope: estimateOf(slope),
    ...(slope.state === 'measured' ? { slopeInterval: intervalPart(slope).interval! } : {}),
  };
}
