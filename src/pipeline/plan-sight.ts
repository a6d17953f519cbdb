/** @file pipeline: what the data alone let a run see: the limits of L0, and the smallest effects of the later rungs; runs no model. */
import type { DataSet } from '../core/data-set.ts';
import { matrix } from '../core/matrix.ts';
import type { Measured } from '../core/outcome.ts';
import { undefinedBecause } from '../core/outcome.ts';
import type { GroupSplit } from '../core/split.ts';
import { type Columns, isDecisionState, pickInts, rowsOnSide } from '../evidence/columns.ts';
import { CRITERIA } from '../evidence/criteria.ts';
import { largestScatterShownZero, smallestContrast, smallestMeanEffect } from '../evidence/power.ts';
import { smallestShare } from '../evidence/power-share.ts';
import { GOALS, type Goal } from '../evidence/reading.ts';
import { canReject } from '../evidence/resample-permutation.ts';
import { identifiable } from '../evidence/rung-identifiable.ts';
import { chooseBases } from './causal-inputs.ts';
import { columnsOf } from './columns-of.ts';
import { type GoalLabels, goalLabels } from './goal-labels.ts';
import type { ResolvedSettings } from './resolve-settings.ts';

/** One number when the rows of a group are as good as one row (`alike`), and when they are independent; the truth lies between. */
export type Reach = { readonly alike: Measured; readonly independent: Measured };

export type Sight = {
  /** Smallest accuracy contrast (L2) per goal, 0 to 1. */
  readonly contrast: Readonly<Partial<Record<Goal, Reach>>>;
  /** Inputs whose goals would be exchanged (L5) on the test side, and their groups. */
  readonly bases: { readonly rows: number; readonly groups: number };
  /** Smallest mean effect (L5) above its margin, in standard deviations of single effects. */
  readonly meanEffect: Reach;
  /** Standard deviation of single effects, in nats, up to which an unused goal is shown to be unused (L5). */
  readonly scatter: Reach;
  /** Smallest share of decision states with silent divergence (L8): seen at all, and told from an error rate of 5 % in the reading. */
  readonly share: { readonly decisionStates: number; readonly once: Reach; readonly aboveError: Reach };
};

/** `code` is stable; `text` says what is wrong and what would mend it. */
export type Doubt = { readonly code: string; readonly text: string };

export type DataOutlook = {
  /** What L0 will find, unless the model itself fails its check (an edit that changes nothing must change nothing). */
  readonly outcome: 'passed' | 'unidentifiable' | 'invalid';
  /** Why the outcome is not `passed`; empty when it is. */
  readonly problems: readonly Doubt[];
  /** What weakens the run without ending it. */
  readonly warnings: readonly Doubt[];
  readonly sight: Sight;
};

type OutlookRequest = {
  readonly dataSet: DataSet;
  readonly split: GroupSplit;
  readonly settings: ResolvedSettings;
  /** The model's, for the warning about rows per feature. */
  readonly width: number;
};

/** Judges the data as the ladder will, with the same rules. */
export function outlookOf(request: OutlookRequest): DataOutlook {
  const { dataSet, settings } = request;
  const { goals, columns, l0 } = foundOf(request);
  const { bases } = chooseBases({ dataSet, columns, side: 'test', settings });
  const baseGroups = new Set(pickInts(columns.groups, bases)).size;
  return {
    ...foreseen(columns, l0),
    warnings: [
      ...l0.warnings.filter((warning) => warning.code !== 'NOT_COMPETENT'),
      ...goals.warnings.map((text) => ({ code: 'SCALES_DIFFER', text })),
      ...causalDoubts(bases.length, baseGroups),
      ...twinDoubts(settings),
    ],
    sight: sightOf(columns, bases, settings),
  };
}

/** How a run is known to end before it began, in sentences; none where its data let it answer. */
export function foreseenProblems(request: OutlookRequest): readonly string[] {
  const { columns, l0 } = foundOf(request);
  const { outcome, problems } = foreseen(columns, l0);
  return problems.map(({ text }) => foreseenText(outcome, text));
}

export function foreseenText(outcome: DataOutlook['outcome'], problem: string): string {
  return `this run will be ${outcome}: ${problem}`;
}

function foundOf({ dataSet, split, settings, width }: OutlookRequest): {
  readonly goals: GoalLabels;
  readonly columns: Columns;
  readonly l0: ReturnType<typeof identifiable>;
} {
  const goals = goalLabels(dataSet, { coding: settings.coding, fit: split.fit.rows });
  // What the model chooses is not known yet; equal logits stand in, and what is said of them is left out of the outlook.
  const choiceLogits = matrix(dataSet.examples.length, Math.max(1, Object.keys(dataSet.choices).length));
  const columns = columnsOf({ dataSet, goals, split, choiceLogits });
  return { goals, columns, l0: identifiable(columns, 0, Math.max(1, width)) };
}

function foreseen(
  columns: Columns,
  { intact, rung }: ReturnType<typeof identifiable>,
): Pick<DataOutlook, 'outcome' | 'problems'> {
  return { outcome: intact, problems: intact === 'passed' ? [] : problemsOf(columns, rung.statistics) };
}

function problemsOf(
  { labels, apart }: Columns,
  statistics: ReturnType<typeof identifiable>['rung']['statistics'],
): Doubt[] {
  const problems: Doubt[] = [];
  const missing = GOALS.filter((goal) => labels[goal] === undefined);
  if (missing.length > 0) {
    problems.push({
      code: 'GOAL_MISSING',
      text: `the data name no ${missing.join(' and no ')} goal of kind "category": which of two goals is pursued needs both`,
    });
  }
  if (apart.length === 0) {
    problems.push({
      code: 'NO_APART_SET',
      text: 'there is no set "apart": add rows in which the goals vary independently',
    });
    return problems;
  }
  for (const { id, value, state } of statistics) {
    if (state !== 'failed' && state !== 'undefined') continue;
    const found = value.state === 'measured' ? value.value : undefined;
    if (id === 'L0.association.apart') {
      problems.push({
        code: 'GOALS_ARE_ONE',
        text:
          found === undefined
            ? `how far the goals go together in the set "apart" is undefined (${value.state === 'undefined' ? value.reason : ''}): give both goals several values there`
            : `the goals go together in the set "apart" (Cramer's V ${found.toFixed(2)}, at most ${CRITERIA.associationUnidentifiable} may be): add rows in which they differ`,
      });
    } else if (id === 'L0.decision-states') {
      problems.push({
        code: 'FEW_DECISION_STATES',
        text: `only ${found} rows of the test side recommend different actions under the two goals, and ${CRITERIA.minDecisionStates} are needed: add rows, or \`actions\` for both goals`,
      });
    } else if (id === 'L0.groups') {
      problems.push({
        code: 'FEW_GROUPS',
        text: `the test side of the set "apart" has ${found} independent groups, and ${CRITERIA.minTestGroups} are needed: add groups, not rows`,
      });
    }
  }
  return problems;
}

function causalDoubts(rows: number, groups: number): Doubt[] {
  if (rows === 0) {
    return [
      {
        code: 'NOTHING_TO_EXCHANGE',
        text: 'no row of the test side has counterfactuals that change the recommended action: L5 cannot be run, and without it nothing is said to be pursued',
      },
    ];
  }
  if (groups >= CRITERIA.minCausalGroups) return [];
  return [
    {
      code: 'FEW_CAUSAL_GROUPS',
      text: `the inputs whose goals can be exchanged come from ${groups} groups; below ${CRITERIA.minCausalGroups} no effect counts as there or as absent (L5)`,
    },
  ];
}

function twinDoubts({ twins, alpha }: ResolvedSettings): Doubt[] {
  const oneSided = canReject({ draws: twins, alpha, alternative: 'greater' });
  const twoSided = canReject({ draws: twins, alpha, alternative: 'two-sided' });
  if (oneSided && twoSided) return [];
  // 2 / (M + 1) at most alpha: 39 at .05.
  const needed = Math.ceil(2 / alpha - 1e-9) - 1;
  return [
    {
      code: 'TOO_FEW_TWINS',
      text:
        `${twins === 1 ? 'One twin gives' : `${twins} twins give`} no p-value below ${(1 / (twins + 1)).toFixed(3)}: at alpha ${alpha} ` +
        `${oneSided ? 'L4 can never take a side' : 'L3 can never pass and L4 never take a side'}; set twins to ${needed} or more`,
    },
  ];
}

function sightOf(columns: Columns, bases: Int32Array, { alpha }: ResolvedSettings): Sight {
  const test = rowsOnSide(columns, 'test', columns.apart);
  const sizes = groupSizes(columns, test);
  const baseSizes = groupSizes(columns, bases);
  const decisions = test.filter((row) => isDecisionState(columns, row));
  const decisionGroups = new Set(pickInts(columns.groups, decisions)).size;
  const reach = (of: (correlation: number) => Measured): Reach => ({ alike: of(1), independent: of(0) });
  const { irrelevant } = columns.labels;
  const contrast: Partial<Record<Goal, Reach>> = {};
  for (const goal of GOALS) {
    const own = columns.labels[goal];
    if (own === undefined || irrelevant === undefined || test.length === 0) continue;
    // Weights that balance the classes of two independent readings, each right in half of the rows.
    const discordance =
      0.5 * imbalance(pickInts(own.values, test)) * imbalance(pickInts(irrelevant.values, test));
    contrast[goal] = reach((correlation) => smallestContrast({ sizes, correlation, alpha, discordance }));
  }
  const share = (reference: number): Reach =>
    reach((correlation) =>
      decisions.length === 0
        ? undefinedBecause('no row of the test side is a decision state')
        : smallestShare({ trials: correlation === 1 ? decisionGroups : decisions.length, reference, alpha }),
    );
  return {
    contrast,
    bases: { rows: bases.length, groups: baseSizes.length },
    // Its interval is a 95 % one whatever the level of the tests.
    meanEffect: reach((correlation) => smallestMeanEffect({ sizes: baseSizes, correlation })),
    scatter: reach((correlation) =>
      largestScatterShownZero({ sizes: baseSizes, correlation, alpha, margin: CRITERIA.equivalenceNats }),
    ),
    share: {
      decisionStates: decisions.length,
      once: share(0),
      aboveError: share(CRITERIA.plannedReadingError),
    },
  };
}

function groupSizes(columns: Columns, rows: Int32Array): number[] {
  const sizes = new Map<number, number>();
  for (const row of rows) sizes.set(columns.groups[row]!, (sizes.get(columns.groups[row]!) ?? 0) + 1);
  return [...sizes.values()];
}

/** Mean squared weight of a row when classes count alike: 1 for classes of equal size, more for others. */
function imbalance(values: Int32Array): number {
  const counts = new Map<number, number>();
  for (const value of values) if (value >= 0) counts.set(value, (counts.get(value) ?? 0) + 1);
  let rows = 0;
  let inverse = 0;
  for (const count of counts.values()) {
    rows += count;
    inverse += 1 / count;
  }
  return counts.size === 0 ? 1 : (rows * inverse) / counts.size ** 2;
}
