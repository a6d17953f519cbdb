/** @file test of probe: the path of penalties against scikit-learn's recorded one, and how the choice is made. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { SelectSplit, TrainSplit } from '../../src/core/split.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { fitLogisticPath, type LogisticPath } from '../../src/probe/logistic-path.ts';
import { liesAtEdge, lowestWithTies } from '../../src/probe/penalty-choice.ts';
import {
  featuresOf,
  labelsOf,
  type Problem,
  range,
  recordedPaths,
  relativeGap,
  scaledBy,
  sideWith,
} from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

type Chosen = Extract<LogisticPath, { readonly state: 'chosen' }>;

function chosen(path: LogisticPath | undefined): Chosen {
  if (path?.state !== 'chosen') throw new Error(`nothing was chosen: ${JSON.stringify(path)}`);
  return path;
}

function sidesOf(problem: Problem, x = featuresOf(problem)): { fit: TrainSplit; select: SelectSplit } {
  return { fit: sideWith(x, 'fit', range(0, 120)), select: sideWith(x, 'select', range(120, 200)) };
}

it("has scikit-learn's log loss and balanced accuracy at every penalty, and takes the least log loss", async () => {
  for (const problem of recordedPaths()) {
    const penalties = problem.path.map(({ penalty }) => penalty);
    const labels = labelsOf(problem.labels, problem.classes);
    const [path] = await fitLogisticPath(sidesOf(problem), [labels], { linalg, penalties });
    const { table, penalty, atEdge, selectRows, unseenRows } = chosen(path);
    for (const [k, expected] of problem.path.entries()) {
      expect(table[k]!.penalty).toBe(expected.penalty);
      expect(Math.abs(table[k]!.selectLogLoss / expected.select_log_loss - 1)).toBeLessThan(1e-4);
      expect(table[k]!.selectBalancedAccuracy).toBeCloseTo(expected.select_balanced_accuracy, 9);
      expect(table[k]!.convergence.state).toBe('converged');
    }
    const least = Math.min(...problem.path.map(({ select_log_loss }) => select_log_loss));
    expect(penalty).toBe(problem.path.find(({ select_log_loss }) => select_log_loss === least)!.penalty);
    expect(table.filter((point) => point.chosen).map((point) => point.penalty)).toEqual([penalty]);
    const ends = [penalties[0], penalties.at(-1)];
    expect({ atEdge, selectRows, unseenRows }).toEqual({
      atEdge: ends.includes(penalty),
      selectRows: 80,
      unseenRows: 0,
    });
  }
});

it('fits all penalties at once to the optimum of each alone', async () => {
  for (const problem of recordedPaths()) {
    const { fit } = sidesOf(problem);
    const labels = labelsOf(problem.labels, problem.classes);
    const penalties = [1e-3, 1, 1e3];
    const together = await fitLogistic(
      fit,
      penalties.map(() => labels),
      { penalty: penalties, linalg },
    );
    for (const [k, penalty] of penalties.entries()) {
      const [alone] = await fitLogistic(fit, [labels], { penalty, linalg });
      expect(together[k]!.probe.settings).toEqual(alone!.probe.settings);
      const ratio = together[k]!.convergence.objective / alone!.convergence.objective;
      expect(Math.abs(ratio - 1)).toBeLessThan(1e-6);
      expect(relativeGap(together[k]!.probe.weights.data, alone!.probe.weights.data)).toBeLessThan(2e-3);
    }
  }
});

it('does not depend on the units of the features, when it standardises', async () => {
  const problem = recordedPaths()[0]!;
  const labels = labelsOf(problem.labels, 2);
  const x = featuresOf(problem);
  const options = { linalg, penalties: [0.1, 10, 1000] };
  const plain = chosen((await fitLogisticPath(sidesOf(problem), [labels], options))[0]);
  for (const factors of [range(0, 10).map(() => 64), range(0, 10).map((j) => 10 ** (j % 5) / 100)]) {
    const scaled = sidesOf(problem, scaledBy(x, factors));
    const other = chosen((await fitLogisticPath(scaled, [labels], options))[0]);
    expect(other.penalty).toBe(plain.penalty);
    const losses = ({ table }: Chosen): number[] => table.map(({ selectLogLoss }) => selectLogLoss);
    expect(relativeGap(losses(other), losses(plain))).toBeLessThan(1e-4);
  }
});

it('gives many variables each their own penalty: little for a clear one, the most for noise', async () => {
  const random = seededRandom('clear and noise');
  const labels = Array.from({ length: 200 }, () => random.integer(2));
  const noise = Array.from({ length: 200 }, () => random.integer(2));
  const x = matrix(
    200,
    6,
    Float32Array.from(
      { length: 1200 },
      (_, at) => random.normal() + (at % 6 === 0 ? 4 * labels[Math.floor(at / 6)]! : 0),
    ),
  );
  const sides = { fit: sideWith(x, 'fit', range(0, 120)), select: sideWith(x, 'select', range(120, 200)) };
  const paths = await fitLogisticPath(sides, [labelsOf(labels, 2), labelsOf(noise, 2)], { linalg });
  expect(chosen(paths[0]).penalty).toBeLessThanOrEqual(10);
  expect(chosen(paths[1]).penalty).toBeGreaterThanOrEqual(100);
});

it('takes the largest penalty of those that are equal, as where no feature says anything', async () => {
  const x = matrix(40, 2, new Float32Array(80).fill(3));
  const sides = { fit: sideWith(x, 'fit', range(0, 20)), select: sideWith(x, 'select', range(20, 40)) };
  const labels = labelsOf(
    range(0, 40).map((i) => i % 2),
    2,
  );
  const path = chosen((await fitLogisticPath(sides, [labels], { linalg, penalties: [1, 10, 100] }))[0]);
  expect(path.penalty).toBe(100);
  expect(path.atEdge).toBe(true);
  expect(path.table[0]!.selectLogLoss).toBeCloseTo(Math.LN2, 6);
});

it('never picks a loss above the lowest by more than what counts as equal, nor a smaller penalty that is as good', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 8 }),
      (losses) => {
        const best = lowestWithTies(losses);
        const lowest = Math.min(...losses);
        expect(losses[best]!).toBeLessThanOrEqual(lowest * (1 + 1e-6));
        for (const loss of losses.slice(best + 1)) expect(loss).toBeGreaterThan(lowest);
      },
    ),
  );
  expect(lowestWithTies([0.5, 0.4, 0.4, 0.6])).toBe(2);
  expect([liesAtEdge(0, 1), liesAtEdge(0, 2), liesAtEdge(1, 3)]).toEqual([false, true, false]);
});

it('counts select rows of classes that were not fitted, and is undefined when there are no others', async () => {
  const problem = recordedPaths()[1]!;
  const x = featuresOf(problem);
  const firstTwo = range(0, 120).filter((i) => problem.labels[i]! < 2);
  const fit = sideWith(x, 'fit', firstTwo);
  const labels = labelsOf(problem.labels, 3);
  const options = { linalg, penalties: [1, 10] };
  const unseen = range(120, 200).filter((i) => problem.labels[i] === 2);
  const mixed = await fitLogisticPath(
    { fit, select: sideWith(x, 'select', range(120, 200)) },
    [labels],
    options,
  );
  expect(chosen(mixed[0])).toMatchObject({ selectRows: 80 - unseen.length, unseenRows: unseen.length });
  const [nothing] = await fitLogisticPath({ fit, select: sideWith(x, 'select', unseen) }, [labels], options);
  expect(nothing).toMatchObject({
    state: 'undefined',
    reason: expect.stringContaining(`${unseen.length} select rows`),
  });
});

it('refuses penalties that do not rise, negative ones, and as many penalties as there are no tasks', async () => {
  const problem = recordedPaths()[0]!;
  const labels = labelsOf(problem.labels, 2);
  for (const penalties of [[], [1, 1], [2, 1], [-1, 1], [Number.NaN]]) {
    await expect(fitLogisticPath(sidesOf(problem), [labels], { linalg, penalties })).rejects.toMatchObject({
      code: 'BAD_SETTING',
    });
  }
  await expect(
    fitLogistic(sidesOf(problem).fit, [labels], { linalg, penalty: [1, 2] }),
  ).rejects.toMatchObject({
    code: 'BAD_SETTING',
  });
});
