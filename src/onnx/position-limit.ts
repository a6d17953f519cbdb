/** @file onnx: how many positions a row may have, read off the tables that a graph looks positions up in; runs nothing. */
import type { ModelIndex } from './contract.ts';
import { readTensor } from './read-tensor.ts';
import { type Structure, structureOf } from './structure-facts.ts';
import type { GraphNode } from './structure-graph.ts';

/** Operators that keep positions in their order, each once. */
const PASSING: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Expand',
]);
/** Operators whose operands must have axes of equal size (or of size 1). */
const ELEMENTWISE: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div', 'Where']);
/** Longest chain of such operators that is followed. */
const MAX_STEPS = 12;

/**
 * Most positions that a row may have: beyond it, the graph reads past the end of a table of positions, or a piece of a stored
 * table is too short for what it is combined with. Undefined where no such table is found; then nothing is claimed.
 *
 * Only what must fail counts: indices that are clipped, wrapped or put into buckets are not followed. `tokens` and `positions` are
 * names of inputs: [batch, position] ids, and ids counted from 0 that are fed beside them.
 */
export function positionLimit(
  index: ModelIndex,
  inputs: { readonly tokens: string; readonly positions: readonly string[] },
): number | undefined {
  const structure = structureOf(index);
  const { graph, facts } = structure;
  const length = facts[graph.numberOf.get(inputs.tokens) ?? -1]?.dims?.[1];
  if (length === undefined) return undefined;
  const search: Search = {
    ...structure,
    index,
    length,
    fed: new Set(inputs.positions.map((name) => graph.numberOf.get(name) ?? -1)),
  };
  let limit: number | undefined;
  const lower = (rows: number | undefined): void => {
    if (rows !== undefined && rows > 1) limit = Math.min(limit ?? rows, rows);
  };
  for (const node of graph.nodes) {
    lower(lookedUpRows(search, node));
    lower(combinedRows(search, node));
  }
  return limit;
}

type Search = Structure & {
  readonly index: ModelIndex;
  /** Example size of the position axis; no weight and no other free axis has it. */
  readonly length: number;
  /** Values that are fed positions. */
  readonly fed: ReadonlySet<number>;
};

/** Rows of a table that positions index, less the first position. */
function lookedUpRows(search: Search, { op, inputs, view }: GraphNode): number | undefined {
  if (op === 'com.microsoft:EmbedLayerNormalization') {
    // Inputs: ids, segment ids, words, positions, ...; without position ids (input 7) it counts from 0 (ContribOperators.md).
    return (inputs[7] ?? -1) < 0 ? storedDims(search, inputs[3])?.[0] : undefined;
  }
  if (op !== 'Gather' || (view.attributes.axis?.int ?? 0) !== 0) return undefined;
  const rows = storedDims(search, inputs[0])?.[0];
  const first = rows === undefined ? undefined : firstPosition(search, inputs[1] ?? -1);
  return first === undefined
    ? undefined
    : rows! - first.offset < first.most
      ? rows! - first.offset
      : first.most;
}

/** Size of a stored table along the axis that is cut to the length, where what it is combined with has that length. */
function combinedRows(search: Search, { op, inputs }: GraphNode): number | undefined {
  if (!ELEMENTWISE.has(op)) return undefined;
  for (const value of inputs) {
    const cut = cutTable(search, value);
    const mine = search.facts[value]?.dims;
    if (cut === undefined || mine === undefined) continue;
    const needed = inputs.some((other) => {
      const theirs = other === value ? undefined : search.facts[other]?.dims;
      return mine.some(
        (size, axis) => size === search.length && theirs?.at(axis - mine.length) === search.length,
      );
    });
    if (needed) return cut;
  }
  return undefined;
}

/** What positions a value counts: from `offset` on, at most `most` of them; undefined for anything else. */
function firstPosition(
  search: Search,
  value: number,
  steps = 0,
): { readonly offset: number; readonly most: number } | undefined {
  if (steps > MAX_STEPS || value < 0) return undefined;
  if (search.fed.has(value)) return { offset: 0, most: Number.POSITIVE_INFINITY };
  const node = producerOf(search, value);
  if (node === undefined) return undefined;
  if (PASSING.has(node.op)) return firstPosition(search, node.inputs[0] ?? -1, steps + 1);
  if (node.op === 'Range') {
    const [start, end, step] = node.inputs.map((input) => search.facts[input]);
    const from = start?.numbers?.[0];
    const counts = from !== undefined && from >= 0 && end?.numbers?.[0] === from + search.length;
    if (!counts || step?.numbers?.[0] !== 1 || end.kind !== 'shape') return undefined;
    // A start that depends on sizes (of a cache) is 0 where there is nothing before the row.
    return { offset: start?.kind === 'constant' ? from : 0, most: Number.POSITIVE_INFINITY };
  }
  if (node.op === 'Slice') {
    const most = cutTable(search, value);
    if (most === undefined) return undefined;
    // A stored row of other numbers (token types, all 0) is only as long as it is; which rows it looks up has no bearing.
    return { offset: countsFromZero(search, value) ? 0 : Number.NEGATIVE_INFINITY, most };
  }
  if (node.op !== 'Add') return undefined;
  const [left = -1, right = -1] = node.inputs;
  for (const [counted, added] of [
    [left, right],
    [right, left],
  ] as const) {
    const fact = search.facts[added];
    const [shift] = fact?.kind === 'constant' ? (fact.numbers ?? []) : [];
    const all = shift !== undefined && shift >= 0 && fact!.numbers!.every((number) => number === shift);
    const from = all ? firstPosition(search, counted, steps + 1) : undefined;
    if (from !== undefined) return { ...from, offset: from.offset + shift! };
  }
  return undefined;
}

/** True where a slice is cut from a stored row 0, 1, 2, ... */
function countsFromZero(search: Search, value: number): boolean {
  let at = value;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const node = producerOf(search, at);
    const name = search.graph.names[at];
    const tensor =
      node === undefined
        ? search.index.initializers.get(name ?? '')
        : node.op === 'Constant'
          ? node.view.attributes.value?.tensor
          : undefined;
    if (tensor !== undefined) {
      if (tensor.data.kind === 'external' || tensor.dims.some((size) => size > MOST_POSITIONS)) return false;
      return readTensor(search.index, tensor).data.every((number, i) => Number(number) === i);
    }
    if (node === undefined || !(PASSING.has(node.op) || node.op === 'Slice')) return false;
    at = node.inputs[0] ?? -1;
  }
  return false;
}

/** Longest stored row that is read to see whether it counts. */
const MOST_POSITIONS = 1 << 20;

/** Size of a stored tensor along the one axis on which a value holds its first `length` entries. */
function cutTable(search: Search, value: number, steps = 0): number | undefined {
  const node = producerOf(search, value);
  if (node === undefined || steps > MAX_STEPS) return undefined;
  const [table = -1, start = -1, end = -1, axes = -1, step = -1] = node.inputs;
  if (PASSING.has(node.op)) return cutTable(search, table, steps + 1);
  if (node.op !== 'Slice') return undefined;
  const dims = storedDims(search, table) ?? cutDims(search, table, steps + 1);
  const from = search.facts[start]?.numbers;
  const to = search.facts[end];
  if (dims === undefined || from === undefined || to?.kind !== 'shape' || to.numbers?.length !== 1)
    return undefined;
  const along = axes < 0 ? [0] : search.facts[axes]?.numbers;
  const stride = step < 0 ? [1] : search.facts[step]?.numbers;
  if (along?.length !== 1 || from[0] !== 0 || to.numbers[0] !== search.length || stride?.[0] !== 1)
    return undefined;
  return dims.at(along[0]!);
}

/** Dims of a stored tensor of which a slice takes everything along some axes first, as exporters write `table[:, :length]`. */
function cutDims(search: Search, value: number, steps: number): readonly number[] | undefined {
  const node = producerOf(search, value);
  if (node?.op !== 'Slice' || steps > MAX_STEPS) return undefined;
  const own = search.facts[value]?.dims;
  const before = storedDims(search, node.inputs[0]) ?? cutDims(search, node.inputs[0] ?? -1, steps + 1);
  return own !== undefined && String(own) === String(before) ? own : undefined;
}

/** Dims of a tensor that the file holds, also where a cast or a dequantisation widens it. */
function storedDims(search: Search, value: number | undefined, steps = 0): readonly number[] | undefined {
  const fact = search.facts[value ?? -1];
  if (value === undefined || value < 0 || fact?.kind !== 'constant' || steps > MAX_STEPS) return undefined;
  const node = producerOf(search, value);
  if (node === undefined || node.op === 'Constant') return fact.dims;
  const widens = ['Cast', 'Identity', 'DequantizeLinear'].includes(node.op);
  return widens ? storedDims(search, node.inputs[0], steps + 1) : undefined;
}

function producerOf({ graph }: Search, value: number): GraphNode | undefined {
  return graph.nodes[graph.producer[value] ?? -1];
}
