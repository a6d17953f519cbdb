/** @file test: the direction of a probe is the way in which one class gains on the others, of unit length. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { matrix } from '../../src/core/matrix.ts';
import type { LinearProbe } from '../../src/probe/linear-probe.ts';
import { probeDirection } from '../../src/probe/probe-direction.ts';

function probe(rows: readonly (readonly number[])[], absent: readonly number[] = []): LinearProbe {
  const width = rows[0]!.length;
  return {
    kind: 'ridge',
    classes: rows.length,
    width,
    classNames: rows.map((_, i) => `c${i}`),
    weights: matrix(rows.length, width, Float32Array.from(rows.flat())),
    bias: Float64Array.from(rows, (_, i) => (absent.includes(i) ? Number.NEGATIVE_INFINITY : i)),
    settings: { kind: 'ridge', penalty: 1, standardise: false },
  };
}

function code(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof MesascopeError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('the direction of a probe', () => {
  it('is that of its weights where it has one row, and of their difference where it has two', () => {
    expect([...probeDirection(probe([[3, 0, 4]]))]).toEqual([0.6, 0, 0.8].map(Math.fround));
    const two = probe([
      [1, 1, 0],
      [-2, 5, 0],
    ]);
    expect([...probeDirection(two, 'c0')]).toEqual([0.6, -0.8, 0].map(Math.fround));
    expect([...probeDirection(two, 'c1')]).toEqual([-0.6, 0.8, 0].map(Math.fround));
  });

  it('leaves out classes that never occurred', () => {
    const rows = [
      [1, 1, 0],
      [-2, 5, 0],
      [0, 0, 0],
    ];
    expect(probeDirection(probe(rows, [2]), 'c0')).toEqual(probeDirection(probe(rows.slice(0, 2)), 'c0'));
    expect(code(() => probeDirection(probe(rows, [2]), 'c2'))).toBe('BAD_SETTING');
  });

  it('raises the margin of its class over the mean of the others by its length, whatever the rows', () => {
    const row = fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 5 }), (rows) => {
        const margin = rows[0]!.map(
          (value, j) => value - rows.slice(1).reduce((sum, other) => sum + other[j]!, 0) / (rows.length - 1),
        );
        const length = Math.hypot(...margin);
        fc.pre(length > 1e-3);
        const direction = probeDirection(probe(rows), 'c0');
        expect(Math.hypot(...direction)).toBeCloseTo(1, 5);
        expect(margin.reduce((sum, value, j) => sum + value * direction[j]!, 0)).toBeCloseTo(length, 3);
      }),
    );
  });

  it('is refused where none is named, exists or is left', () => {
    expect(code(() => probeDirection(probe([[1], [2]])))).toBe('BAD_SETTING');
    expect(code(() => probeDirection(probe([[1], [2]]), 'c9'))).toBe('BAD_SETTING');
    expect(code(() => probeDirection(probe([[2], [2]]), 'c0'))).toBe('BAD_SETTING');
  });
});
