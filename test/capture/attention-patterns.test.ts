/** @file capture test: attention patterns against what PyTorch recorded, and their averages. */
import { describe, expect, it } from 'vitest';
import { type AttentionPatterns, attentionPatterns } from '../../src/capture/attention-patterns.ts';
import { openModel } from '../../src/model/open-model.ts';
import { fixtureRows, largestDifference } from '../onnx/hooks-fixtures.ts';
import { codeOf, exportPath, GRID_MODEL, randomRows, recordedRows } from './small-models.ts';

type Measured = Extract<AttentionPatterns, { state: 'measured' }>;

function measured(patterns: AttentionPatterns): Measured {
  if (patterns.state === 'undefined') throw new Error(patterns.reason);
  return patterns;
}

describe('attention patterns', () => {
  it.each(['gpt2-current-exporter', 'decoder-by-hand', 'gpt-neox', 'llama'])(
    'of %s are those that PyTorch recorded, head by head',
    async (name) => {
      const model = await openModel(exportPath(name));
      const inputs = recordedRows(name).map(({ input }) => input);
      for (const [example, { truth }] of fixtureRows(name).entries()) {
        const found = measured(await attentionPatterns(model, { inputs, mapping: {}, example }));
        // The recorded rows have three lengths, so each is averaged alone.
        expect([found.rows, found.ofRows, found.missing]).toEqual([1, 3, []]);
        for (const { block, head, mean, example: one } of found.heads) {
          const { dims, data } = truth.get(`blocks.${block}.pattern`)!;
          const size = dims[2]! * dims[3]!;
          expect([one.rows, one.columns, found.length]).toEqual([dims[2], dims[3], dims[2]]);
          const recorded = (data as Float32Array).subarray(head * size, (head + 1) * size);
          expect(largestDifference(one.data, recorded)).toBeLessThan(1e-5);
          expect(mean).toEqual(one);
        }
        expect(found.heads).toHaveLength(model.hooks.blocks.length * 4);
      }
      await model.close();
    },
  );

  it('are averaged over the rows of the commonest length, in whatever batches', async () => {
    const model = await openModel(GRID_MODEL);
    const long = randomRows({ count: 7, seed: 1, shortest: 6, longest: 6 });
    const short = randomRows({ count: 3, seed: 2, shortest: 4, longest: 4 });
    const inputs = [...short, ...long];
    const all = measured(await attentionPatterns(model, { inputs, mapping: {} }));
    expect([all.rows, all.ofRows, all.length, all.example]).toEqual([7, 10, 6, 3]);
    const small = measured(await attentionPatterns(model, { inputs, mapping: {}, maxBatchTokens: 12 }));
    const singles: Measured[] = [];
    for (let example = 0; example < long.length; example++) {
      singles.push(measured(await attentionPatterns(model, { inputs: [long[example]!], mapping: {} })));
    }
    for (const [i, { mean, example }] of all.heads.entries()) {
      const average = Float64Array.from(
        mean.data,
        (_, at) => singles.reduce((sum, { heads }) => sum + heads[i]!.example.data[at]!, 0) / 7,
      );
      expect(largestDifference(mean.data, average)).toBeLessThan(1e-6);
      expect(largestDifference(small.heads[i]!.mean.data, mean.data)).toBeLessThan(1e-6);
      expect(largestDifference(example.data, singles[0]!.heads[i]!.example.data)).toBeLessThan(1e-6);
      for (let query = 0; query < 6; query++) {
        const row = mean.data.subarray(query * 6, (query + 1) * 6);
        expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
      }
    }
    await model.close();
  });

  it('are kept row by row from one position where it is asked for', async () => {
    const model = await openModel(GRID_MODEL);
    const long = randomRows({ count: 5, seed: 1, shortest: 6, longest: 6 });
    const short = randomRows({ count: 2, seed: 2, shortest: 4, longest: 4 });
    const inputs = [long[0]!, short[0]!, ...long.slice(1), short[1]!];
    const request = { inputs, mapping: {}, maxBatchTokens: 12 };
    for (const query of [-1, 2]) {
      const found = measured(await attentionPatterns(model, { ...request, query }));
      expect([...found.averaged]).toEqual([0, 2, 3, 4, 5]);
      const at = query < 0 ? 6 + query : query;
      for (const [row, input] of found.averaged.entries()) {
        const alone = measured(await attentionPatterns(model, { inputs: [inputs[input]!], mapping: {} }));
        for (const [i, { from }] of found.heads.entries()) {
          const own = from!.data.subarray(row * 6, (row + 1) * 6);
          const expected = alone.heads[i]!.example.data.subarray(at * 6, (at + 1) * 6);
          expect(largestDifference(own, expected)).toBeLessThan(1e-6);
        }
      }
    }
    expect(measured(await attentionPatterns(model, request)).heads[0]).not.toHaveProperty('from');
    for (const query of [6, -7, 0.5])
      expect(await codeOf(attentionPatterns(model, { ...request, query }))).toBe('POSITION_RANGE');
    await model.close();
  });

  it('of a model without attention are undefined, with the reason', async () => {
    const model = await openModel(exportPath('no-residual-lstm'));
    const inputs = randomRows({ count: 1, seed: 1 });
    const found = await attentionPatterns(model, { inputs, mapping: {} });
    expect(found).toEqual({ state: 'undefined', reason: expect.stringContaining('No residual stream') });
    expect(await codeOf(attentionPatterns(model, { inputs: [], mapping: {} }))).toBe('BAD_SETTING');
    expect(await codeOf(attentionPatterns(model, { inputs, mapping: {}, example: 4 }))).toBe('BAD_SETTING');
    await model.close();
  });
});
