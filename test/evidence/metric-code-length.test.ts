/** @file test: online code length on labels of known difficulty, as in Voita and Titov (2020), and by hand where nothing can be learned. */
import { describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { ClassLabels } from '../../src/core/split.ts';
import { balancedAccuracy } from '../../src/evidence/metric-accuracy.ts';
import { type CodeLength, onlineCodeLengths } from '../../src/evidence/metric-code-length.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { predict, scoreProbe } from '../../src/probe/linear-probe.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';

const linalg = await openLinalg({ threads: 1 });

const WIDTH = 24;
const CORNERS = 16;
const CLASSES = 4;

function labelsOf(values: ArrayLike<number>, classes = CLASSES): ClassLabels {
  return {
    classes,
    values: Int32Array.from(values),
    names: Array.from({ length: classes }, (_, c) => `c${c}`),
  };
}

/** A stream that leaves the order of things as it is. */
const inOrder: Random = { ...seededRandom(1), shuffled: (items) => [...items], fork: () => inOrder };

function measuredOf(result: CodeLength | undefined): Extract<CodeLength, { state: 'measured' }> {
  if (result?.state !== 'measured') throw new Error(result?.reason ?? 'no result');
  return result;
}

function sumsOf(own: Float64Array): readonly [number, number] {
  const sum = (from: number): number =>
    own.subarray(from, from + WIDTH / 2).reduce((total, value) => total + value, 0);
  return [sum(0), sum(WIDTH / 2)];
}

/**
 * Rows of one type share a group and nearly all coordinates. `easy`: which of four corners the type lies in, told by sixteen coordinates.
 * `hard`: the signs of two sums over twelve other coordinates each, away from 0, which take many rows to learn. `control`: a random
 * label per type (Hewitt and Liang 2019). `noise`: a random label per row.
 */
function world(random: Random, types: number, perType = 3) {
  const rows = types * perType;
  const x = matrix(rows, WIDTH + CORNERS);
  const easy = new Int32Array(rows);
  const hard = new Int32Array(rows);
  const control = new Int32Array(rows);
  const noise = new Int32Array(rows);
  const groups = new Int32Array(rows);
  for (let type = 0; type < types; type++) {
    let own: Float64Array;
    do own = Float64Array.from({ length: WIDTH }, () => random.normal());
    while (Math.min(...sumsOf(own).map(Math.abs)) < 1.5);
    const corner = random.integer(CLASSES);
    const label = random.integer(CLASSES);
    const sums = sumsOf(own);
    for (let k = 0; k < perType; k++) {
      const i = type * perType + k;
      groups[i] = type;
      for (let j = 0; j < WIDTH + CORNERS; j++) {
        const side = corner & (j % 2 === 0 ? 1 : 2) ? 1 : -1;
        const value = j < WIDTH ? own[j]! : side + 0.3 * random.normal();
        x.data[i * (WIDTH + CORNERS) + j] = value + 0.1 * random.normal();
      }
      easy[i] = corner;
      hard[i] = (sums[0]! > 0 ? 1 : 0) + (sums[1]! > 0 ? 2 : 0);
      control[i] = label;
      noise[i] = random.integer(CLASSES);
    }
  }
  return {
    x,
    easy: labelsOf(easy),
    hard: labelsOf(hard),
    control: labelsOf(control),
    noise: labelsOf(noise),
    groups,
  };
}

async function accuracyOnFresh(
  train: Matrix,
  labels: ClassLabels,
  test: Matrix,
  truth: ClassLabels,
): Promise<number> {
  const [fit] = await fitLogistic(
    { role: 'fit', rows: Int32Array.from({ length: train.rows }, (_, i) => i), x: train },
    [labels],
    { linalg, penalty: 1 },
  );
  const result = balancedAccuracy(predict(await scoreProbe(fit!.probe, test, linalg)), truth.values, CLASSES);
  if (result.state === 'undefined') throw new Error(result.reason);
  return result.value;
}

describe('online code length', () => {
  it('compresses real labels and not random ones, and easy labels more than hard ones of equal accuracy', async () => {
    const random = seededRandom('mdl');
    const sample = world(random, 600);
    const fresh = world(random, 300);
    const results = await onlineCodeLengths({
      x: sample.x,
      tasks: [sample.easy, sample.hard, sample.control, sample.noise],
      groups: sample.groups,
      random: random.fork('order'),
      linalg,
    });
    const [easy, hard, control, noise] = results.map(measuredOf);
    const accuracy = {
      easy: await accuracyOnFresh(sample.x, sample.easy, fresh.x, fresh.easy),
      hard: await accuracyOnFresh(sample.x, sample.hard, fresh.x, fresh.hard),
    };
    // Both are read perfectly in the end; what it took to get there differs by a factor of nearly five (.031 and .147 measured).
    expect(accuracy.easy).toBeGreaterThan(0.99);
    expect(accuracy.hard).toBeGreaterThan(0.99);
    expect(easy!.shareOfUniform).toBeLessThan(0.05);
    expect(hard!.shareOfUniform).toBeGreaterThan(3 * easy!.shareOfUniform);
    expect(hard!.shareOfUniform).toBeLessThan(0.25);
    expect(control!.shareOfUniform).toBeGreaterThan(0.98);
    expect(noise!.shareOfUniform).toBeGreaterThan(0.98);
  });

  it('sends rows of one group together: with groups cut, memory of a type would pass for knowledge', async () => {
    const random = seededRandom('groups');
    const sample = world(random, 150, 6);
    const request = { x: sample.x, tasks: [sample.control], random: random.fork('order'), linalg };
    const [whole] = await onlineCodeLengths({ ...request, groups: sample.groups });
    const [cut] = await onlineCodeLengths({ ...request, groups: sample.groups.map((_, i) => i) });
    expect(measuredOf(cut).shareOfUniform).toBeLessThan(measuredOf(whole).shareOfUniform - 0.1);
    for (const block of measuredOf(whole).blocks) expect(block.rows % 6).toBe(0);
    expect(measuredOf(whole).blocks.reduce((sum, block) => sum + block.rows, 0)).toBe(900);
  });

  it('costs the uniform code where activations say nothing, up to the price of the smoothing: counts by hand', async () => {
    // A constant column: the probe states the shares seen. Blocks 4 + 4, labels 0 and 1 in turn.
    const values = [0, 1, 0, 1, 0, 1, 0, 1];
    const [result] = await onlineCodeLengths({
      x: matrix(8, 1, new Float32Array(8).fill(1)),
      tasks: [labelsOf(values, 2)],
      groups: Int32Array.from([0, 0, 0, 0, 1, 1, 1, 1]),
      random: seededRandom(1),
      blockEnds: [0.5, 1],
      linalg,
    });
    // (4 x 1/2 + 1) / (4 + 2) is one half: one bit each.
    expect(measuredOf(result).bits).toBeCloseTo(8, 5);
    expect(measuredOf(result).uniformBits).toBe(8);
    expect(measuredOf(result).compression).toBeCloseTo(1, 5);
    expect(measuredOf(result).blocks).toEqual([
      { rows: 4, bits: 4 },
      { rows: 4, bits: expect.closeTo(4, 5) },
    ]);
  });

  it('gives a class that was never seen a finite price', async () => {
    const [result] = await onlineCodeLengths({
      x: matrix(8, 1, new Float32Array(8).fill(1)),
      tasks: [labelsOf([0, 1, 0, 1, 2, 2, 2, 2], 3)],
      groups: Int32Array.from([0, 0, 0, 0, 1, 1, 1, 1]),
      // A stream whose order sends group 0 first.
      random: inOrder,
      blockEnds: [0.5, 1],
      linalg,
    });
    // Uniform: 4 log2 3; then (4 x 0 + 1) / (4 + 3) each.
    expect(measuredOf(result).bits).toBeCloseTo(4 * Math.log2(3) + 4 * Math.log2(7), 5);
  });

  it('leaves out rows without a label, sends by the uniform code until two classes were seen, and mixes penalties at little cost', async () => {
    const random = seededRandom('mix');
    const sample = world(random, 60);
    const gaps = { ...sample.easy, values: sample.easy.values.map((value, i) => (i % 5 === 0 ? -1 : value)) };
    const request = { x: sample.x, tasks: [gaps], groups: sample.groups, random, linalg };
    const [mixed] = await onlineCodeLengths(request);
    const kept = gaps.values.filter((value) => value >= 0).length;
    expect(measuredOf(mixed).uniformBits).toBeCloseTo(2 * kept, 10);
    const alone: number[] = [];
    for (const penalty of [0.1, 1, 10, 100])
      alone.push(measuredOf((await onlineCodeLengths({ ...request, penalties: [penalty] }))[0]).bits);
    const best = Math.min(...alone);
    expect(measuredOf(mixed).bits).toBeGreaterThan(best - 1e-9);
    expect(measuredOf(mixed).bits).toBeLessThan(best + Math.log2(4) + 1e-9);
  });

  it('is undefined, with the reason, without a second block, class or label, and refuses blocks that do not rise to 1', async () => {
    const x = takeRows(matrix(4, 1, Float32Array.of(1, 2, 3, 4)), [0, 1, 2, 3]);
    const random = seededRandom(1);
    const of = async (labels: ClassLabels, groups: readonly number[]): Promise<CodeLength> =>
      (await onlineCodeLengths({ x, tasks: [labels], groups: Int32Array.from(groups), random, linalg }))[0]!;
    expect(await of(labelsOf([0, 1, 0, 1], 2), [0, 0, 0, 0])).toMatchObject({ state: 'undefined' });
    expect(await of(labelsOf([0, 0, 0, 0], 1), [0, 1, 2, 3])).toMatchObject({ state: 'undefined' });
    expect(await of(labelsOf([-1, -1, -1, -1], 2), [0, 1, 2, 3])).toMatchObject({
      reason: 'no row has a label',
    });
    for (const blockEnds of [[], [0.5], [0.5, 0.5, 1]]) {
      await expect(
        onlineCodeLengths({
          x,
          tasks: [labelsOf([0, 1, 0, 1], 2)],
          groups: Int32Array.of(0, 1, 2, 3),
          random,
          blockEnds,
          linalg,
        }),
      ).rejects.toThrow(expect.objectContaining({ code: 'BAD_SETTING' }));
    }
  });
});
