/** @file test: interchange against a naive twin and closed forms: what is exchanged, how far the choice follows, what flips. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Matrix, matrix, rowOf } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { interchangeRequest, mean, totalEffects } from '../../src/evidence/causal-side.ts';
import {
  flipShare,
  interchange,
  interchangeMany,
  mixed,
  preferences,
} from '../../src/evidence/interchange.ts';
import { type Dense, dense } from '../../src/linalg/dense.ts';
import { orthonormalColumns } from '../../src/linalg/factor.ts';
import { makeWorld, READOUT, runSynthetic, TRUTHS, trueSubspace } from './synthetic-network.ts';

const WIDTH = 5;
function randomMatrix(seed: string, rows: number): Matrix {
  const random = seededRandom(seed);
  return matrix(
    rows,
    WIDTH,
    Float32Array.from({ length: rows * WIDTH }, () => random.normal()),
  );
}
function randomBasis(seed: string, k: number): Dense {
  const random = seededRandom(seed);
  return orthonormalColumns(
    dense(
      WIDTH,
      k,
      Float64Array.from({ length: WIDTH * k }, () => random.normal()),
    ),
  );
}

describe('a policy that follows one goal in seven of ten cases, whatever the odds', () => {
  // The hidden state is the pair of actions (of the intended goal, of the proxy); three choices, the third is never wanted.
  const policy = (hidden: Matrix): Matrix => {
    const out = matrix(hidden.rows, 3);
    for (let i = 0; i < hidden.rows; i++) {
      for (let a = 0; a < 3; a++) {
        const [intended, proxy] = rowOf(hidden, i);
        const wanted = (intended === a ? 0.7 : 0) + (proxy === a ? 0.3 : 0);
        out.data[i * 3 + a] = Math.log(0.001 + (1 - 0.003) * wanted);
      }
    }
    return out;
  };
  const base = matrix(2, 2, Float32Array.of(0, 1, 0, 1));
  const site = { hook: 'h', position: -1 };
  const exchange = (source: Matrix, oldAction: number, newAction: number) =>
    interchange(
      {
        runIntervened: async ({ values }) => policy(values[0]!),
        baseActivations: () => base,
        baseLogProbabilities: policy(base),
        sources: {
          bases: Int32Array.of(0, 1),
          activations: () => source,
          logProbabilities: policy(source),
        },
        pairs: {
          oldAction: Int32Array.of(oldAction, oldAction),
          newAction: Int32Array.of(newAction, newAction),
        },
      },
      { sites: [site], basis: null },
    );

  it('moves the probability by the weight of each goal, and the odds by nearly as much for both', async () => {
    const intended = await exchange(matrix(2, 2, Float32Array.of(2, 1, 2, 1)), 0, 2);
    const proxy = await exchange(matrix(2, 2, Float32Array.of(0, 2, 0, 2)), 1, 2);
    for (const shift of intended.shifts) expect(shift).toBeCloseTo(0.7 * 0.997, 5);
    for (const shift of proxy.shifts) expect(shift).toBeCloseTo(0.3 * 0.997, 5);
    const odds = mean(proxy.effects) / (mean(proxy.effects) + mean(intended.effects));
    expect(odds).toBeGreaterThan(0.45);
  });
});

describe('mixing a base with its source', () => {
  it('is base + B B^T (source - base), as written out with the full projection matrix', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: WIDTH }), (seed, k) => {
        const base = randomMatrix(`base/${seed}`, 4);
        const source = randomMatrix(`source/${seed}`, 4);
        const basis = randomBasis(seed, k);
        const out = mixed(base, source, basis);
        for (let i = 0; i < 4; i++) {
          for (let j = 0; j < WIDTH; j++) {
            let expected = rowOf(base, i)[j]!;
            for (let l = 0; l < WIDTH; l++) {
              let entry = 0;
              for (let c = 0; c < k; c++) entry += basis.data[j * k + c]! * basis.data[l * k + c]!;
              expected += entry * (rowOf(source, i)[l]! - rowOf(base, i)[l]!);
            }
            expect(rowOf(out, i)[j]).toBeCloseTo(expected, 5);
          }
        }
      }),
      { seed: 41, numRuns: 30 },
    );
  });

  it('gives the source without a basis and with a basis of the whole space, and the base when both agree', () => {
    const base = randomMatrix('base', 6);
    const source = randomMatrix('source', 6);
    expect(mixed(base, source, null).data).toEqual(source.data);
    const whole = mixed(base, source, randomBasis('whole', WIDTH));
    for (const [i, value] of whole.data.entries()) expect(value).toBeCloseTo(source.data[i]!, 5);
    expect(mixed(base, base, randomBasis('any', 2)).data).toEqual(base.data);
  });

  it('leaves its arguments alone', () => {
    const base = randomMatrix('base', 3);
    const kept = base.data.slice();
    mixed(base, randomMatrix('source', 3), randomBasis('b', 2));
    expect(base.data).toEqual(kept);
  });
});

describe('preferences', () => {
  it('are log pi(new) - log pi(old), row by row', () => {
    const pi = matrix(2, 3, Float32Array.of(-1, -2, -4, -0.5, -3, -8));
    const pairs = { oldAction: Int32Array.of(0, 2), newAction: Int32Array.of(2, 1) };
    expect([...preferences(pi, pairs)]).toEqual([-3, 5]);
  });
});

const run = runSynthetic(TRUTHS.mixture, makeWorld({ seed: 4, train: 60, apart: 400 }), 40);
const site = { hook: 'blocks.0.resid_post', position: READOUT };

describe('interchange in a network whose goals are known', () => {
  const { causal } = run;

  it('mediates all of a goal through its own subspace and nothing through any other', async () => {
    for (const goal of ['intended', 'proxy'] as const) {
      const request = interchangeRequest(causal, causal.test, goal, goal)!;
      const total = mean(totalEffects(causal, causal.test, goal)!);
      // Two logits move by the weight each, in opposite directions.
      expect(total).toBeCloseTo(2 * TRUTHS.mixture.weight[goal], 5);
      const share = async (basis: Dense | null): Promise<number> =>
        mean((await interchange(request, { sites: [site], basis })).effects) / total;
      expect(await share(null)).toBeCloseTo(1, 5);
      expect(await share(trueSubspace(goal))).toBeCloseTo(1, 5);
      for (const other of ['intended', 'proxy', 'irrelevant'] as const) {
        if (other !== goal) expect(Math.abs(await share(trueSubspace(other)))).toBeLessThan(0.02);
      }
    }
  });

  it('changes nothing where the goal is not yet there, and at a position that the choice does not read', async () => {
    const request = interchangeRequest(causal, causal.test, 'intended', 'intended')!;
    for (const nowhere of [
      { hook: 'embed', position: READOUT },
      { hook: 'blocks.0.resid_post', position: -2 },
    ]) {
      const { effects } = await interchange(request, { sites: [nowhere], basis: null });
      for (const effect of effects) expect(effect).toBeCloseTo(0, 5);
    }
  });

  it('moves nothing when the irrelevant variable is exchanged, or a source with the same value within the subspace, on average', async () => {
    const irrelevant = interchangeRequest(causal, causal.test, 'irrelevant', 'intended')!;
    const { effects } = await interchange(irrelevant, { sites: [site], basis: null });
    for (const effect of effects) expect(effect).toBeCloseTo(0, 5);
    const same = interchangeRequest(causal, causal.test, 'same', 'intended')!;
    const within = await interchange(same, { sites: [site], basis: trueSubspace('intended') });
    const whole = await interchange(same, { sites: [site], basis: null });
    // Noise of .3 on a code of length 1, read with weight 2.8: standard error about 2.8 x .3 x 2 / sqrt(40) = .27.
    expect(Math.abs(mean(within.effects))).toBeLessThan(0.8);
    // The whole vector brings another context in one base of two, and with it other actions: 2.8 x (1 + 1/4) / 2 = 1.75 expected, standard
    // error about .4. The subspace is what keeps them out.
    expect(mean(whole.effects)).toBeGreaterThan(0.5);
  });

  it('gives every subspace what it would get alone, however the runs are cut', async () => {
    const request = interchangeRequest(causal, causal.test, 'proxy', 'proxy')!;
    const bases = [null, trueSubspace('proxy'), trueSubspace('intended'), trueSubspace('irrelevant'), null];
    const together = await interchangeMany(request, [site], bases);
    for (const most of [1, 41, 90])
      expect(await interchangeMany(request, [site], bases, { rowsPerRun: most })).toEqual(together);
    for (const [i, basis] of bases.entries())
      expect(await interchange(request, { sites: [site], basis })).toEqual(together[i]);
  });

  it('stretches an edit to the length it would have elsewhere, and leaves a row alone that has nothing to stretch', () => {
    const base = matrix(2, 3, Float32Array.of(1, 1, 1, 0, 0, 0));
    const source = matrix(2, 3, Float32Array.of(4, 5, 1, 7, 0, 0));
    const first = dense(3, 1, Float64Array.of(1, 0, 0));
    const second = dense(3, 1, Float64Array.of(0, 1, 0));
    // Row 0 changes by (3, 4, 0): within the second axis by 4, stretched to the 3 of the first. Row 1 has no part in the second axis.
    expect([...mixed(base, source, second, first).data]).toEqual([1, 4, 1, 0, 0, 0]);
    expect([...mixed(base, source, second).data]).toEqual([1, 5, 1, 0, 0, 0]);
  });

  it('edits every site it is given', async () => {
    const request = interchangeRequest(causal, causal.test, 'intended', 'intended')!;
    const seen: number[] = [];
    await interchange(
      {
        ...request,
        runIntervened: (edit) => {
          seen.push(edit.hooks.length, edit.values.length, edit.values[0]!.rows);
          return request.runIntervened(edit);
        },
      },
      { sites: [site, { hook: 'blocks.1.resid_post', position: READOUT }], basis: null },
    );
    expect(seen).toEqual([2, 2, request.sources.bases.length]);
  });

  it('counts a flip only where the new action was not the choice already', async () => {
    const request = interchangeRequest(causal, causal.test, 'intended', 'intended')!;
    const outcome = await interchange(request, { sites: [site], basis: null });
    const chosenBefore = Array.from(request.sources.bases, (row) => run.columns.chosen[row]!);
    const could = chosenBefore.filter((choice, i) => choice !== request.pairs.newAction[i]).length;
    expect(outcome.couldFlip).toBe(could);
    outcome.flips.forEach((flip, i) => {
      if (chosenBefore[i] === request.pairs.newAction[i]) expect(flip).toBe(0);
    });
    const share = flipShare(outcome);
    expect(share).toEqual({
      state: 'measured',
      value: outcome.flips.reduce((sum, flip) => sum + flip, 0) / could,
    });
    expect(flipShare({ ...outcome, couldFlip: 0 }).state).toBe('undefined');
  });

  it('is empty without bases, and runs nothing', async () => {
    const request = interchangeRequest(causal, causal.test, 'intended', 'intended')!;
    const none = {
      ...request,
      sources: { ...request.sources, bases: new Int32Array(0) },
      runIntervened: () => Promise.reject(new Error('nothing should run')),
    };
    expect(await interchangeMany(none, [site], [null, null])).toEqual(
      Array.from({ length: 2 }, () => ({
        effects: new Float64Array(0),
        shifts: new Float64Array(0),
        flips: new Uint8Array(0),
        couldFlip: 0,
      })),
    );
  });
});
