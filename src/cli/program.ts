/** @file cli: the whole command line as one program. The work is imported only when a command is chosen. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Declare, Launch } from './program-arguments.ts';
import { addModelCommands } from './program-models.ts';
import { addRunCommands } from './program-runs.ts';
import type { Terminal } from './terminal.ts';

export type { Launch } from './program-arguments.ts';

/** The whole command line. Bad usage throws a CommanderError; nothing is printed but help and version. */
export function buildProgram(launch: Launch, terminal: Terminal): Command {
  const program = new Command('mesascope')
    .description('Shows, from the inside, which goal a small transformer is pursuing.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: () => {}, outputError: () => {} })
    .addHelpText(
      'after',
      `
Exit codes: 0 good, 1 a bug in the tool, 2 bad usage or settings, 3 a model or data problem you can mend,
100 ran but a declared expectation failed, 130 interrupted (the command that goes on is printed).
Results go to stdout, progress and errors to stderr.`,
    );
  const add: Declare = (usage, description, examples) =>
    program
      .command(usage)
      .description(description)
      .helpOption('--help', 'show help')
      .option('--json', 'one JSON value on stdout; errors stay one line on stderr')
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  mesascope ${example}`).join('\n')}`);

  addModelCommands(add, launch);
  addRunCommands(add, launch);
  return program;
}

/** Names of the commands, in the order of the help. */
export function commandNames(program: Command): string[] {
  return program.commands.map((command) => command.name());
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
