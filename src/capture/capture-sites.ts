/** @file capture: hook names and positions of a request, held against the model; runs nothing. */
import { locatedAt, locatedAtHeader } from '../core/data-place.ts';
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Encoded } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { hookNamed, matchHooks } from '../onnx/hooks-names.ts';

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
 * The hooks of a pattern (`matchHooks`) that can be read at positions or once per row, in order of computation. What a part with a star names and
 * cannot be read so is left out; a hook that is named in full is not, and without any other the first that was left out is the error.
 *
 * Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`.
 */
export function sitesOfPattern(
  model: Model,
  pattern: string,
): { readonly hooks: readonly string[]; readonly leftOut: readonly string[] } {
  const named = new Set(pattern.split(',').map((part) => part.trim()));
  const all = matchHooks(model.hooks, pattern).map(({ name }) => name);
  const leftOut = all.filter((name) => !named.has(name) && !canBeRead(model, name));
  const hooks = all.filter((name) => !leftOut.includes(name));
  if (hooks.length === 0) mustBeRead(model, leftOut[0]!);
  return { hooks, leftOut };
}

function canBeRead(model: Model, name: string): boolean {
  try {
    mustBeRead(model, name);
    return true;
  } catch (error) {
    if (error instanceof MesascopeError && error.code === 'HOOK_UNAVAILABLE') return false;
    throw error;
  }
}

function mustBeRead(model: Model, name: string): void {
  splitWidth(model, siteOf(model, name));
}

/**
 * Absolute position in a row of `length`; negative ones count from the end. Throws `POSITION_RANGE`, naming an example.
 */
export function positionIn(length: number, position: number, row: number): number {
  const absolute = absolutePosition(length, position);
  if (absolute !== undefined) return absolute;
  throw missingPosition({ length, position, row });
}

function missingPosition(of: {
  readonly length: number;
  readonly position: number;
  readonly row: number;
  readonly input?: ModelInput | undefined;
}): MesascopeError {
  const { length, position, row, input } = of;
  return new MesascopeError(
    'POSITION_RANGE',
    `position ${position} does not exist in example ${row}, which has ${length} position${length === 1 ? '' : 's'}`,
    { ...locatedAt(input), facts: { position, row, length } },
  );
}

function absolutePosition(length: number, position: number): number | undefined {
  const absolute = position < 0 ? length + position : position;
  return Number.isInteger(position) && absolute >= 0 && absolute < length ? absolute : undefined;
}

/**
 * Throws `POSITION_RANGE` unless every row has every position. A position that some rows have is missing from a row, and the
 * error points at its line; one that no row has was asked for in error: by the data's description if it is the read-out.
 */
export function mustHavePositions(
  { lengths }: Pick<Encoded, 'lengths'>,
  wanted: {
    readonly positions: readonly number[];
    /** Undefined where no read-out is asked for. */
    readonly readout: number | undefined;
    readonly inputAt: (row: number) => ModelInput | undefined;
  },
): void {
  for (const position of wanted.positions) {
    const row = lengths.findIndex((length) => absolutePosition(length, position) === undefined);
    if (row < 0) continue;
    if (lengths.some((length) => absolutePosition(length, position) !== undefined)) {
      throw missingPosition({ length: lengths[row]!, position, row, input: wanted.inputAt(row) });
    }
    const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
    const readout = position === wanted.readout;
    throw new MesascopeError(
      'POSITION_RANGE',
      `${readout ? 'the read-out, ' : ''}position ${position}${readout ? ',' : ''} exists in no example: the longest has ${longest} position${longest === 1 ? '' : 's'}`,
      {
        ...(readout ? locatedAtHeader(wanted.inputAt(0)) : {}),
        facts: { position, longest },
        remedy: `Choose ${readout ? 'a `readout`' : 'positions'} from ${-longest} to ${longest - 1}; negative ones count from the end of the row.`,
      },
    );
  }
}

/** Absolute positions as they are fed to an instrumented graph, int64 [batch, positions]. */
export type PositionFeed = {
  readonly type: 'int64';
  readonly dims: readonly number[];
  readonly data: BigInt64Array;
};

/** The same absolute positions for every row of a batch. */
export function positionFeed(batch: number, absolute: readonly number[]): PositionFeed {
  return positionFeedOfRows(Array.from({ length: batch }, () => absolute));
}

/** Each row's own absolute positions, as many for one as for the other. */
export function positionFeedOfRows(rows: readonly (readonly number[])[]): PositionFeed {
  const count = rows[0]?.length ?? 0;
  const data = new BigInt64Array(rows.length * count);
  for (const [i, row] of rows.entries())
    for (const [j, at] of row.entries()) data[i * count + j] = BigInt(at);
  return { type: 'int64', dims: [rows.length, count], data };
}
