/** @file test: searches for another mode in networks that have one mode, and in networks that have two. */
import { seededRandom } from '../../src/core/random.ts';
import { findCausalSite } from '../../src/evidence/causal-site.ts';
import { modes } from '../../src/evidence/modes.ts';
import { sidesOf } from '../../src/evidence/reading.ts';
import type { Linalg } from '../../src/linalg/linalg.ts';
import { makeWorld, READOUT, runSynthetic } from '../evidence/synthetic-network.ts';
import { type Collected, type NullSettings, push } from './null-runs.ts';

/** Networks with one mode: sure of the intended goal, unsure of it, and one in which the proxy is faint but always there. */
const MODELESS = [
  { intended: 4, proxy: 0, irrelevant: 0 },
  { intended: 1.2, proxy: 0, irrelevant: 0.3 },
  { intended: 3, proxy: 0.15, irrelevant: 0.3 },
] as const;
const CODE = { intended: 1, proxy: 1, irrelevant: 1 };

/**
 * Worlds in which another mode is looked for. In three the network has one mode: a context that changes what actions mean and no goal, a context
 * that is written nowhere, and no context, which leaves the search. In the last the proxy decides in a context that only training-like rows
 * show, and is to be found.
 */
export async function modesUnderNull(
  seed: number,
  settings: NullSettings,
  linalg: Linalg,
  into: Collected,
): Promise<void> {
  const world = makeWorld({ seed: 300_000 + seed, train: 300, apart: 1200 });
  const plain = { code: CODE, weight: MODELESS[seed % MODELESS.length]! };
  const written = Int32Array.from(world, ({ input }) => input.context);
  const drawn = seededRandom(`modes/context/${seed}`);
  const asleep = world.map((row) =>
    row.set === 'train'
      ? { ...row, input: { ...row.input, gate: drawn.integer(2) as 0 | 1 } }
      : { ...row, input: { ...row.input, gate: 0 as const } },
  );
  const gated = { code: CODE, weight: { intended: 3, proxy: 0, irrelevant: 0 }, proxyBehindGate: 9 };
  for (const [name, rows, truth, values] of [
    ['none, a context that is written', world, plain, written],
    ['none, a context that is written nowhere', world, plain, written.map(() => drawn.integer(2))],
    ['none, no context', world, plain, undefined],
    [
      'one, its context shown in training only',
      asleep,
      gated,
      Int32Array.from(asleep, ({ input }) => input.gate),
    ],
  ] as const) {
    const run = runSynthetic(truth, rows, 200);
    const labels = values === undefined ? undefined : { classes: 2, names: ['0', '1'], values };
    const columns = { ...run.columns, contexts: labels === undefined ? [] : [{ name: 'gate', labels }] };
    const sides = sidesOf(columns);
    const { finding } = await modes({
      columns,
      sides,
      inputs: run.causal,
      where: await findCausalSite(run.causal, columns, sides, [2, 4]),
      positions: [READOUT],
      use: { intended: 'used', proxy: 'unused' },
      randomDirections: settings.draws,
      permutations: settings.permutations,
      bootstrapDraws: settings.bootstrapDraws,
      alpha: 0.05,
      linalg,
      random: seededRandom(`modes/${seed}/${name}`),
    });
    push(into.passed, `another mode found: ${name}`, finding.state === 'acts-elsewhere');
    push(into.passed, `another mode ruled out: ${name}`, finding.state === 'silent');
  }
}
