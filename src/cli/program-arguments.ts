/** @file cli: what the commands' words share: how a command is declared, and how numbers and lists are read from it. */
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext, ExitCode } from './context.ts';

/** Runs one command's work and keeps its exit code; `server`: Ctrl+C is how it is meant to end. */
export type Launch = (
  options: { readonly json?: boolean; readonly server?: boolean },
  work: (context: CommandContext) => Promise<ExitCode>,
) => Promise<void>;

export type Json = { readonly json?: boolean };

/** Declares a command with its help, `--json` and examples. */
export type Declare = (usage: string, description: string, examples: readonly string[]) => Command;

export function collected(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}

export function wholeNumber(value: string): number {
  const parsed = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(parsed)) {
    throw new InvalidArgumentError('It must be a whole number, 0 or larger.');
  }
  return parsed;
}

export function integer(value: string): number {
  const parsed = Number(value);
  if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(parsed)) {
    throw new InvalidArgumentError('It must be a whole number.');
  }
  return parsed;
}

export function positiveNumber(value: string): number {
  const parsed = wholeNumber(value);
  if (parsed < 1) throw new InvalidArgumentError('It must be a whole number, 1 or larger.');
  return parsed;
}

export function decimal(value: string): number {
  const parsed = Number(value);
  if (value.trim() === '' || !Number.isFinite(parsed)) throw new InvalidArgumentError('It must be a number.');
  return parsed;
}

export function portNumber(value: string): number {
  const parsed = wholeNumber(value);
  if (parsed > 65_535) throw new InvalidArgumentError('A port is at most 65535.');
  return parsed;
}
