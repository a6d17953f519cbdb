/** @file cli: Ctrl+C: the first one asks the work to stop at the next batch, the second one ends the process. */
import type { Terminal } from './terminal.ts';

export type Interrupt = {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node. */
  dispose(): void;
};

/** Listens for SIGINT and SIGTERM until disposed. `quiet`: a server that is stopped this way has nothing to lose. */
export function listenForInterrupt(terminal: Terminal, options: { readonly quiet: boolean }): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    if (!options.quiet) {
      terminal.err('\nstopping after this batch; Ctrl+C again ends at once\n');
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
