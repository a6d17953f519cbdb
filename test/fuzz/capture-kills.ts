/**
 * @file fuzz: kill -9 at random moments of a capture, a thousand times by default; every folder that is finished afterwards has the
 * bytes of one that was left alone. Run: npx tsx test/fuzz/capture-kills.ts [KILLS [SEED]]; a thousand take half an hour.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killCaptures } from '../capture/kill-captures.ts';

const kills = Number(process.argv[2] ?? 1000);
const seed = process.argv[3] ?? 'kills';
const folder = mkdtempSync(join(tmpdir(), 'mesascope-kills-'));
try {
  const onKill = (killed: number): void => {
    if (killed % 50 === 0) console.log(`${killed} kills`);
  };
  const count = await killCaptures({ folder, kills, seed, onKill });
  const { reading, capturing, finishing } = count.kills;
  console.log(
    `${kills} kills (${reading} while reading, ${capturing} while capturing, ${finishing} while finishing), seed ${JSON.stringify(seed)}: ${count.captures} captures finished, up to ${count.mostKills} kills each, all with the same bytes`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
