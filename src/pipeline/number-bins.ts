/** @file pipeline: quantities cut into classes: where the edges lie, what the classes are called, and whether goals can share them. */
import { GOAL_ROLES, type GoalRole } from '../core/data-set.ts';

/** A quantity that takes at most so many values is told apart value by value; one that takes more, in at most so many classes. */
const MOST_BINS = 6;
/** A class beside a frequent value holds at least this share of the rows (a sixth of a sextile): fewer are too few to learn a class from. */
const LEAST_SHARE = 1 / MOST_BINS ** 2;

/** Classes of a quantity: class c lies at or above edge c - 1 and below edge c. One name more than edges, all different. */
export type Bins = { readonly edges: readonly number[]; readonly names: readonly string[] };

/** A value, and how many rows have it. */
type Level = { readonly value: number; readonly count: number };
/** Neighboring values that are one class; never empty. */
type Block = readonly Level[];

/**
 * Bins of finite `values` (of the fit rows): one per value where these are at most six. Else quantiles of like size, at most six, except that a
 * value with so many rows that it fills a quantile (the zeros of a count) is a class of its own, and what lies on either side of it is cut by
 * itself. Every class occurs in `values`, and equal values are never parted. A class of one value has its name and reaches half way to
 * the next; the others are named by their edges, with as many digits as tell them apart.
 */
export function binsOf(values: readonly number[]): Bins {
  if (values.length === 0) return { edges: [], names: ['any value'] };
  const levels = levelsOf(values);
  const blocks =
    levels.length <= MOST_BINS
      ? levels.map((level): Block => [level])
      : blocksOf(levels, MOST_BINS, LEAST_SHARE * values.length);
  const edges = blocks.slice(1).map((block, i) => edgeBetween(blocks[i]!, block));
  return { edges, names: namesOf(blocks, edges) };
}

/** Class of a value: the number of edges at or below it; -1 for what is no number. */
export function binOf(edges: readonly number[], value: number): number {
  if (Number.isNaN(value)) return -1;
  let index = 0;
  while (index < edges.length && value >= edges[index]!) index += 1;
  return index;
}

function levelsOf(values: readonly number[]): Level[] {
  const levels: Level[] = [];
  for (const value of Float64Array.from(values).sort()) {
    const last = levels.at(-1);
    if (last?.value === value) levels[levels.length - 1] = { value, count: last.count + 1 };
    else levels.push({ value, count: 1 });
  }
  return levels;
}

/** Cuts levels into at most `bins` blocks; beside a frequent value none is made of fewer than `least` rows where there is a choice. */
function blocksOf(levels: Block, bins: number, least: number): Block[] {
  if (bins === 1 || levels.length === 1) return [levels];
  const most = levels.reduce((best, { count }, i) => (count > levels[best]!.count ? i : best), 0);
  if (levels[most]!.count * bins < rowsOf(levels)) return quantilesOf(levels, bins);
  let [from, end] = [most, most + 1];
  const [below, above] = [rowsOf(levels.slice(0, from)), rowsOf(levels.slice(end))];
  // Where there is no room for both sides, or one is too small to be a class, that one joins the frequent value.
  if (bins === 2 || Math.min(below, above) < least) {
    if (below <= above) from = 0;
    else end = levels.length;
  }
  const left = levels.slice(0, from);
  const right = levels.slice(end);
  const room = bins - 1;
  const share = (side: Block, other: Block): number => {
    const rows = rowsOf(side);
    const fair = Math.round((room * rows) / (rows + rowsOf(other)));
    const most = Math.min(other.length > 0 ? room - 1 : room, Math.floor(rows / least));
    return Math.max(1, Math.min(fair, most));
  };
  const leftBins = left.length > 0 ? share(left, right) : 0;
  return [
    ...(left.length > 0 ? blocksOf(left, leftBins, least) : []),
    levels.slice(from, end),
    ...(right.length > 0 ? blocksOf(right, Math.min(share(right, left), room - leftBins), least) : []),
  ];
}

/** Blocks of like size of levels none of which fills one: each quantile starts a block, and no level holds two of them. */
function quantilesOf(levels: Block, bins: number): Block[] {
  const total = rowsOf(levels);
  const starts = [0];
  let before = 0;
  levels.forEach(({ count }, i) => {
    const place = Math.floor((starts.length * total) / bins);
    if (starts.length < bins && place < before + count && i > 0) starts.push(i);
    before += count;
  });
  return starts.map((start, i) => levels.slice(start, starts[i + 1] ?? levels.length));
}

function rowsOf(block: Block): number {
  return block.reduce((sum, { count }) => sum + count, 0);
}

/** Half way to a class of one value; else the least value above. */
function edgeBetween(lower: Block, upper: Block): number {
  const [a, b] = [lower.at(-1)!.value, upper[0]!.value];
  if (lower.length > 1 && upper.length > 1) return b;
  // Halved before they are added, so that the sum stays finite; neighboring numbers have no middle.
  const middle = a / 2 + b / 2;
  return middle > a && middle <= b ? middle : b;
}

function namesOf(blocks: readonly Block[], edges: readonly number[]): string[] {
  let digits = 4;
  // 17 digits give every number back.
  while (digits < 17 && !tellsApart(blocks, rounded(edges, digits))) digits += 1;
  const spoken = rounded(edges, digits).map(String);
  return blocks.map((block, c) => {
    if (block.length === 1) return String(block[0]!.value);
    if (c === 0) return spoken.length === 0 ? 'any value' : `below ${spoken[0]}`;
    return c === edges.length ? `${spoken.at(-1)} or more` : `${spoken[c - 1]} to ${spoken[c]}`;
  });
}

function rounded(edges: readonly number[], digits: number): number[] {
  return edges.map((edge) => Number(edge.toPrecision(digits)));
}

/** Whether rounded edges still rise, and still lie on their sides of the values that are classes by themselves. */
function tellsApart(blocks: readonly Block[], edges: readonly number[]): boolean {
  return blocks.every((block, c) => {
    const [low, high] = [edges[c - 1] ?? Number.NEGATIVE_INFINITY, edges[c] ?? Number.POSITIVE_INFINITY];
    return low < high && (block.length > 1 || (low <= block[0]!.value && block[0]!.value < high));
  });
}

/** Values of a quantity on the fit rows, without those that are missing. */
export type QuantityValues = { readonly role: GoalRole; readonly values: readonly number[] };

/**
 * Sentences about quantities that the edges shared by all serve badly: on its fit rows such a goal fills at most half as many classes as
 * edges of its own would give it, because another is on another scale.
 */
export function scaleWarnings(quantities: readonly QuantityValues[]): string[] {
  const given = quantities.filter(({ values }) => values.length > 0);
  const shared = binsOf(given.flatMap(({ values }) => values));
  const served = given.map(({ role, values }) => ({
    role,
    span: spanOf(values),
    own: filled(binsOf(values), values),
    shared: filled(shared, values),
  }));
  const badly = served.filter((one) => one.own > 1 && 2 * one.shared <= one.own);
  if (badly.length === 0) return [];
  const order = (role: GoalRole): number => GOAL_ROLES.indexOf(role);
  const spans = [...served].sort((a, b) => order(a.role) - order(b.role));
  return [
    `goals that are quantities share the edges of their classes, and these are on scales that differ (${spans.map(({ role, span }) => `${role} ${span}`).join(', ')}): ` +
      `${badly.map((one) => `${one.role} fills ${one.shared} ${one.shared === 1 ? 'class' : 'classes'} where edges of its own would give it ${one.own}`).join(', ')}; ` +
      'bring the goals to one scale, or declare them as categories',
  ];
}

/** How many classes hold as many of the values as a class should. */
function filled({ edges }: Bins, values: readonly number[]): number {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const value of values) counts[binOf(edges, value)]! += 1;
  return counts.filter((count) => count > 0 && count >= LEAST_SHARE * values.length).length;
}

function spanOf(values: readonly number[]): string {
  const sorted = Float64Array.from(values).sort();
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  let digits = 4;
  while (digits < 17 && low < high && Number(low.toPrecision(digits)) >= Number(high.toPrecision(digits)))
    digits += 1;
  return `${Number(low.toPrecision(digits))} to ${Number(high.toPrecision(digits))}`;
}
