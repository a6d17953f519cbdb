/** @file onnx: a model's graph as numbered values and nodes in order of computation; says nothing of what they mean. */
import type { ModelIndex, NodeView } from './contract.ts';
import { type Draft, joinQuantisedProducts } from './structure-quantised.ts';

/** A node whose inputs and outputs are value numbers; -1 stands for an optional input that is not given. */
export type GraphNode = {
  /** Operator name; of other domains than ai.onnx with the domain in front (`com.microsoft:Attention`). */
  readonly op: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly view: NodeView;
};

export type ValueGraph = {
  /** In an order in which every node comes after those it reads from. */
  readonly nodes: readonly GraphNode[];
  /** Value number -> name in the file; undefined for values inside a fused operator. */
  readonly names: readonly (string | undefined)[];
  readonly numberOf: ReadonlyMap<string, number>;
  /** Value number -> position in `nodes` of the node that computes it, or -1. */
  readonly producer: readonly number[];
  /** Value number -> positions in `nodes` of the nodes that read it, each once, ascending. */
  readonly consumers: readonly (readonly number[])[];
  readonly outputs: ReadonlySet<number>;
  /** Nodes left out because they wait for each other, or for such nodes. */
  readonly unordered: number;
};

/** Builds the value graph in time linear in nodes and edges; fused skip-and-norm operators become a sum and a norm. */
export function valueGraph(index: ModelIndex): ValueGraph {
  const names: (string | undefined)[] = [];
  const numberOf = new Map<string, number>();
  const named = (name: string): number => {
    if (name === '') return -1;
    let number = numberOf.get(name);
    if (number === undefined) {
      number = names.push(name) - 1;
      numberOf.set(name, number);
    }
    return number;
  };
  for (const { name } of index.inputs) named(name);
  const drafts: Draft[] = [];
  for (const view of index.nodes) {
    const op =
      view.domain === '' || view.domain === 'ai.onnx' ? view.opType : `${view.domain}:${view.opType}`;
    const inputs = [...view.inputs, ...(view.captures ?? [])].map(named);
    const outputs = view.outputs.map(named);
    const split = SKIP_NORMS[op];
    if (split === undefined) drafts.push({ op, inputs, outputs, view });
    else {
      // Inputs: x, skip, gamma, [beta,] [bias]; outputs: normed, mean, inverse deviation, sum.
      const sum = outputs[3] !== undefined && outputs[3] >= 0 ? outputs[3] : names.push(undefined) - 1;
      const [x = -1, skip = -1] = inputs;
      const bias = inputs[split.bias] ?? -1;
      drafts.push({ op: 'Add', inputs: bias < 0 ? [x, skip] : [x, skip, bias], outputs: [sum], view });
      const affine = inputs.slice(2, split.bias);
      drafts.push({ op: split.norm, inputs: [sum, ...affine], outputs: outputs.slice(0, 1), view });
    }
  }
  for (const { name } of index.outputs) named(name);
  const joined = joinQuantisedProducts(drafts);
  return ordered(joined, names, numberOf, new Set(index.outputs.map(({ name }) => named(name))));
}

/** ONNX Runtime's fused residual sums (ContribOperators.md), by the norm that follows and the place of the bias input. */
const SKIP_NORMS: Readonly<Record<string, { readonly norm: string; readonly bias: number }>> = {
  'com.microsoft:SkipLayerNormalization': { norm: 'LayerNormalization', bias: 4 },
  'com.microsoft:SkipSimplifiedLayerNormalization': { norm: 'SimplifiedLayerNormalization', bias: 3 },
};

/** Kahn's algorithm, taking ready nodes in file order. A value that two nodes claim is the first one's. */
function ordered(
  drafts: readonly Draft[],
  names: (string | undefined)[],
  numberOf: ReadonlyMap<string, number>,
  outputs: ReadonlySet<number>,
): ValueGraph {
  const maker = new Array<number>(names.length).fill(-1);
  drafts.forEach((draft, at) => {
    for (const value of draft.outputs) if (value >= 0 && maker[value]! < 0) maker[value] = at;
  });
  const waiting = drafts.map(() => 0);
  const readers: number[][] = drafts.map(() => []);
  drafts.forEach((draft, at) => {
    for (const value of new Set(draft.inputs)) {
      const from = value < 0 ? -1 : maker[value]!;
      if (from < 0) continue;
      readers[from]!.push(at);
      waiting[at]!++;
    }
  });
  // A file in order stays in order (the usual case), so that a block's nodes stay together.
  const queue: number[] = [];
  const late: number[] = [];
  const placed = new Uint8Array(drafts.length);
  for (let scan = 0; scan < drafts.length; scan++) {
    if (waiting[scan] === 0 && placed[scan] === 0) late.push(scan);
    for (let at = late.pop(); at !== undefined; at = late.pop()) {
      queue.push(at);
      placed[at] = 1;
      // A reader that the scan has passed was written before what it reads from; the others' turn comes.
      for (const reader of readers[at]!) if (--waiting[reader]! === 0 && reader < scan) late.push(reader);
    }
  }
  const nodes = queue.map((at) => drafts[at]!);
  const producer = new Array<number>(names.length).fill(-1);
  const consumers: number[][] = names.map(() => []);
  nodes.forEach((node, at) => {
    for (const value of node.outputs) if (value >= 0 && producer[value]! < 0) producer[value] = at;
    for (const value of new Set(node.inputs)) if (value >= 0) consumers[value]!.push(at);
  });
  return {
    nodes,
    names,
    numberOf,
    producer,
    consumers,
    outputs,
    unordered: drafts.length - nodes.length,
  };
}
