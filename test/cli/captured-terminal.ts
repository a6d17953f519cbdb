/** @file test: a terminal whose text can be read back, and the real program in a process of its own. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import pc from 'picocolors';
import type { Terminal } from '../../src/cli/terminal.ts';

export const ROOT: string = path.resolve(import.meta.dirname, '../..');

export type CapturedTerminal = Terminal & {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Moves the clock. */
  advance(milliseconds: number): void;
};

/** Writes to memory; its clock stands still until it is moved. */
export function capturedTerminal(
  options: { readonly live?: boolean; readonly columns?: number } = {},
): CapturedTerminal {
  let out = '';
  let err = '';
  let clock = 0;
  return {
    out(text) {
      out += text;
    },
    err(text) {
      err += text;
    },
    live: options.live ?? false,
    interactive: false,
    columns: () => options.columns ?? 80,
    colors: pc.createColors(false),
    now: () => clock,
    stdout: () => out,
    stderr: () => err,
    advance(milliseconds) {
      clock += milliseconds;
    },
  };
}

export type Finished = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

export type StartOptions = {
  readonly cwd?: string;
  /** Folder of the package whose program is started; this repository by default. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Nobody reads stdout: the reader has gone away before the first line. */
  readonly unread?: boolean;
  /** Called with everything on stderr or stdout so far, whenever more arrives; may end the process. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
};

/** `node bin/mesascope.js ...args` as a user would run it. */
export function mesascope(args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(options.program ?? ROOT, 'bin/mesascope.js'), ...args], {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (options.unread === true) child.stdout.destroy();
    let stdout = '';
    let stderr = '';
    const heard = (): void => options.onOutput?.(`${stderr}\n${stdout}`, (signal) => child.kill(signal));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      heard();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      heard();
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}
