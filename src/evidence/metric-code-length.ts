/** @file evidence: how many bits it takes to send labels to somebody who sees the activations; refits probes, judges nothing. */
import { MesascopeError } from '../core/errors.ts';
import { type Matrix, takeRows } from '../core/matrix.ts';
import type { Random } from '../core/random.ts';
import type { ClassLabels } from '../core/split.ts';
import type { Linalg } from '../linalg/linalg.ts';
import { scoreProbes, softmaxRows } from '../probe/linear-probe.ts';
import { fitLogistic } from '../probe/logistic.ts';
import { requireRows } from './metric-arguments.ts';
import { indexGroups } from './resample-cluster-bootstrap.ts';

export type CodeLengthRequest = {
  /** Activations of the rows whose labels are sent: [n, width]. */
  readonly x: Matrix;
  /** Variables to send, one after the other; `values[i]` belongs to row i of x, -1 where there is none. */
  readonly tasks: readonly ClassLabels[];
  /** Group of every row; a group is sent as a whole, since a row tells much about its siblings. */
  readonly groups: Int32Array;
  /** Orders the groups; the same stream gives the same order, whatever else it was used for. */
  readonly random: Random;
  /** Ends of the blocks as shares of the rows, rising to 1. Default as in the paper, from a 64th on: the probe is refitted as the rows seen double. */
  readonly blockEnds?: readonly number[];
  /** L2 penalties of the probes, whose codes are mixed. Default 0.1, 1, 10 and 100. */
  readonly penalties?: readonly number[];
  readonly linalg: Linalg;
};

export type CodeLength =
  | {
      readonly state: 'measured';
      /** Bits for all labels, and under a code that knows nothing (rows x log2 classes). */
      readonly bits: number;
      readonly uniformBits: number;
      /** bits / uniformBits, and its inverse: below and above 1 where the activations tell something of the labels. */
      readonly shareOfUniform: number;
      readonly compression: number;
      /** Rows and bits of each block under the penalty that did best in the end. */
      readonly blocks: readonly { readonly rows: number; readonly bits: number }[];
    }
  | { readonly state: 'undefined'; readonly reason: string };

const BLOCK_ENDS: readonly number[] = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1];
const PENALTIES: readonly number[] = [0.1, 1, 10, 100];

/**
 * Online (prequential) code length of labels given activations (Voita and Titov 2020, "Information-Theoretic Probing with Minimum
 * Description Length", section 3.2; Rissanen 1984): the first block is sent by a uniform code, every later one with the
 * probabilities of a logistic probe fitted on the rows sent before it. It sees what accuracy does not: how many rows it takes to get there.
 *
 * A probability p from s rows is sent as (s p + 1) / (s + classes), as though each class had been seen once more, so that a class which has
 * not occurred yet has a finite price. The codes of all penalties are mixed with equal weight, -log2 of the mean of 2^-bits: at
 * most log2(penalties) bits above the best of them, and nothing is chosen on the labels. It takes no row weights: a resample would
 * send copies of rows that were already seen. One result per task; undefined with fewer than two classes or with one block.
 * Throws `BAD_SETTING`, `MATRIX_SHAPE`, `NON_FINITE`, `LABELS_INVALID`.
 */
export async function onlineCodeLengths(request: CodeLengthRequest): Promise<CodeLength[]> {
  const { x, tasks } = request;
  const ends = request.blockEnds ?? BLOCK_ENDS;
  const penalties = request.penalties ?? PENALTIES;
  requireRows(x.rows, request.groups.length, 'groups');
  for (const task of tasks) requireRows(x.rows, task.values.length, 'labels');
  checkEnds(ends);
  if (penalties.length === 0) throw new MesascopeError('BAD_SETTING', 'a code needs at least one penalty');
  const blocks = blocksOfGroups(request.groups, request.random.fork('code-length'), ends);
  // [penalty][task][block] in bits.
  const bits = penalties.map(() => tasks.map(() => [] as number[]));
  const seen: number[] = [];
  for (const block of blocks) {
    const fitted: number[] = [];
    for (const [t, task] of tasks.entries()) {
      if (canFit(task, seen)) fitted.push(t);
      else for (const perTask of bits) perTask[t]!.push(uniformBits(task, block));
    }
    if (fitted.length > 0) {
      const train = { role: 'fit', rows: Int32Array.from(seen), x: takeRows(x, seen) } as const;
      const next = takeRows(x, block);
      for (const [j, penalty] of penalties.entries()) {
        const fits = await fitLogistic(
          train,
          fitted.map((t) => tasks[t]!),
          { linalg: request.linalg, penalty, tolerance: 1e-4, maxIterations: 200 },
        );
        const scores = await scoreProbes(
          fits.map((fit) => fit.probe),
          next,
          request.linalg,
        );
        for (const [k, t] of fitted.entries()) {
          bits[j]![t]!.push(blockBits(softmaxRows(scores[k]!), tasks[t]!, block, seen));
        }
      }
    }
    for (const row of block) seen.push(row);
  }
  return tasks.map((task, t) =>
    resultOf(
      task,
      blocks,
      bits.map((perTask) => perTask[t]!),
    ),
  );
}

function checkEnds(ends: readonly number[]): void {
  const rising = ends.every((end, i) => end > (ends[i - 1] ?? 0) && end <= 1);
  if (ends.length === 0 || !rising || ends[ends.length - 1] !== 1) {
    throw new MesascopeError(
      'BAD_SETTING',
      `block ends rise from above 0 to 1 exactly, got ${ends.join(', ')}`,
    );
  }
}

/** Rows of each block, groups whole and in random order; a block ends with the group that reaches its share. Blocks without rows are left out. */
function blocksOfGroups(groups: Int32Array, random: Random, ends: readonly number[]): Int32Array[] {
  const { present } = indexGroups(groups);
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) rowsOf.set(groups[i]!, [...(rowsOf.get(groups[i]!) ?? []), i]);
  const blocks: Int32Array[] = [];
  let block: number[] = [];
  let sent = 0;
  let end = 0;
  for (const group of random.shuffled(Array.from(present))) {
    const rows = rowsOf.get(group)!;
    block.push(...rows);
    sent += rows.length;
    if (sent < ends[end]! * groups.length - 1e-9) continue;
    blocks.push(Int32Array.from(block));
    block = [];
    while (end < ends.length - 1 && sent >= ends[end]! * groups.length - 1e-9) end++;
  }
  return blocks;
}

/** Two classes among the rows seen: with one, there is nothing to fit. */
function canFit(task: ClassLabels, seen: readonly number[]): boolean {
  let first = -1;
  for (const row of seen) {
    const value = task.values[row]!;
    if (value < 0) continue;
    if (first === -1) first = value;
    else if (value !== first) return true;
  }
  return false;
}

function labelled(task: ClassLabels, rows: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < rows.length; i++) if (task.values[rows[i]!]! >= 0) count++;
  return count;
}

function uniformBits(task: ClassLabels, rows: ArrayLike<number>): number {
  return labelled(task, rows) * Math.log2(task.classes);
}

/** Bits for the labels of a block under smoothed probabilities [block rows, classes]. */
function blockBits(
  probabilities: Matrix,
  task: ClassLabels,
  block: Int32Array,
  seen: readonly number[],
): number {
  const s = labelled(task, seen);
  let bits = 0;
  for (let i = 0; i < block.length; i++) {
    const label = task.values[block[i]!]!;
    if (label < 0) continue;
    const p = probabilities.data[i * task.classes + label]!;
    bits -= Math.log2((s * p + 1) / (s + task.classes));
  }
  return bits;
}

function resultOf(
  task: ClassLabels,
  blocks: readonly Int32Array[],
  byPenalty: readonly (readonly number[])[],
): CodeLength {
  if (task.classes < 2) return { state: 'undefined', reason: 'a variable with one value needs no code' };
  if (blocks.length < 2)
    return { state: 'undefined', reason: 'there are too few groups for a second block to learn from' };
  const uniform = blocks.reduce((sum, block) => sum + uniformBits(task, block), 0);
  if (uniform === 0) return { state: 'undefined', reason: 'no row has a label' };
  const totals = byPenalty.map((bits) => bits.reduce((sum, value) => sum + value, 0));
  const best = totals.reduce((least, total, j) => (total < totals[least]! ? j : least), 0);
  // -log2 mean 2^-L, from the best one outwards so that nothing underflows.
  const mass = totals.reduce((sum, total) => sum + 2 ** (totals[best]! - total), 0);
  const bits = totals[best]! - Math.log2(mass / totals.length);
  return {
    state: 'measured',
    bits,
    uniformBits: uniform,
    shareOfUniform: bits / uniform,
    compression: uniform / bits,
    blocks: blocks.map((block, b) => ({ rows: labelled(task, block), bits: byPenalty[best]![b]! })),
  };
}
