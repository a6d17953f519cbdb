/** @file test: effects within the values of a context: what so few groups that differ from the irrelevant variable cannot show. */
import { expect, it } from 'vitest';
import { type Matrix, matrix } from '../../src/core/matrix.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { CausalInputs } from '../../src/evidence/causal-side.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import type { Columns, Site } from '../../src/evidence/columns.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import { strataEffects } from '../../src/evidence/strata.ts';
import { makeWorld, runSynthetic, TRUTHS } from './synthetic-network.ts';

const WORLD = makeWorld({ seed: 3, train: 60, apart: 900 });
const RUN = runSynthetic(TRUTHS.intendedOnly, WORLD, 120);
const CONTEXT = Int32Array.from(WORLD, ({ input }) => input.context);
const COLUMNS: Columns = {
  ...RUN.columns,
  contexts: [{ name: 'context', labels: { classes: 2, names: ['0', '1'], values: CONTEXT } }],
};

/** Sources of the irrelevant variable that are those of the goal, but for the bases of `differing` groups of each context, which stay as they are. */
function nearlyAlike(differing: number): CausalInputs {
  const { test } = RUN.causal;
  const kept = new Uint8Array(test.bases.length);
  for (const value of [0, 1]) {
    const here = [...test.bases.keys()].filter((i) => CONTEXT[test.bases[i]!] === value);
    const first = new Set([...new Set(here.map((i) => test.groups[i]!))].slice(0, differing));
    for (const i of here) if (first.has(test.groups[i]!)) kept[i] = 1;
  }
  const mixed = (theirs: Matrix, own: Matrix): Matrix => {
    const { rows, columns } = theirs;
    const data = theirs.data.map((value, at) =>
      kept[Math.floor(at / columns)] === 1
        ? own.data[test.bases[Math.floor(at / columns)]! * columns + (at % columns)]!
        : value,
    );
    return matrix(rows, columns, data);
  };
  const goal = test.sources.intended!;
  const irrelevant = {
    bases: goal.bases,
    activations: (site: Site) => mixed(goal.activations(site), RUN.causal.activations(site)),
    logProbabilities: mixed(goal.logProbabilities, RUN.causal.logProbabilities),
  };
  return { ...RUN.causal, test: { ...test, sources: { ...test.sources, irrelevant } } };
}

async function usesOf(differing: number, seed: number): Promise<string[]> {
  const sides = sidesOf(COLUMNS);
  const strata = await strataEffects({
    columns: COLUMNS,
    inputs: nearlyAlike(differing),
    where: (await findCausalSite(RUN.causal, COLUMNS, sides, [1, 2, 4]))!,
    permutations: 39,
    bootstrapDraws: 200,
    alpha: 0.05,
    random: seededRandom(seed),
  });
  return strata.map(({ use }) => use.intended);
}

it('a goal that differs from the irrelevant variable in four groups alone is not used, whatever the draws are', async () => {
  // At a level of .05 / 2 four groups reach a p of 1 / 16 at best; that none of 39 draws turns none of them has a chance of .08.
  for (let seed = 0; seed < 12; seed++) expect(await usesOf(4, seed)).toEqual(['unclear', 'unclear']);
  expect(await usesOf(40, 0)).toEqual(['used', 'used']);
});
