/** @file test: folders that cannot be used, through the program: code, exit code, one line on stderr, and nothing earlier lost. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { gridFolder } from './grid-folder.ts';
import { type CliResult, expectError, QUICK, runCli } from './run-cli.ts';

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
