/** @file test of probe: pooled readings of several hooks; the convex problems against their conditions for a minimum. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ClassLabels, SplitRole } from '../../src/core/split.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { type Ensemble, type EnsembleMember, fitEnsemble, scoreEnsemble } from '../../src/probe/ensemble.ts';
import { type LinearProbe, predict, scoreProbe, softmaxRows } from '../../src/probe/linear-probe.ts';
import { fitLogistic } from '../../src/probe/logistic.ts';
import { fitMassMean } from '../../src/probe/mass-mean.ts';
import { poolLogLoss, poolWeights, temperatureOf } from '../../src/probe/pooling.ts';
import { labelsOf, range, relativeGap, sideWith } from './recorded.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

type Weighed = Extract<Ensemble, { readonly state: 'weighed' }>;

function weighed(ensemble: Ensemble): Weighed {
  if (ensemble.state !== 'weighed') throw new Error(`nothing was weighed: ${ensemble.reason}`);
  return ensemble;
}

const ROWS = 900;
const CLASSES = 3;

/** Hooks of unequal worth: each shows the class in its own noise, the last not at all. */
function world(seed: string): { readonly hooks: readonly Matrix[]; readonly labels: ClassLabels } {
  const random = seededRandom(`ensemble/${seed}`);
  const values = range(0, ROWS).map(() => random.integer(CLASSES));
  const hooks = [0.8, 1.2, 0.5, 0].map((strength) =>
    matrix(
      ROWS,
      CLASSES,
      Float32Array.from(
        { length: ROWS * CLASSES },
        (_, at) => random.normal() + (values[Math.floor(at / CLASSES)] === at % CLASSES ? 2 * strength : 0),
      ),
    ),
  );
  return { hooks, labels: labelsOf(values, CLASSES) };
}

function sidesOf<R extends SplitRole>(hooks: readonly Matrix[], role: R, from: number, end: number) {
  return hooks.map((x) => sideWith(x, role, range(from, end)));
}

async function membersOf(hooks: readonly Matrix[], labels: ClassLabels): Promise<EnsembleMember[]> {
  const members: EnsembleMember[] = [];
  for (const [m, fit] of sidesOf(hooks, 'fit', 0, 300).entries()) {
    const [found] = await fitLogistic(fit, [labels], { penalty: 1, linalg });
    members.push({ hook: `blocks.${m}.resid_post`, probe: found!.probe });
  }
  return members;
}

/** Mean log loss of the rows from 600 on. */
function testLoss(scores: Matrix, labels: ClassLabels): number {
  return poolLogLoss([scores], [1], labels.values.slice(600));
}

describe('an ensemble', () => {
  it('beats its best member on rows that it never saw, and gives nothing to a hook that shows nothing', async () => {
    const { hooks, labels } = world('unequal');
    const members = await membersOf(hooks, labels);
    const test = sidesOf(hooks, 'test', 600, 900);
    const ensemble = weighed(
      await fitEnsemble(members, sidesOf(hooks, 'select', 300, 600), labels, { linalg }),
    );
    const pooled = await scoreEnsemble(ensemble, test, linalg);
    const alone = [];
    for (const [m, { probe }] of members.entries()) alone.push(await scoreProbe(probe, test[m]!.x, linalg));
    const losses = alone.map((scores) => testLoss(scores, labels));
    expect(testLoss(pooled, labels)).toBeLessThan(Math.min(...losses) - 0.05);
    const right = (scores: Matrix): number =>
      predict(scores).filter((label, i) => label === labels.values[600 + i]).length;
    expect(right(pooled)).toBeGreaterThan(Math.max(...alone.map(right)));
    const { weight, inverseTemperature, probe } = ensemble.members[3]!;
    const size = Math.max(...probe.weights.data.map(Math.abs));
    expect(weight * inverseTemperature * size).toBeLessThan(0.1);
    expect(ensemble.selectRows).toBe(300);
    // The hooks are independent given the class, so every calibrated member counts in full.
    for (const m of [0, 1]) expect(ensemble.members[m]!.weight).toBeGreaterThan(0.7);
  });

  it('shares out what two equal hooks say, and says no more than one of them', async () => {
    const { hooks, labels } = world('twice');
    const twice = [hooks[0]!, hooks[0]!];
    const members = await membersOf(twice, labels);
    const select = sidesOf(twice, 'select', 300, 600);
    const pair = weighed(await fitEnsemble(members, select, labels, { linalg }));
    expect(pair.members[0]!.weight).toBeCloseTo(pair.members[1]!.weight, 6);
    expect(pair.members[0]!.weight).toBeCloseTo(0.5, 3);
    const one = weighed(await fitEnsemble(members.slice(0, 1), select.slice(0, 1), labels, { linalg }));
    expect(pair.selectLogLoss).toBeCloseTo(one.selectLogLoss, 5);
    expect(one.members[0]!.weight).toBeCloseTo(1, 5);
  });

  it('does not depend on the scale of any member, so that kinds of probe can be mixed', async () => {
    const { hooks, labels } = world('scale');
    const members = await membersOf(hooks, labels);
    const select = sidesOf(hooks, 'select', 300, 600);
    const [massMean] = await fitMassMean(sidesOf(hooks, 'fit', 0, 300)[1]!, [labels], { linalg });
    const mixed = members.map((member, m) => (m === 1 ? { ...member, probe: massMean! } : member));
    const test = sidesOf(hooks, 'test', 600, 900);
    const before = weighed(await fitEnsemble(mixed, select, labels, { linalg }));
    const scores = softmaxRows(await scoreEnsemble(before, test, linalg));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 4, maxLength: 4 }),
        async (factors) => {
          const scaled = mixed.map(({ hook, probe }, m) => ({ hook, probe: timesProbe(probe, factors[m]!) }));
          const after = weighed(await fitEnsemble(scaled, select, labels, { linalg }));
          for (const m of [0, 1, 2]) {
            expect(after.members[m]!.weight).toBeCloseTo(before.members[m]!.weight, 4);
            const ratio =
              (after.members[m]!.inverseTemperature * factors[m]!) / before.members[m]!.inverseTemperature;
            expect(ratio).toBeCloseTo(1, 3);
          }
          const others = softmaxRows(await scoreEnsemble(after, test, linalg));
          expect(relativeGap(others.data, scores.data)).toBeLessThan(1e-3);
        },
      ),
      { numRuns: 5 },
    );
  });

  it('is the plain average of the best few, when that is asked for', async () => {
    const { hooks, labels } = world('best');
    const members = await membersOf(hooks, labels);
    const select = sidesOf(hooks, 'select', 300, 600);
    const weighting = { kind: 'best', count: 2 } as const;
    const ensemble = weighed(await fitEnsemble(members, select, labels, { linalg, weighting }));
    expect(ensemble.members.map(({ weight }) => weight)).toEqual([0.5, 0.5, 0, 0]);
    expect(ensemble.weighting).toEqual(weighting);
    const losses = ensemble.members.map(({ selectLogLoss }) => selectLogLoss);
    expect([...losses].sort((a, b) => a - b)).toEqual([losses[1], losses[0], losses[2], losses[3]]);
    const all = weighed(
      await fitEnsemble(members, select, labels, { linalg, weighting: { kind: 'best', count: 4 } }),
    );
    expect(all.members.map(({ weight }) => weight)).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it('permutes its scores with the examples', async () => {
    const { hooks, labels } = world('order');
    const members = await membersOf(hooks, labels);
    const order = seededRandom('order')
      .permutation(300)
      .map((i) => 300 + i);
    const before = weighed(
      await fitEnsemble(members, sidesOf(hooks, 'select', 300, 600), labels, { linalg }),
    );
    const shuffled = hooks.map((x) => sideWith(x, 'select', order));
    const after = weighed(await fitEnsemble(members, shuffled, labels, { linalg }));
    const weightsOf = ({ members: all }: Weighed): number[] => all.map(({ weight }) => weight);
    expect(relativeGap(weightsOf(after), weightsOf(before))).toBeLessThan(1e-6);
    const scores = await scoreEnsemble(before, sidesOf(hooks, 'select', 300, 600), linalg);
    const moved = await scoreEnsemble(before, shuffled, linalg);
    const expected = Float32Array.from(
      moved.data,
      (_, at) => scores.data[(order[Math.floor(at / CLASSES)]! - 300) * CLASSES + (at % CLASSES)]!,
    );
    expect(relativeGap(moved.data, expected)).toBeLessThan(1e-5);
  });

  it('never predicts a class that a member does not know, and leaves its select rows out', async () => {
    const { hooks, labels } = world('absent');
    const two = { ...labels, values: labels.values.map((label, i) => (i < 300 && label === 1 ? -1 : label)) };
    const members = await membersOf(hooks, two);
    const select = sidesOf(hooks, 'select', 300, 600);
    const ensemble = weighed(await fitEnsemble(members, select, two, { linalg }));
    const known = [...two.values.slice(300, 600)].filter((label) => label !== 1).length;
    expect(ensemble.selectRows).toBe(known);
    const scores = await scoreEnsemble(ensemble, sidesOf(hooks, 'test', 600, 900), linalg);
    expect(new Set(predict(scores))).toEqual(new Set([0, 2]));
    const unknown = { ...labels, values: new Int32Array(ROWS).fill(1) };
    expect(await fitEnsemble(members, select, unknown, { linalg })).toMatchObject({ state: 'undefined' });
  });

  it('refuses sides that do not fit its members, and settings without meaning', async () => {
    const { hooks, labels } = world('refused');
    const members = await membersOf(hooks.slice(0, 2), labels);
    const select = sidesOf(hooks.slice(0, 2), 'select', 300, 600);
    const attempt = (
      sides: typeof select,
      weighting?: { kind: 'best'; count: number } | { kind: 'stacked'; penalty: number },
    ) => fitEnsemble(members, sides, labels, { linalg, ...(weighting && { weighting }) });
    const others = sidesOf(hooks, 'select', 301, 601);
    for (const sides of [select.slice(0, 1), [select[0]!, others[1]!]]) {
      await expect(attempt(sides)).rejects.toMatchObject({ code: 'MATRIX_SHAPE' });
    }
    for (const weighting of [
      { kind: 'best', count: 3 } as const,
      { kind: 'best', count: 0 } as const,
      { kind: 'stacked', penalty: 0 } as const,
    ]) {
      await expect(attempt(select, weighting)).rejects.toMatchObject({ code: 'BAD_SETTING' });
    }
    await expect(fitEnsemble([], [], labels, { linalg })).rejects.toMatchObject({ code: 'BAD_SETTING' });
    const binary = labelsOf(
      labels.values.map((label) => Math.min(label, 1)),
      2,
    );
    await expect(fitEnsemble(members, select, binary, { linalg })).rejects.toMatchObject({
      code: 'BAD_SETTING',
    });
  });
});

describe('pooling', () => {
  it('reaches the minimum: no free weight has a slope, and no weight at 0 would gain by growing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(0.01, 1, 30),
        (seed, members, penalty) => {
          const random = seededRandom(`pool/${seed}`);
          const targets = Int32Array.from({ length: 40 }, () => random.integer(3));
          const tables = range(0, members).map((m) =>
            matrix(
              40,
              3,
              Float32Array.from(
                { length: 120 },
                (_, at) => random.normal() + (targets[Math.floor(at / 3)] === at % 3 ? m - 1 : 0),
              ),
            ),
          );
          const weights = poolWeights(tables, targets, { penalty });
          const value = (w: Float64Array): number =>
            40 * poolLogLoss(tables, w, targets) +
            (penalty / 2) * w.reduce((sum, one) => sum + (one - 1 / members) ** 2, 0);
          weights.forEach((weight, m) => {
            expect(weight).toBeGreaterThanOrEqual(0);
            const moved = (by: number): number => value(weights.map((one, k) => (k === m ? one + by : one)));
            const slope = (moved(1e-4) - moved(weight === 0 ? 0 : -1e-4)) / (weight === 0 ? 1e-4 : 2e-4);
            if (weight === 0) expect(slope).toBeGreaterThan(-1e-2);
            else expect(Math.abs(slope)).toBeLessThan(1e-4);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('calibrates scores that are too sure by what they were multiplied with', () => {
    const random = seededRandom('sure');
    const n = 20_000;
    const logits = Float32Array.from({ length: n }, () => 2 * random.normal());
    const targets = Int32Array.from(logits, (logit) =>
      random.uniform() < 1 / (1 + Math.exp(-logit)) ? 1 : 0,
    );
    const table = (factor: number): Matrix =>
      matrix(
        n,
        2,
        Float32Array.from({ length: 2 * n }, (_, at) => (at % 2 === 1 ? factor * logits[at >> 1]! : 0)),
      );
    // Standard error of the factor: 1 / sqrt(n E[p (1 - p) logit^2]), about 0.012.
    expect(temperatureOf(table(1), targets)).toBeCloseTo(1, 1);
    expect(temperatureOf(table(5), targets) * 5).toBeCloseTo(temperatureOf(table(1), targets), 5);
  });

  it('stops at its limits where rows are separable, or scores point the wrong way, and leaves equal scores alone', () => {
    const targets = Int32Array.of(0, 1, 0, 1);
    const clear = matrix(4, 2, Float32Array.of(1, -1, -1, 1, 1, -1, -1, 1));
    expect(temperatureOf(clear, targets)).toBeCloseTo(1000, 6);
    expect(temperatureOf({ ...clear, data: clear.data.map((value) => -value) }, targets)).toBeCloseTo(
      0.001,
      9,
    );
    expect(temperatureOf(matrix(4, 2), targets)).toBe(1);
  });
});

function timesProbe(probe: LinearProbe, factor: number): LinearProbe {
  const data = probe.weights.data.map((weight) => factor * weight);
  return { ...probe, weights: { ...probe.weights, data }, bias: probe.bias.map((bias) => factor * bias) };
}
