/** @file onnx: follows a value from the product that makes it to where it is used, within one branch of a block. */
import type { Structure } from './structure-facts.ts';
import { isHeavy, isLayout, isSelect } from './structure-operators.ts';
import { activationInputs, biasInput, isActivation, producerOf } from './structure-steps.ts';

/** Nodes looked at on one trace; the parts of a block are far smaller. */
const MAX_NODES = 400;

/** What lies between `target` and the products before it. */
export type Light = {
  /** Positions of the products that feed `target` through light operators only, ascending. */
  readonly products: readonly number[];
  /** Positions of the light nodes in between. */
  readonly nodes: ReadonlySet<number>;
  /** Values on the way, `target` and the products' outputs included. */
  readonly values: ReadonlySet<number>;
};

/** Everything back from `target` up to the nearest heavy operators, among the nodes of `region`. */
export function lightBefore(structure: Structure, target: number, region: ReadonlySet<number>): Light {
  const { graph } = structure;
  const products = new Set<number>();
  const nodes = new Set<number>();
  const values = new Set<number>([target]);
  const open = [target];
  for (let value = open.pop(); value !== undefined && nodes.size < MAX_NODES; value = open.pop()) {
    const at = graph.producer[value]!;
    if (!region.has(at) || nodes.has(at)) continue;
    const node = graph.nodes[at]!;
    if (isHeavy(node.op)) {
      products.add(at);
      continue;
    }
    nodes.add(at);
    for (const from of node.inputs) {
      if (!isActivation(structure, from) || values.has(from) || !region.has(graph.producer[from]!)) continue;
      values.add(from);
      open.push(from);
    }
  }
  return { products: [...products].sort((a, b) => a - b), nodes, values };
}

/**
 * The layouts of one projected value on its way through `light`: after the product, its bias, and what takes it apart or
 * rearranges it, up to the first node that computes with it. More than one list where a fused product is split in
 * parts that are all used.
 */
export function layoutsAfter(
  structure: Structure,
  start: number,
  light: Light,
): readonly (readonly number[])[] {
  const { graph } = structure;
  const lists: (readonly number[])[] = [];
  const open: { readonly at: number; readonly list: readonly number[] }[] = [{ at: start, list: [start] }];
  for (let next = open.pop(); next !== undefined && lists.length < 16; next = open.pop()) {
    const { at, list } = next;
    const readers =
      graph.consumers[at]!.length > MAX_NODES ? [] : graph.consumers[at]!.filter((n) => light.nodes.has(n));
    const node = readers.length === 1 ? graph.nodes[readers[0]!] : undefined;
    const onward = node?.outputs.filter((value) => light.values.has(value)) ?? [];
    const passes =
      node !== undefined &&
      (isLayout(node.op) ||
        biasInput(structure, node) === at ||
        (isSelect(node.op) && node.inputs[0] === at));
    if (node === undefined || !passes || onward.length === 0 || list.length > 32) lists.push(list);
    // Before a part is picked, and before a bias is added, a value is not yet the one that is traced.
    else
      for (const value of onward)
        open.push({ at: value, list: isLayout(node.op) ? [...list, value] : [value] });
  }
  return lists.reverse();
}

/** `value` and what it was before layout operators, nearest first. */
export function layoutsBefore(structure: Structure, value: number): readonly number[] {
  const list = [value];
  for (let at = value; list.length < 16; ) {
    const node = producerOf(structure, at);
    const from = node?.inputs[0];
    if (node === undefined || !isLayout(node.op) || !isActivation(structure, from)) break;
    list.push(from);
    at = from;
  }
  return list;
}

/** `value` and what layout operators alone make of it, as long as one node reads it. */
export function layoutsBeyond(structure: Structure, value: number): readonly number[] {
  const { graph } = structure;
  const list = [value];
  for (let at = value; list.length < 16; ) {
    const readers = graph.consumers[at]!;
    if (readers.length > 16) break;
    const rearranged = readers
      .map((n) => graph.nodes[n]!)
      .filter((node) => isLayout(node.op) && node.inputs[0] === at);
    const [node] = rearranged;
    const to = node?.outputs[0];
    if (to === undefined || rearranged.length !== 1 || activationInputs(structure, node!).length !== 1) break;
    list.push(to);
    at = to;
  }
  return list;
}
