/** @file test: quantities read by regression, on features whose signal and noise are known. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import { numberStatistics } from '../../src/evidence/number-reading.ts';
import { readNetwork, sidesOf } from '../../src/evidence/reading.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { makeWorld, READOUT, runSynthetic } from './synthetic-network.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

const TRUTH = {
  code: { intended: 1, proxy: 1, irrelevant: 1 },
  weight: { intended: 4, proxy: 0, irrelevant: 0 },
};
/** Noise of the one feature that carries the quantity, whose variance is 1. */
const NOISE = 0.5;

describe('a quantity', () => {
  it('is predicted up to the share of variance that is not noise, and has its own interval', async () => {
    const { columns } = runSynthetic(TRUTH, makeWorld({ seed: 5, apart: 1500 }));
    const random = seededRandom('quantity');
    const values = Float64Array.from({ length: columns.rows }, () => random.normal());
    const x = matrix(columns.rows, 6);
    for (let i = 0; i < columns.rows; i++) {
      for (let j = 0; j < 6; j++) x.data[i * 6 + j] = random.normal();
      x.data[i * 6 + 2] = values[i]! + NOISE * random.normal();
    }
    const numbers = { intended: { values, edges: [0] } };
    const classes = Int32Array.from(values, (value) => (value >= 0 ? 1 : 0));
    const labels = { intended: { classes: 2, names: ['below 0', '0 or more'], values: classes } };
    const own = { ...columns, labels, numbers };
    const request = {
      columns: own,
      sides: sidesOf(own),
      sites: [{ hook: 'h', position: READOUT }],
      readout: READOUT,
      ridge: 0.01,
      linalg,
      activations: () => x,
    };
    const reading = await readNetwork(request);
    const found = await numberStatistics({ ...request, reading, bootstrapDraws: 500, random });
    expect(found.map(({ id, state }) => [id, state])).toEqual([
      ['L1.intended.r-squared', 'reported'],
      ['L1.intended.rank-correlation', 'reported'],
    ]);
    const [rSquared, rank] = found;
    // Signal 1 of 1 + NOISE squared.
    const explained = 1 / (1 + NOISE ** 2);
    expect(rSquared!.value.state === 'measured' && rSquared!.value.value).toBeCloseTo(explained, 1);
    expect(rSquared!.interval!.low).toBeLessThan(explained);
    expect(rSquared!.interval!.high).toBeGreaterThan(explained);
    expect(rSquared!.interval!.high - rSquared!.interval!.low).toBeLessThan(0.15);
    // Of two normal variables with correlation r the rank correlation is 6 asin(r / 2) / pi (Pearson 1907).
    const expected = (6 / Math.PI) * Math.asin(Math.sqrt(explained) / 2);
    expect(rank!.value.state === 'measured' && rank!.value.value).toBeCloseTo(expected, 1);
  });
});
