/** @file cli: from arguments to an exit code; the only place that catches everything. */
import { CommanderError } from 'commander';
import { MesascopeError } from '../core/errors.ts';
import { type CommandContext, commandAsTyped, type ExitCode } from './context.ts';
import { showError } from './error-line.ts';
import { listenForInterrupt } from './interrupt.ts';
import { buildProgram, type Launch } from './program.ts';
import { progressDisplay } from './progress-display.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/**
 * Runs one command line (`argv` without node and script) and returns its exit code: 0, 1, 2, 3, 100 or 130. Never throws.
 * Results go to the terminal's stdout, progress and one-line errors to its stderr; nothing else is touched.
 */
export async function main(
  argv: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const launch: Launch = async (options, work) => {
    exitCode = await runWork(work, {
      argv,
      terminal,
      json: options.json === true,
      server: options.server === true,
    });
  };
  const program = buildProgram(launch, terminal);
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    return printError(usageError(thrown, argv), terminal);
  }
}

/** Prints what nobody caught as one line and returns the exit code to end with. */
export function reportCrash(thrown: unknown): ExitCode {
  return printError(thrown, processTerminal());
}

type WorkOptions = {
  readonly argv: readonly string[];
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly server: boolean;
};

async function runWork(
  work: (context: CommandContext) => Promise<ExitCode>,
  { argv, terminal, json, server }: WorkOptions,
): Promise<ExitCode> {
  const display = progressDisplay(terminal);
  const interrupt = listenForInterrupt(terminal, { quiet: server });
  let captured = false;
  const context: CommandContext = {
    terminal: {
      ...terminal,
      // A live status line must not be glued to what follows it.
      out(text) {
        display.clear();
        terminal.out(text);
      },
      err(text) {
        display.clear();
        terminal.err(text);
      },
    },
    control: {
      onProgress(event) {
        // A capture that was taken from the cache whole ends without a report of progress.
        const runs = event.kind === 'stage-progress' || event.kind === 'stage-end';
        captured ||= runs && event.stage === 'capture';
        display.listen(event);
      },
      signal: interrupt.signal,
    },
    workingFolder: process.cwd(),
    json,
    argv,
  };
  try {
    return await work(context);
  } catch (thrown) {
    display.clear();
    return printError(interrupt.signal.aborted ? interrupted(thrown, { argv, captured }) : thrown, terminal);
  } finally {
    display.clear();
    interrupt.dispose();
  }
}

/** What a command that is run again finds of an interrupted one; other commands keep nothing. */
const KEPT: Readonly<Record<string, string>> = {
  capture: 'finished batches are kept',
  run: 'finished batches are kept of the capture, and what follows it is run anew',
  audit: 'finished batches are kept of the capture, and what follows it is run anew',
  benchmark: 'finished audits are kept',
};

/** After a signal, a failure is the interruption, unless a coded error says that something else went wrong first. */
function interrupted(
  thrown: unknown,
  { argv, captured }: { readonly argv: readonly string[]; readonly captured: boolean },
): unknown {
  if (thrown instanceof MesascopeError && thrown.code !== 'ABORTED') return thrown;
  const kept = KEPT[argv[0] ?? ''];
  const keeps = kept !== undefined && (captured || argv[0] === 'benchmark');
  const command = commandAsTyped(argv, process.argv[1], process.cwd());
  return new MesascopeError('ABORTED', keeps ? `interrupted, ${kept}` : 'interrupted', {
    remedy: `${keeps ? 'go on with' : 'begin again with'}: ${command}`,
    cause: thrown,
  });
}

/** Commander's messages span lines and begin with "error:"; one line of ours does not. */
function usageError(thrown: unknown, argv: readonly string[]): unknown {
  if (!(thrown instanceof CommanderError)) return thrown;
  const seen = thrown.message.replace(/^error:\s*/, '').replace(/\s*\n\s*/g, ' ');
  const form = FORM_FAULTS.includes(thrown.code) ? formOfFiles(argv) : undefined;
  return new MesascopeError('BAD_USAGE', seen, {
    cause: thrown,
    ...(form === undefined ? {} : { remedy: `Write: ${form}` }),
  });
}

const FORM_FAULTS: readonly string[] = ['commander.missingMandatoryOptionValue', 'commander.excessArguments'];

/** Commands about one model take it as an argument; these two take model and data by options, with what was typed put in its place. */
function formOfFiles([command, ...typed]: readonly string[]): string | undefined {
  if (command !== 'audit' && command !== 'plan') return undefined;
  const file = (ending: RegExp, example: string): string =>
    typed.find((text) => ending.test(text)) ?? example;
  const [model, data] = [file(/\.onnx$/i, 'model.onnx'), file(/\.jsonl?$/i, 'examples.jsonl')];
  return commandAsTyped([command, '--model', model, '--data', data], process.argv[1], process.cwd());
}

function printError(thrown: unknown, terminal: Terminal): ExitCode {
  const debug = process.env.MESASCOPE_DEBUG === '1';
  const shown = showError(thrown, { workingFolder: process.cwd(), debug });
  terminal.err(`${shown.line}\n`);
  if (shown.stack !== undefined) terminal.err(`${shown.stack}\n`);
  return shown.exitCode;
}
