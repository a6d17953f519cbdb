/** @file cli: opens a page in the user's browser, only when asked, on a terminal and not in CI. */
import { spawn } from 'node:child_process';
import { type CommandContext, printLine } from './context.ts';

/** Does nothing but say so where nobody could see the page; a system without an opener is no failure. */
export function openPage(target: string, context: CommandContext): void {
  if (!context.terminal.interactive) {
    context.terminal.err('--open is ignored: this is not an interactive terminal\n');
    return;
  }
  const [opener, ...args]: readonly [string, ...string[]] =
    process.platform === 'darwin'
      ? ['open', target]
      : process.platform === 'win32'
        ? ['explorer.exe', target]
        : ['xdg-open', target];
  const child = spawn(opener, args, { stdio: 'ignore', detached: true });
  child.on('error', () => printLine(`no program opens pages here; open ${target} yourself`, context));
  child.unref();
}
