/** @file test of probe: erasers of chance, the control of LEACE: how much they take, and from where. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Dense, plainProduct, toMatrix } from '../../src/linalg/dense.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { applyEraser, fitLeace, leaceWithin, randomEraser, whitenRows } from '../../src/probe/leace.ts';
import { drawn, gap, rowMatrix } from './erasure-problems.ts';
import { momentsOf, trainOn } from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

describe('a random eraser', () => {
  it('takes out as many directions, once and for all, and leaves the mean in place', async () => {
    const { x } = drawn(5, { rows: 80, width: 6 });
    const whitening = await whitenRows(x, { linalg });
    const { mean } = momentsOf(x);
    for (const rank of [0, 1, 3, 6]) {
      const eraser = randomEraser(whitening, { rank, random: seededRandom(rank) });
      const once = applyEraser(eraser, x);
      expect(gap(applyEraser(eraser, once), once, x)).toBeLessThan(1e-5);
      const product = plainProduct(eraser.read, eraser.write, { transposeA: true });
      expect(product.columns).toBe(rank);
      for (const [at, value] of product.data.entries())
        expect(value).toBeCloseTo(at % (rank + 1) === 0 ? 1 : 0, 6);
      expect(gap(rowMatrix(momentsOf(once).mean), rowMatrix(mean), x)).toBeLessThan(1e-5);
    }
    expect(() => randomEraser(whitening, { rank: 7, random: seededRandom(1) })).toThrow(/vary in 6/);
  });

  it('takes out rank / width of the whitened variance, and of any one variable on average', async () => {
    const { x, labels } = drawn(9, { rows: 200, width: 6, classes: 2 });
    const whitening = await whitenRows(x, { linalg });
    const own = await fitLeace(trainOn(x), labels, { linalg });
    let left = 0;
    const draws = 400;
    for (let draw = 0; draw < draws; draw++) {
      const eraser = randomEraser(whitening, { rank: 2, random: seededRandom(`draw ${draw}`) });
      const coordinates = plainProduct(own.read, eraser.write, { transposeA: true });
      left += (1 - coordinates.data.reduce((sum, value) => sum + value * value, 0)) / draws;
    }
    // Squared length of the projection of a fixed direction of six onto two random ones: Beta(1, 2), mean 1/3, sd .236; 4 standard errors.
    expect(Math.abs(left - 2 / 3)).toBeLessThan((4 * 0.236) / Math.sqrt(draws));
  });

  it("outside another eraser's directions leaves what that one reads as it is", async () => {
    const { x, labels } = drawn(13, { rows: 120, width: 6, classes: 3 });
    const whitening = await whitenRows(x, { linalg });
    const own = leaceWithin(whitening, x, { values: labels.values, classes: 3 });
    expect(own).toEqual(await fitLeace(trainOn(x), labels, { linalg }));
    const read = (rows: Matrix): Dense => plainProduct(rows, own.read);
    for (const rank of [1, 4, 6]) {
      const random = seededRandom(`outside ${rank}`);
      const eraser = randomEraser(whitening, { rank, random, outside: own });
      // Two of the six directions are the variable's own.
      expect(eraser.rank).toBe(Math.min(rank, 4));
      const left = applyEraser(eraser, x);
      expect(gap(toMatrix(read(left)), toMatrix(read(x)))).toBeLessThan(1e-4);
      expect(gap(left, x)).toBeGreaterThan(0.1);
    }
    const one = leaceWithin(whitening, x, { values: labels.values, classes: 3, most: 1 });
    expect(one.rank).toBe(1);
    expect(one.read.data).toEqual(own.read.data.filter((_, at) => at % 2 === 0));
  });
});
