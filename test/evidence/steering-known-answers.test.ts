/** @file test: steering where plain class means, plain null draws or plain slopes would give a wrong answer that is known. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Matrix, matrix, takeRows } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { CausalInputs } from '../../src/evidence/causal-side.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import { pickInts } from '../../src/evidence/columns.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { type SteerableResult, steerable } from '../../src/evidence/rung-steerable.ts';
import {
  directionOverlap,
  jointCodes,
  meanCodes,
  withoutOwn,
} from '../../src/evidence/steering-directions.ts';
import { neutralDirections } from '../../src/evidence/steering-neutral.ts';
import { otherVariables } from '../../src/evidence/steering-nulls.ts';
import type { Dense } from '../../src/linalg/dense.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { makeWorld, READOUT, runSynthetic, type SyntheticRun, type WorldRow } from './synthetic-network.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const CODE = { intended: 1, proxy: 1, irrelevant: 1 };
const FOLLOWS_INTENDED = { code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 } };
const SITE = { hook: 'blocks.0.resid_post', position: READOUT };
const WORLD = makeWorld({ seed: 5, train: 200, apart: 900 });

async function steer(run: SyntheticRun, causal: CausalInputs = run.causal): Promise<SteerableResult> {
  const sides = sidesOf(run.columns);
  return steerable({
    columns: run.columns,
    sides,
    inputs: causal,
    where: await findCausalSite(run.causal, run.columns, sides, [1, 2, 4]),
    randomDirections: 39,
    bootstrapDraws: 400,
    alpha: 0.05,
    linalg,
    random: seededRandom('steer'),
  });
}

const measuredOf = (result: SteerableResult, id: string): number => {
  const found = result.rung.statistics.find((statistic) => statistic.id === id)!;
  return found.value.state === 'measured' ? found.value.value : Number.NaN;
};

const rows = (...data: readonly (readonly number[])[]): Dense => ({
  rows: data.length,
  columns: data[0]!.length,
  data: Float64Array.from(data.flat()),
});

describe('goals that go together', () => {
  const copied = makeWorld({ seed: 6, train: 200, apart: 900, copied: 0.6 });

  it('do not lend each other their effect: a proxy of no weight is shown to steer nothing', async () => {
    const result = await steer(runSynthetic(FOLLOWS_INTENDED, copied));
    expect(result.steers).toEqual({ intended: 'steers', proxy: 'does-not' });
    expect(measuredOf(result, 'L6.intended.effect')).toBeCloseTo(6, 0);
    expect(Math.abs(measuredOf(result, 'L6.proxy.effect'))).toBeLessThan(0.3);
  });

  it('each steer by their own weight in a mixture', async () => {
    const result = await steer(
      runSynthetic({ code: CODE, weight: { intended: 2, proxy: 2, irrelevant: 0 } }, copied),
    );
    for (const goal of ['intended', 'proxy'] as const) {
      expect(result.steers[goal]).toBe('steers');
      expect(measuredOf(result, `L6.${goal}.effect`)).toBeCloseTo(4, 0);
    }
  });

  it('have the codes that additive data were made of, where plain means mix them', () => {
    const random = seededRandom('joint');
    const first = [0, 5, -3];
    const second = [0, 2, 7];
    const a = Int32Array.from({ length: 400 }, () => random.integer(3));
    const b = a.map((value) => (random.uniform() < 0.7 ? value : random.integer(3)));
    const x = matrix(
      400,
      1,
      Float32Array.from(a, (value, i) => first[value]! + second[b[i]!]!),
    );
    const labels = { values: a, classes: 3 };
    const joint = jointCodes(x, labels, { values: b, classes: 3 }).vectors.data;
    const plain = meanCodes(x, a, 3).vectors.data;
    expect(joint[1]! - joint[0]!).toBeCloseTo(5, 3);
    expect(joint[2]! - joint[0]!).toBeCloseTo(-3, 3);
    expect(Math.abs(plain[1]! - plain[0]! - 5)).toBeGreaterThan(1);
    expect(jointCodes(x, labels, undefined).vectors.data).toEqual(plain);
    const none = new Int32Array(0);
    const empty = jointCodes(matrix(0, 1), { values: none, classes: 3 }, { values: none, classes: 3 });
    expect(Array.from(empty.known)).toEqual([0, 0, 0]);
  });
});

describe('a goal of two values', () => {
  const two = (world: readonly WorldRow[]): WorldRow[] =>
    world.map((row) => {
      const intended = row.input.intended % 2;
      const proxy = row.set === 'train' ? intended : row.input.proxy % 2;
      return { ...row, input: { ...row.input, intended, proxy } };
    });

  it('that dominates the activations still steers: null draws that hold its direction are shown and do not decide', async () => {
    const truth = {
      code: { intended: 5, proxy: 1, irrelevant: 0.2 },
      weight: { intended: 4, proxy: 0, irrelevant: 0 },
    };
    const result = await steer(
      runSynthetic(truth, two(makeWorld({ seed: 5, train: 200, apart: 1500 })), 300),
    );
    expect(result.steers.intended).toBe('steers');
    const { nulls } = result.rung.statistics.find(({ id }) => id === 'L6.intended.effect')!;
    const ids = nulls.map(({ id }) => id);
    expect(ids).toContain('covariance-matched');
    expect(ids).toContain('covariance-matched-elsewhere');
    expect(ids).not.toContain('isotropic-elsewhere');
  });

  it('is not among the variables that are something else, though a token spells it', () => {
    const { columns } = runSynthetic(FOLLOWS_INTENDED, WORLD);
    const { fit } = sidesOf(columns).apart;
    const others = otherVariables(columns, fit, columns.labels.intended!.values);
    const found = others.map(({ values }) => String(values));
    // Tokens are numbered in order of appearance; a renaming of the values is still the goal.
    const renamed = (values: Int32Array): string => {
      const order = [...new Set(values)];
      return String(values.map((value) => order.indexOf(value)));
    };
    expect(found).not.toContain(renamed(columns.labels.intended!.values));
    expect(found).toContain(renamed(columns.labels.proxy!.values));
    expect(found).toContain(String(columns.labels.irrelevant!.values));
  });
});

describe('what is said to do nothing', () => {
  it('is a goal whose pushes do nothing, and not one that draws in one context and repels in the other', async () => {
    expect((await steer(runSynthetic(FOLLOWS_INTENDED, WORLD))).steers.proxy).toBe('does-not');
    const cancelling = {
      code: CODE,
      weight: { intended: 3, proxy: 4, irrelevant: 0 },
      proxyInContext: -1,
    };
    expect((await steer(runSynthetic(cancelling, WORLD))).steers.proxy).toBe('unclear');
  });
});

describe('counterfactuals that stay in the class of their base', () => {
  const run = runSynthetic(FOLLOWS_INTENDED, WORLD);
  const { test } = run.causal;
  const own = run.columns.labels.intended!.values;
  const within = (share: number): CausalInputs => {
    const random = seededRandom('within');
    const intended = test.newValues.intended!.map((value, i) =>
      random.uniform() < share ? own[test.bases[i]!]! : value,
    );
    return { ...run.causal, test: { ...test, newValues: { ...test.newValues, intended } } };
  };

  it('are left out, and counted: they thin the bases, not the effect', async () => {
    const result = await steer(run, within(0.6));
    expect(measuredOf(result, 'L6.intended.effect')).toBeCloseTo(6, 0);
    const used = result.doses.find(({ id }) => id === 'goal.intended')!.bases;
    expect(used).toBeLessThan(0.6 * test.bases.length);
    expect(result.rung.statistics.find(({ id }) => id === 'L6.intended.effect')!.criterion).toContain(
      `on ${used} bases, ${test.bases.length - used} left out`,
    );
  });

  it('leave nothing to push where all of them do', async () => {
    const { steers, doses } = await steer(run, within(1));
    expect(steers.intended).toBe('not-run');
    expect(doses.map(({ id }) => id)).toEqual(['goal.proxy']);
  });
});

describe('a goal that reaches the read-out later', () => {
  it('is pushed where it arrives, not where the other one does', async () => {
    const truth = { code: CODE, weight: { intended: 2.5, proxy: 2, irrelevant: 0 }, late: 'proxy' } as const;
    const { steers, doses } = await steer(runSynthetic(truth, WORLD));
    expect(steers).toEqual({ intended: 'steers', proxy: 'steers' });
    expect(doses.map(({ hook }) => hook)).toEqual(['blocks.0.resid_post', 'blocks.1.resid_post']);
  });
});

describe('activations of low rank', () => {
  it('leave neutral pushes undefined where the goals take every direction, and clear of the goals elsewhere', () => {
    const { columns, activations } = runSynthetic(FOLLOWS_INTENDED, WORLD);
    const { fit } = sidesOf(columns).apart;
    const bases = fit.subarray(0, 5);
    const x = activations(SITE);
    const kept = (width: number): Matrix => ({
      ...x,
      data: x.data.map((value, i) => (i % x.columns < width ? value : 0)),
    });
    const narrow: Matrix = { rows: x.rows, columns: 4, data: new Float32Array(x.rows * 4) };
    for (let i = 0; i < x.rows; i++)
      narrow.data.set(x.data.subarray(i * x.columns, i * x.columns + 4), i * 4);
    expect(neutralDirections(columns, narrow, fit, bases)).toBeUndefined();
    // Six dimensions cannot hold two independent subspaces of four.
    expect(neutralDirections(columns, kept(6), fit, bases)).toBeDefined();
    const neutral = neutralDirections(columns, x, fit, bases)!;
    const codes = meanCodes(takeRows(x, fit), pickInts(columns.labels.proxy!.values, fit), 5).vectors;
    for (let c = 1; c < 5; c++) {
      const gap = Array.from(
        { length: x.columns },
        (_, j) => codes.data[c * x.columns + j]! - codes.data[j]!,
      );
      const repeated = rows(...Array.from({ length: 5 }, () => gap));
      expect(directionOverlap(neutral, repeated)).toBeLessThan(1e-9);
    }
  });
});

describe('the part of a direction outside another', () => {
  it('is at right angles to it and as long as the whole; nothing is left of the direction itself', () => {
    const own = rows([2, 0, 0], [0, 0, 0]);
    const rest = withoutOwn(rows([3, 4, 0], [1, 1, 1]), own)!;
    expect(Array.from(rest.data.subarray(0, 3))).toEqual([0, 5, 0]);
    // A base that is not pushed takes nothing away.
    expect(Array.from(rest.data.subarray(3))).toEqual([1, 1, 1]);
    expect(withoutOwn(rows([-7, 0, 0], [1, 1, 1]), own)).toBeUndefined();
    expect(directionOverlap(rows([3, 4, 0]), rows([2, 0, 0]))).toBeCloseTo(0.36, 12);
    expect(directionOverlap(rows([0, 0, 0]), rows([2, 0, 0]))).toBe(0);
  });
});
