/** @file test: the real program in a process of its own, in a working folder of its own, with a limit on its time. */
import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../src/core/error-codes.ts';

export const ROOT: string = path.resolve(import.meta.dirname, '../..');

export type CliResult = {
  /** Null when a signal ended the process. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type CliOptions = {
  readonly cwd: string;
  /** After that long the process is killed and the test fails (default two minutes). */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Told once the process exists; may keep `kill` to send it a signal later. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void) => void;
  /** Told of everything on stderr so far whenever more arrives; may send the process a signal. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
};

/** Runs `node bin/mesascope.js ...args` as a user would; rejects only when it does not end in time. */
export function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return runProgram([path.join(ROOT, 'bin/mesascope.js'), ...args], options);
}

/** Runs `node ...args`. */
export function runProgram(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { MESASCOPE_DEBUG: _, ...env } = process.env;
  const { timeoutMs = 120_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: options.cwd,
      env: { ...env, NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    options.onStart?.((signal) => child.kill(signal));
    let stdout = '';
    let stderr = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onStderr?.(stderr, (signal) => child.kill(signal));
    });
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${args.join(' ')} did not end within ${timeoutMs} ms; it said: ${stderr}`));
      else resolve({ exitCode, signal, stdout, stderr });
    });
  });
}

/** An empty folder, removed after the test file. Call it at the top level of the file. */
export function workFolder(name: string): string {
  // Resolved, since some systems keep their temporary folder behind a link, and programs print the resolved path.
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), `mesascope-${name}-`)));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Shows folders of the repository in a working folder, so that runs there leave the repository as it is. */
export function linkFolders(folder: string, ...names: readonly string[]): void {
  // A junction needs no special right on Windows; elsewhere the word is ignored.
  for (const name of names) symlinkSync(path.join(ROOT, name), path.join(folder, name), 'junction');
}

export function writeLines(file: string, lines: Iterable<string>): void {
  writeFileSync(file, `${[...lines].join('\n')}\n`);
}

/** The least that every setting allows: each rung is computed, and the verdict is not what is tested. */
export const QUICK: readonly string[] = [
  'twins=2',
  'permutations=99',
  'bootstrapDraws=200',
  'randomSubspaces=19',
  'randomDirections=19',
  'interchangeBases=20',
].flatMap((pair) => ['--set', pair]);

/**
 * Holds a failed call against the contract: nothing on stdout, the table's exit code, and one line that names the code, the
 * place or thing, and what to do; no stack. Gives that line.
 */
export function expectError(
  { exitCode, stdout, stderr }: CliResult,
  wanted: { readonly code: ErrorCode; readonly names: readonly (string | RegExp)[] },
): string {
  const errors = stderr.split('\n').filter((line) => /\berror\b/i.test(line));
  expect(errors, stderr).toHaveLength(1);
  const line = errors[0]!;
  expect(line).toMatch(/^(?:\S[^\n:]*:\d+:\d+: )?error [A-Z_]+: .+; .+$/);
  expect(line).toContain(`error ${wanted.code}: `);
  for (const name of wanted.names) expect(line).toMatch(name);
  // It is the last thing said, and no line of a stack stands before it.
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(line);
  expect(stderr).not.toMatch(/^\s+at /m);
  // But for the program itself, in a command that goes on: whoever started it knows its place.
  expect(stderr.replace(`node ${path.join(ROOT, 'bin/mesascope.js')} `, '')).not.toContain(ROOT);
  expect([exitCode, stdout]).toEqual([ERROR_CODES[wanted.code].exitCode, '']);
  return line;
}
