/** @file onnx: which nodes and stored tensors a set of wanted values needs. */
import { MesascopeError } from '../core/errors.ts';
import type { ModelIndex, NodeView } from './contract.ts';

export type Needed = { readonly nodes: ReadonlySet<number>; readonly values: ReadonlySet<string> };

/** Which node computes each value. Throws `MODEL_CORRUPT` when two nodes claim one value. */
export function producers(index: ModelIndex): ReadonlyMap<string, NodeView> {
  const found = new Map<string, NodeView>();
  for (const node of index.nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (found.has(name)) {
        throw new MesascopeError('MODEL_CORRUPT', `two nodes compute the value ${JSON.stringify(name)}`, {
          facts: { name },
        });
      }
      found.set(name, node);
    }
  }
  return found;
}

/** Everything that the values `wanted` depend on, through sub-graphs as well; a value they capture is a use like any other. */
export function neededFor(producer: ReadonlyMap<string, NodeView>, wanted: Iterable<string>): Needed {
  const values = new Set<string>(wanted);
  const nodes = new Set<number>();
  // A Set iterates over what is added to it meanwhile, so this is the whole walk, cycles included.
  for (const name of values) {
    const node = producer.get(name);
    if (node === undefined || nodes.has(node.index)) continue;
    nodes.add(node.index);
    for (const input of node.inputs) if (input !== '') values.add(input);
    for (const capture of node.captures ?? []) values.add(capture);
  }
  return { nodes, values };
}
