/** @file onnx: which value names a graph has, and new ones that collide with none of them. */
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { ModelIndex } from './contract.ts';

/** Names of the outer graph's values: inputs, stored tensors and what its nodes compute. */
export function outerValues(index: ModelIndex): ReadonlySet<string> {
  const names = new Set<string>(index.initializers.keys());
  for (const name of index.sparseInitializers) names.add(name);
  for (const { name } of index.inputs) names.add(name);
  for (const { outputs } of index.nodes) for (const name of outputs) names.add(name);
  names.delete('');
  return names;
}

/** Throws `VALUE_UNKNOWN` unless `name` is one of `outer`, saying so when it lies inside a sub-graph. */
export function mustBeOuterValue(index: ModelIndex, outer: ReadonlySet<string>, name: string): void {
  if (outer.has(name)) return;
  const nested = index.nestedNames.has(name);
  const near = nested ? [] : nearestNames(name, shortlist(outer, name));
  const why = nested
    ? 'lies inside a sub-graph (If, Loop or Scan), from where nothing can be brought out'
    : `is not in the graph${near.length > 0 ? `; the nearest names are ${near.map((n) => JSON.stringify(n)).join(', ')}` : ''}`;
  throw new MesascopeError('VALUE_UNKNOWN', `the value ${JSON.stringify(name)} ${why}`, {
    facts: { name, nearest: near },
  });
}

/** Edit distance costs the product of the lengths: names of a very different length cannot be near and are left out. */
function shortlist(outer: ReadonlySet<string>, name: string): string[] {
  if (name.length > 200) return [];
  return [...outer].filter((other) => Math.abs(other.length - name.length) <= 4).slice(0, 5_000);
}

/** Gives out names that occur nowhere in the file, sub-graphs included, and never the same one twice. */
export class FreshNames {
  readonly #taken: Set<string>;

  constructor(index: ModelIndex) {
    const taken = new Set(outerValues(index));
    for (const name of index.nestedNames) taken.add(name);
    for (const name of index.valueInfo.keys()) taken.add(name);
    for (const { name } of index.outputs) taken.add(name);
    for (const node of index.nodes) {
      taken.add(node.name);
      for (const name of node.inputs) taken.add(name);
      for (const name of node.captures ?? []) taken.add(name);
    }
    this.#taken = taken;
  }

  /** `wish`, or `wish_2`, `wish_3`, ... where it is taken. */
  fresh(wish: string): string {
    let name = wish;
    for (let n = 2; this.#taken.has(name); n++) name = `${wish}_${n}`;
    this.#taken.add(name);
    return name;
  }
}
