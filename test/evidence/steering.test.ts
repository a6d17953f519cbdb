/** @file test: steering on a network whose goal is known, the null families, the validity checks, and the other hooks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type CausalSite, findCausalSite } from '../../src/evidence/causal-site.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { type SteerableResult, steerable } from '../../src/evidence/rung-steerable.ts';
import { sensitivity } from '../../src/evidence/sensitivity.ts';
import {
  directionsOf,
  FAMILIES,
  familyCodes,
  meanCodes,
  rowLengths,
} from '../../src/evidence/steering-directions.ts';
import { pushedStates, pushMany } from '../../src/evidence/steering-push.ts';
import { entropies, shifts } from '../../src/evidence/steering-validity.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { centeredCovariance } from '../../src/linalg/moments.ts';
import {
  makeWorld,
  READOUT,
  runSynthetic,
  type SyntheticRun,
  type Truth,
  VALUES,
  WIDTH,
} from './synthetic-network.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const CODE = { intended: 1, proxy: 1, irrelevant: 1 };
const WORLD = makeWorld({ seed: 5, train: 200, apart: 700 });

async function siteOf(run: SyntheticRun): Promise<CausalSite> {
  return (await findCausalSite(run.causal, run.columns, sidesOf(run.columns), [1, 2, 4]))!;
}

async function steer(
  truth: Truth,
  change: Partial<Parameters<typeof steerable>[0]> = {},
): Promise<SteerableResult> {
  const run = runSynthetic(truth, WORLD);
  return steerable({
    columns: run.columns,
    sides: sidesOf(run.columns),
    inputs: run.causal,
    where: await siteOf(run),
    randomDirections: 39,
    bootstrapDraws: 400,
    alpha: 0.05,
    linalg,
    random: seededRandom('steer'),
    ...change,
  });
}

describe('steering', () => {
  it('moves the choice along the goal that the network follows, by its weight, and along no other', async () => {
    const { steers, doses, rung } = await steer({
      code: CODE,
      weight: { intended: 3, proxy: 0, irrelevant: 0 },
    });
    expect(steers.intended).toBe('steers');
    expect(steers.proxy).not.toBe('steers');
    expect(rung.byRole.intended).toBe('passed');
    expect(rung.byRole.proxy).not.toBe('passed');
    const intended = doses.find(({ id }) => id === 'goal.intended')!;
    // The head is linear: a whole gap takes the old value's code out and puts the new one's in, weight nats each.
    const whole = intended.points.find(({ dose }) => dose === 1)!;
    expect(whole.effect.state === 'measured' && whole.effect.value).toBeCloseTo(6, 0);
    const half = intended.points.find(({ dose }) => dose === 0.5)!;
    expect(half.effect.state === 'measured' && half.effect.value).toBeCloseTo(3, 0);
    expect(whole.flips.state === 'measured' && whole.flips.value).toBeGreaterThan(0.9);
    expect(whole.nulls.map(({ id }) => id).sort()).toEqual([...FAMILIES].sort());
    expect(intended.slope.state === 'measured' && intended.slope.value).toBeCloseTo(6, 0);
  });

  it('finds both goals of a mixture and neither of a network that ignores both', async () => {
    const both = await steer({ code: CODE, weight: { intended: 2, proxy: 2, irrelevant: 0 } });
    expect(both.steers).toEqual({ intended: 'steers', proxy: 'steers' });
    const none = await steer({ code: CODE, weight: { intended: 0, proxy: 0, irrelevant: 0 }, bias: 1 });
    expect(Object.values(none.steers)).not.toContain('steers');
  });

  it('stays open when no family can reject, and is not run without counterfactuals or their values', async () => {
    const truth: Truth = { code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 } };
    expect((await steer(truth, { randomDirections: 15 })).steers.intended).toBe('unclear');
    expect((await steer(truth, { inputs: undefined })).rung.state).toBe('not-run');
    const run = runSynthetic(truth, WORLD);
    const test = { ...run.causal.test, newValues: {} };
    const without = await steer(truth, { inputs: { ...run.causal, test } });
    expect(without.steers).toEqual({ intended: 'not-run', proxy: 'not-run' });
    expect(without.rung.summary).toMatch(/name the value/);
  });

  it('decides nothing by doses that take the probability away from the choices', async () => {
    const run = runSynthetic({ code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 } }, WORLD);
    const where = await siteOf(run);
    const states = run.activations(where.site);
    // As if every long push made the model say something that is no choice at all.
    const observeIntervened: typeof run.causal.observeIntervened = async (edit) => {
      const seen = await run.causal.observeIntervened(edit);
      const [values] = edit.values;
      const choiceMass = seen.choiceMass.map((mass, i) => {
        let squares = 0;
        for (let j = 0; j < WIDTH; j++)
          squares += (values!.data[i * WIDTH + j]! - states.data[edit.rows[i]! * WIDTH + j]!) ** 2;
        return Math.sqrt(squares) > 2.2 ? 0.2 : mass;
      });
      return { ...seen, choiceMass };
    };
    const { doses, steers } = await steer(
      { code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 } },
      { inputs: { ...run.causal, observeIntervened }, where },
    );
    for (const { points } of doses) {
      for (const { valid, broken, dose } of points) {
        expect(valid).toBe(broken.length === 0);
        expect(broken.some((reason) => /lose probability/.test(reason))).toBe(Math.abs(dose) === 2);
      }
    }
    expect(steers.intended).toBe('steers');
  });
});

describe('null directions', () => {
  it('have the length of the goal direction, base by base, in every family', async () => {
    const run = runSynthetic({ code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 } }, WORLD);
    const { columns } = run;
    const sides = sidesOf(columns);
    const activations = run.activations({ hook: 'blocks.0.resid_post', position: READOUT });
    const labels = columns.labels.intended!;
    const fit = sides.apart.fit;
    const pick = (values: Int32Array): Int32Array => Int32Array.from(fit, (row) => values[row]!);
    const rows = matrix(fit.length, WIDTH);
    for (const [i, row] of fit.entries())
      rows.data.set(activations.data.subarray(row * WIDTH, (row + 1) * WIDTH), i * WIDTH);
    const covariance = await centeredCovariance(rows, { linalg });
    const own = meanCodes(rows, pick(labels.values), labels.classes);
    const moves = { from: Int32Array.from([0, 1, 2]), to: Int32Array.from([1, 3, 4]) };
    const lengths = rowLengths(directionsOf(own, moves));
    const request = { columns, activations, fit, labels, covariance, others: [columns.labels.irrelevant!] };
    for (const family of FAMILIES) {
      const draw = familyCodes(request, family)!;
      const [a, b] = [draw(seededRandom(1)), draw(seededRandom(2))];
      const drawn = directionsOf(a, moves, lengths);
      for (const [i, length] of rowLengths(drawn).entries()) expect(length).toBeCloseTo(lengths[i]!, 6);
      expect(a.vectors.data).not.toEqual(b.vectors.data);
      expect(draw(seededRandom(1)).vectors.data).toEqual(a.vectors.data);
    }
    expect(familyCodes({ ...request, others: [] }, 'other-concept')).toBeUndefined();
  });
});

describe('a push', () => {
  it('of nothing changes nothing, and many give what each gives alone', async () => {
    const run = runSynthetic({ code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 } }, WORLD);
    const site = { hook: 'blocks.0.resid_post', position: READOUT };
    const bases = run.causal.test.bases;
    const random = seededRandom('push');
    const directions = {
      rows: bases.length,
      columns: WIDTH,
      data: Float64Array.from({ length: bases.length * WIDTH }, () => random.normal()),
    };
    const pushes = [0, 1, -0.5].map((dose) => ({ directions, dose }));
    const together = await pushMany(run.causal, site, bases, pushes);
    const alone = await pushMany(run.causal, site, bases, [pushes[1]!]);
    expect(together[1]!.data).toEqual(alone[0]!.data);
    for (const [i, row] of bases.entries()) {
      for (let j = 0; j < VALUES; j++) {
        expect(together[0]!.data[i * VALUES + j]).toBeCloseTo(
          run.columns.logProbabilities.data[row * VALUES + j]!,
          5,
        );
      }
    }
    const states = matrix(1, 2, Float32Array.from([1, 2]));
    const push = { directions: { rows: 1, columns: 2, data: Float64Array.from([3, -1]) }, dose: 2 };
    expect(Array.from(pushedStates(states, push).data)).toEqual([7, 0]);
  });
});

describe('side effects', () => {
  it('are the entropy and the total variation distance of known distributions', () => {
    const log = (rows: number[][]): ReturnType<typeof matrix> =>
      matrix(rows.length, rows[0]!.length, Float32Array.from(rows.flat(), Math.log));
    const even = log([[0.25, 0.25, 0.25, 0.25]]);
    expect(entropies(even)[0]).toBeCloseTo(Math.log(4), 6);
    expect(entropies(log([[1, 0, 0, 0]]))[0]).toBe(0);
    expect(shifts(even, log([[1, 0, 0, 0]]))[0]).toBeCloseTo(0.75, 6);
    expect(shifts(even, even)[0]).toBe(0);
  });
});

describe('other hooks', () => {
  it('show the effects that the choice of a hook rests on', async () => {
    const run = runSynthetic({ code: CODE, weight: { intended: 2, proxy: 1, irrelevant: 0 } }, WORLD);
    const where = await siteOf(run);
    const points = await sensitivity({
      inputs: run.causal,
      where,
      bootstrapDraws: 300,
      random: seededRandom(1),
    });
    expect(points.map(({ hook }) => hook)).toEqual(run.causal.chain);
    expect(points.filter(({ chosen }) => chosen).map(({ hook }) => hook)).toEqual([where.site.hook]);
    const [embed, written, last] = points;
    // Nothing is written before the first block, and what it writes is carried to the end.
    expect(embed!.intended.state === 'measured' && Math.abs(embed!.intended.value)).toBeLessThan(0.5);
    for (const point of [written!, last!])
      expect(point.proxyWeight.state === 'measured' && point.proxyWeight.value).toBeCloseTo(1 / 3, 1);
    expect(embed!.proxyWeight.state).toBe('undefined');
  });
});
