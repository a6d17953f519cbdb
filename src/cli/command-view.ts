/** @file cli: `view`: serves one run on this machine until it is told to stop. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import { type CommandContext, type ExitCode, PROGRAM, printJson, printLine } from './context.ts';
import { openPage } from './open-page.ts';
import { findRun, REPORT_FILE } from './run-folder.ts';
import { serveFolder } from './serve-folder.ts';
import { quoted, shownPath } from './words.ts';

export type ViewOptions = {
  readonly run: string | undefined;
  readonly port?: number;
  readonly open?: boolean;
};

/** Ends with 0 on Ctrl+C. Throws `RUN_NOT_FOUND`, `PORT_UNAVAILABLE`. */
export async function viewCommand(options: ViewOptions, context: CommandContext): Promise<ExitCode> {
  const { signal } = context.control;
  const folder = await findRun(options.run, context.workingFolder);
  const shown = shownPath(folder, context.workingFolder);
  if (!existsSync(path.join(folder, REPORT_FILE))) {
    throw new MesascopeError('RUN_NOT_FOUND', `${shown} holds a record but no page`, {
      remedy: `Make it: ${PROGRAM} report ${quoted(shown)}`,
    });
  }
  const server = await serveFolder({ folder, index: REPORT_FILE, port: options.port });
  try {
    if (context.json) printJson({ url: server.url, run: shown }, context);
    else printLine(server.url, context);
    context.terminal.err(`serving ${shown}; Ctrl+C ends\n`);
    if (options.open) openPage(server.url, context);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    await server.close();
  }
  return 0;
}
