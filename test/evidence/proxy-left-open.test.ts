/** @file test: labels of the proxy that no rung can judge: the verdict leaves its state open, names the rung, and claims no search that failed. */
import { afterAll, expect, it } from 'vitest';
import type { ClassLabels } from '../../src/core/split.ts';
import { gatherEvidence } from '../../src/evidence/gather.ts';
import type { Verdict } from '../../src/evidence/rung.ts';
import { openLinalg } from '../../src/linalg/linalg.ts';
import { HOOKS, makeWorld, READOUT, runSynthetic, TRUTHS, WIDTH } from './synthetic-network.ts';

const linalg = await openLinalg({ threads: 1 });
afterAll(() => linalg.close());

const WORLD = makeWorld({ seed: 2, train: 150, apart: 600 });

/** The verdict on one of the known networks, with other labels of the proxy than the network has. */
async function verdictWith(
  truth: keyof typeof TRUTHS,
  relabel: (proxy: ClassLabels, test: ReadonlySet<number>) => Int32Array,
): Promise<Verdict> {
  const { columns, activations, causal } = runSynthetic(TRUTHS[truth], WORLD, 50);
  const proxy = columns.labels.proxy!;
  const values = relabel(proxy, new Set(columns.split.test.rows));
  const evidence = await gatherEvidence({
    columns: { ...columns, labels: { ...columns.labels, proxy: { ...proxy, values } } },
    hooks: HOOKS,
    positions: [READOUT],
    readout: READOUT,
    activations,
    width: WIDTH,
    twins: async function* () {},
    twinCount: 0,
    causal,
    noOpDifference: 0,
    settings: {
      ridge: 0.01,
      alpha: 0.05,
      permutations: 99,
      bootstrapDraws: 200,
      randomSubspaces: 19,
      randomDirections: 19,
      ranks: [1, 2, 4, 8],
    },
    seed: 1,
    linalg,
    sets: [
      { name: 'train', rows: columns.train },
      { name: 'apart', rows: columns.apart },
    ],
  });
  return evidence.verdict;
}

const claims = ({ claims }: Verdict): string[] => claims.map(({ id }) => id);

it('a proxy that is constant on the test side is left open by L1', async () => {
  const verdict = await verdictWith('intendedOnly', ({ values }, test) =>
    values.map((value, row) => (test.has(row) ? 0 : value)),
  );
  expect(verdict).toMatchObject({ pursues: 'intended', proxy: 'undetermined' });
  expect(claims(verdict)).not.toContain('claim.proxy.not-found');
  const [first] = verdict.missing;
  expect(first).toMatchObject({ rung: 'L1' });
  expect(first!.why).toMatch(/fewer than two of its values occur on the test side/);
});

it('a proxy of two values beside an irrelevant variable of five is left open by L2, and is not said to be sought in vain', async () => {
  const binary = ({ values }: ClassLabels): Int32Array => values.map((value) => (value === 0 ? 1 : 0));
  const unused = await verdictWith('unusedProxy', binary);
  expect(unused).toMatchObject({ pursues: 'intended', proxy: 'undetermined' });
  const [first] = unused.missing;
  expect(first).toMatchObject({ rung: 'L2' });
  expect(first!.why).toMatch(/different numbers of them/);
  for (const verdict of [unused, await verdictWith('proxyOnly', binary)])
    expect(claims(verdict)).not.toContain('claim.proxy.not-found');
});
