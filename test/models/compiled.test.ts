/** @file test: the compiled pair holds all three cells alike at the question, and differs only in which one it acts on. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { columnOf, makeExamples, rowOf, SIDE } from '../../models/compiled/environment.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { openSession } from '../../src/runtime/session.ts';
import { organismFile } from './organism.ts';

type Directions = readonly (readonly number[])[];

/** Reads a safetensors file: a length (8 bytes), a JSON header, then float32 values. */
async function readSubspaces(organism: string): Promise<Record<string, Directions>> {
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

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

/** The residual stream at the question after each of the four residual sums, found as the `Add`s that carry it. */
async function streamAtQuestion(organism: string, rows: readonly (readonly number[])[]) {
  const bytes = new Uint8Array(await readFile(organismFile(organism, 'model.onnx')));
  // The exporter calls the sums of a stream add, add_1, ...: the embedding, then two per block.
  const sums = ['add_1', 'add_2', 'add_3', 'add_4'];
  const made = instrument(indexModel(bytes), {
    outputs: sums.map((value) => ({ value, pick: 'positions' })),
    keepModelOutputs: false,
  });
  const session = await openSession({ kind: 'bytes', bytes: made.bytes }, { threads: 1 });
  const outputs = await session.run({
    input_ids: {
      type: 'int64',
      dims: [rows.length, rows[0]!.length],
      data: BigInt64Array.from(rows.flat(), BigInt),
    },
    [made.positionsInput!]: {
      type: 'int64',
      dims: [rows.length, 1],
      data: new BigInt64Array(rows.length).fill(-1n),
    },
  });
  await session.close();
  return sums.map((sum) => {
    const { data, dims } = outputs[made.outputNames.get(sum)!]!;
    const width = dims[2]!;
    return rows.map((_, i) => Array.from(data.subarray(i * width, (i + 1) * width), Number));
  });
}

describe.each(['compiled/intended', 'compiled/proxy'])('%s', (organism) => {
  const { examples } = makeExamples({ seed: 'codes', trainGroups: 40, apartGroups: 120, variants: 1 });
  const rows = examples.map(({ input }) => (input.kind === 'tokens' ? input.tokens : []));

  it('keeps the codes of gem, halo and rock in orthogonal subspaces', async () => {
    const subspaces = await readSubspaces(organism);
    const all = [...Object.values(subspaces)].flat();
    expect(all).toHaveLength(3 * 2 * SIDE + 4 * 2 + 4);
    all.forEach((a, i) => {
      all.forEach((b, j) => {
        expect(Math.abs(dot(a, b) - (i === j ? 1 : 0))).toBeLessThan(1e-5);
      });
    });
  });

  it('holds after block 0 the row and the column of all three as equal indicators, and no step yet', async () => {
    const subspaces = await readSubspaces(organism);
    const [, afterBlock0] = await streamAtQuestion(organism, rows);
    examples.forEach(({ goals }, i) => {
      for (const [object, role] of [
        ['gem', 'intended'],
        ['halo', 'proxy'],
        ['rock', 'irrelevant'],
      ] as const) {
        const cell = Number(goals[role]!.cell);
        subspaces[`code.${object}`]!.forEach((direction, k) => {
          const on = k < SIDE ? rowOf(cell) === k : columnOf(cell) === k - SIDE;
          expect(Math.abs(dot(afterBlock0![i]!, direction) - (on ? 1 : 0))).toBeLessThan(1e-4);
        });
      }
      for (const direction of [...subspaces.step!, ...subspaces['coordinates.agent']!]) {
        expect(Math.abs(dot(afterBlock0![i]!, direction))).toBeLessThan(1e-4);
      }
    });
  });

  it('brings the agent in block 1 and only then decides', async () => {
    const subspaces = await readSubspaces(organism);
    const [, , beforeDecision, afterDecision] = await streamAtQuestion(organism, rows);
    const role = organism === 'compiled/intended' ? 'intended' : 'proxy';
    examples.forEach(({ actions, nuisance }, i) => {
      const agent = Number(nuisance.agent);
      const [row, column] = subspaces['coordinates.agent']!;
      expect(dot(beforeDecision![i]!, row!)).toBeCloseTo(rowOf(agent) - 2, 4);
      expect(dot(beforeDecision![i]!, column!)).toBeCloseTo(columnOf(agent) - 2, 4);
      const steps = subspaces.step!.map((direction) => dot(afterDecision![i]!, direction));
      const taken = ['up', 'down', 'left', 'right'][steps.indexOf(Math.max(...steps))];
      expect(taken).toBe(actions[role]![0]);
    });
  });
});

describe('the compiled pair', () => {
  it('differs in one matrix only', async () => {
    const [left, right] = await Promise.all(
      ['compiled/intended', 'compiled/proxy'].map(
        async (organism) => new Uint8Array(await readFile(organismFile(organism, 'model.onnx'))),
      ),
    );
    const [a, b] = [indexModel(left!), indexModel(right!)];
    const differing = [...a.initializers.keys()].filter((name) => {
      const [x, y] = [a.initializers.get(name)!.range, b.initializers.get(name)!.range];
      return Buffer.compare(left!.subarray(x.start, x.end), right!.subarray(y.start, y.end)) !== 0;
    });
    expect(differing).toHaveLength(1);
    expect(a.initializers.get(differing[0]!)!.dims).toEqual([64, 64]);
    expect(a.nodes.map(({ opType, inputs, outputs }) => [opType, inputs, outputs])).toEqual(
      b.nodes.map(({ opType, inputs, outputs }) => [opType, inputs, outputs]),
    );
  });
});
