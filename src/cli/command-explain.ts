/** @file cli: `explain`: what an error code means, what to do, and the exit code it ends with. */
import { ERROR_CODES, type ErrorCode, type FailureExitCode } from '../core/error-codes.ts';
import { MesascopeError, nearestNames } from '../core/errors.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { table } from './words.ts';

const EXIT_MEANINGS: Readonly<Record<FailureExitCode, string>> = {
  1: 'a bug in the tool',
  2: 'bad usage or settings',
  3: 'a model or data problem that you can mend',
  130: 'interrupted; the same command goes on',
};

/** Prints one code, or the table of all. Throws `BAD_USAGE` on an unknown code, with the nearest ones. */
export async function explainCommand(
  { code }: { readonly code: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  if (code === undefined) {
    if (context.json) printJson(codes.map(explained), context);
    else {
      const rows = codes.map((known) => [
        known,
        String(ERROR_CODES[known].exitCode),
        ERROR_CODES[known].meaning,
      ]);
      printLine(table(['CODE', 'EXIT', 'MEANING'], rows), context);
    }
    return 0;
  }
  const wanted = code.toUpperCase().replace(/-/g, '_');
  const known = codes.find((candidate) => candidate === wanted);
  if (known === undefined) {
    const nearest = nearestNames(wanted, codes);
    throw new MesascopeError('BAD_USAGE', `no error has the code ${code}`, {
      remedy:
        nearest.length === 0
          ? '`mesascope explain` lists all codes.'
          : `Did you mean ${nearest.join(' or ')}? \`mesascope explain\` lists all codes.`,
    });
  }
  const entry = explained(known);
  if (context.json) printJson(entry, context);
  else {
    printLine(context.terminal.colors.bold(entry.code), context);
    printLine(`What it means  ${entry.meaning}`, context);
    printLine(`What to do     ${entry.remedy}`, context);
    printLine(`Exit code      ${entry.exitCode} (${EXIT_MEANINGS[entry.exitCode]})`, context);
  }
  return 0;
}

type Explained = {
  readonly code: ErrorCode;
  readonly exitCode: FailureExitCode;
  readonly meaning: string;
  readonly remedy: string;
};

function explained(code: ErrorCode): Explained {
  const { exitCode, meaning, remedy } = ERROR_CODES[code];
  return { code, exitCode, meaning, remedy };
}
