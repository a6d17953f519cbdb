/** @file test: folders that cannot be used, through the program: code, exit code, one line on stderr, and nothing earlier lost. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readRecord } from '../../src/index.ts';
import { recordDigest } from '../../src/record/canonical.ts';
import { gridFolder } from './grid-folder.ts';
import { type CliResult, expectError, QUICK, ROOT, runCli, runProgram } from './run-cli.ts';

const grid = gridFolder('bad-folders');

describe('a folder', () => {
  it.each([
    ['for the report', 'reports'],
    ['for the cache', '.mesascope'],
  ])('%s that cannot be made is an error before any work', async (_, name) => {
    // A file in its place: unlike a missing permission, it stops the administrator too.
    const own = path.join(grid.folder, `blocked${name}`);
    mkdirSync(own);
    writeFileSync(path.join(own, name), 'a file');
    for (const file of ['agent.onnx', 'rows.jsonl'])
      symlinkSync(path.join(grid.folder, file), path.join(own, file));
    const args = ['audit', '--model', 'agent.onnx', '--data', 'rows.jsonl', '--name', 'agent', ...QUICK];
    const result = await runCli(args, { cwd: own });
    expectError(result, { code: 'NOT_WRITABLE', names: [name] });
    expect(result.stderr).not.toMatch(/^twins/m);
    expect(readFileSync(path.join(own, name), 'utf8')).toBe('a file');
  });

  it('that is not empty is not captured into', async () => {
    const args = [
      'capture',
      'agent.onnx',
      '--data',
      'rows.jsonl',
      '--hooks',
      'embed',
      '--out',
      'reports/agent',
    ];
    expectError(await grid.run(args), { code: 'BAD_SETTING', names: ['reports/agent'] });
  });

  it('of a run that another process is writing refuses a second one, and the first one finishes', async () => {
    let second: Promise<CliResult> | undefined;
    const args = ['audit', '--model', 'agent.onnx', '--data', 'rows.jsonl', '--name', 'shared', ...QUICK];
    // More twins than the second process needs to start and be refused.
    const first = await grid.run([...args, '--set', 'twins=20'], {
      onStderr(text) {
        if (text.includes('sources:')) second ??= grid.run(args);
      },
    });
    expectError(await second!, {
      code: 'RUN_LOCKED',
      names: [/^reports\/shared\/lock:1:1: /, /process \d+/],
    });
    expect(first.exitCode).toBe(0);
    expect(readdirSync(path.join(grid.folder, 'reports/shared')).sort()).toEqual(['report.html', 'run.json']);
  });
});

describe('a full disk', () => {
  const FULL_DISK = pathToFileURL(path.join(import.meta.dirname, 'full-disk.mjs')).href;
  const ARGS = ['audit', '--model', 'agent.onnx', '--data', 'rows.jsonl', '--name', 'agent', ...QUICK];

  /** The command that made the finished run, with that many bytes left to write. */
  function runWith(bytes: number, ...more: readonly string[]): Promise<CliResult> {
    return runProgram(['--import', FULL_DISK, path.join(ROOT, 'bin/mesascope.js'), ...ARGS, ...more], {
      cwd: grid.folder,
      env: { MESASCOPE_TEST_DISK_BYTES: String(bytes) },
    });
  }

  it('while activations are written is said in one line, and the next run goes on', async () => {
    // Another hook than the finished run's: there is something to capture.
    const hooks = ['--set', 'hooks=blocks.*.mlp_out'];
    for (const bytes of [0, 200, 30_000]) {
      const line = expectError(await runWith(bytes, ...hooks), { code: 'DISK_FULL', names: [/^\S+:1:1: /] });
      expect(line).not.toContain(grid.folder);
    }
    const after = await grid.run([...ARGS, '--out', 'after', ...hooks]);
    expect([after.exitCode, after.stderr.match(/error .*/)]).toEqual([0, null]);
  });

  it('while the page or the record is written leaves the earlier run', async () => {
    const page = readFileSync(path.join(grid.folder, 'reports/agent/report.html')).length;
    // The lock alone is written before; the activations are in the cache.
    for (const [bytes, file] of [
      [4000, 'report.html'],
      [page + 4000, 'run.json'],
    ] as const) {
      const names = [/^reports\/agent\//, file];
      const line = expectError(await runWith(bytes), { code: 'DISK_FULL', names });
      expect(line).not.toContain(grid.folder);
    }
    const roomy = await runWith(page + 10_000_000, '--out', 'roomy');
    expect([roomy.exitCode, roomy.stderr.match(/error .*/)]).toEqual([0, null]);
    const digests = ['roomy', 'reports/agent'].map(async (run) =>
      recordDigest(await readRecord(path.join(grid.folder, run))),
    );
    expect(await digests[0]).toBe(await digests[1]);
  });
});

describe('a capture on a full disk', () => {
  const FULL_DISK = pathToFileURL(path.join(import.meta.dirname, 'full-disk.mjs')).href;
  const args = (out: string): string[] => [
    'capture',
    'agent.onnx',
    '--data',
    'rows.jsonl',
    '--hooks',
    'blocks.*.resid_post',
    '--positions=all',
    '--out',
    out,
  ];
  const runWith = (out: string, env: Readonly<Record<string, string>>): Promise<CliResult> =>
    runProgram(['--import', FULL_DISK, path.join(ROOT, 'bin/mesascope.js'), ...args(out)], {
      cwd: grid.folder,
      env,
    });
  const filesOf = (out: string): Map<string, string> => {
    const folder = path.join(grid.folder, out);
    return new Map(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'hex')]));
  };

  it('ends in one line, keeps what it has and what was there, and goes on when there is room', async () => {
    expect((await grid.run(args('spacious'))).exitCode).toBe(0);
    const wanted = filesOf('spacious');
    const bytes = [...wanted.values()].reduce((sum, hex) => sum + hex.length / 2, 0);
    // In the lock, in the spool, in the rows, in the index.
    for (const left of [0, 1000, 30_000, Math.round(0.6 * bytes), bytes]) {
      const result = await runWith('tight', { MESASCOPE_TEST_DISK_BYTES: String(left) });
      expectError(result, { code: 'DISK_FULL', names: ['tight'] });
      expect(readdirSync(grid.folder)).not.toContain('tight');
      expect(filesOf('spacious')).toEqual(wanted);
    }
    const after = await grid.run(args('tight'));
    expect([after.exitCode, after.stderr.match(/error .*/)]).toEqual([0, null]);
    expect(filesOf('tight')).toEqual(wanted);
    expect(readdirSync(grid.folder)).not.toContain('tight.unfinished');
  });

  it('is not begun where the disk says beforehand that it will not do, and both numbers are named', async () => {
    const result = await runWith('small', { MESASCOPE_TEST_FREE_BYTES: '20000' });
    const line = expectError(result, {
      code: 'DISK_ROOM',
      names: [/will take 0\.\d MB/, /0\.0 MB are free there/],
    });
    expect(line).toContain('float16');
    expect(readdirSync(grid.folder).filter((name) => name.startsWith('small'))).toEqual([]);
  });

  it('or into a place that cannot be written says so before it reads anything', async () => {
    writeFileSync(path.join(grid.folder, 'taken'), 'a file');
    const result = await grid.run(args('taken/acts'));
    expectError(result, { code: 'NOT_WRITABLE', names: ['taken'] });
    expect(result.stderr).not.toContain('read data');
    expect(readFileSync(path.join(grid.folder, 'taken'), 'utf8')).toBe('a file');
  });
});
