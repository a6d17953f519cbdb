/** @file test: a capture whose process is killed goes on where it stopped, and ends in the same bytes as one left alone. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runForward } from '../../src/capture/run-forward.ts';
import { seededRandom } from '../../src/core/random.ts';
import { openModel } from '../../src/model/open-model.ts';
import { openCache } from '../../src/store/cache.ts';
import { temporaryFolder } from '../store/data-file.ts';
import { readSafetensors } from '../store/read-safetensors.ts';
import { GRID_HOOKS, GRID_MODEL, KILL_REQUEST } from './small-models.ts';

const CHILD = fileURLToPath(new URL('./capture-child.ts', import.meta.url));

/** Runs the child until it has `rows` rows, then kills it that many microseconds later; gives the lines it printed. */
function runChild(
  folder: string,
  killAt?: { readonly rows: number; readonly waitMs: number },
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let errors = '';
    let killing = false;
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const last = Number(out.trim().split('\n').at(-1));
      if (killAt === undefined || killing || !(last >= killAt.rows)) return;
      killing = true;
      setTimeout(() => child.kill('SIGKILL'), killAt.waitMs);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve(out.trim().split('\n'));
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
}

/** Every file below a folder but locks, by relative path. */
function filesOf(folder: string, prefix = ''): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory())
      for (const [path, bytes] of filesOf(join(folder, entry.name), `${name}/`)) files.set(path, bytes);
    else if (entry.name !== 'lock') files.set(name, readFileSync(join(folder, entry.name)));
  }
  return files;
}

it('a capture killed four times at random moments leaves byte-identical shards, with no row lost or doubled', async () => {
  const folder = await temporaryFolder();
  const random = seededRandom('kill moments');
  let reached = 0;
  let kills = 0;
  for (let i = 0; i < 4; i++) {
    const rows = reached + 20 + random.integer(300);
    const lines = await runChild(folder, { rows, waitMs: random.integer(8) });
    if (lines.at(-1)?.startsWith('finished') === true) break;
    kills++;
    const [first, last] = [Number(lines[0]), Number(lines.at(-1))];
    // It went on behind what the one before it had said was done, and did not start over.
    expect(first).toBeGreaterThan(reached);
    reached = last;
  }
  expect(kills).toBeGreaterThanOrEqual(2);
  expect((await runChild(folder)).at(-1)).toBe('finished false');
  expect(await runChild(folder)).toEqual(['finished true']);

  const alone = await temporaryFolder();
  const model = await openModel(GRID_MODEL);
  const cache = openCache(alone, { maxShardBytes: 200_000 });
  const whole = await runForward(model, { ...KILL_REQUEST, cache });
  const [killed, undisturbed] = [filesOf(folder), filesOf(alone)];
  expect([...killed.keys()].sort()).toEqual([...undisturbed.keys()].sort());
  for (const [path, bytes] of undisturbed) expect(killed.get(path)?.equals(bytes), path).toBe(true);

  // Read by an independent reader, the shards of a hook hold every row once, in the order that the index gives.
  const index = [...killed].find(([path]) => path.endsWith('index.json'))!;
  const { order, tensors } = JSON.parse(index[1].toString()) as {
    order: number[];
    tensors: { name: string; stem: string; dims: number[] }[];
  };
  expect([...order].sort((a, b) => a - b)).toEqual(KILL_REQUEST.inputs.map((_, i) => i));
  const hook = GRID_HOOKS[2];
  const { stem } = tensors.find(({ name }) => name === hook)!;
  const shards = [...killed.keys()].filter((path) => path.includes(`/${stem}.`)).sort();
  expect(shards.length).toBeGreaterThan(1);
  const rows = shards.flatMap((path) => {
    const { data, shape } = readSafetensors(join(folder, path)).tensors.get('acts')!;
    return Array.from({ length: shape[0]! }, (_, i) => data.slice(i * 128, (i + 1) * 128));
  });
  const expected = whole.activations(hook, -1);
  for (const [i, example] of order.entries()) {
    expect(rows[i]!.slice(64)).toEqual(expected.data.slice(example * 64, (example + 1) * 64));
  }
  await model.close();
});
