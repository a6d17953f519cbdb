/** @file evidence: L2, is the goal read better, and does it move the activations more, than a matched variable that nothing needs. */
import type { GoalRole } from '../core/data-set.ts';
import { takeRows } from '../core/matrix.ts';
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, NOT_OF_ONE_KIND, pickInts, siteName } from './columns.ts';
import { controlTasks } from './control-task.ts';
import { CRITERIA } from './criteria.ts';
import { cramersV } from './metric-association.ts';
import { varianceShareByGroup } from './metric-grouped-variance-share.ts';
import { mapProbes } from './probe-map.ts';
import { GOALS, type Goal, logRatio, type NetworkReading, type ReadingRequest } from './reading.ts';
import { clusterBootstrap, clusterBootstrapMean } from './resample-cluster-bootstrap.ts';
import { swapTest, whySwapIsOpen } from './resample-swap.ts';
import type { RungResult, RungState, Statistic } from './rung.ts';
import { bestState, intervalPart, inWords, nullOf, rungStateOf, spoken, stateOf } from './statistic.ts';

export type SelectiveRequest = ReadingRequest & {
  readonly reading: NetworkReading;
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly random: Random;
};

/** The contrasts with the irrelevant variable decide; selectivity against control tasks is shown beside them. */
export async function selective(request: SelectiveRequest): Promise<RungResult> {
  const statistics: Statistic[] = [];
  const byRole: Partial<Record<Goal, RungState>> = {};
  const associated = goalAssociation(request.columns);
  for (const goal of GOALS) {
    if (request.columns.labels[goal] === undefined) continue;
    const own = [
      ...[...accuracyContrast(request, goal), ...shareContrast(request, goal)].map((statistic) =>
        unlessReadThrough(statistic, associated),
      ),
      ...(await controlSelectivity(request, goal)),
    ];
    statistics.push(...own);
    byRole[goal] = request.columns.labels.irrelevant === undefined ? 'not-run' : rungStateOf(own);
  }
  const said = GOALS.flatMap((goal) => {
    const contrast = statistics.find((statistic) => statistic.id === `L2.${goal}.contrast`);
    return contrast === undefined ? [] : [`${goal} ${spoken(contrast)}`];
  });
  return {
    id: 'L2',
    title: 'Selective',
    question: 'Is each goal represented more than a matched variable that the task never needs?',
    byRole,
    state: bestState(Object.values(byRole)),
    summary:
      said.length === 0
        ? request.columns.labels.irrelevant === undefined
          ? 'The data name no irrelevant variable of the same kind, so there is nothing to compare with.'
          : 'Too few values occur in the rows that probes are fitted on, so nothing could be compared.'
        : `Accuracy above the irrelevant variable, in points: ${said.join(', ')}.`,
    statistics,
  };
}

/** Cramer's V of the goals over the come-apart rows where it exceeds what a contrast can bear; undefined otherwise. */
function goalAssociation({ labels, apart }: Columns): number | undefined {
  if (labels.intended === undefined || labels.proxy === undefined) return undefined;
  const value = cramersV(pickInts(labels.intended.values, apart), pickInts(labels.proxy.values, apart), {
    biasCorrected: true,
  });
  return value.state === 'measured' && value.value > CRITERIA.associationWarning ? value.value : undefined;
}

/** Of two goals that go together, one is read through the other: a contrast that holds then shows nothing; one that fails still does. */
function unlessReadThrough(statistic: Statistic, associated: number | undefined): Statistic {
  if (associated === undefined || statistic.state !== 'passed') return statistic;
  return {
    ...statistic,
    state: 'undefined',
    criterion: `${statistic.criterion}; it does, but the goals go together here (Cramer's V ${inWords(associated, 'coefficient')}, above ${CRITERIA.associationWarning}), so one may be read through the other`,
  };
}

function accuracyContrast(request: SelectiveRequest, goal: Goal): Statistic[] {
  const { columns, sides, sites, reading, random, alpha } = request;
  const contrast = reading.contrast[goal];
  if (contrast === undefined) return [];
  const rows = sides.apart.test;
  const { groups } = denseGroups(columns, rows);
  const correct = (role: GoalRole, predicted: Int32Array): Float64Array => {
    const { values, classes } = columns.labels[role]!;
    const perClass = new Float64Array(classes);
    for (const row of rows) if (values[row]! >= 0) perClass[values[row]!]! += 1;
    const occurring = perClass.filter((count) => count > 0).length;
    // Weighted so that the mean over rows is the balanced accuracy.
    return Float64Array.from(rows, (row, i) =>
      values[row]! >= 0 && predicted[i] === values[row]
        ? rows.length / (occurring * perClass[values[row]!]!)
        : 0,
    );
  };
  const own = correct(goal, contrast.goal.test);
  const other = correct('irrelevant', contrast.irrelevant.test);
  const differences = own.map((value, i) => value - other[i]!);
  const interval = clusterBootstrapMean({
    groups,
    values: differences,
    draws: request.bootstrapDraws,
    random: random.fork(`selective/${goal}/bootstrap`),
  });
  const swap = swapTest({
    groups,
    values: differences,
    draws: request.permutations,
    alternative: 'greater',
    random: random.fork(`selective/${goal}/swap`),
  });
  const p = swap.state === 'measured' ? swap.pValue : undefined;
  const open =
    swap.state === 'measured'
      ? whySwapIsOpen({ ...swap, effectiveGroups: groupsThatDiffer(groups, own, other) }, alpha)
      : swap.reason;
  const { matched } = contrast;
  const holds =
    p === undefined || interval.state !== 'measured' || open !== undefined || !matched
      ? undefined
      : p <= alpha && interval.low > 0;
  // Whether it fails or too few groups differ to tell: of two variables that are read near perfectly neither says anything.
  const saturated = contrast.saturated && matched && holds !== true;
  return [
    {
      id: `L2.${goal}.contrast`,
      label: `accuracy of reading the ${goal} goal minus that of the irrelevant variable, same site`,
      role: goal,
      unit: 'points',
      value: contrast.value,
      ...intervalPart(interval),
      nulls: [
        nullOf(
          'swapped-within-example',
          'goal and irrelevant variable swapped within each group',
          swap.state === 'measured' ? swap.null : undefined,
          p,
        ),
      ],
      state: saturated ? 'reported' : stateOf(holds),
      criterion: saturated
        ? `both are read above ${CRITERIA.saturatedAccuracy} at some site, so a small difference says nothing: the variance share decides`
        : matched
          ? `p at most ${alpha} and the interval above 0${open === undefined ? '' : `; ${open}`}`
          : `${NOT_OF_ONE_KIND}, so their accuracies cannot be compared`,
      site: siteName(sites[contrast.siteIndex]!),
    },
  ];
}

/**
 * Groups in which one variable is read right more often than the other. Where both are read alike, their rows still differ by what a right row of
 * either class counts for, which says nothing of the readings.
 */
function groupsThatDiffer(groups: Int32Array, own: Float64Array, other: Float64Array): number {
  const net = new Map<number, number>();
  for (const [i, group] of groups.entries())
    net.set(group, (net.get(group) ?? 0) + Number(own[i]! > 0) - Number(other[i]! > 0));
  return [...net.values()].filter((value) => value !== 0).length;
}

/**
 * The interval decides alone. Swapping goal and irrelevant variable within groups, the null of the accuracies, is none for shares: it mixes
 * the labels of both, shrinks both shares, and so rejects 9.6 % at .05 where they are equal.
 */
function shareContrast(request: SelectiveRequest, goal: Goal): Statistic[] {
  const { columns, sides, sites, reading, random } = request;
  const share = reading.share[goal];
  if (share === undefined) return [];
  const rows = sides.apart.test;
  const site = sites[share.siteIndex]!;
  const x = takeRows(request.activations(site), rows);
  const { groups } = denseGroups(columns, rows);
  const labelsOf = (role: GoalRole): Int32Array => pickInts(columns.labels[role]!.values, rows);
  const { classes } = columns.labels[goal]!;
  const own = labelsOf(goal);
  const other = labelsOf('irrelevant');
  const otherClasses = columns.labels.irrelevant!.classes;
  const ownByGroup = varianceShareByGroup(x, own, classes, groups);
  const otherByGroup = varianceShareByGroup(x, other, otherClasses, groups);
  const interval = clusterBootstrap({
    groups,
    draws: request.bootstrapDraws,
    random: random.fork(`selective/${goal}/share-bootstrap`),
    statistic: (counts) => {
      const ratio = logRatio(
        ownByGroup.evaluate(counts).crossGroup,
        otherByGroup.evaluate(counts).crossGroup,
        rows.length,
      );
      return ratio.state === 'measured' ? ratio.value : undefined;
    },
  });
  const large = share.goalShare.state === 'measured' && share.goalShare.value >= CRITERIA.minShare;
  const holds =
    interval.state !== 'measured' || !share.matched
      ? undefined
      : large && interval.low >= Math.log(CRITERIA.minShareRatio);
  return [
    {
      id: `L2.${goal}.share`,
      label: `log of the ${goal} goal's share of the activation variance over the irrelevant variable's`,
      role: goal,
      unit: 'log-ratio',
      value: share.value,
      ...intervalPart(interval),
      nulls: [],
      state: stateOf(holds),
      criterion: share.matched
        ? `share at least ${CRITERIA.minShare}, interval above log ${CRITERIA.minShareRatio}`
        : `${NOT_OF_ONE_KIND}, so their shares of the variance cannot be compared`,
      site: siteName(site),
    },
    ...(['goal', 'irrelevant'] as const).map(
      (which): Statistic => ({
        id: `L2.${goal}.share-of-${which}`,
        label:
          which === 'goal'
            ? `share of the activation variance that the ${goal} goal's value explains`
            : 'share that the irrelevant variable explains at the same site',
        role: which === 'goal' ? goal : 'irrelevant',
        unit: 'share',
        value: which === 'goal' ? share.goalShare : share.irrelevantShare,
        nulls: [],
        state: 'reported',
        criterion: 'shown beside its ratio',
        site: siteName(site),
      }),
    ),
  ];
}

/** Accuracy minus the mean accuracy of the control tasks at the same site (Hewitt and Liang 2019). */
async function controlSelectivity(request: SelectiveRequest, goal: Goal): Promise<Statistic[]> {
  const { columns, sides, sites, reading, random } = request;
  const contrast = reading.contrast[goal];
  const siteIndex = contrast?.siteIndex ?? 0;
  const site = sites[siteIndex]!;
  const base = {
    id: `L2.${goal}.selectivity`,
    label: `accuracy of reading the ${goal} goal minus the mean accuracy on control tasks (random labels per token type)`,
    role: goal,
    unit: 'points' as const,
    nulls: [],
    state: 'reported' as const,
    criterion: 'shown beside the contrast: a probe that memorises inputs has none',
    site: siteName(site),
  };
  if (columns.tokens === null) {
    return [{ ...base, value: undefinedBecause('control tasks need token inputs of one length') }];
  }
  const tasks = controlTasks(columns.tokens, columns.labels[goal]!, random.fork(`selective/${goal}/control`));
  if (tasks.length === 0)
    return [{ ...base, value: undefinedBecause('no position has more than one token type') }];
  const own = reading.map.get(goal)?.[siteIndex];
  const fitted = own?.probe.settings;
  const map = await mapProbes({
    ...request,
    ...(fitted?.kind === 'ridge' ? { penalties: [fitted.penalty] } : {}),
    sites: [site],
    tasks: tasks.map((task) => ({ id: `control/${task.position}`, labels: task.labels })),
    ...sides.apart,
  });
  const accuracies = tasks.flatMap((task) => {
    const accuracy = map.get(`control/${task.position}`)?.[0]?.testAccuracy;
    return accuracy?.state === 'measured' ? [accuracy.value] : [];
  });
  if (accuracies.length === 0)
    return [{ ...base, value: undefinedBecause('no control task has two labels among the fit rows') }];
  const mean = accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length;
  const real =
    own?.testAccuracy ?? undefinedBecause('fewer than two values of the goal occur among the fit rows');
  return [{ ...base, value: real.state === 'measured' ? measured(real.value - mean) : real }];
}
