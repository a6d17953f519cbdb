/** @file core: which line of which file an input was read from, for messages alone; nothing is computed from it. */
import type { ModelInput } from './data-set.ts';
import type { ErrorLocation } from './errors.ts';

export type DataPlace = {
  readonly file: string;
  readonly line: number;
  /** The line that describes the data. */
  readonly headerLine: number;
};

/**
 * Beside the inputs and not in them: what a data set says, and so its hash, must not depend on where it lies in a file. An input
 * that a program made has no place.
 */
const places = new WeakMap<ModelInput, DataPlace>();

export function rememberPlace(input: ModelInput, place: DataPlace): void {
  places.set(input, place);
}

/** `to` was made from `from`: it has the same place. */
export function samePlace(from: ModelInput, to: ModelInput): void {
  const place = places.get(from);
  if (place !== undefined) places.set(to, place);
}

/** The line of the example that holds this input, as a part of an error's details; empty where it was not read from a file. */
export function locatedAt(input: ModelInput | undefined): { readonly location?: ErrorLocation } {
  const place = input === undefined ? undefined : places.get(input);
  return place === undefined ? {} : { location: { file: place.file, line: place.line } };
}

/** The line that describes the data which this input belongs to, in the same form. */
export function locatedAtHeader(input: ModelInput | undefined): { readonly location?: ErrorLocation } {
  const place = input === undefined ? undefined : places.get(input);
  return place === undefined ? {} : { location: { file: place.file, line: place.headerLine } };
}
