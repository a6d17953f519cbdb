/** @file test: class-mean subspaces against closed forms: orthonormal, the span of the class means, no wider than it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { classMeanBases } from '../../src/evidence/subspace.ts';
import type { Dense } from '../../src/linalg/dense.ts';

/** Rows of `classes` clusters around random centres. */
function clusters(
  seed: number,
  classes: number,
  rows: number,
  width: number,
): { x: Matrix; labels: Int32Array } {
  const random = seededRandom(seed);
  const centres = Float64Array.from({ length: classes * width }, () => 3 * random.normal());
  const labels = Int32Array.from({ length: rows }, (_, i) => (i < classes ? i : random.integer(classes)));
  const data = Float32Array.from(
    { length: rows * width },
    (_, i) => centres[labels[Math.floor(i / width)]! * width + (i % width)]! + random.normal(),
  );
  return { x: matrix(rows, width, data), labels };
}

/** B B^T v. */
function project(basis: Dense, v: Float64Array): Float64Array {
  const out = new Float64Array(basis.rows);
  for (let k = 0; k < basis.columns; k++) {
    let along = 0;
    for (let j = 0; j < basis.rows; j++) along += v[j]! * basis.data[j * basis.columns + k]!;
    for (let j = 0; j < basis.rows; j++) out[j]! += along * basis.data[j * basis.columns + k]!;
  }
  return out;
}

function classMean(x: Matrix, labels: Int32Array, label: number): Float64Array {
  const mean = new Float64Array(x.columns);
  let count = 0;
  for (let i = 0; i < x.rows; i++) {
    if (labels[i] !== label) continue;
    count++;
    for (let j = 0; j < x.columns; j++) mean[j]! += x.data[i * x.columns + j]!;
  }
  return mean.map((sum) => sum / count);
}

describe('class-mean subspaces', () => {
  it('have orthonormal columns and, at full rank, hold every difference of class means', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 5 }), (seed, classes) => {
        const { x, labels } = clusters(seed, classes, 60, 9);
        const [basis] = classMeanBases(x, labels, classes, [classes - 1]);
        expect(basis!.columns).toBe(classes - 1);
        for (let a = 0; a < basis!.columns; a++) {
          for (let b = 0; b <= a; b++) {
            let product = 0;
            for (let j = 0; j < 9; j++)
              product += basis!.data[j * basis!.columns + a]! * basis!.data[j * basis!.columns + b]!;
            expect(product).toBeCloseTo(a === b ? 1 : 0, 8);
          }
        }
        const first = classMean(x, labels, 0);
        for (let c = 1; c < classes; c++) {
          const difference = classMean(x, labels, c).map((value, j) => value - first[j]!);
          const kept = project(basis!, difference);
          for (let j = 0; j < 9; j++) expect(kept[j]).toBeCloseTo(difference[j]!, 6);
        }
      }),
      { seed: 31, numRuns: 25 },
    );
  });

  it('are the mass-mean direction for two classes of any sizes', () => {
    const random = seededRandom(5);
    const labels = Int32Array.from({ length: 90 }, (_, i) => (i % 9 === 0 ? 1 : 0));
    const x = matrix(
      90,
      6,
      Float32Array.from(
        { length: 540 },
        (_, i) => random.normal() + (labels[Math.floor(i / 6)] === 1 ? i % 6 : 0),
      ),
    );
    const low = classMean(x, labels, 0);
    const direction = classMean(x, labels, 1).map((value, j) => value - low[j]!);
    const length = Math.hypot(...direction);
    const [basis] = classMeanBases(x, labels, 2, [1]);
    const sign = Math.sign(direction[5]! * basis!.data[5]!);
    for (let j = 0; j < 6; j++) expect(sign * basis!.data[j]!).toBeCloseTo(direction[j]! / length, 6);
  });

  it('leave rows without a value out, and classes without rows', () => {
    const { x, labels } = clusters(3, 4, 80, 7);
    const some = labels.map((label, i) => (i % 3 === 0 || label === 2 ? -1 : label));
    const kept = Array.from(some.keys()).filter((i) => some[i]! >= 0);
    const fewer = matrix(
      kept.length,
      7,
      Float32Array.from(kept.flatMap((i) => [...x.data.subarray(i * 7, i * 7 + 7)])),
    );
    const [all] = classMeanBases(x, some, 4, [2]);
    const [alone] = classMeanBases(
      fewer,
      Int32Array.from(kept, (i) => some[i]!),
      4,
      [2],
    );
    expect([...all!.data]).toEqual([...alone!.data]);
  });

  it('are no wider than the class means spread: three classes span two directions, one class none', () => {
    const { x, labels } = clusters(7, 3, 50, 8);
    expect(classMeanBases(x, labels, 3, [1, 2, 4, 8, 99]).map(({ columns }) => columns)).toEqual([
      1, 2, 2, 2, 2,
    ]);
    expect(classMeanBases(x, new Int32Array(50), 3, [1, 2]).map(({ columns }) => columns)).toEqual([0, 0]);
    expect(classMeanBases(x, new Int32Array(50).fill(-1), 3, [1]).map(({ columns }) => columns)).toEqual([0]);
  });

  it('take the direction of the widest spread first', () => {
    // Means at -4, 0, 4 along the first axis and 0, 1, 0 along the second.
    const labels = Int32Array.from({ length: 30 }, (_, i) => i % 3);
    const x = matrix(
      30,
      4,
      Float32Array.from({ length: 120 }, (_, i) => {
        const label = labels[Math.floor(i / 4)]!;
        return i % 4 === 0 ? 4 * (label - 1) : i % 4 === 1 && label === 1 ? 1 : 0;
      }),
    );
    const [one] = classMeanBases(x, labels, 3, [1]);
    expect(Math.abs(one!.data[0]!)).toBeCloseTo(1, 8);
  });
});
