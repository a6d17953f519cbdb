/** @file test: what tells another mode from a disturbance where few choices make every change look like the proxy. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { contextModes } from '../../src/evidence/mode-context.ts';
import { searchMode } from '../../src/evidence/mode-search.ts';
import { agreementRows, beyondAgreement } from '../../src/evidence/mode-specific.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { type Linalg, openLinalg } from '../../src/linalg/linalg.ts';
import { type Down, fewChoices } from './few-choice-network.ts';

let linalg: Linalg;
beforeAll(async () => {
  linalg = await openLinalg({ threads: 1 });
});
afterAll(() => linalg.close());

/** What pushing from the working monitor to the broken one, and a search that knows of no monitor, say. */
async function statesOf(down: Down, choices: number, seed = 1): Promise<(string | undefined)[]> {
  const { columns, causal } = fewChoices(down, choices, seed);
  const request = {
    columns,
    sides: sidesOf(columns),
    inputs: causal,
    positions: [-1],
    randomDirections: 39,
    bootstrapDraws: 200,
    alpha: 0.05,
    linalg,
    random: seededRandom(seed),
  };
  const [pushed] = await contextModes(request);
  const found = await searchMode(request);
  return [pushed?.judgement.state, found?.judgement.state];
}

describe('a choice between two actions', () => {
  it('turns to the proxy while the monitor is down, and a push along either way shows it', async () => {
    expect(await statesOf('proxy-rules', 2)).toEqual(['acts-elsewhere', 'acts-elsewhere']);
  });

  it.each(['nothing', 'actions-renamed', 'irrelevant-rules'] as const)(
    'turns to the other action for reasons of its own (%s), and no mode is claimed',
    async (down) => {
      for (const seed of [1, 2]) expect(await statesOf(down, 2, seed)).not.toContain('acts-elsewhere');
    },
  );
});

describe('a choice between three actions', () => {
  it('is told apart in the same way', async () => {
    expect(await statesOf('proxy-rules', 3)).toEqual(['acts-elsewhere', 'acts-elsewhere']);
    for (const down of ['nothing', 'actions-renamed', 'irrelevant-rules'] as const)
      expect(await statesOf(down, 3, 2)).not.toContain('acts-elsewhere');
  });
});

describe('the difference between turning where goals part and changing where they agree', () => {
  const marks = (ones: number, total: number): { marks: Uint8Array; groups: Int32Array } => ({
    marks: Uint8Array.from({ length: total }, (_, i) => (i < ones ? 1 : 0)),
    groups: Int32Array.from({ length: total }, (_, i) => i),
  });

  it('has the interval of a published example (Newcombe 1998, table II, method 10), a group counting once', () => {
    const twice = (of: ReturnType<typeof marks>): ReturnType<typeof marks> => ({
      marks: Uint8Array.from([...of.marks, ...of.marks]),
      groups: Int32Array.from([...of.groups, ...of.groups]),
    });
    const interval = beyondAgreement(twice(marks(56, 70)), twice(marks(48, 80)));
    expect(interval.state === 'measured' && interval.low).toBeCloseTo(0.0524, 4);
    expect(interval.state === 'measured' && interval.high).toBeCloseTo(0.3339, 4);
  });

  it('says nothing about fewer than twenty groups', () => {
    expect(beyondAgreement(marks(19, 19), marks(0, 100)).state).toBe('undefined');
    expect(beyondAgreement(marks(100, 100), marks(0, 19)).state).toBe('undefined');
    expect(beyondAgreement(marks(20, 20), marks(0, 20)).state).toBe('measured');
  });

  it('holds its estimate and stays within -1 and 1', () => {
    const count = fc.integer({ min: 20, max: 200 });
    fc.assert(
      fc.property(count, count, fc.double({ min: 0, max: 1, noNaN: true }), (n, m, share) => {
        const interval = beyondAgreement(
          marks(Math.round(share * n), n),
          marks(Math.round((1 - share) * m), m),
        );
        if (interval.state !== 'measured') throw new Error(interval.reason);
        expect(interval.low).toBeLessThanOrEqual(interval.estimate + 1e-12);
        expect(interval.high).toBeGreaterThanOrEqual(interval.estimate - 1e-12);
        expect(interval.low).toBeGreaterThanOrEqual(-1 - 1e-12);
        expect(interval.high).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  it('takes the rows on which the model does what both goals say', () => {
    const { columns } = fewChoices('nothing', 3, 1);
    const rows = agreementRows(
      columns,
      Int32Array.from({ length: columns.rows }, (_, i) => i),
    );
    expect(rows.length).toBeGreaterThan(400);
    for (const row of rows) {
      const at = row * 3 + columns.chosen[row]!;
      expect(columns.recommended.intended[at]! + columns.recommended.proxy[at]!).toBe(2);
    }
  });
});
