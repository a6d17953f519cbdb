/** @file test: pushes towards another mode are held to the checks of L6, and one that fails is shown as such and decides nothing. */
import { afterAll, describe, expect, it } from 'vitest';
import { matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { CausalInputs } from '../../src/evidence/causal-side.ts';
import { type Columns, rowsOnSide } from '../../src/evidence/columns.ts';
import { contextModes, type ModeResult } from '../../src/evidence/mode-context.ts';
import { modeBases } from '../../src/evidence/mode-push.ts';
import { type CheckedPush, covariancesAt, modeCheck } from '../../src/evidence/mode-validity.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { statesAt } from '../../src/evidence/steering-push.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { fewChoices } from './few-choice-network.ts';
import { makeWorld, READOUT, runSynthetic, type Truth, WIDTH } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const SITE = { hook: 'blocks.0.resid_post', position: READOUT };

/** What the checks say of one push in a network whose truth is known. */
async function checked(truth: Truth, vector: Float64Array, dose: number): Promise<CheckedPush> {
  const { columns, causal: inputs } = runSynthetic(
    truth,
    makeWorld({ seed: 9, train: 300, apart: 900 }),
    160,
  );
  // Without inputs in which all but the goals changed, nothing says that a network may answer to anything else.
  const { same, ...sources } = inputs.test.sources;
  expect(same).toBeDefined();
  const causal: CausalInputs = { ...inputs, test: { ...inputs.test, sources } };
  const fit = rowsOnSide(columns, 'fit', columns.apart);
  const check = await modeCheck({
    columns,
    inputs: causal,
    side: 'test',
    site: SITE,
    bases: modeBases(columns, causal.test.bases),
    fit,
    covariances: await covariancesAt({ inputs: causal, linalg }, SITE, fit),
    reference: rowsOnSide(columns, 'select', columns.apart),
    gapsPerDose: 1,
  });
  return check({ vector, dose });
}

const CODE = { intended: 1, proxy: 1, irrelevant: 1 };
const PLAIN: Truth = { code: CODE, weight: { intended: 4, proxy: 0, irrelevant: 0 } };
const along = (length: number): Float64Array => {
  const random = seededRandom('along');
  const vector = Float64Array.from({ length: WIDTH }, () => random.normal());
  return vector.map((value) => (length * value) / Math.hypot(...vector));
};

describe('the checks of a push', () => {
  it('pass one that stays among the activations, and measure every side effect', async () => {
    const { broken, sideEffects } = await checked(PLAIN, along(0.2), 1);
    expect(broken).toEqual([]);
    for (const value of Object.values(sideEffects)) expect(value.state).toBe('measured');
  });

  it('fail one that leaves them, by either sign', async () => {
    for (const dose of [1, -1]) {
      const { broken } = await checked(PLAIN, along(20), dose);
      expect(broken.join()).toContain('times as far out as the activations do');
    }
  });

  it('fail any push where the irrelevant variable, pushed as far, moves the choice', async () => {
    const moved: Truth = { code: CODE, weight: { intended: 4, proxy: 0, irrelevant: 12 } };
    const { broken } = await checked(moved, along(0.2), 2);
    expect(broken.join()).toContain('a push of the irrelevant variable moves');
  });
});

describe('a mode that a push wakes', () => {
  const { columns, causal } = fewChoices('proxy-rules', 3, 1);
  const look = (inputs: CausalInputs, of: Columns = columns): Promise<ModeResult[]> =>
    contextModes({
      columns: of,
      sides: sidesOf(of),
      inputs,
      positions: [-1],
      randomDirections: 19,
      bootstrapDraws: 200,
      alpha: 0.05,
      linalg,
      random: seededRandom('wake'),
    });

  it('is claimed by a valid dose, and the figure says which doses are', async () => {
    const [found] = await look(causal);
    expect(found!.judgement.state).toBe('acts-elsewhere');
    expect(found!.figure!.points.find(({ dose }) => dose === found!.dose)!.valid).toBe(true);
    for (const { sideEffects } of found!.figure!.points) expect(sideEffects.distance.state).toBe('measured');
  });

  it('is not claimed where the push makes the network say something else than a choice', async () => {
    const plain = statesAt(causal, { hook: 'first', position: -1 });
    const lost: CausalInputs = {
      ...causal,
      chain: ['first'],
      observeIntervened: async (edit) => {
        const values = edit.values[0]!;
        const rows = Array.from(edit.rows, (row, i) =>
          values.data
            .subarray(i * values.columns, (i + 1) * values.columns)
            .every((value, j) => Math.abs(value - plain.data[row * values.columns + j]!) < 1e-6),
        );
        const seen = await causal.observeIntervened(edit);
        return { ...seen, choiceMass: Float64Array.from(rows, (same) => (same ? 1 : 0.6)) };
      },
    };
    const [found] = await look(lost);
    const { judgement, figure, nulls } = found!;
    // The choices turn all the same.
    expect(judgement.turned.state === 'measured' && judgement.turned.low).toBeGreaterThan(0.5);
    expect(judgement.state).toBe('unclear');
    expect(judgement.broken).toEqual(['the choices lose probability (60 % is left)']);
    expect(figure!.points.map(({ valid }) => valid)).not.toContain(true);
    expect(figure!.slope.state).toBe('undefined');
    expect(nulls).toEqual([]);
  });
});

it('judges several positions by the one that lies farthest out, and leaves out one at which nothing varies', async () => {
  const random = seededRandom('positions');
  const [rows, width] = [1200, 3];
  const first = matrix(
    rows,
    width,
    Float32Array.from({ length: rows * width }, () => random.normal()),
  );
  const flat = matrix(rows, width, new Float32Array(rows * width).fill(2));
  const { columns, causal } = fewChoices('nothing', 2, 1);
  const inputs: CausalInputs = {
    ...causal,
    activations: ({ position }) => (position === 0 ? first : flat),
    observeIntervened: async ({ rows: asked }) => ({
      logProbabilities: matrix(asked.length, 2),
      choiceMass: new Float64Array(asked.length).fill(1),
      hidden: [],
    }),
  };
  const all = Int32Array.from({ length: rows }, (_, i) => i);
  const site = { hook: 'first', position: [0, 1] };
  const check = await modeCheck({
    columns: { ...columns, labels: { intended: columns.labels.intended!, proxy: columns.labels.proxy! } },
    inputs,
    side: 'test',
    site,
    bases: modeBases(columns, all),
    fit: all,
    covariances: await covariancesAt({ inputs, linalg }, site, all),
    reference: all,
    gapsPerDose: 1,
  });
  const push = async (vector: readonly number[]): Promise<string> =>
    (await check({ vector: Float64Array.from(vector), dose: 1 })).broken.join();
  expect(await push([0.1, 0, 0, 0, 0, 0])).not.toContain('far out');
  expect(await push([9, 0, 0, 0, 0, 0])).toContain('far out');
  expect(await push([0, 0, 0, 9, 0, 0])).not.toContain('far out');
});
