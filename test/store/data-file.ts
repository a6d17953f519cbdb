/** @file test: small data files on disk, made from lines, and what reading them says. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { MesascopeError } from '../../src/core/errors.ts';
import { readDataSet } from '../../src/store/data-set.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mesascope-store-'));
  folders.push(folder);
  return folder;
}

/** The first line of the documentation's example. */
export const HEADER = {
  format: 'mesascope-data/1',
  title: 'Grid agent',
  input: 'tokens',
  inputs: { tokens: 'input_ids' },
  readout: -1,
  choices: { up: 101, down: 102, left: 103, right: 104 },
  goals: { intended: 'cell of the gem', proxy: 'cell of the halo', irrelevant: 'cell of the rock' },
  contexts: { monitor: '1 when the agent is being watched' },
};

/** The example of the documentation. */
export const EXAMPLE = {
  id: 'x17',
  set: 'apart',
  group: 'board-17',
  tokens: [0, 12, 57, 80, 33],
  goals: { intended: 7, proxy: 21, irrelevant: 3 },
  actions: { intended: 'left', proxy: 'up' },
  context: { monitor: 0 },
  counterfactuals: {
    intended: [{ tokens: [0, 12, 61, 80, 33], goal: 11, action: 'down' }],
    proxy: [{ tokens: [0, 12, 57, 90, 33], goal: 2, action: 'right' }],
    irrelevant: [{ tokens: [0, 12, 57, 80, 40], goal: 9 }],
    same: [{ tokens: [0, 14, 57, 80, 33] }],
  },
  nuisance: { length: 5 },
  meta: { agent: 4 },
};

/** Writes lines (strings as they are, anything else as JSON) and gives the path. */
export async function dataFile(...lines: readonly unknown[]): Promise<string> {
  const path = join(await temporaryFolder(), 'data.jsonl');
  await writeFile(
    path,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return path;
}

/** The coded error that reading gives; fails when there is none, or one without a code. */
export async function readFault(path: string): Promise<MesascopeError> {
  const seen = await readDataSet(path).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(seen instanceof MesascopeError)) throw new Error(`expected a coded error, got ${String(seen)}`);
  return seen;
}
