/** @file test: a capture into a folder, killed fifty times at random moments, ends in the bytes of one left alone. */
import { expect, it } from 'vitest';
import { temporaryFolder } from '../store/data-file.ts';
import { killCaptures } from './kill-captures.ts';

it('captures killed fifty times at random moments leave the bytes of an undisturbed one, with no row lost or doubled', async () => {
  const { kills, captures, mostKills } = await killCaptures({
    folder: await temporaryFolder(),
    kills: 50,
    seed: 'fifty kills',
  });
  expect(kills.reading + kills.capturing + kills.finishing).toBe(50);
  // Otherwise these would be kills of something else.
  expect(kills.capturing).toBeGreaterThanOrEqual(10);
  expect(captures).toBeGreaterThanOrEqual(1);
  expect(mostKills).toBeGreaterThanOrEqual(2);
}, 600_000);
