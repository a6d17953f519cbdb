/** @file test of linalg: products through ONNX Runtime against plain loops. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Dense, plainProduct, toDense } from '../../src/linalg/dense.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';

let linalg: Linalg;
let inParts: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
  inParts = await openLinalg({ threads: 1, chunkBytes: 4096 });
});
afterAll(async () => {
  await linalg.close();
  await inParts.close();
});

function normal(seed: string, rows: number, columns: number): Matrix {
  const random = seededRandom(seed);
  return matrix(
    rows,
    columns,
    Float32Array.from({ length: rows * columns }, () => random.normal()),
  );
}

/** Largest absolute difference. */
function gap(a: Matrix | Dense, b: Matrix | Dense): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  let worst = 0;
  a.data.forEach((value: number, i: number) => {
    worst = Math.max(worst, Math.abs(value - b.data[i]!));
  });
  return worst;
}

describe('multiply', () => {
  it('gives the known product of two small matrices in every transposition', async () => {
    const a = matrix(2, 3, Float32Array.from([1, 2, 3, 4, 5, 6]));
    const b = matrix(3, 2, Float32Array.from([7, 8, 9, 10, 11, 12]));
    const expected = [58, 64, 139, 154];
    const [at, bt] = [
      matrix(3, 2, Float32Array.from([1, 4, 2, 5, 3, 6])),
      matrix(2, 3, Float32Array.from([7, 9, 11, 8, 10, 12])),
    ];
    expect([...(await linalg.multiply(a, b)).data]).toEqual(expected);
    expect([...(await linalg.multiply(at, b, { transposeA: true })).data]).toEqual(expected);
    expect([...(await linalg.multiply(a, bt, { transposeB: true })).data]).toEqual(expected);
    expect([...(await linalg.multiply(at, bt, { transposeA: true, transposeB: true })).data]).toEqual(
      expected,
    );
  });

  it('agrees with plain loops at any size and transposition, in one part and in many', async () => {
    const sizes = fc.tuple(
      fc.integer({ min: 0, max: 70 }),
      fc.integer({ min: 0, max: 70 }),
      fc.integer({ min: 0, max: 70 }),
    );
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), fc.boolean(), async ([m, k, n], transposeA, transposeB) => {
        const a = transposeA ? normal('a', k, m) : normal('a', m, k);
        const b = transposeB ? normal('b', n, k) : normal('b', k, n);
        const expected = plainProduct(a, b, { transposeA, transposeB });
        // Values of order 1, at most 70 terms: 1e-4 is far above rounding and far below any misplaced element.
        expect(gap(await linalg.multiply(a, b, { transposeA, transposeB }), expected)).toBeLessThan(1e-4);
        expect(gap(await inParts.multiply(a, b, { transposeA, transposeB }), expected)).toBeLessThan(1e-4);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('multiplies by vectors on either side, above the size where plain loops end', async () => {
    const x = normal('x', 200, 90);
    const column = normal('c', 90, 1);
    const row = normal('r', 1, 200);
    expect(gap(await linalg.multiply(x, column), plainProduct(x, column))).toBeLessThan(1e-4);
    expect(gap(await linalg.multiply(row, x), plainProduct(row, x))).toBeLessThan(1e-4);
    const turned = matrix(1, 90, column.data);
    expect(gap(await linalg.multiply(x, turned, { transposeB: true }), plainProduct(x, column))).toBeLessThan(
      1e-4,
    );
    const back = await linalg.multiply(turned, x, { transposeB: true });
    expect(gap(back, plainProduct(turned, x, { transposeB: true }))).toBeLessThan(1e-4);
  });

  it('takes views into a larger array', async () => {
    const whole = normal('whole', 300, 40);
    const view = matrix(100, 40, whole.data.subarray(150 * 40, 250 * 40));
    const b = normal('b', 40, 30);
    expect(gap(await linalg.multiply(view, b), plainProduct(view, b))).toBeLessThan(1e-4);
  });

  it('refuses sizes that do not fit', async () => {
    await expect(linalg.multiply(normal('a', 2, 3), normal('b', 2, 3))).rejects.toMatchObject({
      code: 'MATRIX_SHAPE',
    });
  });

  it('cannot be used once closed', async () => {
    const brief = await openLinalg();
    await brief.close();
    await expect(brief.multiply(normal('a', 50, 50), normal('b', 50, 50))).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });

  it('refuses settings that mean nothing', async () => {
    await expect(openLinalg({ threads: -1 })).rejects.toMatchObject({ code: 'BAD_SETTING' });
    await expect(openLinalg({ chunkBytes: 0 })).rejects.toMatchObject({ code: 'BAD_SETTING' });
  });
});

describe('gram', () => {
  it('is X^T X in 64 bits and exactly symmetric, in one part and in many', async () => {
    for (const [rows, width] of [
      [3, 2],
      [500, 33],
      [40, 70],
    ] as const) {
      const x = normal('x', rows, width);
      const expected = plainProduct(x, x, { transposeA: true });
      for (const found of [await linalg.gram(x), await inParts.gram(x)]) {
        expect(gap(found, expected)).toBeLessThan(1e-11 * rows);
        expect(
          gap(found, {
            rows: width,
            columns: width,
            data: found.data.map((_, i) => found.data[(i % width) * width + Math.floor(i / width)]!),
          }),
        ).toBe(0);
      }
    }
  });
});

describe('crossEntropy', () => {
  /** Loss and gradient of one softmax regression, element by element. */
  function naive(x: Matrix, weights: Matrix, bias: Float32Array, label: (row: number) => number) {
    const classes = weights.rows;
    const gradient = new Float64Array(weights.data.length);
    const biasGradient = new Float64Array(classes);
    let loss = 0;
    for (let i = 0; i < x.rows; i++) {
      const logits = Array.from({ length: classes }, (_, c) => {
        let sum = bias[c]!;
        for (let j = 0; j < x.columns; j++)
          sum += x.data[i * x.columns + j]! * weights.data[c * x.columns + j]!;
        return sum;
      });
      if (label(i) < 0) continue;
      const norm = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      loss += norm - logits[label(i)]!;
      for (let c = 0; c < classes; c++) {
        const residual = Math.exp(logits[c]! - norm) - (c === label(i) ? 1 : 0);
        biasGradient[c]! += residual;
        for (let j = 0; j < x.columns; j++)
          gradient[c * x.columns + j]! += residual * x.data[i * x.columns + j]!;
      }
    }
    return { loss, gradient, biasGradient };
  }

  it('agrees with the formula for two multinomial tasks at once, one of them on some of the rows', async () => {
    const [rows, width, classes] = [60, 7, 3];
    const x = normal('x', rows, width);
    const weights = normal('w', 2 * classes, width);
    const bias = normal('b', 1, 2 * classes).data;
    const label = [(i: number): number => i % 3, (i: number): number => (i % 4) - 1];
    const oneHot = matrix(rows, 2 * classes);
    for (let i = 0; i < rows; i++) {
      for (const t of [0, 1]) {
        const c = label[t]!(i);
        if (c >= 0) oneHot.data[i * 2 * classes + t * classes + c] = 1;
      }
    }
    const step = await linalg.crossEntropy({
      x,
      weights,
      bias,
      targets: { kind: 'multinomial', classes, oneHot },
    });
    for (const t of [0, 1]) {
      const part = matrix(classes, width, weights.data.slice(t * classes * width, (t + 1) * classes * width));
      const expected = naive(x, part, bias.slice(t * classes, (t + 1) * classes), label[t]!);
      expect(step.loss[t]).toBeCloseTo(expected.loss, 3);
      expected.gradient.forEach((value, i) => {
        expect(step.gradient.data[t * classes * width + i]).toBeCloseTo(value, 3);
      });
      expected.biasGradient.forEach((value, c) => {
        expect(step.biasGradient[t * classes + c]).toBeCloseTo(value, 3);
      });
    }
  });

  it('agrees with the formula, row by row, where the tasks are so many that the rows go through in parts', async () => {
    const [rows, width, tasks] = [700, 3, 2100];
    const x = normal('many rows', rows, width);
    const weights = normal('many tasks', tasks, width);
    const bias = normal('many biases', 1, tasks).data;
    const label = (t: number, i: number): number => ((i * 7 + t) % 3) - 1;
    const signs = matrix(rows, tasks);
    for (let i = 0; i < rows; i++) {
      for (let t = 0; t < tasks; t++) signs.data[i * tasks + t] = [0, 1, -1][label(t, i) + 1]!;
    }
    const step = await linalg.crossEntropy({ x, weights, bias, targets: { kind: 'binary', signs } });
    for (const t of [0, 1, tasks - 1]) {
      // The formula has a row of weights for either class; the first class keeps 0.
      const both = matrix(2, width);
      both.data.set(weights.data.subarray(t * width, (t + 1) * width), width);
      const expected = naive(x, both, Float32Array.of(0, bias[t]!), (i) => label(t, i));
      expect(step.loss[t]! / expected.loss).toBeCloseTo(1, 6);
      expect(step.biasGradient[t]).toBeCloseTo(expected.biasGradient[1]!, 3);
      for (let j = 0; j < width; j++) {
        expect(step.gradient.data[t * width + j]).toBeCloseTo(expected.gradient[width + j]!, 3);
      }
    }
  });

  it('agrees with the formula for two binary tasks at once, and stays accurate where the fit is confident', async () => {
    const [rows, width] = [60, 7];
    const x = normal('x', rows, width);
    const weights = normal('w', 2, width);
    const bias = Float32Array.from([0.5, -20]);
    const label = [(i: number): number => i % 2, (i: number): number => (i % 3 === 0 ? -1 : 0)];
    const signs = matrix(rows, 2);
    for (let i = 0; i < rows; i++) {
      for (const t of [0, 1]) signs.data[i * 2 + t] = [0, 1, -1][label[t]!(i) + 1]!;
    }
    const step = await linalg.crossEntropy({ x, weights, bias, targets: { kind: 'binary', signs } });
    for (const t of [0, 1]) {
      const two = matrix(2, width);
      two.data.set(weights.data.subarray(t * width, (t + 1) * width), width);
      const expected = naive(x, two, Float32Array.from([0, bias[t]!]), label[t]!);
      expect(Math.abs(step.loss[t]! / expected.loss - 1)).toBeLessThan(1e-5);
      expect(Math.abs(step.biasGradient[t]! / expected.biasGradient[1]! - 1)).toBeLessThan(1e-5);
      for (let j = 0; j < width; j++) {
        expect(Math.abs(step.gradient.data[t * width + j]! - expected.gradient[width + j]!)).toBeLessThan(
          1e-5 * Math.max(expected.loss, 1e-3),
        );
      }
    }
  });

  it('computes in 64 bits when it is given 64 bits', async () => {
    const [rows, width] = [50, 5];
    const x = normal('x', rows, width);
    const weights = normal('w', 3, width);
    const bias = Float32Array.from([0.5, -30, 2]);
    const wide = { x: toDense(x), weights: toDense(weights), bias: Float64Array.from(bias) };
    const oneHot = matrix(rows, 3);
    const signs = matrix(rows, 3);
    for (let i = 0; i < rows; i++) {
      oneHot.data[i * 3 + (i % 3)] = 1;
      for (let t = 0; t < 3; t++) signs.data[i * 3 + t] = i % 2 === 0 ? 1 : -1;
    }
    const multinomial = await linalg.crossEntropy({
      ...wide,
      targets: { kind: 'multinomial', classes: 3, oneHot },
    });
    const expected = naive(x, weights, bias, (i) => i % 3);
    expect(Math.abs(multinomial.loss[0]! / expected.loss - 1)).toBeLessThan(1e-13);
    expected.gradient.forEach((value, i) => {
      expect(Math.abs(multinomial.gradient.data[i]! - value)).toBeLessThan(1e-11);
    });
    const binary = await linalg.crossEntropy({ ...wide, targets: { kind: 'binary', signs } });
    for (let t = 0; t < 3; t++) {
      const two = matrix(2, width);
      two.data.set(weights.data.subarray(t * width, (t + 1) * width), width);
      const alone = naive(x, two, Float32Array.from([0, bias[t]!]), (i) => i % 2);
      expect(Math.abs(binary.loss[t]! / alone.loss - 1)).toBeLessThan(1e-12);
      for (let j = 0; j < width; j++) {
        expect(Math.abs(binary.gradient.data[t * width + j]! - alone.gradient[width + j]!)).toBeLessThan(
          1e-11,
        );
      }
    }
  });

  it('refuses parts that do not fit together', async () => {
    const input = {
      x: normal('x', 5, 3),
      weights: normal('w', 2, 3),
      bias: new Float32Array(2),
      targets: { kind: 'binary' as const, signs: matrix(5, 3) },
    };
    await expect(linalg.crossEntropy(input)).rejects.toMatchObject({ code: 'MATRIX_SHAPE' });
  });
});
