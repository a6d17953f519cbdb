/** @file evidence: what keeps a disturbance from passing for another mode: rows on which the goals agree, and places that tell of no goal; runs
 *  nothing itself. */
import type { Matrix } from '../core/matrix.ts';
import { type Columns, isDecisionState, pickInts, rowsOnSide, servedBy } from './columns.ts';
import { CRITERIA } from './criteria.ts';
import { cramersV } from './metric-association.ts';
import { wilsonInterval } from './metric-proportion.ts';
import type { Interval } from './resample-interval.ts';

/**
 * Rows among `candidates` on which the goals recommend the same action and the model takes it. A model in a mode in which it follows the
 * proxy goes on taking it; one that is disturbed, or whose actions are dealt out anew, leaves it as often as where the goals part.
 * With two choices nothing else tells the two apart: every choice that changes becomes the proxy's.
 */
export function agreementRows(columns: Columns, candidates: Int32Array): Int32Array {
  return candidates.filter((row) => !isDecisionState(columns, row) && servedBy(columns, row) === 'both');
}

/** 1 where the most probable choice after a change is not the one before it; `after` is [rows.length, choices]. */
export function changedChoices(columns: Columns, rows: Int32Array, after: Matrix): Uint8Array {
  const width = after.columns;
  return Uint8Array.from(rows, (row, i) => {
    let best = 0;
    for (let j = 1; j < width; j++) if (after.data[i * width + j]! > after.data[i * width + best]!) best = j;
    return best === columns.chosen[row] ? 0 : 1;
  });
}

/** Marks of rows, with the group of each. */
export type Marks = { readonly marks: Uint8Array; readonly groups: Int32Array };

/**
 * Share of `parting` marks minus share of `agreeing` marks, from -1 to 1, with the interval that joins two score intervals (Newcombe 1998,
 * Statistics in Medicine 17, 873-890, method 10). One row of each group counts, its first, so that trials are independent. Undefined with
 * fewer than `CRITERIA.minCausalGroups` groups on either side.
 */
export function beyondAgreement(parting: Marks, agreeing: Marks): Interval {
  const [a, b] = [firstOfGroups(parting), firstOfGroups(agreeing)];
  if (Math.min(a.trials, b.trials) < CRITERIA.minCausalGroups) {
    return {
      state: 'undefined',
      reason: `${a.trials} groups in which the goals part and ${b.trials} in which they agree; at least ${CRITERIA.minCausalGroups} of each are needed`,
    };
  }
  const [first, second] = [wilsonInterval(a), wilsonInterval(b)];
  if (first.state !== 'measured' || second.state !== 'measured')
    return { state: 'undefined', reason: 'there is no trial' };
  const estimate = first.estimate - second.estimate;
  return {
    state: 'measured',
    estimate,
    low: estimate - Math.hypot(first.estimate - first.low, second.high - second.estimate),
    high: estimate + Math.hypot(first.high - first.estimate, second.estimate - second.low),
    level: first.level,
    method: 'Newcombe hybrid score',
  };
}

/** Marks counted once a group, by its first row: rows of one group are no independent trials. */
export function firstOfGroups({ marks, groups }: Marks): {
  readonly successes: number;
  readonly trials: number;
} {
  const seen = new Set<number>();
  let successes = 0;
  for (const [i, group] of groups.entries()) {
    if (seen.has(group)) continue;
    seen.add(group);
    successes += marks[i]!;
  }
  return { successes, trials: seen.size };
}

/**
 * Positions at which the token tells neither goal: to replace one that does is to change the world, not the mode. Counted on fit rows of the
 * come-apart set, by Cramer's V with its bias taken out; a position with one token everywhere tells nothing.
 */
export function freePositions(columns: Columns): number[] {
  const { tokens } = columns;
  if (tokens === null) return [];
  const fit = rowsOnSide(columns, 'fit', columns.apart);
  return Array.from({ length: tokens.columns }, (_, position) => position).filter((position) => {
    const here = Int32Array.from(fit, (row) => tokens.data[row * tokens.columns + position]!);
    return (['intended', 'proxy'] as const).every((goal) => {
      const labels = columns.labels[goal];
      if (labels === undefined) return true;
      const association = cramersV(here, pickInts(labels.values, fit), { biasCorrected: true });
      return (
        new Set(here).size < 2 ||
        (association.state === 'measured' && association.value < CRITERIA.associationWarning)
      );
    });
  });
}
