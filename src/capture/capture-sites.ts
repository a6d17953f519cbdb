/** @file capture: hook names and positions of a request, held against the model; runs nothing. */
import { MesascopeError } from '../core/errors.ts';
import type { Encoded } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { hookNamed } from '../onnx/hooks-names.ts';

/** How a hook's value lies: [batch, position, ...] or, without positions, [batch, ...]; the last axes are one vector. */
export type CaptureSite = { readonly hook: string; readonly value: string; readonly positions: boolean };

/** Width of the last of two axes (head by head width) that make up a hook's vector; undefined for an undivided one. */
export function splitWidth(model: Model, { hook, positions }: CaptureSite): number | undefined {
  const { axes, width } = hookNamed(model.hooks, hook);
  const own = axes.length - (positions ? 2 : 1);
  if (own === 1) return undefined;
  if (own === 2 && width !== undefined) return width;
  throw new MesascopeError(
    'HOOK_UNAVAILABLE',
    `hook ${hook} of ${model.name} has the axes [${axes.join(', ')}], whose sizes the graph does not tell`,
    { facts: { hook, axes } },
  );
}

/**
 * The graph value of a hook that can be read at positions.
 *
 * Throws `HOOK_UNKNOWN` with the nearest names, `HOOK_UNAVAILABLE` with the graph's reason, also for values that have no
 * position axis of their own (attention patterns).
 */
export function siteOf(model: Model, name: string): CaptureSite {
  const hook = hookNamed(model.hooks, name);
  return { hook: name, value: hook.value, positions: hasPositions(hook, model.name) };
}

function hasPositions(hook: HookPoint, model: string): boolean {
  const [first, second] = hook.axes;
  if (first === 'batch' && second === 'position') return true;
  if (first === 'batch' && !hook.axes.includes('position') && !hook.axes.includes('query')) return false;
  throw new MesascopeError(
    'HOOK_UNAVAILABLE',
    `hook ${hook.name} of ${model} has the axes [${hook.axes.join(', ')}], which cannot be read one position at a time`,
    { facts: { hook: hook.name, axes: hook.axes } },
  );
}

/**
 * Absolute position in a row of `length`; negative ones count from the end. Throws `POSITION_RANGE`, naming an example.
 */
export function positionIn(length: number, position: number, row: number): number {
  const absolute = position < 0 ? length + position : position;
  if (Number.isInteger(position) && absolute >= 0 && absolute < length) return absolute;
  throw new MesascopeError(
    'POSITION_RANGE',
    `position ${position} does not exist in example ${row}, which has ${length} position${length === 1 ? '' : 's'}`,
    { facts: { position, row, length } },
  );
}

/** Throws `POSITION_RANGE` unless every row has every position. */
export function mustHavePositions(encoded: Encoded, positions: readonly number[]): void {
  for (const position of positions) {
    for (let row = 0; row < encoded.rows; row++) positionIn(encoded.lengths[row]!, position, row);
  }
}

/** Int64 [batch, positions.length]: the same absolute positions for every row of a batch. */
export function positionFeed(
  batch: number,
  absolute: readonly number[],
): { readonly type: 'int64'; readonly dims: readonly number[]; readonly data: BigInt64Array } {
  const data = new BigInt64Array(batch * absolute.length);
  const row = BigInt64Array.from(absolute, BigInt);
  for (let i = 0; i < batch; i++) data.set(row, i * absolute.length);
  return { type: 'int64', dims: [batch, absolute.length], data };
}
