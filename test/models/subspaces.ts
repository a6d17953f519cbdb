/** @file test: the written-down directions of a compiled organism and the votes that its last layer must add up. */
import { readFile } from 'node:fs/promises';
import { columnOf, rowOf } from '../../models/grid/environment.ts';
import { type Dense, dense } from '../../src/linalg/dense.ts';
import { organismFile } from './organism.ts';

export type Directions = readonly (readonly number[])[];

/** Reads a safetensors file: a length (8 bytes), a JSON header, then float32 values. */
export async function readSubspaces(organism: string): Promise<Record<string, Directions>> {
  const bytes = await readFile(organismFile(organism, 'subspaces.safetensors'));
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString('utf8')) as Record<
    string,
    { shape: [number, number]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(([name, { shape, data_offsets: offsets }]) => {
      const start = 8 + headerLength + offsets[0];
      const row = (i: number): number[] =>
        Array.from({ length: shape[1] }, (_, j) => bytes.readFloatLE(start + 4 * (i * shape[1] + j)));
      return [name, Array.from({ length: shape[0] }, (_, i) => row(i))];
    }),
  );
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

/** The directions as columns, [width, directions]. */
export function basisOf(...subspaces: readonly Directions[]): Dense {
  const rows = subspaces.flat();
  const basis = dense(rows[0]!.length, rows.length);
  rows.forEach((row, k) => {
    row.forEach((value, j) => {
      basis.data[j * rows.length + k] = value;
    });
  });
  return basis;
}

/** Logits per unit of a vote; `LOGIT` of models/compiled/compile.py. */
export const LOGIT = 8;

/** What a goal's cell says for up, down, left, right, from where the agent stands; the formula of models/compiled/compile.py. */
export function voteOf(agent: number, goal: number): readonly number[] {
  const down = rowOf(goal) - rowOf(agent);
  const right = columnOf(goal) - columnOf(agent);
  const a = Math.max(-1, Math.min(1, -down - right));
  const b = Math.max(-1, Math.min(1, -down + right));
  return [1.5 * (a + b), -1.5 * (a + b), a - b, b - a];
}
