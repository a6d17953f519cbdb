/** @file test: the network probe: its gradient, what it reads that no linear probe can, and what it leaves alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { balancedAccuracy } from '../../src/evidence/metric-accuracy.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { predict, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { evaluate, fitMlp, scoreMlp } from '../../src/probe/mlp.ts';
import { labelsOf, trainOn } from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

function cloud(rows: number, seed: string): Matrix {
  const random = seededRandom(seed);
  return matrix(
    rows,
    4,
    Float32Array.from({ length: rows * 4 }, () => random.normal()),
  );
}

/** Which of two signs differ: no line tells the classes apart. */
const exclusiveOr = (x: Matrix): number[] =>
  Array.from({ length: x.rows }, (_, i) => (x.data[i * 4]! > 0 !== x.data[i * 4 + 1]! > 0 ? 1 : 0));

describe('the gradient', () => {
  it('is that of the value, by finite differences', async () => {
    const z = cloud(40, 'gradient');
    const random = seededRandom('point');
    const shape = { width: 4, hidden: 3, outputs: 3 };
    const task = { values: Int32Array.from({ length: 40 }, (_, i) => i % 3), present: [0, 1, 2] };
    const problem = { z, task, shape, penalty: 2, linalg };
    const point = Float64Array.from({ length: 3 * 4 + 3 + 9 + 3 }, () => random.normal());
    const { gradient } = await evaluate(problem, point);
    for (let i = 0; i < point.length; i++) {
      const at = async (step: number): Promise<number> =>
        (
          await evaluate(
            problem,
            point.map((value, j) => (i === j ? value + step : value)),
          )
        ).value;
      const slope = ((await at(1e-3)) - (await at(-1e-3))) / 2e-3;
      expect(gradient[i]!).toBeCloseTo(slope, 4);
    }
  });
});

describe('a network probe', () => {
  it('reads an exclusive or, which no linear probe can', async () => {
    const [x, fresh] = [cloud(600, 'fit'), cloud(400, 'test')];
    const labels = labelsOf(exclusiveOr(x), 2);
    const truth = Int32Array.from(exclusiveOr(fresh));
    const [mlp] = await fitMlp(trainOn(x), [labels], { linalg, random: seededRandom(1), hidden: 16 });
    const [linear] = await fitLogistic(trainOn(x), [labels], { penalty: 1, linalg });
    const read = (scores: Matrix): number => {
      const value = balancedAccuracy(predict(scores), truth, 2);
      return value.state === 'measured' ? value.value : Number.NaN;
    };
    expect(read(await scoreMlp(mlp!, fresh, linalg))).toBeGreaterThan(0.9);
    expect(read(await scoreProbe(linear!.probe, fresh, linalg))).toBeLessThan(0.65);
    expect(Number.isFinite(mlp!.objective)).toBe(true);
  });

  it('is the same for the same seed, never names a class that did not occur, and refuses other widths', async () => {
    const x = cloud(120, 'seeds');
    const labels = labelsOf(
      Array.from({ length: 120 }, (_, i) => (i % 2 === 0 ? 0 : 2)),
      4,
    );
    const seeded = () => fitMlp(trainOn(x), [labels], { linalg, random: seededRandom(3), hidden: 4 });
    const [[a], [b]] = [await seeded(), await seeded()];
    expect(a!.parameters).toEqual(b!.parameters);
    const named = new Set(predict(await scoreMlp(a!, x, linalg)));
    for (const label of named) expect([0, 2]).toContain(label);
    await expect(scoreMlp(a!, matrix(2, 5), linalg)).rejects.toMatchObject({ code: 'MATRIX_SHAPE' });
    await expect(
      fitMlp(trainOn(x), [labels], { linalg, random: seededRandom(3), hidden: 0 }),
    ).rejects.toMatchObject({ code: 'BAD_SETTING' });
  });
});
