/** @file test: several pushes that turn nothing are together no likelier to be taken for a mode than one test at the level asked for. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import { contextModes } from '../../src/evidence/mode-context.ts';
import { drawsFor, levelOf } from '../../src/evidence/mode-level.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { permutationPValue } from '../../src/evidence/resample-permutation.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { fewChoices } from './few-choice-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const ALPHA = 0.05;
const REPEATS = 2000;

/**
 * Share of repeats in which any of `count` pushes is beyond its draws, where a push is one more draw; `together` is the share of a push's
 * variance that all pushes of one repeat have in common.
 */
function falseAlarms(count: number, level: number, together: number): number {
  const random = seededRandom(`alarms/${count}/${level}/${together}`);
  const draws = drawsFor(level, 19);
  let alarms = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const common = random.normal();
    const noise = (): number => Math.sqrt(1 - together) * random.normal();
    let any = false;
    for (let push = 0; push < count && !any; push++) {
      const shared = Math.sqrt(together) * common;
      const values = Float64Array.from(
        { length: draws },
        () => Math.sqrt(together) * random.normal() + noise(),
      );
      any = permutationPValue({ observed: shared + noise(), values, alternative: 'greater' }) <= level;
    }
    if (any) alarms++;
  }
  return alarms / REPEATS;
}

describe('the level of each of several pushes', () => {
  // Four standard errors of a share of .05 over the repeats.
  const slack = 4 * Math.sqrt((ALPHA * (1 - ALPHA)) / REPEATS);

  it.each([1, 2, 6])('keeps the rate of false alarms of %i pushes', (count) => {
    for (const together of [0, 0.8])
      expect(falseAlarms(count, levelOf(ALPHA, count), together)).toBeLessThan(ALPHA + slack);
  });

  it('is spent, not wasted: independent pushes come close to it', () => {
    expect(falseAlarms(6, levelOf(ALPHA, 6), 0)).toBeGreaterThan(ALPHA - 0.5 * ALPHA);
  });

  it('would be broken by six pushes that each had the whole of it', () => {
    expect(falseAlarms(6, ALPHA, 0)).toBeGreaterThan(0.2);
  });
});

describe('the draws behind a level', () => {
  it('can reach it, are never fewer than asked for, and are no more than needed', () => {
    const level = fc.double({ min: 1e-4, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(
        level,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 19, max: 200 }),
        (a, count, least) => {
          const own = levelOf(a, count);
          const draws = drawsFor(own, least);
          expect(1 / (draws + 1)).toBeLessThanOrEqual(own);
          expect(draws).toBeGreaterThanOrEqual(least);
          expect(draws === least || 1 / (draws - 1) > own).toBe(true);
        },
      ),
    );
  });

  it('are 19, 39 and 119 for one, two and six pushes at .05', () => {
    expect([1, 2, 6].map((count) => drawsFor(levelOf(ALPHA, count), 19))).toEqual([19, 39, 119]);
  });
});

it('is divided over the pushes that the contexts of the data allow', async () => {
  const { columns, causal } = fewChoices('proxy-rules', 3, 1);
  const random = seededRandom('coins');
  /** Contexts that are nothing but coins, seen everywhere: each allows a push from either value to the other. */
  const coins = ['north', 'south'].map((name) => ({
    name,
    labels: {
      classes: 2,
      names: ['heads', 'tails'],
      values: Int32Array.from({ length: columns.rows }, () => random.integer(2)),
    },
  }));
  const look = (contexts: Columns['contexts']): ReturnType<typeof contextModes> =>
    contextModes({
      columns: { ...columns, contexts },
      sides: sidesOf(columns),
      inputs: causal,
      positions: [-1],
      randomDirections: 19,
      bootstrapDraws: 200,
      alpha: ALPHA,
      linalg,
      random: seededRandom('divided'),
    });
  // The monitor is always up where the goals part, so there is one way to push it.
  const alone = await look(columns.contexts);
  expect(alone.map(({ id, alpha }) => [id, alpha])).toEqual([['mode.monitor.0-1', ALPHA]]);
  const among = await look([...columns.contexts, ...coins]);
  expect(among.length).toBe(5);
  for (const { alpha } of among) expect(alpha).toBe(ALPHA / 5);
  const [monitor, ...pointless] = among;
  expect(monitor!.judgement.state).toBe('acts-elsewhere');
  for (const { draws, pValue } of monitor!.nulls) {
    expect(draws).toBe(99);
    expect(pValue.state === 'measured' && pValue.value).toBeLessThanOrEqual(ALPHA / 5);
  }
  expect(pointless.map(({ judgement }) => judgement.state)).not.toContain('acts-elsewhere');
});
