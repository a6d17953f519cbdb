/** @file onnx: finds the residual stream of a graph: the longest chain of sums of a value and a function of it. */
import type { Structure } from './structure-facts.ts';
import type { GraphNode } from './structure-graph.ts';
import { isHeavy, isRounding } from './structure-operators.ts';
import {
  activationInputs,
  clampedInput,
  isActivation,
  producerOf,
  reachesThroughHeavy,
  stepBack,
} from './structure-steps.ts';

/** One sum u + f(u) + ...; all values have one shape. */
export type ResidualSum = {
  /** The sum itself. */
  readonly value: number;
  /** The term that carries the stream, as it enters the sum. */
  readonly stream: number;
  /** What both the stream and the branches come from: `stream` itself, unless a cast, scale or quantise pair lies on that term alone. */
  readonly source: number;
  /** What lies between `source` and `stream`. Unless it keeps every number, the sum is not source + branches. */
  readonly apart: Crossed;
  /** The other activations among the terms: what the block adds. */
  readonly branches: readonly number[];
  /** True when something that is not an activation is added as well (a bias that the exporter moved here). */
  readonly hasBias: boolean;
  /** The sum before it in the chain, and what lies between that sum and `source`. */
  readonly previous: ResidualSum | undefined;
  readonly crossed: Crossed;
};

/** What a value goes through between two places: at most rearranged, scaled or rounded, or normalised. */
export type Crossed = 'nothing' | 'affine' | 'norm';

/** Longest walk back along a stream between two sums. */
const MAX_WALK = 64;
/** Most terms of one sum that is written as nested additions. */
const MAX_TERMS = 12;
/** What one step back costs at most, in looks at nodes (recognising a spelled-out norm is the dear part). */
const STEP_COST = 16;

type Found = { readonly sum: ResidualSum; readonly length: number };

/**
 * All sums of a value and functions of it, by the value they give, with the number of them in the chain that ends there.
 *
 * A sum belongs to a stream when one of its terms u, or what u was before norms and rearrangements, is also where the
 * other terms come from, through at least one product. The longest chain of such sums is the stream.
 */
export type ResidualSums = ReadonlyMap<number, Found>;

export function residualSums(structure: Structure): ResidualSums {
  const { graph } = structure;
  const found = new Map<number, Found>();
  for (const node of graph.nodes) {
    if (structure.budget.steps < 0) break;
    if (!isSumOfActivations(structure, node) || isInnerSum(structure, node)) continue;
    const sum = residualSum(structure, node, (value) => found.get(value)?.sum);
    if (sum === undefined) continue;
    const length = 1 + (sum.previous === undefined ? 0 : found.get(sum.previous.value)!.length);
    found.set(sum.value, { sum, length });
  }
  return found;
}

/** The longest chain, first sum to last, and the longest one that shares no sum with it; empty when the graph has none. */
export function residualChains(found: ResidualSums): readonly (readonly ResidualSum[])[] {
  const taken = new Set<ResidualSum>();
  const chains: (readonly ResidualSum[])[] = [];
  for (let count = 0; count < 2; count++) {
    let best: Found | undefined;
    // A chain that shares a sum with another shares all before it; earlier sums come first here.
    const free = new Set<number>();
    for (const one of found.values()) {
      const { value, previous } = one.sum;
      if (taken.has(one.sum) || (previous !== undefined && !free.has(previous.value))) continue;
      free.add(value);
      if (best === undefined || one.length >= best.length) best = one;
    }
    if (best === undefined) break;
    const chain: ResidualSum[] = [];
    for (let at: ResidualSum | undefined = best.sum; at !== undefined; at = at.previous) chain.push(at);
    for (const sum of chain) taken.add(sum);
    chains.push(chain.reverse());
  }
  return chains;
}

/**
 * The value of a sum of the same shape that the first sum of a chain comes from without any product in between: then the chain is the rest of a
 * longer stream, cut at a step that is not known. Undefined where there is none.
 */
export function cutBefore(structure: Structure, sums: ResidualSums, first: ResidualSum): number | undefined {
  const { facts, budget } = structure;
  const seen = new Set<number>([first.source]);
  const open = [first.source];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (sums.has(at) && sameWidth(facts[at]!.dims, facts[first.value]!.dims)) return at;
    const node = producerOf(structure, at);
    if (node === undefined || isHeavy(node.op)) continue;
    for (const from of activationInputs(structure, node)) {
      if (--budget.steps < 0) return undefined;
      if (seen.has(from)) continue;
      seen.add(from);
      open.push(from);
    }
  }
  return undefined;
}

type Dims = Structure['facts'][number]['dims'];

function sameWidth(a: Dims, b: Dims): boolean {
  return a === undefined || b === undefined || (a.length === b.length && a.at(-1) === b.at(-1));
}

function isSumOfActivations(structure: Structure, node: GraphNode): boolean {
  if (node.op !== 'Add' && node.op !== 'Sum') return false;
  const value = node.outputs[0];
  if (value === undefined || value < 0 || !structure.facts[value]!.isFloat) return false;
  const inputs = activationInputs(structure, node);
  return (
    inputs.length >= 2 &&
    inputs.length <= MAX_TERMS &&
    inputs.every((term) => sameShape(structure, term, value))
  );
}

function sameShape(structure: Structure, a: number, b: number): boolean {
  const left = structure.facts[a]!.dims;
  const right = structure.facts[b]!.dims;
  if (left === undefined || right === undefined) return true;
  return left.length === right.length && left.every((size, i) => size === right[i]);
}

/** True when the sum is only a part of a larger one: `x + attention` in `(x + attention) + mlp`, read by nothing else. */
function isInnerSum(structure: Structure, node: GraphNode): boolean {
  const value = afterRounding(structure, node.outputs[0]!);
  const reader = soleReader(structure, value);
  return reader !== undefined && isSumOfActivations(structure, reader) && reader.outputs[0] !== value;
}

/** What a quantise pair makes of `value`, where nothing else reads it; else `value`. */
function afterRounding(structure: Structure, value: number): number {
  let at = value;
  for (let steps = 0; steps < 2; steps++) {
    const reader = soleReader(structure, at);
    const to = reader?.outputs[0];
    if (reader === undefined || !isRounding(reader.op) || to === undefined || to < 0) return value;
    at = to;
  }
  return at;
}

/** What `value` was before a quantise pair, where nothing else reads it; else `value`. */
function beforeRounding(structure: Structure, value: number): number {
  let at = value;
  for (let steps = 0; steps < 2; steps++) {
    const node = producerOf(structure, at);
    const from = node?.inputs[0];
    if (node === undefined || !isRounding(node.op) || !isActivation(structure, from)) return value;
    if (soleReader(structure, from) === undefined) return value;
    at = from;
  }
  return at;
}

function soleReader(structure: Structure, value: number): GraphNode | undefined {
  const { graph } = structure;
  const readers = graph.consumers[value]!;
  return readers.length !== 1 || graph.outputs.has(value) ? undefined : graph.nodes[readers[0]!];
}

function residualSum(
  structure: Structure,
  node: GraphNode,
  earlier: (value: number) => ResidualSum | undefined,
): ResidualSum | undefined {
  const { terms, hasBias } = termsOf(structure, node);
  const order = structure.graph.producer;
  // The stream is older than what is computed from it, so the right term is nearly always the first one tried.
  for (const stream of [...terms].sort((a, b) => order[a]! - order[b]!)) {
    const branches = terms.filter((term) => term !== stream);
    const { source, apart, previous, crossed } = walkBack(structure, stream, { branches, earlier });
    if (source === undefined) continue;
    return { value: node.outputs[0]!, stream, source, apart, branches, hasBias, previous, crossed };
  }
  return undefined;
}

/** The terms of a sum, those of sums inside it that nothing else reads included. */
function termsOf(structure: Structure, node: GraphNode): { terms: readonly number[]; hasBias: boolean } {
  const terms: number[] = [];
  let hasBias = false;
  const open = [node];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const value of at.inputs) {
      if (value < 0) continue;
      if (!isActivation(structure, value)) {
        hasBias = true;
        continue;
      }
      const inner = producerOf(structure, beforeRounding(structure, value));
      const nested =
        inner !== undefined &&
        terms.length + open.length < MAX_TERMS &&
        isSumOfActivations(structure, inner) &&
        soleReader(structure, value) !== undefined;
      if (nested) open.push(inner);
      else if (!terms.includes(value)) terms.push(value);
    }
  }
  return { terms, hasBias };
}

/** Walks back from a term until all branches are known to come from it, then on to the sum before. */
function walkBack(
  structure: Structure,
  term: number,
  context: {
    readonly branches: readonly number[];
    readonly earlier: (value: number) => ResidualSum | undefined;
  },
): {
  readonly source: number | undefined;
  readonly apart: Crossed;
  readonly previous: ResidualSum | undefined;
  readonly crossed: Crossed;
} {
  let source: number | undefined;
  let apart: Crossed = 'nothing';
  let crossed: Crossed = 'nothing';
  let at = term;
  for (let steps = 0; steps < MAX_WALK && structure.budget.steps >= 0; steps++) {
    const here = at;
    // What a quantised value stands for is the float before it.
    if (
      source === undefined &&
      structure.facts[here]!.isFloat &&
      context.branches.every((branch) => reachesThroughHeavy(structure, here, branch))
    ) {
      source = here;
      apart = crossed;
      crossed = 'nothing';
    }
    const sum = context.earlier(here);
    if (sum !== undefined) return { source, apart, previous: sum, crossed };
    structure.budget.steps -= STEP_COST;
    const step = stepBack(structure, here);
    const from = step?.from ?? clampedInput(structure, here);
    if (from === undefined) break;
    if (step?.crossed === 'norm') crossed = 'norm';
    else if (step?.crossed !== 'layout' && crossed === 'nothing') crossed = 'affine';
    at = from;
  }
  return { source, apart, previous: undefined, crossed: 'nothing' };
}
