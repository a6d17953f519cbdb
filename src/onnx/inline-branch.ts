/** @file onnx: puts the branch of an If that runs in the place of the If, so that its values can be brought out and edited. */

import { nodeMessage } from './build.ts';
import type { ByteRange, ModelIndex, NodeView } from './contract.ts';
import { ATTRIBUTE, GRAPH, NODE, TENSOR, VALUE_INFO } from './fields.ts';
import { readTensor } from './read-tensor.ts';
import { rewriteModel } from './rewrite-model.ts';
import { FreshNames, outerValues } from './value-names.ts';
import { WireCursor } from './wire-read.ts';
import { MessageWriter } from './wire-write.ts';

/** A model whose decided Ifs are gone. */
export type Inlined = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Condition of each If that was inlined, and the branch that was taken. */
  readonly taken: readonly { readonly condition: string; readonly branch: 'then' | 'else' }[];
};

/**
 * The same model with the branch that runs in the place of each If whose condition is known: stored in the file, or an input that
 * `given` names (a merged decoder's "use the cache"). Values of the other branch go. Undefined where no condition is known.
 *
 * An If stays where a branch cannot be moved without renaming inside a further sub-graph. Throws `MODEL_CORRUPT`.
 */
export function inlineBranches(
  index: ModelIndex,
  given: Readonly<Record<string, boolean>>,
): Inlined | undefined {
  const conditional = index.nodes.filter(({ opType, domain }) => opType === 'If' && domain === '');
  if (conditional.length === 0) return undefined;
  const names = new FreshNames(index);
  const used = new Set(outerValues(index));
  const nodes = new Set(index.nodes.map(({ name }) => name));
  const producer = new Map(index.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const branches = new Map<number, Branch>();
  const taken: Inlined['taken'][number][] = [];
  for (const node of conditional) {
    const [condition = ''] = node.inputs;
    const holds = given[condition] ?? storedFlag(index, producer, condition);
    if (holds === undefined) continue;
    const branch = readBranch(index, node, holds ? 'then_branch' : 'else_branch', { names, used, nodes });
    if (branch === undefined) continue;
    branches.set(node.index, branch);
    taken.push({ condition, branch: holds ? 'then' : 'else' });
  }
  if (branches.size === 0) return undefined;
  const bytes = rewriteModel(index, {
    node: (node) => branches.get(node.index)?.nodes ?? 'keep',
    add(graph) {
      for (const { tensors, values } of branches.values()) {
        for (const tensor of tensors) graph.message(GRAPH.initializer, tensor);
        for (const value of values) graph.message(GRAPH.valueInfo, value);
      }
    },
  });
  return { bytes, taken };
}

/** The truth of a condition that lies in the file. */
function storedFlag(
  index: ModelIndex,
  producer: ReadonlyMap<string, NodeView>,
  name: string,
): boolean | undefined {
  const node = producer.get(name);
  const constant = node?.opType === 'Constant' ? node.attributes.value?.tensor : undefined;
  const tensor = index.initializers.get(name) ?? constant;
  if (tensor === undefined || tensor.data.kind === 'external') return undefined;
  if (tensor.dims.reduce((product, size) => product * size, 1) !== 1) return undefined;
  return Number(readTensor(index, tensor).data[0]) !== 0;
}

type Branch = {
  readonly nodes: readonly MessageWriter[];
  readonly tensors: readonly MessageWriter[];
  readonly values: readonly MessageWriter[];
};

/** The parts of one branch under names that are free in the outer graph; undefined where that needs renaming in a deeper graph. */
function readBranch(
  index: ModelIndex,
  node: NodeView,
  which: 'then_branch' | 'else_branch',
  outer: { readonly names: FreshNames; readonly used: Set<string>; readonly nodes: Set<string> },
): Branch | undefined {
  const range = graphOf(index.bytes, node, which);
  if (range === undefined) return undefined;
  const { bytes } = index;
  const fields: { readonly field: number; readonly range: ByteRange }[] = [];
  const cursor = new WireCursor(bytes, range);
  while (cursor.next()) {
    if (cursor.wire === 2) fields.push({ field: cursor.field, range: cursor.range });
  }
  const of = (field: number): ByteRange[] =>
    fields.filter((one) => one.field === field).map((one) => one.range);
  if (of(GRAPH.sparseInitializer).length > 0) return undefined;
  const defined = [
    ...of(GRAPH.node).flatMap((one) => texts(bytes, one, NODE.output)),
    ...of(GRAPH.initializer).flatMap((one) => texts(bytes, one, TENSOR.name)),
  ].filter((name) => name !== '');
  const computed = new Set(of(GRAPH.node).flatMap((one) => texts(bytes, one, NODE.output)));
  // What the branch hands out takes the If's own names; a value handed out twice, or one of the outer graph, is copied.
  const renamed = new Map<string, string>();
  const copied: { readonly inner: string; readonly name: string }[] = [];
  const results = of(GRAPH.output).map((one) => texts(bytes, one, VALUE_INFO.name)[0] ?? '');
  for (const [i, name] of node.outputs.entries()) {
    const inner = results[i];
    if (inner === undefined) return undefined;
    if (name === '') continue;
    if (computed.has(inner) && !renamed.has(inner)) renamed.set(inner, name);
    else copied.push({ inner, name });
  }
  for (const name of defined) {
    if (renamed.has(name)) continue;
    if (outer.used.has(name)) renamed.set(name, outer.names.fresh(`${name}__${which}`));
    else outer.used.add(name);
  }
  // After all names are settled: a stored tensor that is handed out may have the name of another one outside.
  const copies = copied.map(({ inner, name }) =>
    nodeMessage({
      opType: 'Identity',
      inputs: [renamed.get(inner) ?? inner],
      outputs: [name],
      name: outer.names.fresh(`mesascope/${name}`),
    }),
  );
  if (renamed.size > 0 && of(GRAPH.node).some((one) => readsInside(bytes, one, renamed))) return undefined;
  const part = (ranges: readonly ByteRange[], spots: readonly number[]): MessageWriter[] =>
    ranges.map((one) => withNames(bytes, one, spots, renamed));
  // ONNX Runtime refuses two nodes of one name; names of nodes and of values are apart.
  const nodeOf = (one: ByteRange): MessageWriter => {
    const [name = ''] = texts(bytes, one, NODE.name);
    if (name === '' || !outer.nodes.has(name)) {
      outer.nodes.add(name);
      return withNames(bytes, one, [NODE.input, NODE.output], renamed);
    }
    let fresh = name;
    while (outer.nodes.has(fresh)) fresh = outer.names.fresh(`${name}__${which}`);
    outer.nodes.add(fresh);
    return withNames(bytes, one, [NODE.input, NODE.output], renamed, fresh);
  };
  return {
    nodes: [...of(GRAPH.node).map(nodeOf), ...copies],
    tensors: part(of(GRAPH.initializer), [TENSOR.name]),
    values: part(
      of(GRAPH.valueInfo).filter((one) => {
        // What became an output of the graph is declared there.
        const [name = ''] = texts(bytes, one, VALUE_INFO.name);
        return computed.has(name) && !results.includes(name);
      }),
      [VALUE_INFO.name],
    ),
  };
}

/** Where the graph of an attribute lies; undefined when it is missing or in several pieces. */
function graphOf(bytes: Uint8Array, node: NodeView, name: string): ByteRange | undefined {
  const found: ByteRange[] = [];
  const cursor = new WireCursor(bytes, node.range);
  while (cursor.next()) {
    if (!cursor.isLength(NODE.attribute) || texts(bytes, cursor.range, ATTRIBUTE.name)[0] !== name) continue;
    const attribute = new WireCursor(bytes, cursor.range);
    while (attribute.next()) if (attribute.isLength(ATTRIBUTE.graph)) found.push(attribute.range);
  }
  return found.length === 1 ? found[0] : undefined;
}

/** The strings that a message holds under one field. */
function texts(bytes: Uint8Array, range: ByteRange, field: number): string[] {
  const found: string[] = [];
  const cursor = new WireCursor(bytes, range);
  // The index has read these names before, within its limit.
  while (cursor.next()) if (cursor.isLength(field)) found.push(cursor.text(Number.POSITIVE_INFINITY));
  return found;
}

/** Whether a node has sub-graphs that read a name which is about to change. */
function readsInside(bytes: Uint8Array, range: ByteRange, renamed: ReadonlyMap<string, string>): boolean {
  const cursor = new WireCursor(bytes, range);
  while (cursor.next()) {
    if (!cursor.isLength(NODE.attribute)) continue;
    const attribute = new WireCursor(bytes, cursor.range);
    while (attribute.next()) {
      if (!attribute.isLength(ATTRIBUTE.graph) && !attribute.isLength(ATTRIBUTE.graphs)) continue;
      const graph = new WireCursor(bytes, attribute.range);
      while (graph.next()) {
        const spots = graph.isLength(GRAPH.node)
          ? NODE.input
          : graph.isLength(GRAPH.output)
            ? VALUE_INFO.name
            : 0;
        if (spots !== 0 && texts(bytes, graph.range, spots).some((name) => renamed.has(name))) return true;
        if (graph.isLength(GRAPH.node) && readsInside(bytes, graph.range, renamed)) return true;
      }
    }
  }
  return false;
}

/** A message with the strings under `spots` under their new names, and a node under its own; the rest is copied. */
function withNames(
  bytes: Uint8Array,
  range: ByteRange,
  spots: readonly number[],
  renamed: ReadonlyMap<string, string>,
  nodeName?: string,
): MessageWriter {
  const writer = new MessageWriter();
  const cursor = new WireCursor(bytes, range);
  while (cursor.next()) {
    if (spots.includes(cursor.field) && cursor.isLength(cursor.field)) {
      const name = cursor.text(Number.POSITIVE_INFINITY);
      writer.string(cursor.field, renamed.get(name) ?? name);
    } else if (nodeName !== undefined && cursor.isLength(NODE.name)) writer.string(NODE.name, nodeName);
    else writer.copy(bytes, { start: cursor.tagStart, end: cursor.end });
  }
  return writer;
}
