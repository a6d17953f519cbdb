/** @file cli: what every command is handed: where it writes, where it works, and how it is told to stop. */
import path from 'node:path';
import type { RunControl } from '../core/progress.ts';
import type { Terminal } from './terminal.ts';
import { quoted, shownPath } from './words.ts';

/** 0 good, 1 a bug, 2 bad usage, 3 a mendable model or data problem, 100 an expectation failed, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 100 | 130;

export type CommandContext = {
  readonly terminal: Terminal;
  /** Progress and the signal, for every function that takes long. */
  readonly control: RunControl & { readonly signal: AbortSignal };
  readonly workingFolder: string;
  /** stdout gets one JSON value and nothing else. */
  readonly json: boolean;
  /** The arguments after the program's name. */
  readonly argv: readonly string[];
};

/** Later commands use this to say how to start them; works from the repository and from an installed package. */
export const PROGRAM = 'npx mesascope';

/**
 * The command as it was typed, ready to be pasted. A bare `npx mesascope` outside of the clone would ask a registry for whatever bears that name, so it
 * is said only where npx finds the program: in the clone, beside its link in `node_modules`, and where npx itself fetched it. `script` is the path that
 * Node was started with.
 */
export function commandAsTyped(
  argv: readonly string[],
  script: string | undefined,
  workingFolder: string,
): string {
  return [programAsCalled(script, workingFolder), ...argv.map(quoted)].join(' ');
}

function programAsCalled(script: string | undefined, workingFolder: string): string {
  if (script === undefined || /[\\/]_npx[\\/]/.test(script)) return PROGRAM;
  const shown = shownPath(script, workingFolder);
  if (shown === 'bin/mesascope.js' || shown === 'node_modules/.bin/mesascope') return PROGRAM;
  return path.basename(script) === 'mesascope' ? quoted(script) : `node ${quoted(shown)}`;
}

/** Prints `value` as the command's one JSON value. */
export function printJson(value: unknown, context: CommandContext): void {
  context.terminal.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** One line on stderr each, with `--json` too. */
export function warn(messages: readonly string[], { control }: Pick<CommandContext, 'control'>): void {
  for (const message of messages) control.onProgress?.({ kind: 'warning', message });
}

export function printLine(text: string, context: CommandContext): void {
  context.terminal.out(`${text}\n`);
}

/** The worse of two outcomes: a bug outranks an interruption, then mendable problems, then failed expectations. */
export function worseExit(a: ExitCode, b: ExitCode): ExitCode {
  const rank: readonly ExitCode[] = [0, 100, 2, 3, 130, 1];
  return rank.indexOf(a) >= rank.indexOf(b) ? a : b;
}
