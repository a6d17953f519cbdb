/** @file onnx: hook points of a model under canonical names, found from the structure of its graph; trusts no name in it. */
import type { HookMap, HookPoint, MissingHook, ModelIndex } from './contract.ts';
import { type AxisSizes, bestPlaced, type Layout } from './structure-axes.ts';
import { type Block, type Branch, normAfter } from './structure-blocks.ts';
import { logitsOf } from './structure-ends.ts';
import { type Structure, structureOf } from './structure-facts.ts';
import { cutBefore, type ResidualSum, residualChains, residualSums } from './structure-residual.ts';
import { positionSize, rankOf, sequenceOf, streamsOf } from './structure-streams.ts';
import { layoutsBefore, layoutsBeyond } from './structure-trace.ts';

export type { HookMap, HookPoint, MissingHook } from './contract.ts';

type Hook = HookPoint | MissingHook;

/**
 * The hook points of a model, in order of computation; those that its graph cannot offer are listed with the reason.
 *
 * | name | value |
 * | --- | --- |
 * | `embed` | what enters the first block (the same value as `blocks.0.resid_pre`) |
 * | `blocks.{i}.resid_pre` | the stream as block i takes it |
 * | `blocks.{i}.attn_out`, `mlp_out` | what attention and MLP add to it, output bias (and scale or norm, if any) included |
 * | `blocks.{i}.resid_mid` | the stream between attention and MLP (sequential blocks) |
 * | `blocks.{i}.resid_post` | the stream after the block; `resid_pre` of the next block is the same value |
 * | `blocks.{i}.q`, `k`, `v` | projections with bias, before rotary positions and scale; k and v of grouped queries unrepeated |
 * | `blocks.{i}.attn_scores` | what the softmax takes: scaled and masked |
 * | `blocks.{i}.pattern` | attention probabilities |
 * | `blocks.{i}.z` | pattern times v, per head, before the output projection |
 * | `blocks.{i}.mlp_pre`, `mlp_post` | what the nonlinearity takes (in a gated MLP, the gate), and what the last product takes |
 * | `final_norm` | the stream's last norm, where it is not part of a block |
 * | `logits` | the output that is a product of the stream |
 *
 * Identities: pre-norm `resid_mid = resid_pre + attn_out`, `resid_post = resid_mid + mlp_out`; parallel `resid_post =
 * resid_pre + attn_out + mlp_out`. In post-norm blocks the stream is what leaves the norms, and two more hooks hold what
 * enters them: `resid_mid_sum = resid_pre + attn_out`, `resid_mid = norm(resid_mid_sum)`, `resid_post_sum = resid_mid +
 * mlp_out`, `resid_post = norm(resid_post_sum)`. The same two hooks stand where a bias or scale is applied to the stream
 * itself after a sum; what was added then lacks that bias. A part that is neither attention nor an MLP has no name, and a stream
 * that cannot be followed from its first block has no hooks. `residualIdentities` lists the ones that hold for a map.
 *
 * Work is bounded by a multiple of the graph's size; a graph too entangled for that gets a sentence that says so, no hang.
 * Throws `MODEL_CORRUPT` when a small stored tensor does not hold what it states.
 */
export function findHookPoints(index: ModelIndex): HookMap {
  const structure = structureOf(index);
  const sums = residualSums(structure);
  const chains = residualChains(sums);
  const first = chains[0]?.[0];
  const rank = first === undefined ? undefined : rankOf(structure, first);
  if (first === undefined || (rank !== undefined && rank !== 2 && rank !== 3)) {
    return { blocks: [], hooks: [], width: undefined, noResidual: whyNone(index, structure, rank) };
  }
  const streams = streamsOf(structure, chains);
  // Past the work limit searches come back empty, so what was found would be half a truth.
  if (structure.budget.steps < 0) {
    return { blocks: [], hooks: [], width: undefined, noResidual: whyNone(index, structure, undefined) };
  }
  const cut = [streams.main, ...(streams.encoder === undefined ? [] : [streams.encoder])]
    .map((blocks) => cutBefore(structure, sums, blocks[0]!.sums[0]!.sum))
    .find((value) => value !== undefined);
  if (cut !== undefined)
    return { blocks: [], hooks: [], width: undefined, noResidual: whyCut(structure, cut) };
  const main = nameStreamOf(structure, streams.main, '');
  const encoder =
    streams.encoder === undefined ? undefined : nameStreamOf(structure, streams.encoder, 'encoder.');
  const sequences = {
    ...sequenceOf(index, structure, main.position, 'main'),
    ...sequenceOf(index, structure, encoder?.position, 'encoder'),
  };
  const kinds = (blocks: readonly Block[]): HookMap['blocks'] =>
    blocks.map(({ kind, norm, scaledSkip }, i) => {
      return { index: i, kind, norm, ...(scaledSkip ? { scaledSkip: true } : {}) };
    });
  return {
    blocks: kinds(streams.main),
    ...(streams.encoder === undefined ? {} : { encoder: kinds(streams.encoder) }),
    hooks: [...(encoder?.hooks ?? []), ...main.hooks],
    width: main.width ?? structure.facts[streams.main[0]!.sums[0]!.sum.value]!.dims?.at(-1),
    noResidual: undefined,
    ...(streams.others === 0 ? {} : { unnamed: UNNAMED }),
    ...(Object.keys(sequences).length === 0 ? {} : { sequences }),
  };
}

function nameStreamOf(structure: Structure, blocks: readonly Block[], prefix: string): Naming {
  const position = positionSize(blocks);
  const naming = new Naming(structure, { batch: structure.batch, position }, prefix);
  naming.add('embed', 'stream', [blocks[0]!.sums[0]!.sum.source], PLAIN);
  blocks.forEach((block, i) => {
    nameBlock(naming, { block, i, next: blocks[i + 1]?.sums[0]?.sum });
  });
  nameEnds(naming, blocks.at(-1)!, prefix === '');
  return naming;
}

function whyNone(index: ModelIndex, structure: Structure, rank: number | undefined): string {
  if (rank !== undefined) {
    return `No residual stream: the sums in this graph that add a value to a function of itself have ${rank} axes, as feature maps do, not [batch, position, width].`;
  }
  if (structure.graph.unordered > 0) {
    return `No residual stream: ${structure.graph.unordered} nodes of this graph wait for each other, so it cannot be followed.`;
  }
  if (structure.budget.steps < 0) {
    return 'No residual stream was found within the work limit: the graph is too entangled to follow.';
  }
  const nested = index.nodes.some((node) => Object.values(node.attributes).some(({ hasGraph }) => hasGraph));
  const hidden =
    index.functions > 0
      ? ' (bodies of functions were not looked into)'
      : nested
        ? ' (bodies of If, Loop and Scan were not looked into)'
        : '';
  return `No residual stream: no sum in this graph adds a value to a function of itself${hidden}.`;
}

const UNNAMED =
  'Another residual stream of this graph has no names here: neither of the two leads into the other by attention.';

/** Numbering a part of a stream from 0 would call the last layers the first ones. */
function whyCut(structure: Structure, value: number): string {
  const name = structure.graph.names[value];
  return `The residual stream cannot be followed as a whole: ${name === undefined ? 'a sum of it' : `its sum ${JSON.stringify(name)}`} lies before the longest part that can, with a step between them that is not known here.`;
}

const PLAIN = 'the graph keeps this value only in a layout without separate batch and position axes';
const UNKNOWN_PART =
  'a term of this block multiplies two of its own values with each other, in a way that is no attention known here, so its parts have no names';
const HEADS = 'the graph keeps this value only in layouts whose axes cannot be told apart';

/** Collects hooks in order, each name once. */
class Naming {
  readonly hooks: Hook[] = [];
  readonly structure: Structure;
  readonly #sizes: AxisSizes;
  readonly #prefix: string;

  constructor(structure: Structure, sizes: AxisSizes, prefix: string) {
    this.structure = structure;
    this.#sizes = sizes;
    this.#prefix = prefix;
  }

  /** Example size of the position axis. */
  get position(): number | undefined {
    return this.#sizes.position;
  }

  /** Width of the stream, from the first hook on it. */
  get width(): number | undefined {
    const [embed] = this.hooks;
    return embed?.state === 'available' ? embed.width : undefined;
  }

  /** The best laid out of `values` under `name`, or unavailable for `otherwise`. */
  add(part: string, layout: Layout, values: readonly number[], otherwise: string): void {
    const name = `${this.#prefix}${part}`;
    const placed = bestPlaced(this.structure, values, { layout, sizes: this.#sizes });
    if (placed === undefined) {
      const fused = values.some((value) => this.structure.graph.names[value] === undefined);
      const reason = fused ? 'it exists only inside a fused operator, which does not hand it out' : otherwise;
      const flat = layout === 'stream' ? this.#flat(values) : undefined;
      this.hooks.push({ state: 'unavailable', name, reason, ...(flat === undefined ? {} : { flat }) });
      return;
    }
    const { axes, width } = placed;
    const value = this.structure.graph.names[placed.value]!;
    this.hooks.push({ state: 'available', name, value, axes, width });
  }

  /** The first of `values` that is [batch * position, width]. */
  #flat(values: readonly number[]): MissingHook['flat'] {
    const { batch, position } = this.#sizes;
    if (position === undefined) return undefined;
    for (const value of values) {
      const { dims, isFloat } = this.structure.facts[value]!;
      const name = this.structure.graph.names[value];
      if (name === undefined || !isFloat || dims?.length !== 2 || dims[0] !== batch * position) continue;
      return { value: name, width: dims[1]! };
    }
    return undefined;
  }

  miss(part: string, reason: string, absent?: true): void {
    const name = `${this.#prefix}${part}`;
    this.hooks.push({ state: 'unavailable', name, reason, ...(absent ? { absent } : {}) });
  }
}

/** Branches of one kind, and why others may be of it as well, where there are any of no known kind. */
type Added = { readonly added: readonly Branch[]; readonly unknown: string | undefined };

function nameBlock(
  naming: Naming,
  { block, i, next }: { readonly block: Block; readonly i: number; readonly next: ResidualSum | undefined },
): void {
  const name = (part: string): string => `blocks.${i}.${part}`;
  const { sums } = block;
  naming.add(name('resid_pre'), 'stream', [sums[0]!.sum.source], PLAIN);
  const branches = sums.flatMap(({ branches: all }) => all);
  const unknown = branches.some(({ kind }) => kind === 'other') ? UNKNOWN_PART : undefined;
  const attention = branches.filter((branch) => branch.kind === 'attention' && !branch.parts.cross);
  const own = attention.length > 0 ? attention : branches.filter((branch) => branch.kind === 'attention');
  const isAttentionSum = (at: number): boolean => sums[at]!.branches.some(({ kind }) => kind === 'attention');
  nameAttention(naming, name, { added: own, unknown });
  nameAdded(naming, name('attn_out'), {
    added: own,
    sums: block.sums,
    none: 'this block has no attention',
    unknown,
  });
  if (block.kind === 'parallel') {
    naming.miss(
      name('resid_mid'),
      'attention and MLP of this block read the same stream, so nothing lies between them',
    );
  } else if (sums.length === 1) {
    const missing = isAttentionSum(0) ? 'MLP' : 'attention';
    naming.miss(
      name('resid_mid'),
      unknown ?? `this block has no ${missing}, so nothing lies between the two`,
    );
  } else nameStream(naming, name('resid_mid'), sums[0]!.sum, sums[1]!.sum, undefined);
  const cross = branches.filter((branch) => branch.kind === 'attention' && !own.includes(branch));
  if (cross.length > 0) {
    nameAdded(naming, name('cross_attn_out'), { added: cross, sums: block.sums, none: '', unknown });
    const after = sums.findIndex(({ branches: all }) => all.some((branch) => cross.includes(branch)));
    const following = sums[after + 1]?.sum;
    if (following !== undefined)
      nameStream(naming, name('resid_cross'), sums[after]!.sum, following, undefined);
  }
  const mlp = branches.filter((branch) => branch.kind === 'mlp');
  nameMlp(naming, name, { added: mlp, unknown });
  nameAdded(naming, name('mlp_out'), {
    added: mlp,
    sums: block.sums,
    none: 'this block has no MLP',
    unknown,
  });
  nameStream(naming, name('resid_post'), sums.at(-1)!.sum, next, block.end);
}

/** The stream behind `sum`: what the next sum takes, which is the sum itself unless a norm, scale or bias lies between. */
function nameStream(
  naming: Naming,
  name: string,
  sum: ResidualSum,
  next: ResidualSum | undefined,
  end: number | undefined,
): void {
  const crossed = next === undefined ? end !== undefined : next.crossed !== 'nothing';
  const { structure } = naming;
  const forms = [...layoutsBefore(structure, sum.value), ...layoutsBeyond(structure, sum.value)];
  if (crossed) {
    naming.add(`${name}_sum`, 'stream', forms, PLAIN);
    naming.add(name, 'stream', [next?.source ?? end!], PLAIN);
    return;
  }
  // A form that only the next sum or only its branches read is not the stream: an edit of it would reach half of what follows.
  const onWay = next === undefined ? [] : layoutsBefore(structure, next.source);
  const shared = onWay.slice(0, onWay.indexOf(sum.value) + 1);
  naming.add(name, 'stream', shared.length > 0 ? shared.reverse() : forms, PLAIN);
}

function nameAdded(
  naming: Naming,
  name: string,
  {
    added,
    sums,
    none,
    unknown,
  }: {
    readonly added: readonly Branch[];
    readonly sums: Block['sums'];
    readonly none: string;
    readonly unknown: string | undefined;
  },
): void {
  const [branch] = added;
  if (branch === undefined && unknown !== undefined) naming.miss(name, unknown);
  else if (branch === undefined) naming.miss(name, none, true);
  else if (added.length > 1)
    naming.miss(name, `the block adds ${added.length} such terms, so none of them is the one`);
  else if (sums.some(({ sum, branches }) => sum.hasBias && branches.includes(branch))) {
    naming.miss(
      name,
      'its bias is added together with the residual, so the graph has no value with the bias and without the stream',
    );
  } else naming.add(name, 'stream', layoutsBefore(naming.structure, branch.value), PLAIN);
}

function nameAttention(naming: Naming, name: (part: string) => string, { added, unknown }: Added): void {
  const [branch] = added;
  if (branch?.kind !== 'attention') {
    for (const part of ['q', 'k', 'v', 'attn_scores', 'pattern', 'z'])
      naming.miss(name(part), unknown ?? 'this block has no attention');
    return;
  }
  const { parts } = branch;
  const inside =
    parts.fused === undefined
      ? 'it is not one value of this graph: no single projection makes it, or the graph uses its parts one by one'
      : `attention is one operator here (${parts.fused}), which does not hand it out`;
  for (const part of ['q', 'k', 'v'] as const) {
    if (parts[part].length === 0) naming.miss(name(part), inside);
    else naming.add(name(part), 'heads', parts[part], HEADS);
  }
  const folded = 'the graph folds heads into the batch axis here';
  if (parts.fused !== undefined) {
    naming.miss(name('attn_scores'), inside);
    naming.miss(name('pattern'), inside);
  } else {
    naming.add(name('attn_scores'), 'pattern', parts.scores, folded);
    if (parts.pattern.length === 0) {
      naming.miss(
        name('pattern'),
        'what the softmax gives is cut before it weighs the values, so that its rows are of other keys',
      );
    } else naming.add(name('pattern'), 'pattern', parts.pattern, folded);
  }
  naming.add(name('z'), 'heads', parts.z, HEADS);
}

function nameMlp(naming: Naming, name: (part: string) => string, { added, unknown }: Added): void {
  const [branch] = added;
  for (const part of ['pre', 'post'] as const) {
    if (branch?.kind !== 'mlp') naming.miss(name(`mlp_${part}`), unknown ?? 'this block has no MLP');
    else {
      const found = branch.parts[part];
      if ('reason' in found) naming.miss(name(`mlp_${part}`), found.reason);
      else naming.add(name(`mlp_${part}`), 'stream', found.values, PLAIN);
    }
  }
}

function nameEnds(naming: Naming, last: Block, hasOutputs: boolean): void {
  const end = last.end ?? last.sums.at(-1)!.sum.value;
  const norm = normAfter(naming.structure, end);
  if (norm === undefined) {
    naming.miss(
      'final_norm',
      last.norm === 'post'
        ? 'the last norm belongs to the last block (its resid_post)'
        : 'no norm follows the last block',
    );
  } else naming.add('final_norm', 'stream', [norm], PLAIN);
  if (!hasOutputs) return;
  const logits = logitsOf(naming.structure, end);
  if ('reason' in logits) naming.miss('logits', logits.reason);
  else naming.add('logits', 'logits', [logits.value], 'the axes of the output cannot be told apart');
}
