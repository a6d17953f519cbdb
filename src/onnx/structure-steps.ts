/** @file onnx: single steps along a stream: through layout operators, norms (one operator or spelled out) and affine maps. */

import type { Structure } from './structure-facts.ts';
import type { GraphNode } from './structure-graph.ts';
import { isHeavy, isLayout, isNorm, isRounding } from './structure-operators.ts';

export type Step = {
  readonly from: number;
  /** `layout` keeps every number; `norm` normalises; `affine` rounds, adds or multiplies by something that is not an activation. */
  readonly crossed: 'layout' | 'norm' | 'affine';
};

const MAX_INPUTS = 16;

export function producerOf(structure: Structure, value: number): GraphNode | undefined {
  const at = structure.graph.producer[value];
  return at === undefined || at < 0 ? undefined : structure.graph.nodes[at];
}

export function isActivation(structure: Structure, value: number | undefined): value is number {
  return value !== undefined && value >= 0 && structure.facts[value]!.kind === 'activation';
}

/** The activations among a node's inputs, each once. */
export function activationInputs(structure: Structure, node: GraphNode): readonly number[] {
  const found: number[] = [];
  // More inputs than this are no stream's business; a node of huge fan-in must not cost its square.
  if (node.inputs.length > MAX_INPUTS) return found;
  for (const value of node.inputs) {
    if (isActivation(structure, value) && !found.includes(value)) found.push(value);
  }
  return found;
}

/** One step back along the stream from `value`, or undefined where something else than a rearrangement made it. */
export function stepBack(structure: Structure, value: number): Step | undefined {
  const node = producerOf(structure, value);
  if (node === undefined || node.outputs[0] !== value) return undefined;
  const first = node.inputs[0];
  if (isLayout(node.op))
    return isActivation(structure, first)
      ? { from: first, crossed: isRounding(node.op) ? 'affine' : 'layout' }
      : undefined;
  const norm = normInput(structure, value);
  if (norm !== undefined) return { from: norm, crossed: 'norm' };
  const affine = affineInput(structure, node);
  return affine === undefined ? undefined : { from: affine, crossed: 'affine' };
}

/** What `value` is within bounds, which may be computed: 16-bit models keep their stream off infinity that way. */
export function clampedInput(structure: Structure, value: number): number | undefined {
  const node = producerOf(structure, value);
  if (node?.op !== 'Clip' && node?.op !== 'Min' && node?.op !== 'Max') return undefined;
  const inputs = activationInputs(structure, node);
  if (node.op === 'Clip') return inputs.includes(node.inputs[0]!) ? node.inputs[0] : undefined;
  const wide = inputs.filter((value) => structure.facts[value]!.dims?.every((size) => size === 1) !== true);
  return wide.length === 1 ? wide[0] : undefined;
}

const AFFINE: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div']);

/** The one activation that a node scales or shifts by values that are not activations. */
export function affineInput(structure: Structure, node: GraphNode): number | undefined {
  if (!AFFINE.has(node.op) || node.inputs.length > 3) return undefined;
  const inputs = node.inputs.filter((value) => isActivation(structure, value));
  if (inputs.length !== 1) return undefined;
  // Dividing by the stream is no scaling of it.
  return node.op === 'Div' && inputs[0] !== node.inputs[0] ? undefined : inputs[0];
}

/** The activation in an `Add` of one activation and something that is not one: a bias. */
export function biasInput(structure: Structure, node: GraphNode): number | undefined {
  return node.op === 'Add' ? affineInput(structure, node) : undefined;
}

/** What `value` normalises, when it comes out of a norm: one operator, or the steps of LayerNorm or RMSNorm one by one. */
export function normInput(structure: Structure, value: number): number | undefined {
  const node = producerOf(structure, value);
  if (node === undefined || node.outputs[0] !== value) return undefined;
  const first = node.inputs[0];
  if (isNorm(node.op)) return isActivation(structure, first) ? first : undefined;
  return spelledOutNorm(structure, node) ?? gainOfNorm(structure, node);
}

/** Gain and bias of a spelled-out norm, each at most once or twice (a cast may sit between). */
function gainOfNorm(structure: Structure, node: GraphNode): number | undefined {
  let at: GraphNode | undefined = node;
  for (let steps = 0; steps < 8; steps++) {
    const passes = at.op === 'Cast' || isRounding(at.op);
    const from: number | undefined = passes ? at.inputs[0] : affineInput(structure, at);
    if (!isActivation(structure, from)) return undefined;
    at = producerOf(structure, from);
    if (at === undefined) return undefined;
    const norm = spelledOutNorm(structure, at);
    if (norm !== undefined) return norm;
  }
  return undefined;
}

/**
 * x for a node that divides x, or x less its mean, by a root of a mean of squares of the same: LayerNorm (Ba et al. 2016)
 * and RMSNorm (Zhang and Sennrich 2019), written as Div(x, deviation) or Mul(x, 1 / deviation).
 */
function spelledOutNorm(structure: Structure, node: GraphNode): number | undefined {
  if (node.op !== 'Div' && node.op !== 'Mul') return undefined;
  const [a, b] = node.inputs;
  if (!isActivation(structure, a) || !isActivation(structure, b) || node.inputs.length !== 2)
    return undefined;
  const pairs = node.op === 'Div' ? [[a, b] as const] : [[a, b] as const, [b, a] as const];
  for (const [data, scale] of pairs) {
    const squared = deviationOf(structure, scale);
    if (squared === undefined) continue;
    const x = centred(structure, data);
    if (x === centred(structure, squared)) return x;
  }
  return undefined;
}

const SCALE_STEPS: ReadonlySet<string> = new Set([
  ...[
    'Sqrt',
    'Reciprocal',
    'Pow',
    'Add',
    'Div',
    'Mul',
    'Cast',
    'Clip',
    'Max',
    'Identity',
    'Unsqueeze',
    'Expand',
    'QuantizeLinear',
    'DequantizeLinear',
  ],
]);

/** What is squared and averaged on the way to `value`, when such a mean is all that `value` is made of. */
function deviationOf(structure: Structure, value: number): number | undefined {
  let at = value;
  for (let steps = 0; steps < 10; steps++) {
    const node = producerOf(structure, at);
    if (node === undefined) return undefined;
    const inputs = activationInputs(structure, node);
    const [from] = inputs;
    if (from === undefined || inputs.length !== 1) return undefined;
    if (node.op === 'ReduceL2' || node.op === 'ReduceSumSquare') return from;
    if (node.op === 'ReduceMean' || node.op === 'ReduceSum') return squareOf(structure, from);
    if (!SCALE_STEPS.has(node.op)) return undefined;
    at = from;
  }
  return undefined;
}

function squareOf(structure: Structure, value: number): number | undefined {
  const node = producerOf(structure, value);
  if (node === undefined || (node.op !== 'Pow' && node.op !== 'Mul')) return undefined;
  const inputs = activationInputs(structure, node);
  const scaled = node.op === 'Mul' && node.inputs[0] !== node.inputs[1];
  return inputs.length === 1 && !scaled ? inputs[0] : undefined;
}

/** Back through casts and, once, through "less its mean". */
function centred(structure: Structure, value: number): number {
  const bare = beforeCasts(structure, value);
  const node = producerOf(structure, bare);
  if (node?.op !== 'Sub') return bare;
  const [x, mean] = node.inputs;
  if (!isActivation(structure, x) || !isActivation(structure, mean)) return bare;
  const reduced = producerOf(structure, beforeCasts(structure, mean));
  if (reduced?.op !== 'ReduceMean') return bare;
  const from = beforeCasts(structure, x);
  return beforeCasts(structure, reduced.inputs[0] ?? -1) === from ? from : bare;
}

function beforeCasts(structure: Structure, value: number): number {
  let at = value;
  for (let steps = 0; steps < 6; steps++) {
    const node = producerOf(structure, at);
    const from = node?.inputs[0];
    if (node === undefined || !KEEPS.has(node.op) || from === undefined) return at;
    at = from;
  }
  return at;
}

const KEEPS: ReadonlySet<string> = new Set(['Cast', 'Identity', 'QuantizeLinear', 'DequantizeLinear']);

/**
 * True when `target` is computed from `source` through at least one heavy operator.
 *
 * Searches back from `target` over activations, among nodes that come after the one that makes `source`; gives up (false)
 * when the structure's budget is spent.
 */
export function reachesThroughHeavy(structure: Structure, source: number, target: number): boolean {
  const { graph, budget } = structure;
  const floor = graph.producer[source]!;
  // Two marks per value: reached without, and with, a heavy operator in between.
  const seen = [new Set<number>([target]), new Set<number>()];
  const open: (readonly [value: number, heavy: 0 | 1])[] = [[target, 0]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, heavy] = next;
    if (value === source) {
      if (heavy === 1) return true;
      continue;
    }
    const node = producerOf(structure, value);
    if (node === undefined || graph.producer[value]! < floor) continue;
    const after = heavy === 1 || isHeavy(node.op) ? 1 : 0;
    for (const from of node.inputs) {
      if (--budget.steps < 0) return false;
      if (!isActivation(structure, from) || seen[after]!.has(from)) continue;
      seen[after]!.add(from);
      open.push([from, after]);
    }
  }
  return false;
}

/** Positions of the nodes between `source` and any of `targets`, ascending; empty when the budget is spent. */
export function nodesBetween(
  structure: Structure,
  source: number,
  targets: readonly number[],
): readonly number[] {
  const { graph, budget } = structure;
  const floor = graph.producer[source]!;
  const back = new Set<number>();
  const open = targets.map((value) => graph.producer[value]!);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at <= floor || back.has(at)) continue;
    back.add(at);
    for (const from of graph.nodes[at]!.inputs) {
      if (--budget.steps < 0) return [];
      if (isActivation(structure, from) && from !== source) open.push(graph.producer[from]!);
    }
  }
  const reached = new Set<number>([source]);
  const between: number[] = [];
  for (const at of [...back].sort((a, b) => a - b)) {
    const node = graph.nodes[at]!;
    if (!node.inputs.some((value) => reached.has(value) && structure.facts[value]!.kind === 'activation'))
      continue;
    between.push(at);
    for (const value of node.outputs) if (value >= 0 && isActivation(structure, value)) reached.add(value);
  }
  return between;
}
