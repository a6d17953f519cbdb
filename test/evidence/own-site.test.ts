/** @file test: a goal that reaches the read-out one hook later than the other is judged where it is, not where the other is. */
import { afterAll, expect, it } from 'vitest';
import type { Measured } from '../../src/core/outcome.ts';
import { seededRandom } from '../../src/core/random.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import type { Columns } from '../../src/evidence/columns.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { necessary } from '../../src/evidence/rung-necessary.ts';
import { strataEffects } from '../../src/evidence/strata.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { makeWorld, runSynthetic, type Truth } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const WORLD = makeWorld({ seed: 21, train: 60, apart: 600 });
/** Both goals drive the choice, the intended one a little more; the proxy is written by the second block. */
const LATE: Truth = {
  code: { intended: 1, proxy: 1, irrelevant: 1 },
  weight: { intended: 4, proxy: 3, irrelevant: 0 },
  late: 'proxy',
};
const numberOf = (value: Measured): number => {
  if (value.state !== 'measured') throw new Error(value.reason);
  return value.value;
};

const run = runSynthetic(LATE, WORLD, 60);
const labels = {
  classes: 2,
  names: ['0', '1'],
  values: Int32Array.from(WORLD, ({ input }) => input.context),
};
const columns: Columns = { ...run.columns, contexts: [{ name: 'context', labels }] };
const sides = sidesOf(columns);
const where = (await findCausalSite(run.causal, columns, sides, [1, 2, 4]))!;
const request = {
  columns,
  sides,
  inputs: run.causal,
  where,
  randomSubspaces: 19,
  permutations: 199,
  bootstrapDraws: 400,
  alpha: 0.05,
  linalg,
  random: seededRandom('own site'),
  ridge: 0.01,
};

it('lies later in this network', () => {
  expect([where.sites.intended.hook, where.sites.proxy.hook]).toEqual([
    'blocks.0.resid_post',
    'blocks.1.resid_post',
  ]);
});

it('is used in every context, where the site of the other goal shows nothing of it', async () => {
  const strata = await strataEffects(request);
  expect(strata.map(({ value }) => value)).toEqual(['0', '1']);
  const early = { intended: where.sites.intended, proxy: where.sites.intended };
  const elsewhere = await strataEffects({ ...request, where: { ...where, sites: early } });
  for (const [i, stratum] of strata.entries()) {
    expect(stratum.use).toEqual({ intended: 'used', proxy: 'used' });
    // Of seven nats the proxy gives three; the two are compared where both have arrived.
    expect(Math.abs(numberOf(stratum.proxyWeight) - 3 / 7)).toBeLessThan(0.1);
    expect(elsewhere[i]!.use.proxy).not.toBe('used');
    expect(Math.abs(numberOf(elsewhere[i]!.proxy))).toBeLessThan(0.25);
  }
});

it('is erased from its own hook on', async () => {
  const { rung, erasure } = await necessary(request);
  const fall = (goal: string): (typeof rung.statistics)[number] =>
    rung.statistics.find(({ id }) => id === `L7.${goal}.fall`)!;
  expect(fall('intended').site).toContain('blocks.0.resid_post');
  expect(fall('proxy').site).toContain('blocks.1.resid_post');
  expect(rung.byRole.proxy).toBe('passed');
  expect(rung.summary).toContain('from blocks.1.resid_post');
  // Only where a goal is judged are random erasers run.
  const judged = erasure.filter(({ nulls }) => nulls.length > 1).map(({ role, hook }) => `${role} ${hook}`);
  expect(judged.sort()).toEqual(['intended blocks.0.resid_post', 'proxy blocks.1.resid_post']);
});
