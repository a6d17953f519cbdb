/** @file test: other modes: a proxy that acts in one context, one that a push awakens, and networks that have no second mode. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import {
  byRank,
  judgeMode,
  type ModeOutcome,
  modeBases,
  modeOutcome,
  shareOf,
} from '../../src/evidence/mode-push.ts';
import type { Marks } from '../../src/evidence/mode-specific.ts';
import { type ModesResult, modes } from '../../src/evidence/modes.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { makeWorld, READOUT, runSynthetic, type Truth, VALUES, type WorldRow } from './synthetic-network.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const CODE = { intended: 1, proxy: 1, irrelevant: 1 };
const WORLD = makeWorld({ seed: 9, train: 300, apart: 900 });
/** The proxy outweighs the intended goal where the context is 1 and does nothing where it is 0. */
const GATED: Truth = {
  code: CODE,
  weight: { intended: 2, proxy: 0.0001, irrelevant: 0 },
  proxyInContext: 200_000,
};
const PLAIN: Truth = { code: CODE, weight: { intended: 4, proxy: 0, irrelevant: 0 } };

async function look(truth: Truth, world: readonly WorldRow[], named: boolean): Promise<ModesResult> {
  const run = runSynthetic(truth, world, 160);
  const labels = {
    classes: 2,
    names: ['0', '1'],
    values: Int32Array.from(world, ({ input }) => input.context),
  };
  const columns: Columns = { ...run.columns, contexts: named ? [{ name: 'gate', labels }] : [] };
  const sides = sidesOf(columns);
  const where = await findCausalSite(run.causal, columns, sides, [1, 2, 4]);
  return modes({
    columns,
    sides,
    inputs: run.causal,
    where,
    positions: [READOUT],
    use: { intended: 'used', proxy: 'unused' },
    randomDirections: 39,
    permutations: 199,
    bootstrapDraws: 400,
    alpha: 0.05,
    linalg,
    random: seededRandom('modes'),
  });
}

describe('a proxy that acts in one context', () => {
  it('is found in the data that show both', async () => {
    const { finding, strata, contexts } = await look(GATED, WORLD, true);
    expect(finding).toEqual({
      state: 'acts-elsewhere',
      how: 'context',
      contexts: { variable: 'gate', intendedAt: '0', proxyAt: '1' },
    });
    expect(contexts.map(({ id, state }) => [id, state])).toEqual(
      ['0', '1'].flatMap((value) => [
        [`L5.context.gate.${value}.intended`, 'reported'],
        [`L5.context.gate.${value}.proxy`, 'reported'],
        [`L5.context.gate.${value}.weight`, 'passed'],
      ]),
    );
    for (const [i, { value }] of contexts.entries())
      expect(value).toEqual(
        [
          strata[0]!.intended,
          strata[0]!.proxy,
          strata[0]!.proxyWeight,
          strata[1]!.intended,
          strata[1]!.proxy,
          strata[1]!.proxyWeight,
        ][i],
      );
    const [off, on] = strata;
    expect([off!.value, on!.value]).toEqual(['0', '1']);
    expect(off!.use).toEqual({ intended: 'used', proxy: 'unused' });
    expect(on!.use.proxy).toBe('used');
    expect(on!.proxyWeight.state === 'measured' && on!.proxyWeight.value).toBeGreaterThan(0.8);
  });

  it('is not looked for where the proxy acts already, or nothing was exchanged', async () => {
    const run = runSynthetic(PLAIN, WORLD);
    const request = {
      columns: run.columns,
      sides: sidesOf(run.columns),
      where: await findCausalSite(run.causal, run.columns, sidesOf(run.columns), [2]),
      positions: [READOUT],
      randomDirections: 19,
      permutations: 99,
      bootstrapDraws: 200,
      alpha: 0.05,
      linalg,
      random: seededRandom(1),
    };
    const both = { intended: 'used', proxy: 'used' } as const;
    const none = { intended: 'not-run', proxy: 'not-run' } as const;
    expect((await modes({ ...request, inputs: run.causal, use: both })).finding.state).toBe('not-run');
    expect((await modes({ ...request, inputs: undefined, use: none })).finding.state).toBe('not-run');
  });
});

describe('a network without a second mode', () => {
  it('is never said to have one, with its contexts named or not', async () => {
    for (const named of [true, false]) {
      const { finding } = await look(PLAIN, WORLD, named);
      expect(finding.state).not.toBe('acts-elsewhere');
    }
  });
});

describe('the rule for a push', () => {
  const groups = Int32Array.from({ length: 100 }, (_, i) => i);
  const outcomeOf = (turned: number, changed: number): ModeOutcome => ({
    effects: new Float64Array(100).fill(2),
    turned: Uint8Array.from({ length: 100 }, (_, i) => (i < turned ? 1 : 0)),
    changed: Uint8Array.from({ length: 100 }, (_, i) => (i < changed ? 1 : 0)),
  });
  const agreeingOf = (changed: number): Marks => ({
    marks: Uint8Array.from({ length: 100 }, (_, i) => (i < changed ? 1 : 0)),
    groups,
  });
  const state = (
    outcome: ModeOutcome,
    pValues: (number | undefined)[] = [0.01, 0.02],
    agreeing: Marks = agreeingOf(0),
    broken: readonly string[] = [],
  ): string =>
    judgeMode({
      outcome,
      broken,
      agreeing,
      groups,
      choices: 5,
      pValues,
      alpha: 0.05,
      bootstrapDraws: 200,
      random: seededRandom(1),
    }).state;

  it('asks for many turns, most changes among them, and every null beaten', () => {
    expect(state(outcomeOf(60, 70))).toBe('acts-elsewhere');
    expect(state(outcomeOf(60, 70), [0.01, 0.2])).toBe('unclear');
    expect(state(outcomeOf(60, 70), [])).toBe('unclear');
    expect(state(outcomeOf(60, 70), [undefined])).toBe('unclear');
    // A push that only disturbs spreads the choices over all actions.
    expect(state(outcomeOf(25, 100))).toBe('unclear');
    expect(state(outcomeOf(8, 8))).toBe('unclear');
    expect(state(outcomeOf(0, 40))).toBe('silent');
  });

  it('counts a group once: copies of its rows make no interval narrower and no chance smaller', () => {
    const copies = (of: ModeOutcome, times: number): Parameters<typeof judgeMode>[0] => {
      const repeat = (marks: Uint8Array): Uint8Array =>
        Uint8Array.from({ length: times * marks.length }, (_, i) => marks[Math.floor(i / times)]!);
      return {
        outcome: {
          effects: new Float64Array(times * of.effects.length).fill(2),
          turned: repeat(of.turned),
          changed: repeat(of.changed),
        },
        broken: [],
        agreeing: agreeingOf(0),
        groups: Int32Array.from({ length: times * of.effects.length }, (_, i) => Math.floor(i / times)),
        choices: 5,
        pValues: [0.01],
        alpha: 0.05,
        bootstrapDraws: 200,
        random: seededRandom(1),
      };
    };
    // 0 of 30 groups leave room for one in nine (Wilson); as 300 rows they would say: below .013, silent.
    const few = { effects: new Float64Array(30), turned: new Uint8Array(30), changed: new Uint8Array(30) };
    for (const times of [1, 10]) {
      const { state, turned } = judgeMode(copies(few, times));
      expect(state).toBe('unclear');
      expect(turned.state === 'measured' && turned.high).toBeCloseTo(0.1135, 4);
    }
    // 2 of the 4 groups that change become the proxy's, of four actions to change to: P = .26, whichever number of rows they have.
    const outcome = outcomeOf(2, 4);
    const [one, ten] = [1, 10].map((times) => judgeMode(copies(outcome, times)));
    expect(ten).toEqual(one);
    expect(one!.specificP).toBeCloseTo(1 - 0.75 ** 4 - 4 * 0.25 * 0.75 ** 3, 10);
  });

  it('orders pushes by the first number that differs, and takes what is no number for the worst', () => {
    const number = fc.oneof(
      fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 1),
      fc.double(),
    );
    const order = fc.tuple(number, number);
    fc.assert(
      fc.property(fc.array(order, { minLength: 2, maxLength: 8 }), (orders) => {
        const sorted = [...orders].sort(byRank);
        for (const [i, one] of sorted.entries())
          for (const later of sorted.slice(i)) {
            expect(byRank(one, later)).toBeLessThanOrEqual(0);
            expect(byRank(later, one) + byRank(one, later)).toBe(0);
          }
      }),
    );
    expect(byRank([1, 0.5, 2], [1, 0.5, Number.NaN])).toBeLessThan(0);
    expect(byRank([1, Number.NaN, 9], [1, Number.NEGATIVE_INFINITY, 0])).toBeGreaterThan(0);
    // Without rows in which the goals agree nothing is taken off the share that turns.
    expect(shareOf(new Uint8Array(0))).toBe(0);
  });

  it('asks that choices stay where the goals agree, and for rows that show it', () => {
    expect(state(outcomeOf(60, 70), [0.01], agreeingOf(20))).toBe('acts-elsewhere');
    expect(state(outcomeOf(60, 70), [0.01], agreeingOf(40))).toBe('unclear');
    expect(state(outcomeOf(100, 100), [0.01], agreeingOf(100))).toBe('unclear');
    const none = { marks: new Uint8Array(0), groups: new Int32Array(0) };
    expect(state(outcomeOf(100, 100), [0.01], none)).toBe('unclear');
  });

  it('says nothing by a push that is not valid, whatever it turns', () => {
    const far = ['the states lie 3.0 times as far out as the activations do'];
    expect(state(outcomeOf(60, 70), [0.01], agreeingOf(0), far)).toBe('unclear');
    expect(state(outcomeOf(0, 40), [0.01], agreeingOf(0), far)).toBe('unclear');
  });

  it('counts as a turn only what becomes the proxy and was the intended goal', () => {
    const run = runSynthetic(PLAIN, WORLD);
    const bases = modeBases(run.columns, run.causal.test.bases);
    const { chosen, recommended } = run.columns;
    for (const row of bases.rows) expect(recommended.intended[row * VALUES + chosen[row]!]).toBe(1);
    const after = matrix(bases.rows.length, VALUES);
    for (let i = 0; i < bases.rows.length; i++)
      for (let j = 0; j < VALUES; j++) after.data[i * VALUES + j] = j === bases.proxy[i]! ? -0.1 : -5;
    const all = modeOutcome(run.columns, bases, after);
    expect(all.turned.every((mark) => mark === 1)).toBe(true);
    expect(all.changed.every((mark) => mark === 1)).toBe(true);
  });
});
