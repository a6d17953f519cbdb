/** @file capture test: vectors that are sent through a part of a model, in runs that memory holds. */
import { describe, expect, it } from 'vitest';
import type { PartRun } from '../../src/capture/part-of-model.ts';
import { shapeRow, vectorsThrough } from '../../src/capture/part-vectors.ts';
import { matrix } from '../../src/core/matrix.ts';
import { openModel } from '../../src/model/open-model.ts';
import { GRID_MODEL } from './small-models.ts';

describe('vectors through a part', () => {
  it('are run together only as far as what comes out fits into memory', async () => {
    const model = await openModel(GRID_MODEL);
    const row = shapeRow(model, [{ kind: 'tokens', tokens: [1, 2, 3] }], {});
    const count = 9;
    const vectors = matrix(
      count,
      2,
      Float32Array.from({ length: 2 * count }, (_, i) => i),
    );
    const sizes: number[] = [];
    // As wide as no output is; never touched but at its first column.
    const wide = 2 ** 22;
    const data = new Float32Array(4 * wide);
    const run: PartRun = async (_, [given]) => {
      const [fed, length] = given!.dims as [number, number];
      sizes.push(fed);
      for (let i = 0; i < fed; i++) data[i * wide] = Number(given!.data[i * length * 2]);
      return { type: 'float32', dims: [fed, 1, wide], data: data.subarray(0, fed * wide) };
    };
    const seen = await vectorsThrough(run, row, { vectors, axes: [2], columns: [0] });
    expect(Array.from(seen.data)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16]);
    // The first alone shows how wide the output is: 64 MiB hold four.
    expect(sizes).toEqual([1, 4, 4]);
    await model.close();
  });
});
