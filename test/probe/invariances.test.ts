/** @file test of probe: what must not change a probe: the order of rows, scales, and features that say nothing or say it twice. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { type LinearProbe, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { fitMassMean } from '../../src/probe/mass-mean.ts';
import { fitRidge } from '../../src/probe/ridge.ts';
import { labelsOf, trainOn } from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const WIDTH = 5;
const PENALTY = 2;
type Fit = (x: Matrix, labels: ClassLabels, penalty?: number) => Promise<LinearProbe>;
/** `scaleFree`: stretching single features changes nothing, since the fit gives each unit spread. */
const KINDS: readonly { readonly name: string; readonly probeOf: Fit; readonly scaleFree: boolean }[] = [
  {
    name: 'ridge',
    scaleFree: true,
    probeOf: async (x, labels, penalty = PENALTY) =>
      (await fitRidge(trainOn(x), [labels], { penalty, linalg }))[0]!,
  },
  {
    name: 'logistic',
    scaleFree: true,
    probeOf: async (x, labels, penalty = PENALTY) =>
      (await fitLogistic(trainOn(x), [labels], { penalty, tolerance: 1e-9, linalg }))[0]!.probe,
  },
  {
    name: 'mass-mean',
    scaleFree: false,
    probeOf: async (x, labels) => (await fitMassMean(trainOn(x), [labels], { linalg }))[0]!,
  },
];

function drawn(seed: number): { readonly x: Matrix; readonly labels: ClassLabels } {
  const random = seededRandom(`invariances/${seed}`);
  const means = Array.from({ length: 3 * WIDTH }, () => random.normal());
  const values = Array.from({ length: 45 }, (_, i) => (i < 3 ? i : random.integer(3)));
  const x = matrix(
    45,
    WIDTH,
    Float32Array.from({ length: 45 * WIDTH }, (_, at) => {
      const label = values[Math.floor(at / WIDTH)]!;
      return 1 + means[label * WIDTH + (at % WIDTH)]! + random.normal();
    }),
  );
  return { x, labels: labelsOf(values, 3) };
}

/** Column c of the result is column `from[c]` of x, times `scale(c)` plus `shift(c)`; a constant 3 where `from[c]` is null. */
function rearranged(
  x: Matrix,
  from: readonly (number | null)[],
  { scale = () => 1, shift = () => 0 }: { scale?: (c: number) => number; shift?: (c: number) => number } = {},
): Matrix {
  const out = matrix(x.rows, from.length);
  for (let i = 0; i < x.rows; i++) {
    for (const [c, j] of from.entries())
      out.data[i * from.length + c] = j === null ? 3 : x.data[i * x.columns + j]! * scale(c) + shift(c);
  }
  return out;
}

/** Scores less each row's mean over classes: what predictions and probabilities depend on. */
async function contrasts(probe: LinearProbe, x: Matrix): Promise<number[]> {
  const { data, columns } = await scoreProbe(probe, x, linalg);
  return Array.from(data, (value, at) => {
    const row = data.subarray(at - (at % columns), at - (at % columns) + columns);
    return value - row.reduce((sum, one) => sum + one, 0) / columns;
  });
}

function expectAlike(a: readonly number[], b: readonly number[]): void {
  expect(a).toHaveLength(b.length);
  const size = Math.max(...b.map(Math.abs));
  for (const [i, value] of a.entries()) expect(Math.abs(value - b[i]!)).toBeLessThan(1e-4 * size);
}

const SEEDS = fc.integer({ min: 0, max: 1e6 });
const RUNS = { numRuns: 15 };
const PLAIN = Array.from({ length: WIDTH }, (_, j) => j);

for (const { name, probeOf, scaleFree } of KINDS) {
  describe(`a ${name} probe`, () => {
    it('gives permuted examples permuted scores', async () => {
      await fc.assert(
        fc.asyncProperty(SEEDS, async (seed) => {
          const { x, labels } = drawn(seed);
          const before = await contrasts(await probeOf(x, labels), x);
          const order = seededRandom(seed).permutation(x.rows);
          const moved = takeRows(x, order);
          const probe = await probeOf(
            moved,
            labelsOf(
              Array.from(order, (row) => labels.values[row]!),
              3,
            ),
          );
          const expected = Array.from(order).flatMap((row) => before.slice(3 * row, 3 * row + 3));
          expectAlike(await contrasts(probe, moved), expected);
        }),
        RUNS,
      );
    });

    it('is not changed by constant features', async () => {
      await fc.assert(
        fc.asyncProperty(SEEDS, async (seed) => {
          const { x, labels } = drawn(seed);
          const more = rearranged(x, [null, ...PLAIN, null]);
          expectAlike(
            await contrasts(await probeOf(more, labels), more),
            await contrasts(await probeOf(x, labels), x),
          );
        }),
        RUNS,
      );
    });

    it('reads every feature twice as it reads it once, with twice the penalty or twice the distance', async () => {
      await fc.assert(
        fc.asyncProperty(SEEDS, async (seed) => {
          const { x, labels } = drawn(seed);
          const twice = rearranged(x, [...PLAIN, ...PLAIN]);
          const once = await contrasts(await probeOf(x, labels), x);
          // Two equal weights of half the size make the same score and half the sum of squares.
          const factor = name === 'mass-mean' ? 2 : 1;
          expectAlike(
            await contrasts(await probeOf(twice, labels, 2 * PENALTY), twice),
            once.map((value) => factor * value),
          );
        }),
        RUNS,
      );
    });

    it(
      scaleFree
        ? 'is not changed by stretching and shifting features, each in its own way'
        : 'is not changed by shifts, and a common stretch multiplies all scores by its square',
      async () => {
        await fc.assert(
          fc.asyncProperty(SEEDS, async (seed) => {
            const { x, labels } = drawn(seed);
            const random = seededRandom(`stretch/${seed}`);
            const scales = PLAIN.map(() => Math.exp(random.normal()));
            const shifts = PLAIN.map(() => random.normal());
            const other = rearranged(x, PLAIN, {
              scale: (c) => (scaleFree ? scales[c]! : scales[0]!),
              shift: (c) => shifts[c]!,
            });
            const factor = scaleFree ? 1 : scales[0]! ** 2;
            const before = await contrasts(await probeOf(x, labels), x);
            expectAlike(
              await contrasts(await probeOf(other, labels), other),
              before.map((value) => factor * value),
            );
          }),
          RUNS,
        );
      },
    );
  });
}
