/** @file capture: what the self-checks share: what they run on, how they report, and how close is close in which precision. */
import type { ModelInput } from '../core/data-set.ts';
import type { Model } from '../model/open-model.ts';
import { DATA_TYPE, type HookNumber, type HookPoint, type SelfCheck } from '../onnx/contract.ts';
import { valueTypes } from '../onnx/value-types.ts';
import { type ForwardRequest, runForward } from './run-forward.ts';

export type Check = Omit<SelfCheck, 'id'>;

export type Context = {
  readonly model: Model;
  readonly inputs: readonly ModelInput[];
  readonly mapping: Readonly<Record<string, string>>;
  readonly seed: number;
  /** Columns of the first output, or why it cannot be compared. */
  readonly columns: readonly number[] | string;
};

/** Differences are held against this times the largest value compared, or against this where all values are below 1. */
export const EXACT = 1e-5;
/** The same for a graph whose operators were written in another way, so that sums are taken in another order. */
export const REWRITTEN = 1e-4;

/** How close sums must be in the precision that a graph computes in. */
export type Tolerance = {
  readonly limit: number;
  /** 16-bit values may be kept wider inside ONNX Runtime than where they are read. */
  readonly half: boolean;
  readonly note: string;
};

/**
 * float32: 1e-5. 16 bits: a few of their steps at 1, which are 2^-11 (float16) and 2^-8 (bfloat16). Between quantise pairs values
 * are rounded to a 256th of their range, so that a sum of three may be off by a hundredth.
 */
export function toleranceOf(model: Model): Tolerance {
  const types = valueTypes(model.index);
  const has = (type: number): boolean =>
    model.hooks.hooks.some((hook) => hook.state === 'available' && types.get(hook.value) === type) ||
    model.index.nodes.some(
      ({ outputs, opType }) => opType === 'Cast' && types.get(outputs[0] ?? '') === type,
    );
  if (has(DATA_TYPE.bfloat16)) return { limit: 2e-2, half: true, note: ' (bfloat16)' };
  if (has(DATA_TYPE.float16)) return { limit: 4e-3, half: true, note: ' (float16)' };
  if (model.index.nodes.some(({ opType }) => opType === 'QuantizeLinear'))
    return { limit: 1e-2, half: false, note: ' (values are rounded between quantise pairs)' };
  return { limit: EXACT, half: false, note: '' };
}

export function notApplicable(note: string): Check {
  return { state: 'not-applicable', value: undefined, limit: undefined, note };
}

/** Fails where NaN came out, which is no number to show. */
export function atMost(value: number, limit: number, note: string): Check {
  return judged(value, { limit, passed: value <= limit, note });
}

/** The same for what must be large enough. */
export function atLeast(value: number, limit: number, note: string): Check {
  return judged(value, { limit, passed: value >= limit, note });
}

function judged(
  value: number,
  of: { readonly limit: number; readonly passed: boolean; readonly note: string },
): Check {
  const { limit, passed, note } = of;
  if (Number.isNaN(value)) return { state: 'failed', value: undefined, limit, note: `${note}; NaN came out` };
  return { state: passed ? 'passed' : 'failed', value, limit, note };
}

/** The first NaN, or else the least (the greatest) of several numbers. */
export function least(numbers: readonly HookNumber[]): HookNumber {
  return numbers.reduce((found, one) =>
    found.value <= one.value || Number.isNaN(found.value) ? found : one,
  );
}

export function greatest(numbers: readonly HookNumber[]): HookNumber {
  return numbers.reduce((found, one) =>
    found.value >= one.value || Number.isNaN(found.value) ? found : one,
  );
}

/** The least change that an edit of a hidden value must make where it is looked for. */
export const LEAST_EFFECT = 1e-6;

/** The hooks of `names` if the graph offers all of them with one vector per position. */
export function positioned(model: Model, names: readonly string[]): HookPoint[] | undefined {
  const found = names.map((name) => model.hooks.hooks.find((hook) => hook.name === name));
  const good = found.filter(
    (hook): hook is HookPoint =>
      hook?.state === 'available' && hook.axes[0] === 'batch' && hook.axes[1] === 'position',
  );
  return good.length === names.length ? good : undefined;
}

/** The residual stream after each block, else whatever has a vector per position. */
export function streamHooks(model: Model): string[] {
  const names = model.hooks.hooks.map((hook) => hook.name);
  const posts = names.filter(
    (name) => name.endsWith('.resid_post') && positioned(model, [name]) !== undefined,
  );
  return posts.length > 0 ? posts : names.filter((name) => positioned(model, [name]) !== undefined);
}

export function forward(context: Context, change: Partial<ForwardRequest>): ReturnType<typeof runForward> {
  const { model, inputs, mapping } = context;
  return runForward(model, {
    inputs,
    mapping,
    hooks: [],
    positions: [-1],
    readout: -1,
    choices: [],
    ...change,
  });
}
