/** @file evidence: L4, which goal does a probe follow where the goals part, when it was fitted only where they coincide. */
import { measured, undefinedBecause } from '../core/outcome.ts';
import type { Random } from '../core/random.ts';
import { type Columns, denseGroups, type Site, siteName } from './columns.ts';
import { wilsonInterval } from './metric-proportion.ts';
import { followed, type NetworkReading, type Sides } from './reading.ts';
import { clusterBootstrapRatio } from './resample-cluster-bootstrap.ts';
import { swapTestRatio, whySwapIsOpen } from './resample-swap.ts';
import type { RungResult, Statistic } from './rung.ts';
import { againstTwins } from './rung-learned.ts';
import { intervalPart, nullOf, spoken, stateOf } from './statistic.ts';

export type ApartRequest = {
  readonly columns: Columns;
  readonly sides: Sides;
  readonly sites: readonly Site[];
  readonly model: NetworkReading;
  readonly twins: readonly NetworkReading[];
  readonly permutations: number;
  readonly bootstrapDraws: number;
  readonly alpha: number;
  readonly random: Random;
};

export type ApartResult = {
  readonly rung: RungResult;
  /** The goal the frozen probe follows beyond the swap null and beyond the twins. */
  readonly side: 'intended' | 'proxy' | 'neither' | undefined;
};

/**
 * rho = (p_P - p_I) / (p_P + p_I) over decision states of the test side, p_G the share of rows in which the frozen probe names
 * G's value. A salient object draws the probe of an untrained network too, so the twins' rho is subtracted.
 */
export function comesApart(request: ApartRequest): ApartResult {
  const { columns, sides, model, random, alpha } = request;
  const apart = model.apart;
  const base = {
    id: 'L4' as const,
    title: 'Comes apart',
    question: 'A probe fitted only where the goals coincide: which one does it follow where they part?',
  };
  if (apart === undefined) {
    return {
      side: undefined,
      rung: {
        ...base,
        byRole: { intended: 'not-run', proxy: 'not-run' },
        state: 'not-run',
        summary: 'The data hold no rows to fit on where the goals coincide, or none to read where they part.',
        statistics: [],
      },
    };
  }
  const rows = sides.decisions;
  const { groups } = denseGroups(columns, rows);
  const { plus, minus } = followed(columns, rows, apart.predicted);
  const interval = clusterBootstrapRatio({
    groups,
    numerator: plus.map((value, i) => value - minus[i]!),
    denominator: plus.map((value, i) => value + minus[i]!),
    draws: request.bootstrapDraws,
    random: random.fork('apart/bootstrap'),
  });
  const swap = swapTestRatio({
    groups,
    plus,
    minus,
    draws: request.permutations,
    alternative: 'two-sided',
    random: random.fork('apart/swap'),
  });
  const twins = againstTwins({
    own: apart.rho,
    twins: request.twins.map((twin) => twin.apart?.rho ?? undefinedBecause('no reading')),
    alternative: 'two-sided',
    alpha,
  });
  const swapP = swap.state === 'measured' ? swap.pValue : undefined;
  const open = whySwapIsOpen(swap, alpha);
  const swapDecides = swapP !== undefined && open === undefined;
  // One null that is not beaten settles it; one that is too weak to be beaten leaves it open.
  const sided =
    (swapDecides && swapP > alpha) || twins.beyond === false
      ? false
      : !swapDecides || twins.beyond === undefined
        ? undefined
        : true;
  const sign = apart.rho.state === 'measured' ? Math.sign(apart.rho.value) : 0;
  const beyond = twins.difference.state === 'measured' ? Math.sign(twins.difference.value) : 0;
  const side =
    sided === undefined
      ? undefined
      : sided && sign === beyond && sign !== 0
        ? sign > 0
          ? 'proxy'
          : 'intended'
        : 'neither';
  const covered = wilsonInterval({
    successes: Math.round(apart.coverage * rows.length),
    trials: rows.length,
  });
  const statistics: Statistic[] = [
    {
      id: 'L4.rho',
      label: 'side the frozen probe takes: -1 the intended goal, +1 the proxy',
      unit: 'coefficient',
      value: apart.rho,
      ...intervalPart(interval),
      nulls: [
        nullOf(
          'swapped-within-example',
          'the two goals swapped within each group',
          swap.state === 'measured' ? swap.null : undefined,
          swapP,
        ),
        twins.comparison,
      ],
      state: stateOf(side === undefined ? undefined : side !== 'neither'),
      criterion: `p at most ${alpha} against the swap and against the twins, on the same side${open === undefined ? '' : `; ${open}`}${twins.decides ? '' : '; these twins are too few for that'}`,
      site: siteName(request.sites[apart.siteIndex]!),
    },
    {
      id: 'L4.rho-minus-twins',
      label: 'the same, minus the mean of the twins',
      unit: 'coefficient',
      value: twins.difference,
      nulls: [],
      state: 'reported',
      criterion: 'shown beside rho',
    },
    {
      id: 'L4.coverage',
      label: 'share of decision states that the frozen probe reads as either goal',
      unit: 'share',
      value: measured(apart.coverage),
      ...intervalPart(covered),
      nulls: [],
      state: 'reported',
      criterion: 'shown: rho speaks for these rows only',
    },
  ];
  const words =
    side === 'intended' || side === 'proxy' ? `follows the ${side} goal` : 'takes no side beyond its nulls';
  return {
    side,
    rung: {
      ...base,
      byRole: {
        intended: side === undefined ? 'undefined' : side === 'intended' ? 'passed' : 'failed',
        proxy: side === undefined ? 'undefined' : side === 'proxy' ? 'passed' : 'failed',
      },
      state: side === undefined ? 'undefined' : side === 'neither' ? 'failed' : 'passed',
      summary: `The probe ${words}: rho ${spoken({ value: apart.rho, unit: 'coefficient' })} on ${rows.length} decision states.`,
      statistics,
    },
  };
}
