/** @file test: kills a capture as often as asked for, at random moments, and holds what it ends in against one that was left alone. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelInput } from '../../src/core/data-set.ts';
import { seededRandom } from '../../src/core/random.ts';
import { KILL_REQUEST } from './small-models.ts';

const CHILD = fileURLToPath(new URL('./long-capture-child.ts', import.meta.url));

/** What a process was doing when it was killed. */
export type KillMoment = 'reading' | 'capturing' | 'finishing';

export type KillCount = {
  readonly kills: Readonly<Record<KillMoment, number>>;
  /** Captures that came to their end after kills, each with the bytes of the undisturbed one. */
  readonly captures: number;
  /** Most kills that one of them took. */
  readonly mostKills: number;
};

export type KillRequest = {
  /** A folder of its own. */
  readonly folder: string;
  readonly kills: number;
  readonly seed: string;
  readonly onKill?: (killed: number) => void;
};

/**
 * Throws when a process fails by itself, when rows that one had reported done are done again (but for the batch that was under way), or
 * when a finished folder differs from the undisturbed one in a single byte or file.
 */
export async function killCaptures({ folder, kills, seed, onKill }: KillRequest): Promise<KillCount> {
  const random = seededRandom(seed);
  const [alone, killed] = ['alone', 'killed'].map((name) => join(folder, name)) as [string, string];
  for (const place of [alone, killed]) {
    mkdirSync(place);
    writeData(place);
  }
  const undisturbed = await runChild(alone);
  const wanted = filesOf(join(alone, 'acts'));
  const count: Record<KillMoment, number> = { reading: 0, capturing: 0, finishing: 0 };
  let [total, captures, mostKills, own] = [0, 0, 0, 0];
  let reached = 0;
  while (total < kills) {
    // Up to the end of a run and beyond: the last steps, hashes, index and names, are a small part of it.
    const lines = await runChild(killed, random.uniform() * 1.3 * undisturbed.workMs);
    reached = mustGoOn(lines.text, reached);
    if (lines.killed) {
      total++;
      own++;
      count[momentOf(lines.text)]++;
      onKill?.(total);
      continue;
    }
    mustEqual(filesOf(join(killed, 'acts')), wanted);
    captures++;
    mostKills = Math.max(mostKills, own);
    [own, reached] = [0, 0];
    rmSync(join(killed, 'acts'), { recursive: true });
  }
  await runChild(killed);
  mustEqual(filesOf(join(killed, 'acts')), wanted);
  const left = readdirSync(killed).sort().join();
  if (left !== 'acts,rows.jsonl') throw new Error(`left behind: ${left}`);
  return { kills: count, captures: captures + 1, mostKills: Math.max(mostKills, own) };
}

function writeData(folder: string): void {
  const header = { format: 'mesascope-data/1', title: 'rows', input: 'tokens' };
  const rows = KILL_REQUEST.inputs.map((input, i) => ({
    id: `row ${i}`,
    set: 'any',
    group: `g${i % 50}`,
    tokens: (input as ModelInput & { kind: 'tokens' }).tokens,
  }));
  const lines = [header, ...rows].map((line) => `${JSON.stringify(line)}\n`);
  writeFileSync(join(folder, 'rows.jsonl'), lines.join(''));
}

type Ended = { readonly text: string; readonly killed: boolean; readonly workMs: number };

/** Runs one process; kills it so many milliseconds after it has come to its work. */
function runChild(folder: string, killAfterMs?: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let errors = '';
    let ready: number | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (ready !== undefined || !text.startsWith('ready\n')) return;
      ready = performance.now();
      if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const workMs = performance.now() - (ready ?? performance.now());
      if (signal === 'SIGKILL' || code === 0) resolve({ text, killed: signal === 'SIGKILL', workMs });
      else reject(new Error(`a capture ended with ${code}: ${errors}`));
    });
  });
}

/** Rows that are done by the output, held against those of the process before. */
function mustGoOn(text: string, reached: number): number {
  const done = [...text.matchAll(/^capture (\d+)$/gm)].map(([, rows]) => Number(rows));
  // A batch is announced when it is handed to the writer: of what was said last, two batches may not have been in place.
  const slack = 2 * Math.floor(KILL_REQUEST.maxBatchTokens / 4);
  if (done.length > 0 && done[0]! < reached - slack) {
    throw new Error(`${reached} rows were done, and the next process began with ${done[0]}`);
  }
  return Math.max(reached, ...done);
}

function momentOf(text: string): KillMoment {
  if (!text.includes('read data over')) return 'reading';
  return text.includes('capture over') ? 'finishing' : 'capturing';
}

function filesOf(folder: string): Map<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

function mustEqual(seen: ReadonlyMap<string, Buffer>, wanted: ReadonlyMap<string, Buffer>): void {
  const names = [...seen.keys()].sort().join();
  if (names !== [...wanted.keys()].sort().join()) throw new Error(`other files: ${names}`);
  for (const [name, bytes] of wanted) {
    if (!bytes.equals(seen.get(name)!))
      throw new Error(`${name} differs from that of the undisturbed capture`);
  }
}
