/** @file test: L7 on networks whose goal is known: what erasure removes, what it leaves alone, and what a second copy hides from it. */
import { afterAll, describe, expect, it } from 'vitest';
import { matrix, takeRows } from '../../src/core/matrix.ts';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import { CRITERIA } from '../../src/evidence/criteria.ts';
import { fitEraser } from '../../src/evidence/erasure-fit.ts';
import { recommendedLog } from '../../src/evidence/erasure-measure.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import type { Statistic } from '../../src/evidence/rung.ts';
import { type NecessaryResult, necessary } from '../../src/evidence/rung-necessary.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import {
  HOOKS,
  makeWorld,
  READOUT,
  runSynthetic,
  type SyntheticRun,
  TRUTHS,
  type Truth,
  VALUES,
} from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const WORLD = makeWorld({ seed: 21, train: 60, apart: 600 });
const SITE = 'blocks.0.resid_post';

async function erase(truth: Truth, randomSubspaces = 19, world = WORLD): Promise<NecessaryResult> {
  const run = runSynthetic(truth, world, 25);
  return necessary(await requestOf(run, randomSubspaces));
}

async function requestOf(run: SyntheticRun, randomSubspaces = 19): Promise<Parameters<typeof necessary>[0]> {
  const sides = sidesOf(run.columns);
  return {
    columns: run.columns,
    sides,
    inputs: run.causal,
    where: await findCausalSite(run.causal, run.columns, sides, [1, 2, 4]),
    randomSubspaces,
    permutations: 199,
    bootstrapDraws: 400,
    alpha: 0.05,
    linalg,
    random: seededRandom('necessary'),
    ridge: 0.01,
  };
}

/** More draws asked for than are made. */
const proxyOnly = erase(TRUTHS.proxyOnly, 60);

function numberOf(value: Measured): number {
  if (value.state !== 'measured') throw new Error(value.reason);
  return value.value;
}

function statistic(result: NecessaryResult, id: string): Statistic {
  const found = result.rung.statistics.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id} among ${result.rung.statistics.map((one) => one.id)}`);
  return found;
}

const numberIn = (result: NecessaryResult, id: string): number => numberOf(statistic(result, id).value);

describe('erasing the goal that a network uses', () => {
  it('leaves the choice to chance, beyond random erasers, and nothing of it to read', async () => {
    const result = await proxyOnly;
    const { rung } = result;
    expect(rung.byRole).toEqual({ intended: 'failed', proxy: 'passed' });
    expect(rung.state).toBe('passed');
    // With equal logits each action has a fifth; before, the right one had nearly all.
    const fall = statistic(result, 'L7.proxy.fall');
    expect(numberOf(fall.value)).toBeGreaterThan(Math.log(VALUES) - 0.25);
    expect(fall.interval!.low).toBeGreaterThan(1);
    expect(numberIn(result, 'L7.proxy.share')).toBeGreaterThan(0.6);
    expect(fall.nulls.map(({ id }) => id)).toEqual([
      'irrelevant-erased',
      'random-outside',
      'random-anywhere',
    ]);
    expect(Math.abs(numberOf(fall.nulls[1]!.mean))).toBeLessThan(0.3);
    expect(fall.nulls[1]!.draws).toBe(CRITERIA.erasureDraws);
    // Four of the directions that vary, once: what was erased does not come back.
    expect(fall.label).toContain(`directions erased: ${VALUES - 1}, 0`);
    const left = statistic(result, 'L7.proxy.completeness');
    expect(left.state).toBe('passed');
    expect(numberOf(left.value)).toBeLessThan(1 / VALUES + 0.1);
    expect(Math.abs(numberIn(result, 'L7.proxy.selectivity'))).toBeLessThan(0.05);
    // What erasing takes from the other goal, it gives: the choice no longer avoids the intended goal's action.
    expect(numberIn(result, 'L7.intended.fall')).toBeCloseTo(0, 1);
    expect(rung.summary).toContain('Supporting only');
  });

  it('takes from either goal of a mixture its own share', async () => {
    const { rung, erasure } = await erase(TRUTHS.mixture);
    expect(rung.byRole.intended).toBe('passed');
    for (const goal of ['intended', 'proxy'] as const) {
      const points = erasure.filter((point) => point.role === goal);
      expect(points.map(({ hook }) => hook)).toEqual(HOOKS);
      // Nothing is coded at `embed`: erasing from there on is erasing from the site on.
      expect(numberOf(points[0]!.effect)).toBeCloseTo(numberOf(points[1]!.effect), 1);
      for (const point of points) {
        expect(point).toMatchObject({ position: READOUT, chance: 1 / VALUES });
        expect(point.nulls.map(({ id }) => id)).toContain('irrelevant-erased');
      }
    }
    // Of the five actions one has the weight of each goal; without a goal's weight its action is like the other three.
    const { intended, proxy } = TRUTHS.mixture.weight;
    const loss = (own: number, other: number): number =>
      own - Math.log(Math.exp(own) + Math.exp(other) + 3) + Math.log(Math.exp(other) + 4);
    const at = (goal: string): number =>
      numberOf(erasure.find((point) => point.role === goal && point.hook === SITE)!.effect);
    expect(Math.abs(at('intended') - loss(intended, proxy))).toBeLessThan(0.3);
    expect(Math.abs(at('proxy') - loss(proxy, intended))).toBeLessThan(0.3);
  });
});

describe('erasing a goal that a network does not use', () => {
  it('changes nothing, however well it is coded', async () => {
    const result = await erase(TRUTHS.unusedProxy);
    expect(result.rung.byRole).toEqual({ intended: 'passed', proxy: 'failed' });
    expect(Math.abs(numberIn(result, 'L7.proxy.fall'))).toBeLessThan(CRITERIA.equivalenceNats);
    expect(statistic(result, 'L7.proxy.fall').label).toContain('directions erased: 4');
    expect(statistic(result, 'L7.proxy.completeness').state).toBe('passed');
  });

  it('finds nothing needed in a network that ignores both', async () => {
    const result = await erase(TRUTHS.ignoresBoth);
    expect(Object.values(result.rung.byRole)).not.toContain('passed');
    for (const goal of ['intended', 'proxy'])
      expect(Math.abs(numberIn(result, `L7.${goal}.fall`))).toBeLessThan(CRITERIA.equivalenceNats);
  });
});

describe('a second copy that arrives later', () => {
  it('hides the need of a goal from erasure at one site, and not from erasure from there on', async () => {
    const quiet = makeWorld({ seed: 21, train: 60, apart: 600, noise: 0.1 });
    const twice = await erase({ ...TRUTHS.proxyOnly, again: 'proxy' }, 39, quiet);
    expect(numberIn(await proxyOnly, 'L7.proxy.one-site')).toBeGreaterThan(1);
    expect(numberIn(twice, 'L7.proxy.one-site')).toBeLessThan(CRITERIA.equivalenceNats);
    expect(numberIn(twice, 'L7.proxy.fall')).toBeGreaterThan(Math.log(VALUES) - 0.25);
    expect(twice.rung.byRole.proxy).toBe('passed');
    expect(statistic(twice, 'L7.proxy.fall').label).toContain('directions erased: 4, 4');
  });
});

describe('what cannot be shown', () => {
  it('is not run without counterfactuals, a site or decision states', async () => {
    const request = await requestOf(runSynthetic(TRUTHS.proxyOnly, WORLD, 25));
    const { inputs: _, ...rest } = request;
    for (const without of [
      { ...rest, inputs: undefined },
      { ...request, where: undefined },
      { ...request, sides: { ...request.sides, decisions: new Int32Array(0) } },
    ]) {
      const { rung, erasure } = await necessary(without);
      expect(rung).toMatchObject({ state: 'not-run', statistics: [] });
      expect(erasure).toEqual([]);
    }
  });

  it('is undefined where so few random erasers cannot reject, or so few groups cannot say', async () => {
    const few = await erase(TRUTHS.proxyOnly, 5);
    expect(few.rung.byRole.proxy).toBe('undefined');
    expect(statistic(few, 'L7.proxy.fall').nulls[1]!.draws).toBe(5);
    const request = await requestOf(runSynthetic(TRUTHS.proxyOnly, WORLD, 25));
    const sides = { ...request.sides, decisions: request.sides.decisions.subarray(0, 12) };
    expect((await necessary({ ...request, sides })).rung.byRole.proxy).toBe('undefined');
  });

  it('gives the same numbers for the same seed', async () => {
    const one = await erase(TRUTHS.unusedProxy, 5);
    expect(await erase(TRUTHS.unusedProxy, 5)).toEqual(one);
  });
});

describe('an irrelevant variable of which there is nothing to erase', () => {
  it('is no null, and leaves the decision to the margin and to random erasers', async () => {
    const result = await proxyOnly;
    const { nulls, state, criterion } = statistic(result, 'L7.proxy.fall');
    const none = nulls.find(({ id }) => id === 'irrelevant-erased')!;
    expect(none.label).toContain('ranks 0');
    expect([none.mean.state, none.pValue.state, none.decides]).toEqual(['undefined', 'undefined', false]);
    expect(none.pValue).toEqual({ state: 'undefined', reason: 'nothing of it to erase' });
    expect(nulls.filter(({ decides }) => decides).map(({ id }) => id)).toEqual(['random-outside']);
    expect(state).toBe('passed');
    expect(criterion).not.toContain('against the irrelevant variable');
    expect(statistic(result, 'L7.intended.fall').state).toBe('failed');
  });

  it('is one where something of it is erased, and only draws anywhere are for show', async () => {
    const code = { intended: 1, proxy: 1, irrelevant: 1 };
    const { nulls, criterion } = statistic(await erase({ ...TRUTHS.proxyOnly, code }), 'L7.proxy.fall');
    expect(criterion).toContain('against the irrelevant variable');
    expect(Math.abs(numberOf(nulls[0]!.mean))).toBeLessThan(0.3);
    expect(nulls.map(({ decides }) => decides)).toEqual([true, true, false]);
  });
});

describe('the loss of a goal that recommends several actions', () => {
  it('is that of their probabilities together, also where they are too small for 64 bits', () => {
    const { columns } = runSynthetic(TRUTHS.proxyOnly, WORLD, 1);
    const intended = new Uint8Array(columns.rows * VALUES);
    intended.set([1, 0, 1, 0, 0]);
    intended.set([0, 1, 1, 0, 0], VALUES);
    const both = { ...columns, recommended: { ...columns.recommended, intended } };
    const logs = matrix(2, VALUES, Float32Array.of(-2, -1, -3, -4, -5, 0, -2000, -2001, -1e4, -1e4));
    const [first, second] = recommendedLog(both, 'intended', Int32Array.of(0, 1), logs);
    expect(first).toBeCloseTo(Math.log(Math.exp(-2) + Math.exp(-3)), 12);
    expect(second).toBeCloseTo(-2000 + Math.log(1 + Math.exp(-1)), 12);
  });
});

describe('the number of directions erased', () => {
  const run = runSynthetic(TRUTHS.unusedProxy, WORLD, 1);
  const { fit } = sidesOf(run.columns).apart;
  const x = takeRows(run.activations({ hook: SITE, position: READOUT }), fit);
  const groups = fit.map((row) => run.columns.groups[row]!);
  const ranksOf = (values: Int32Array, seed: string): Promise<number> =>
    fitEraser({
      x,
      values,
      classes: VALUES,
      groups,
      alpha: 0.05,
      linalg,
      random: seededRandom(seed),
    }).then(({ rank }) => rank);

  it('is one less than the values of a variable that is coded', async () => {
    const proxy = fit.map((row) => run.columns.labels.proxy!.values[row]!);
    expect(await ranksOf(proxy, 'proxy')).toBe(VALUES - 1);
  });

  it('is none for labels made of noise, but for the share of false alarms that the level allows', async () => {
    let alarms = 0;
    const runs = 60;
    for (let i = 0; i < runs; i++) {
      const random = seededRandom(`noise/${i}`);
      if (
        (await ranksOf(
          fit.map(() => random.integer(VALUES)),
          `edge/${i}`,
        )) > 0
      )
        alarms++;
    }
    // Binomial(60, .05): more than 8 has a probability of .002.
    expect(alarms).toBeLessThanOrEqual(8);
  });
});
