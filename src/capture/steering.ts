/** @file capture: a vector added to a hidden value while a model writes: what it is and how one batch is fed it; runs nothing. */
import { MesascopeError } from '../core/errors.ts';
import type { Model } from '../model/open-model.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { EditInputs } from '../onnx/contract.ts';
import { hookNamed } from '../onnx/hooks-names.ts';
import { siteOf, splitWidth } from './capture-sites.ts';

/**
 * Where a row is steered. `all`: at every position. `deciding`: at the last position of the prompt and all after it, which are the
 * positions that new tokens are chosen at. `new`: at the positions of new tokens alone, so that the first one is chosen unsteered.
 */
export type SteeredPositions = 'all' | 'deciding' | 'new';

export type Steering = {
  readonly hook: string;
  /** [width] of the hook, which must not be divided into heads. */
  readonly vector: ArrayLike<number>;
  /** What the vector is multiplied by before it is added; any finite number. */
  readonly dose: number;
  /** Default `all`. */
  readonly positions?: SteeredPositions;
};

/** A steering held against the model. */
export type PlannedSteering = {
  readonly value: string;
  /** dose x vector. */
  readonly added: Float32Array;
  readonly positions: SteeredPositions;
};

/**
 * Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE` (also for a hook without positions, or divided into heads), `BAD_SETTING` for a vector of
 * another width or with a number that is not finite, or such a dose.
 */
export function plannedSteering(model: Model, steering: Steering): PlannedSteering {
  const { hook, vector, dose, positions = 'all' } = steering;
  const site = siteOf(model, hook);
  if (!site.positions || splitWidth(model, site) !== undefined) {
    throw new MesascopeError('HOOK_UNAVAILABLE', `hook ${hook} has no single vector per position to steer`, {
      facts: { hook },
    });
  }
  const { width } = hookNamed(model.hooks, hook);
  if (width !== undefined && width !== vector.length) {
    throw new MesascopeError(
      'BAD_SETTING',
      `the vector that steers ${hook} has ${vector.length} numbers, the hook has ${width}`,
      { facts: { hook, vector: vector.length, width } },
    );
  }
  const added = Float32Array.from(vector, (value) => dose * value);
  if (!added.every(Number.isFinite)) {
    throw new MesascopeError('BAD_SETTING', `the vector that steers ${hook}, times its dose, is not finite`, {
      facts: { hook, dose },
    });
  }
  return { value: site.value, added, positions };
}

/** First position that is steered in rows whose prompt has so many positions. */
export function steeredFrom(positions: SteeredPositions, promptLength: number): number {
  switch (positions) {
    case 'all':
      return 0;
    case 'deciding':
      return promptLength - 1;
    case 'new':
      return promptLength;
  }
}

/** Mask [rows, length, 1], true from `from` on, and the vector [1, 1, width] that is the same for all. */
export function addSteeringFeeds(
  feeds: Record<string, TensorValue>,
  inputs: EditInputs,
  of: {
    readonly steering: PlannedSteering;
    readonly rows: number;
    readonly length: number;
    /** First steered position of those fed; below 0 or beyond the last one is all or none. */
    readonly from: number;
  },
): void {
  const { steering, rows, length, from } = of;
  const { added } = steering;
  const mask = new Uint8Array(rows * length);
  const first = Math.min(length, Math.max(0, from));
  for (let i = 0; i < rows; i++) mask.fill(1, i * length + first, (i + 1) * length);
  feeds[inputs.mask] = { type: 'bool', dims: [rows, length, 1], data: mask };
  if (inputs.value !== undefined)
    feeds[inputs.value] = { type: 'float32', dims: [1, 1, added.length], data: added };
}
