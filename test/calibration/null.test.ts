/** @file test: a small set of the runs under the null: no test rejects more often than it may, and intervals hold the truth. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { binomialRange } from '../../src/evidence/distribution-binomial.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { modesUnderNull } from './null-modes.ts';
import {
  type Collected,
  collected,
  contrastUnderNull,
  effectsUnderNull,
  ladderUnderNull,
} from './null-runs.ts';

const RUNS = 16;
const MODE_RUNS = 3;
const SETTINGS = { permutations: 99, bootstrapDraws: 200, draws: 19, twins: 0 };
let linalg: Linalg;
let all: Collected;

beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
  all = collected();
  for (let seed = 0; seed < RUNS; seed++) {
    await ladderUnderNull(seed, SETTINGS, linalg, all);
    await contrastUnderNull(seed, SETTINGS, linalg, all);
    if (seed < MODE_RUNS) await modesUnderNull(seed, SETTINGS, linalg, all);
    for (let k = 0; k < 12; k++) effectsUnderNull(12 * seed + k, SETTINGS, all);
  }
}, 240_000);
afterAll(() => linalg.close());

describe('where there is nothing to be found', () => {
  it('no test rejects more often than its level allows', () => {
    expect(all.pValues.size).toBeGreaterThan(12);
    // A false alarm of this test in about one of a hundred sets of seeds: level .999 for each of about twenty tests.
    for (const [name, values] of all.pValues) {
      const { high } = binomialRange({ trials: values.length, share: 0.05, level: 0.999 });
      expect(values.filter((p) => p <= 0.05).length, name).toBeLessThanOrEqual(high);
    }
  });

  it('intervals hold the truth about as often as they say', () => {
    expect(all.covered.size).toBeGreaterThan(3);
    for (const [name, held] of all.covered) {
      const { low } = binomialRange({ trials: held.length, share: 0.93, level: 0.999 });
      expect(held.filter(Boolean).length, name).toBeGreaterThanOrEqual(low);
    }
  });

  it('no other mode is found in networks that have one mode, and the one that is there is found', () => {
    const found = [...all.passed].filter(([name]) => name.startsWith('another mode found'));
    expect(found).toHaveLength(4);
    for (const [name, marks] of found)
      expect(marks, name).toEqual(Array.from({ length: MODE_RUNS }, () => name.includes(': one')));
  });
});
