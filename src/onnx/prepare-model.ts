/** @file onnx: a model as its sessions run it: branches that are decided put in place, fused operators written as their steps. */
import type { HookMap, ModelIndex } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { findHookPoints } from './hooks-find.ts';
import { indexModel } from './index-model.ts';
import { inlineBranches } from './inline-branch.ts';
import { type FlatValue, unflatten } from './unflatten.ts';
import { unfuse } from './unfuse.ts';

/** A model ready to be read, and what was changed for that, one sentence each. */
export type PreparedModel = {
  readonly index: ModelIndex;
  readonly hooks: HookMap;
  readonly changes: readonly string[];
};

/** A merged decoder's switch: false, since rows are run without earlier positions. */
const CACHE_FLAG = 'use_cache_branch';

/**
 * The model that computes the same and shows more of it, with its hooks (`known` where they were found before). `changes` is empty where the file is run as it is.
 * Throws `MODEL_CORRUPT`, `MODEL_LIMIT`.
 */
export function prepareModel(file: ModelIndex, known?: HookMap): PreparedModel {
  const changes: string[] = [];
  let index = file;
  const flag = file.inputs.find(({ name, dataType }) => name === CACHE_FLAG && dataType === DATA_TYPE.bool);
  const given = flag === undefined ? {} : { [flag.name]: false };
  // An If inside a branch lies in the graph once the branch does; each round leaves fewer.
  for (
    let inlined = inlineBranches(index, given);
    inlined !== undefined;
    inlined = inlineBranches(index, given)
  ) {
    index = indexModel(inlined.bytes);
    for (const { condition, branch } of inlined.taken)
      changes.push(`the ${branch} branch of the If on ${JSON.stringify(condition)} is read in its place`);
  }
  const unfused = unfuse(index);
  if (unfused !== undefined) {
    index = indexModel(unfused.bytes);
    for (const [operator, count] of Object.entries(unfused.counts))
      changes.push(`${count} ${operator} written as the steps that it fuses, which changes last bits`);
  }
  const hooks = known ?? findHookPoints(index);
  const flat = known === undefined ? flatValues(hooks) : [];
  if (flat.length === 0) return { index, hooks, changes };
  const rows = indexModel(unflatten(index, flat));
  changes.push(`${flat.length} values whose batch and positions are one axis are read with two`);
  return { index: rows, hooks: findHookPoints(rows), changes };
}

/** Values that only their layout keeps from being hooks; each after the start of its own stream, which tells batch and positions. */
function flatValues({ hooks }: HookMap): FlatValue[] {
  const found = new Map<string, FlatValue>();
  for (const prefix of ['encoder.', '']) {
    const like = hooks.find(({ name }) => name === `${prefix}embed`);
    if (like?.state !== 'available' || like.axes[0] !== 'batch' || like.axes[1] !== 'position') continue;
    for (const hook of hooks) {
      if (hook.state !== 'unavailable' || hook.flat === undefined) continue;
      if (hook.name.startsWith('encoder.') === (prefix !== ''))
        found.set(hook.flat.value, { ...hook.flat, like: like.value });
    }
  }
  return [...found.values()];
}
