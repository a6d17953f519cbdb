/** @file onnx: which chain of sums is the main stream, which one its encoder, and what counts their positions. */
import type { HookMap, ModelIndex, StreamName, ValueInfo } from './contract.ts';
import { DATA_TYPE } from './contract.ts';
import { type Block, blocksOf } from './structure-blocks.ts';
import { type Structure, structureOf } from './structure-facts.ts';
import { type ResidualSum, residualChains, residualSums } from './structure-residual.ts';

/** The stream that leads to the outputs and, where it attends to another one, that one. */
export function streamsOf(
  structure: Structure,
  chains: readonly (readonly ResidualSum[])[],
): {
  readonly main: readonly Block[];
  readonly encoder: readonly Block[] | undefined;
  /** Streams with attention of their own that neither of these is. */
  readonly others: number;
} {
  const [longest = [], second = []] = chains
    .filter((chain, i) => i === 0 || mayBeStream(structure, chain, chains[0]!))
    .map((chain) => blocksOf(structure, chain));
  const attends = (blocks: readonly Block[], cross: boolean): boolean =>
    blocks.some(({ sums }) =>
      sums.some(({ branches }) =>
        branches.some((branch) => branch.kind === 'attention' && branch.parts.cross === cross),
      ),
    );
  if (attends(second, false) && attends(longest, true)) return { main: longest, encoder: second, others: 0 };
  // An encoder may have more layers than its decoder.
  if (attends(longest, false) && attends(second, true)) return { main: second, encoder: longest, others: 0 };
  return { main: longest, encoder: undefined, others: attends(second, false) ? 1 : 0 };
}

/** Two sums of as many axes as the stream has, or more: masks are summed up as well. */
function mayBeStream(
  structure: Structure,
  chain: readonly ResidualSum[],
  stream: readonly ResidualSum[],
): boolean {
  return chain.length >= 2 && rankOf(structure, chain[0]!) === rankOf(structure, stream[0]!);
}

/**
 * What counts the positions of a stream: the input whose second axis has their number, or nothing but the graph. Of several the ids, which
 * data give, before masks, positions and types, which follow from them.
 */
export function sequenceOf(
  index: ModelIndex,
  structure: Structure,
  size: number | undefined,
  stream: StreamName,
): HookMap['sequences'] {
  if (size === undefined) return {};
  const { graph, facts } = structure;
  const inputs = [...index.inputs].sort((a, b) => likelihood(b) - likelihood(a));
  const found = inputs.find(({ name }) => facts[graph.numberOf.get(name)!]!.dims?.[1] === size);
  if (found !== undefined) return { [stream]: { kind: 'input', input: found.name } };
  const other = streamSizes(structureOf(index, { skip: OTHER_SIZES }))[stream];
  return { [stream]: other === size ? { kind: 'fixed', positions: size } : { kind: 'computed' } };
}

/** Positions of a stream when its inputs have the given sizes, batch axis included; undefined where the graph does not tell. */
export function countPositions(
  index: ModelIndex,
  stream: StreamName,
  shapes: Readonly<Record<string, readonly number[]>>,
): number | undefined {
  return streamSizes(structureOf(index, { shapes }))[stream];
}

/** Example sizes passed over for a second look, so that a size that comes from an input is another one. */
const OTHER_SIZES = 3;

function streamSizes(structure: Structure): Partial<Record<StreamName, number | undefined>> {
  const { main, encoder } = streamsOf(structure, residualChains(residualSums(structure)));
  return { main: positionSize(main), encoder: encoder === undefined ? undefined : positionSize(encoder) };
}

/** Names that exporters give to ids of tokens, and to what is derived from them. */
const IDS = /^(decoder_)?(input_ids|tokens|token_ids)$/i;
const DERIVED = /mask|position|token_type|segment/i;

/** How likely an input is the one that data give for each position, of several that have the right size; higher is likelier. */
function likelihood({ name, dataType }: ValueInfo): number {
  // A tensor may have an axis of the same size by chance.
  if (dataType === DATA_TYPE.float32 || dataType === DATA_TYPE.float16 || dataType === DATA_TYPE.float64)
    return 0;
  return IDS.test(name) ? 3 : DERIVED.test(name) ? 1 : 2;
}

/** Example size of the positions that attention of these blocks reads from. */
export function positionSize(blocks: readonly Block[]): number | undefined {
  for (const { sums } of blocks) {
    for (const { branches } of sums) {
      for (const branch of branches) {
        if (branch.kind === 'attention' && branch.parts.positions !== undefined)
          return branch.parts.positions;
      }
    }
  }
  return undefined;
}

/** Number of axes of a sum, from whichever of its values has known sizes. */
export function rankOf(structure: Structure, sum: ResidualSum): number | undefined {
  const values = [sum.value, sum.stream, ...sum.branches];
  return values.map((value) => structure.facts[value]!.dims?.length).find((rank) => rank !== undefined);
}
