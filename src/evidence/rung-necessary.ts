/** @file evidence: L7, does the choice fail when the goal is erased linearly from one hook on; supports a verdict and decides none. */
import { measured } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { type CausalInputs, mean } from './causal-side.ts';
import type { CausalSite } from './causal-site.ts';
import { type Columns, denseGroups, siteName } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import {
  type ErasureJudgement,
  erasesNothing,
  fallOf,
  irrelevantErased,
  judgeErasure,
  leftOver,
  othersLost,
  plainLog,
  type RandomFalls,
} from './erasure-judge.ts';
import {
  type Erasure,
  type ErasureRequest,
  eraseAtRandom,
  eraseVariable,
  readPlain,
  recommendedLog,
} from './erasure-measure.ts';
import type { ErasurePoint } from './figures.ts';
import { GOALS, type Goal, type Sides } from './reading.ts';
import { clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { NullComparison, RungResult, RungState, Statistic } from './rung.ts';
import { bestState, estimateOf, intervalPart, shownOnly, spoken } from './statistic.ts';

export type NecessaryRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  /** Undefined when the data hold no counterfactuals. */
  readonly inputs: CausalInputs | undefined;
  readonly where: CausalSite | undefined;
  /** Upper limit of random erasers per goal; at most `CRITERIA.erasureDraws` are made, since each needs a run of the network per hook. */
  readonly randomSubspaces: number;
  readonly permutations?: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly linalg: Linalg;
  readonly random: Random;
  /** Ridge penalty per fit row. */
  readonly ridge: number;
};

export type NecessaryResult = { readonly rung: RungResult; readonly erasure: readonly ErasurePoint[] };

/** Random erasers that are shown beside those that decide. */
const SHOWN_DRAWS = 19;
/** Decision states that random erasers are measured on. */
const RANDOM_ROWS = 100;

const BASE = {
  id: 'L7' as const,
  title: 'Necessary',
  question:
    'Does the choice stop serving a goal when what a linear eraser finds of it is erased from the activations, there and at every later hook?',
};
const SUPPORT =
  'Supporting only: it decides no verdict, since a goal that is also held elsewhere survives its erasure.';

/**
 * Erases each goal by LEACE at its own site and at every later hook, and holds the loss against random erasers of the same rank and
 * against erasing the irrelevant variable; then, without random erasers, from every other hook of the chain for the picture.
 */
export async function necessary(request: NecessaryRequest): Promise<NecessaryResult> {
  const { inputs, where, sides } = request;
  if (inputs === undefined || where === undefined || sides.decisions.length === 0) {
    return {
      erasure: [],
      rung: {
        ...BASE,
        byRole: { intended: 'not-run', proxy: 'not-run' },
        state: 'not-run',
        summary: `Nothing could be erased: that needs a site at which exchanging a goal moves the choice. ${SUPPORT}`,
        statistics: [],
      },
    };
  }
  const base: ErasureRequest = { ...request, inputs };
  const statistics: Statistic[] = [];
  const byRole: Partial<Record<Goal, RungState>> = {};
  const points: ErasurePoint[] = [];
  const said: string[] = [];
  for (const [start, hook] of inputs.chain.entries()) {
    const hooks = inputs.chain.slice(start);
    const irrelevant = await eraseVariable(base, 'irrelevant', hooks);
    for (const goal of GOALS) {
      const erasure = await eraseVariable(base, goal, hooks);
      if (erasure === undefined) continue;
      const shared = { ...request, goal, erasure, irrelevant };
      const site = where.sites[goal];
      if (hook !== site.hook) {
        points.push(pointOf(shared, inputs.readout, undefined));
        continue;
      }
      const judged = judgeErasure({
        ...shared,
        site: siteName(site),
        permutations: request.permutations ?? DEFAULT_PERMUTATIONS,
        oneSite: hooks.length === 1 ? erasure : await eraseVariable(base, goal, [hook]),
        plain: await readPlain(base, goal, hooks),
        outside: await randomFalls(base, goal, erasure, 'outside', request.randomSubspaces),
        anywhere: await randomFalls(
          base,
          goal,
          erasure,
          'anywhere',
          Math.min(SHOWN_DRAWS, request.randomSubspaces),
        ),
      });
      points.push(pointOf(shared, inputs.readout, judged.nulls));
      statistics.push(...judged.statistics);
      byRole[goal] = judged.state;
      said.push(
        `${goal} ${spoken({ value: estimateOf(judged.fall), unit: 'nats' })} from ${siteName(site)} on${stillRead(judged.left)}`,
      );
    }
  }
  return {
    erasure: points,
    rung: {
      ...BASE,
      byRole,
      state: bestState(Object.values(byRole)),
      summary: `Mean fall of log π of the recommended action when one goal is erased, in nats: ${said.join(', ')}. ${SUPPORT}`,
      statistics,
    },
  };
}

const DEFAULT_PERMUTATIONS = 999;

/** A fall says less, and an absent one nothing, where a fresh probe still reads the goal. */
function stillRead({ value, chance, complete }: ReturnType<typeof judgeErasure>['left']): string {
  return complete === false
    ? ` (incomplete: ${spoken({ value, unit: 'accuracy' })} still read, chance ${spoken({ value: measured(chance), unit: 'accuracy' })})`
    : '';
}

/** Mean falls under random erasers, on the first decision states, and the goal's own on the same rows. */
async function randomFalls(
  base: ErasureRequest,
  goal: Goal,
  erasure: Erasure,
  kind: 'anywhere' | 'outside',
  limit: number,
): Promise<RandomFalls> {
  const { columns, sides } = base;
  const rows = sides.decisions.subarray(0, RANDOM_ROWS);
  const observed = mean(fallOf(columns, sides, goal, erasure).subarray(0, rows.length));
  const draws = Math.min(CRITERIA.erasureDraws, limit);
  if (draws === 0) return { observed, draws: new Float64Array(0) };
  // Nothing was erased, so erasing as much at random changes nothing either.
  if (erasesNothing(erasure)) return { observed, draws: new Float64Array(draws) };
  const before = mean(plainLog(columns, goal, rows));
  const logs = await eraseAtRandom({ ...base, erasure, kind, draws, decisions: rows });
  return {
    observed,
    draws: Float64Array.from(logs, (log) => before - mean(recommendedLog(columns, goal, rows, log))),
  };
}

/** One erasure as the figure shows it; held against the irrelevant variable alone where no other null was run. */
function pointOf(
  request: Pick<
    ErasureJudgement,
    'columns' | 'sides' | 'goal' | 'erasure' | 'irrelevant' | 'bootstrapDraws' | 'random'
  >,
  position: number,
  nulls: readonly NullComparison[] | undefined,
): ErasurePoint {
  const { columns, sides, goal, erasure, irrelevant, bootstrapDraws } = request;
  const { groups } = denseGroups(columns, sides.decisions);
  const random = request.random.fork(`point/${goal}/${erasure.hooks[0]}`);
  const boot = (of: Erasure, label: string): ReturnType<typeof clusterBootstrapMean> =>
    clusterBootstrapMean({
      groups,
      values: fallOf(columns, sides, goal, of),
      draws: bootstrapDraws,
      random: random.fork(label),
    });
  const fall = boot(erasure, 'fall');
  const left = leftOver(columns, sides, erasure);
  return {
    role: goal,
    hook: erasure.hooks[0]!,
    position,
    effect: estimateOf(fall),
    ...intervalPart(fall),
    nulls: nulls ?? [
      shownOnly(
        irrelevantErased(
          irrelevant,
          irrelevant === undefined ? undefined : boot(irrelevant, 'irrelevant'),
          undefined,
        ),
      ),
    ],
    accuracyAfter: left.value,
    chance: left.chance,
    othersLost: othersLost(columns, sides, erasure).value,
  };
}
