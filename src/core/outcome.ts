/** @file core: a number that may honestly not exist; undefined is a state with a reason, never NaN and never 0. */

/** A measured number, or why there is none. */
export type Measured =
  | { readonly state: 'measured'; readonly value: number }
  | { readonly state: 'undefined'; readonly reason: string };

export function measured(value: number): Measured {
  return Number.isFinite(value)
    ? { state: 'measured', value }
    : { state: 'undefined', reason: 'the value is not a finite number' };
}

export function undefinedBecause(reason: string): Measured {
  return { state: 'undefined', reason };
}
