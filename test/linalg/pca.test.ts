/** @file test of linalg: principal components against published numbers and the definition. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { pca } from '../../src/linalg/pca.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

type Iris = {
  readonly x: readonly number[];
  readonly components: readonly (readonly number[])[];
  readonly explained_variance: readonly number[];
  readonly explained_variance_ratio: readonly number[];
};
const iris = JSON.parse(
  readFileSync(new URL('../fixtures/probe/iris.json', import.meta.url), 'utf8'),
) as Iris;
const irisX = matrix(150, 4, Float32Array.from(iris.x));

/** Rows with the given standard deviations along hidden orthogonal-ish directions, and a mean far from 0. */
function spread(rows: number, width: number, deviation: (axis: number) => number): Matrix {
  const random = seededRandom('spread');
  const x = matrix(rows, width);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < width; j++) x.data[i * width + j] = 5 + deviation(j) * random.normal();
  }
  return x;
}

describe('principal components', () => {
  it("of Fisher's iris have the standard deviations that R's prcomp(iris[1:4]) prints", async () => {
    const { explainedVariance } = await pca(irisX, { components: 4, linalg });
    const published = [2.0563, 0.4926, 0.2797, 0.1544];
    published.forEach((deviation, i) => {
      expect(Math.sqrt(explainedVariance[i]!)).toBeCloseTo(deviation, 4);
    });
  });

  it("are scikit-learn's, signs included", async () => {
    const found = await pca(irisX, { components: 4, linalg });
    iris.components.forEach((row, c) => {
      expect(found.explainedVariance[c]).toBeCloseTo(iris.explained_variance[c]!, 6);
      expect(found.explainedVarianceRatio[c]).toBeCloseTo(iris.explained_variance_ratio[c]!, 6);
      row.forEach((value, j) => {
        expect(found.components.data[c * 4 + j]).toBeCloseTo(value, 5);
      });
    });
    expect(found.residual).toBeLessThan(1e-12);
  });

  it('keep their share in the whole variance when only some are asked for', async () => {
    const { explainedVarianceRatio, components } = await pca(irisX, { components: 2, linalg });
    expect(components.rows).toBe(2);
    expect(explainedVarianceRatio[0]).toBeCloseTo(0.92462, 5);
    expect(explainedVarianceRatio[1]).toBeCloseTo(0.05307, 5);
  });

  it('give scores that are uncorrelated, centred and as spread as the explained variance says', async () => {
    const { scores, explainedVariance } = await pca(irisX, { components: 3, linalg });
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b <= a; b++) {
        let sum = 0;
        for (let i = 0; i < 150; i++) sum += scores.data[i * 3 + a]! * scores.data[i * 3 + b]!;
        expect(sum / 149).toBeCloseTo(a === b ? explainedVariance[a]! : 0, 4);
      }
      let mean = 0;
      for (let i = 0; i < 150; i++) mean += scores.data[i * 3 + a]!;
      expect(mean / 150).toBeCloseTo(0, 5);
    }
  });

  it('of a wide matrix, found by iteration, agree with the whole spectrum of the same rows', async () => {
    // 300 features of which 200 never vary: the other 100 alone are narrow enough for the direct solution.
    const narrow = spread(400, 100, (axis) => 8 * 0.9 ** axis);
    const wide = matrix(400, 300);
    for (let i = 0; i < 400; i++) {
      wide.data.fill(7, i * 300, (i + 1) * 300);
      wide.data.set(narrow.data.subarray(i * 100, (i + 1) * 100), i * 300);
    }
    const direct = await pca(narrow, { components: 4, linalg });
    const iterated = await pca(wide, { components: 4, linalg });
    expect(iterated.residual).toBeLessThan(1e-5);
    for (let c = 0; c < 4; c++) {
      expect(iterated.explainedVarianceRatio[c]).toBeCloseTo(direct.explainedVarianceRatio[c]!, 6);
      for (let j = 0; j < 100; j++) {
        expect(iterated.components.data[c * 300 + j]).toBeCloseTo(direct.components.data[c * 100 + j]!, 3);
      }
    }
  });

  it('of a wide matrix with fewer independent rows than components asked for end in zero variance', async () => {
    const few = spread(4, 300, () => 1);
    const { explainedVariance, explainedVarianceRatio } = await pca(few, { components: 5, linalg });
    expect(explainedVariance[4]! / explainedVariance[0]!).toBeLessThan(1e-5);
    expect(explainedVarianceRatio.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 4);
  });

  it('of rows that do not vary explain nothing, rather than NaN', async () => {
    for (const width of [3, 300]) {
      const { explainedVarianceRatio, scores } = await pca(matrix(5, width), { components: 2, linalg });
      expect([...explainedVarianceRatio]).toEqual([0, 0]);
      expect(scores.data.every((value) => value === 0)).toBe(true);
    }
  });

  it('refuse a count out of range, a single row, and NaN', async () => {
    await expect(pca(irisX, { components: 5, linalg })).rejects.toMatchObject({ code: 'BAD_SETTING' });
    await expect(pca(matrix(1, 4), { components: 1, linalg })).rejects.toMatchObject({
      code: 'MATRIX_SHAPE',
    });
    const broken = matrix(3, 2, Float32Array.from([1, 2, Number.NaN, 4, 5, 6]));
    await expect(pca(broken, { components: 1, linalg })).rejects.toMatchObject({ code: 'NON_FINITE' });
  });
});
