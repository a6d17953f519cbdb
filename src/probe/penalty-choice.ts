/** @file probe: which penalty of a path is kept, given what each costs on the select rows; it fits nothing. */

import { MesascopeError } from '../core/errors.ts';
import { checkPenalty } from './tasks.ts';

/** Losses within this share of the lowest count as equal: the fits themselves are no more exact. */
export const EQUAL_LOSS = 1e-6;

/** Throws `BAD_SETTING` unless there is a penalty, each is a number of 0 or more, and they rise. */
export function checkPath(penalties: readonly number[]): void {
  penalties.forEach(checkPenalty);
  const rising = penalties.every((penalty, i) => i === 0 || penalty > penalties[i - 1]!);
  if (penalties.length > 0 && rising) return;
  throw new MesascopeError(
    'BAD_SETTING',
    `the penalties of a path must rise, got ${penalties.join(', ') || 'none'}`,
  );
}

/**
 * Place of the lowest of `losses`, which are by rising penalty and 0 or more; of those that count as equal the last, since the larger
 * penalty claims less.
 */
export function lowestWithTies(losses: readonly number[]): number {
  const lowest = Math.min(...losses);
  return losses.findLastIndex((loss) => loss <= lowest * (1 + EQUAL_LOSS));
}

/** The choice lies at an end of a path of several: a better penalty may lie outside. */
export function liesAtEdge(place: number, length: number): boolean {
  return length > 1 && (place === 0 || place === length - 1);
}
