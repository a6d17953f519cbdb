/** @file evidence: the rule of L7, what the erasure of one goal says of its being needed; runs no network. */
import type { GoalRole } from '../core/data-set.ts';
import { takeRows } from '../core/matrix.ts';
import { type Measured, measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { mean } from './causal-side.ts';
import { type Columns, denseGroups, pickInts } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { choosesRecommended, type Erasure, recommendedLog } from './erasure-measure.ts';
import { balancedAccuracy } from './metric-accuracy.ts';
import { occurring } from './probe-map.ts';
import type { Goal, Sides } from './reading.ts';
import { clusterBootstrap, clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import type { Interval } from './resample-interval.ts';
import { canReject, permutationPValue, summariseNull } from './resample-permutation.ts';
import { swapTest } from './resample-swap.ts';
import type { NullComparison, RungState, Statistic } from './rung.ts';
import { estimateOf, intervalNull, intervalPart, inWords, nullOf, shownOnly, stateOf } from './statistic.ts';

export type ErasureJudgement = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly goal: Goal;
  readonly erasure: Erasure;
  /** The goal erased at the first hook alone. */
  readonly oneSite: Erasure | undefined;
  /** What fresh probes read where nothing is erased, per hook. */
  readonly plain: readonly (Int32Array | undefined)[];
  /** The irrelevant variable erased at the same hooks. */
  readonly irrelevant: Erasure | undefined;
  /** Mean fall under each random eraser, and the mean fall under the goal's own on the same rows. */
  readonly outside: RandomFalls;
  readonly anywhere: RandomFalls;
  /** Where the erasure starts, in words. */
  readonly site: string;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly random: Random;
};

export type RandomFalls = { readonly observed: number; readonly draws: Float64Array };

/** Fall of the log probability of the recommended actions, per decision state, in nats; positive is a loss. */
export function fallOf(columns: Columns, sides: Sides, goal: Goal, erasure: Erasure): Float64Array {
  const rows = sides.decisions;
  const before = plainLog(columns, goal, rows);
  const after = recommendedLog(columns, goal, rows, erasure.logProbabilities);
  return before.map((value, i) => value - after[i]!);
}

/** log of the probability of the recommended actions in the model as it is, per row of `rows`. */
export function plainLog(columns: Columns, goal: Goal, rows: Int32Array): Float64Array {
  return recommendedLog(columns, goal, rows, takeRows(columns.logProbabilities, rows));
}

/** Accuracy as a function of row weights; undefined where no row counts. */
type Accuracy = (weights?: Float64Array) => number | undefined;

function accuracyOf(columns: Columns, sides: Sides, role: GoalRole, said: Int32Array): Accuracy {
  const labels = columns.labels[role]!;
  const truth = pickInts(labels.values, sides.apart.test);
  return (weights) => {
    const value = balancedAccuracy(said, truth, labels.classes, weights);
    return value.state === 'measured' ? value.value : undefined;
  };
}

/** A reading of the test rows: its value, and what a bootstrap evaluates. */
export type TestReading = { readonly value: Measured; readonly of: Accuracy };

/** Largest balanced accuracy of a fresh probe over the erased hooks, and what guessing gives. */
export function leftOver(
  columns: Columns,
  sides: Sides,
  { role, leftOver: perHook }: Erasure,
): TestReading & { readonly chance: number /** Which hook. */; readonly at: number } {
  let worst: { readonly of: Accuracy; readonly value: number; readonly at: number } | undefined;
  for (const [at, said] of perHook.entries()) {
    if (said === undefined) continue;
    const of = accuracyOf(columns, sides, role, said);
    const value = of();
    if (value !== undefined && !(worst !== undefined && worst.value >= value)) worst = { of, value, at };
  }
  const chance = 1 / Math.max(1, occurring(columns.labels[role]!.values, sides.apart.test));
  if (worst !== undefined) return { value: measured(worst.value), of: worst.of, chance, at: worst.at };
  const reason = 'the select rows hold too few values of this variable for a fresh probe';
  return { value: undefinedBecause(reason), of: () => undefined, chance, at: 0 };
}

/** Mean fall of the accuracy of reading the other variables at the first hook, in points of balanced accuracy. */
export function othersLost(columns: Columns, sides: Sides, { others }: Erasure): TestReading {
  const falls = others.map(({ role, before, after }): Accuracy => {
    const plain = accuracyOf(columns, sides, role, before);
    const left = accuracyOf(columns, sides, role, after);
    return (weights) => {
      const was = plain(weights);
      const is = left(weights);
      return was === undefined || is === undefined ? undefined : was - is;
    };
  });
  const of: Accuracy = (weights) => {
    let sum = 0;
    for (const fall of falls) {
      const value = fall(weights);
      if (value === undefined) return undefined;
      sum += value / falls.length;
    }
    return falls.length === 0 ? undefined : sum;
  };
  const value = of();
  return {
    value: value === undefined ? undefinedBecause('no other variable can be read there') : measured(value),
    of,
  };
}

/** Cluster bootstrap of a reading of the test rows. */
function readingInterval(
  { columns, sides, bootstrapDraws }: ErasureJudgement,
  reading: TestReading,
  random: Random,
): Interval {
  if (reading.value.state === 'undefined') return reading.value;
  const { groups } = denseGroups(columns, sides.apart.test);
  const weights = new Float64Array(groups.length);
  return clusterBootstrap({
    groups,
    draws: bootstrapDraws,
    random,
    statistic: (counts) => {
      for (let i = 0; i < weights.length; i++) weights[i] = counts[groups[i]!]!;
      return reading.of(weights);
    },
  });
}

/**
 * `passed`: the fall is beyond its margin, beyond the irrelevant variable's and beyond random erasers'. `failed`: it is not, though nothing
 * of the goal can be read any more. What is left after an incomplete erasure may carry the choice, so that is `undefined`.
 */
export function judgeErasure(request: ErasureJudgement): {
  readonly state: RungState;
  readonly statistics: Statistic[];
  readonly fall: Interval;
  readonly nulls: readonly NullComparison[];
  /** What a fresh probe still reads after the erasure, and whether that is little enough. */
  readonly left: {
    readonly value: Measured;
    readonly chance: number;
    readonly complete: boolean | undefined;
  };
} {
  const { columns, sides, goal, erasure, alpha, bootstrapDraws, permutations, site } = request;
  const rows = sides.decisions;
  const { groups } = denseGroups(columns, rows);
  const random = request.random.fork(`judge/${goal}`);
  const boot = (values: Float64Array, label: string): Interval =>
    clusterBootstrapMean({ groups, values, draws: bootstrapDraws, random: random.fork(label) });
  const values = fallOf(columns, sides, goal, erasure);
  const fall = boot(values, 'fall');
  const beyondMargin = fall.state === 'measured' ? fall.low > CRITERIA.equivalenceNats : undefined;
  const nothingBeside = request.irrelevant !== undefined && erasesNothing(request.irrelevant);
  const beside =
    request.irrelevant === undefined || nothingBeside
      ? undefined
      : fallOf(columns, sides, goal, request.irrelevant);
  const differences = beside === undefined ? undefined : values.map((value, i) => value - beside[i]!);
  const swap =
    differences?.every(Number.isFinite) === true
      ? swapTest({ groups, values: differences, draws: permutations, random: random.fork('swap') })
      : undefined;
  const irrelevantP = swap?.state === 'measured' ? swap.pValue : undefined;
  const outside = randomTest(request.outside, alpha);
  const anywhere = randomTest(request.anywhere, alpha);
  const independent = new Set(groups).size;
  const checks = [
    independent >= CRITERIA.minCausalGroups ? beyondMargin : undefined,
    // An eraser that found nothing changes nothing: as a null it would ask no more than the margin does.
    ...(nothingBeside
      ? []
      : [
          irrelevantP === undefined || !canReject({ draws: permutations, alpha, alternative: 'greater' })
            ? undefined
            : irrelevantP <= alpha,
        ]),
    outside.beats,
  ];
  const needed = checks.includes(false) ? false : checks.includes(undefined) ? undefined : true;
  const ranks = erasure.ranks.join(', ');
  const nulls = [
    irrelevantErased(
      request.irrelevant,
      beside === undefined ? undefined : boot(beside, 'irrelevant'),
      irrelevantP,
    ),
    nullOf(
      'random-outside',
      // They are run on some of the rows, so the fall of all of them may lie elsewhere in their span.
      `random erasers of the same ranks by the same rule, fitted hook by hook, outside the goal's own directions; on the first decision states alone, where the goal's own fall is ${request.outside.observed.toFixed(2)} nats`,
      summariseNull(outside.draws),
      outside.pValue,
    ),
    shownOnly(
      nullOf(
        'random-anywhere',
        "the same anywhere; such a draw takes out part of the goal's own directions at every hook",
        summariseNull(anywhere.draws),
        anywhere.pValue,
      ),
    ),
  ];
  const left = leftOver(columns, sides, erasure);
  const leftInterval = readingInterval(request, left, random.fork('completeness'));
  const plain = request.plain[left.at];
  const was = plain === undefined ? undefined : accuracyOf(columns, sides, goal, plain)();
  const complete =
    leftInterval.state !== 'measured' || was === undefined
      ? undefined
      : leftInterval.low <= left.chance ||
        leftInterval.estimate - left.chance <= CRITERIA.erasureLeftShare * (was - left.chance);
  const lost = othersLost(columns, sides, erasure);
  const after = choosesRecommended(columns, goal, rows, erasure.logProbabilities);
  const before = choosesRecommended(columns, goal, rows, takeRows(columns.logProbabilities, rows));
  const share = boot(
    before.map((value, i) => value - after[i]!),
    'share',
  );
  const single =
    request.oneSite === undefined ? undefined : boot(fallOf(columns, sides, goal, request.oneSite), 'one');
  const at = { role: goal, site: `${site} and every later hook` } as const;
  const statistics: Statistic[] = [
    {
      id: `L7.${goal}.fall`,
      label: `fall of log π of the actions that the ${goal} goal recommends when it is erased there (directions erased: ${ranks})`,
      unit: 'nats',
      value: estimateOf(fall),
      ...intervalPart(fall),
      nulls,
      state: stateOf(needed),
      criterion: `interval above ${CRITERIA.equivalenceNats} nats, p at most ${alpha} against ${nothingBeside ? '' : 'the irrelevant variable and against '}random erasers outside the goal's directions${nothingBeside ? ' (of the irrelevant variable there is nothing to erase)' : ''}, over at least ${CRITERIA.minCausalGroups} groups (${independent})`,
      ...at,
    },
    {
      id: `L7.${goal}.share`,
      label: `fall of the share of decision states in which the choice serves the ${goal} goal, from ${inWords(mean(before), 'share')} to ${inWords(mean(after), 'share')}`,
      unit: 'points',
      value: estimateOf(share),
      ...intervalPart(share),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the fall',
      ...at,
    },
    {
      id: `L7.${goal}.one-site`,
      label:
        'the same fall when it is erased at the first of these hooks alone; less where later layers hold or write it again',
      unit: 'nats',
      value: single === undefined ? undefinedBecause('not run') : estimateOf(single),
      ...(single === undefined ? {} : intervalPart(single)),
      nulls: [],
      state: 'reported',
      criterion: 'shown beside the fall',
      role: goal,
      site,
    },
    {
      id: `L7.${goal}.completeness`,
      label: `balanced accuracy of a fresh probe for the ${goal} goal after the erasure, fitted on rows that the eraser never saw, at the hook where it reads most (chance ${inWords(left.chance, 'accuracy')}, without the erasure ${was === undefined ? 'undefined' : inWords(was, 'accuracy')})`,
      unit: 'accuracy',
      value: left.value,
      ...intervalPart(leftInterval),
      nulls: [],
      state: stateOf(complete),
      criterion: `its interval reaches down to chance, or at most ${CRITERIA.erasureLeftShare} of what was read above chance is left; otherwise an absent fall proves nothing`,
      ...at,
    },
    {
      id: `L7.${goal}.selectivity`,
      label: `mean fall of the accuracy of reading the other variables (${erasure.others.map(({ role }) => role).join(' and ')}) at the first hook`,
      unit: 'points',
      value: lost.value,
      ...intervalPart(readingInterval(request, lost, random.fork('selectivity'))),
      nulls: [],
      state: 'reported',
      criterion: 'shown: what the erasure takes besides the goal',
      role: goal,
      site,
    },
  ];
  const state: RungState =
    needed === true ? 'passed' : needed === false && complete === true ? 'failed' : 'undefined';
  return { state, statistics, fall, nulls, left: { value: left.value, chance: left.chance, complete } };
}

/** True when permuted labels reached as far as the variable at every hook, so that its eraser leaves the states as they are. */
export function erasesNothing({ ranks }: Erasure): boolean {
  return ranks.every((rank) => rank === 0);
}

/** The fall when the irrelevant variable is erased instead; no null where there is nothing of it to erase. */
export function irrelevantErased(
  irrelevant: Erasure | undefined,
  fall: Interval | undefined,
  pValue: number | undefined,
): NullComparison {
  const what = 'the irrelevant variable erased instead';
  const ranks = irrelevant === undefined ? '' : `, ranks ${irrelevant.ranks.join(', ')}`;
  if (irrelevant === undefined || !erasesNothing(irrelevant))
    return intervalNull(
      'irrelevant-erased',
      `${what}${ranks}${pValue === undefined ? '' : '; p by swapping the two within groups'}`,
      fall,
      pValue,
    );
  const none = undefinedBecause('nothing of it to erase');
  return shownOnly({
    ...intervalNull('irrelevant-erased', `${what}${ranks}: nothing of it to erase`, undefined, undefined),
    mean: none,
    low: none,
    high: none,
    pValue: none,
  });
}

/** One mean fall against those of random erasers; draws that are not numbers count against it. */
function randomTest(
  { observed, draws: all }: RandomFalls,
  alpha: number,
): {
  readonly draws: Float64Array;
  readonly pValue: number | undefined;
  readonly beats: boolean | undefined;
} {
  const draws = all.filter(Number.isFinite);
  const undefinedDraws = all.length - draws.length;
  const pValue =
    all.length === 0 || !Number.isFinite(observed)
      ? undefined
      : permutationPValue({ observed, values: draws, alternative: 'greater', undefinedDraws });
  const possible = canReject({ draws: all.length, undefinedDraws, alpha, alternative: 'greater' });
  return { draws, pValue, beats: pValue === undefined || !possible ? undefined : pValue <= alpha };
}
