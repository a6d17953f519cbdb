/** @file onnx: groups the sums of a residual stream into blocks: which sum is attention, which MLP, where norms stand. */
import { type AttentionParts, attentionParts, multipliesItself } from './structure-attention.ts';
import type { Structure } from './structure-facts.ts';
import { type MlpParts, mlpParts } from './structure-mlp.ts';
import { isRounding } from './structure-operators.ts';
import type { ResidualSum } from './structure-residual.ts';
import { activationInputs, nodesBetween, normInput } from './structure-steps.ts';
import { layoutsBefore } from './structure-trace.ts';

/** One term that a block adds to the stream. */
export type Branch =
  | { readonly kind: 'attention'; readonly value: number; readonly parts: AttentionParts }
  | { readonly kind: 'mlp'; readonly value: number; readonly parts: MlpParts }
  /** Neither: it multiplies two of its own values with each other in a way that is no attention known here. */
  | { readonly kind: 'other'; readonly value: number };

export type BlockSum = { readonly sum: ResidualSum; readonly branches: readonly Branch[] };

export type Block = {
  readonly kind: 'sequential' | 'parallel';
  readonly norm: 'pre' | 'post' | 'none';
  /** In order; a parallel block has one, a sequential one an attention sum, then an MLP sum, or only one of them. */
  readonly sums: readonly BlockSum[];
  /** Normed value after the last sum, where the stream ends in the norm of a post-norm block. */
  readonly end: number | undefined;
  /** True when a sum takes the stream scaled or rounded, and the branches do not: it is not the stream plus what they add. */
  readonly scaledSkip: boolean;
};

/** Groups the chain of sums into blocks; a sum of attention to the own stream opens a block, and so does a second sum of no known kind. */
export function blocksOf(structure: Structure, chain: readonly ResidualSum[]): readonly Block[] {
  const groups: BlockSum[][] = [];
  let hasMlp = true;
  for (const sum of chain) {
    const branches = sum.branches.map((value) => branchOf(structure, sum, value));
    const own = branches.some((branch) => branch.kind === 'attention' && !branch.parts.cross);
    const mlp = branches.some((branch) => branch.kind === 'mlp');
    const current = groups.at(-1);
    const unknown = (list: readonly Branch[]): boolean => list.some(({ kind }) => kind === 'other');
    const again = unknown(branches) && current?.some((one) => unknown(one.branches)) === true;
    if (current === undefined || own || hasMlp || again) groups.push([{ sum, branches }]);
    else current.push({ sum, branches });
    hasMlp = mlp;
  }
  return groups.map((sums, index) => blockOf(structure, sums, groups[index + 1]?.[0]?.sum));
}

function branchOf(structure: Structure, sum: ResidualSum, value: number): Branch {
  const region = nodesBetween(structure, sum.source, [value]);
  const parts = attentionParts(structure, region);
  if (parts !== undefined) return { kind: 'attention', value, parts };
  if (multipliesItself(structure, region)) return { kind: 'other', value };
  return { kind: 'mlp', value, parts: mlpParts(structure, value, region) };
}

function blockOf(structure: Structure, sums: readonly BlockSum[], next: ResidualSum | undefined): Block {
  const [first] = sums;
  const parallel = sums.some(({ branches }) => new Set(branches.map(({ kind }) => kind)).size > 1);
  const links = [...sums.slice(1).map(({ sum }) => sum), ...(next === undefined ? [] : [next])];
  const pre = first !== undefined && startsWithNorm(structure, first);
  const last = sums.at(-1)!.sum.value;
  // With nothing after it to tell, the last sum is as the one before; a lone one is post-norm when its branch starts without a norm and a
  // norm follows.
  const before = first?.sum.previous === undefined ? undefined : first.sum.crossed === 'norm';
  const post =
    links.length > 0
      ? links.some(({ crossed }) => crossed === 'norm')
      : (before ?? (!pre && hasNorm(structure, last)));
  return {
    kind: parallel ? 'parallel' : 'sequential',
    norm: post ? 'post' : pre ? 'pre' : 'none',
    sums,
    end: post && next === undefined ? normAfter(structure, last) : undefined,
    scaledSkip: sums.some(({ sum }) => sum.apart !== 'nothing'),
  };
}

function startsWithNorm(structure: Structure, { sum, branches }: BlockSum): boolean {
  const { nodes } = structure.graph;
  const region = nodesBetween(
    structure,
    sum.source,
    branches.map(({ value }) => value),
  );
  // A norm is told to take what a cast took in front of it.
  const before = layoutsBefore(structure, sum.source);
  return region.some((at) => {
    const value = nodes[at]!.outputs[0];
    const from = value === undefined || value < 0 ? undefined : normInput(structure, value);
    return (
      from !== undefined && (before.includes(from) || layoutsBefore(structure, from).includes(sum.source))
    );
  });
}

function hasNorm(structure: Structure, value: number): boolean {
  return normAfter(structure, value) !== undefined;
}

/** Most nodes looked at behind a value for the norm that reads it. */
const MAX_BEHIND = 256;

/** What comes out of the norm that reads `value`, directly or after layout and picking positions; gain and bias included. */
export function normAfter(structure: Structure, value: number): number | undefined {
  const { graph } = structure;
  const behind = new Set<number>([value]);
  const open = [value];
  let found: number | undefined;
  for (let head = 0; head < open.length && head < MAX_BEHIND; head++) {
    const readers = graph.consumers[open[head]!]!;
    if (readers.length > MAX_BEHIND) break;
    for (const reader of readers) {
      const node = graph.nodes[reader]!;
      const result = node.outputs[0];
      if (result === undefined || result < 0 || behind.has(result)) continue;
      if (!structure.facts[result]!.isFloat && !isRounding(node.op)) continue;
      const from = normInput(structure, result);
      if (from !== undefined && reachesBack(structure, from, value)) {
        found = withGain(structure, result, from);
        return found;
      }
      if (!LIGHT.has(node.op) || activationInputs(structure, node).length > 2) continue;
      behind.add(result);
      open.push(result);
    }
  }
  return undefined;
}

/** The steps of a spelled-out norm, and picking or rearranging before one. */
const LIGHT: ReadonlySet<string> = new Set([
  ...['Identity', 'Cast', 'Dropout', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather'],
  ...['ReduceMean', 'ReduceSum', 'ReduceL2', 'ReduceSumSquare', 'Sub', 'Mul', 'Div', 'Pow', 'Add', 'Sqrt'],
  ...['Reciprocal', 'Clip', 'Max', 'Expand', 'QuantizeLinear', 'DequantizeLinear'],
]);

const PICK: ReadonlySet<string> = new Set([
  'Slice',
  'Gather',
  'Squeeze',
  'Unsqueeze',
  'Cast',
  'Identity',
  'Dropout',
  'QuantizeLinear',
  'DequantizeLinear',
]);

function reachesBack(structure: Structure, from: number, value: number): boolean {
  const { graph } = structure;
  for (let at = from, steps = 0; steps < 8; steps++) {
    if (layoutsBefore(structure, at).includes(value)) return true;
    const node = graph.nodes[graph.producer[at]!];
    const before = node?.inputs[0];
    if (node === undefined || !PICK.has(node.op) || before === undefined || before < 0) return false;
    at = before;
  }
  return false;
}

function isOneNumber(structure: Structure, value: number): boolean {
  if (value < 0 || structure.facts[value]!.kind === 'activation') return false;
  return structure.facts[value]!.dims?.every((size) => size === 1) ?? false;
}

/** On from the bare norm to its gain and bias, which still count as the norm of the same value. */
function withGain(structure: Structure, normed: number, from: number): number {
  const { graph } = structure;
  let at = normed;
  for (let steps = 0; steps < 4; steps++) {
    const readers = graph.consumers[at]!;
    const reader = readers.length === 1 ? graph.nodes[readers[0]!]! : undefined;
    const result = reader?.outputs[0];
    if (graph.outputs.has(at) || result === undefined || result < 0 || normInput(structure, result) !== from)
      return at;
    // A gain has a number for each feature; one number for all scales what the norm gave.
    if (reader!.inputs.some((value) => isOneNumber(structure, value))) return at;
    at = result;
  }
  return at;
}
