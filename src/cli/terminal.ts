/** @file cli: the two streams a command writes to and what they can show; the only file that touches process.stdout. */
import pc from 'picocolors';

/** stdout carries results, stderr progress and errors, so that a pipe sees results alone. */
export type Terminal = {
  out(text: string): void;
  err(text: string): void;
  /** Whether stderr can rewrite its last line. */
  readonly live: boolean;
  /** Whether a person is likely to be watching: both streams on a TTY and no CI. */
  readonly interactive: boolean;
  /** Width of stderr in characters. */
  columns(): number;
  readonly colors: ReturnType<typeof pc.createColors>;
  /** Milliseconds, monotonic; for rates and throttling alone. */
  now(): number;
};

/** The terminal of this process. A reader that goes away (`| head`) ends the output quietly. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) {
    // Others listen too: tsx pipes its worker's output into these streams, and its listener passes the error on.
    if (!stream.listeners('error').includes(endQuietly)) stream.on('error', endQuietly);
  }
  const dumb = env.TERM === 'dumb';
  const inCi = env.CI !== undefined && env.CI !== '' && env.CI !== 'false';
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    live: stderr.isTTY === true && !dumb && !inCi,
    interactive: stdout.isTTY === true && stderr.isTTY === true && !inCi,
    // Some pseudo-terminals report a width of 0.
    columns: () => stderr.columns || 80,
    colors: pc.createColors(stdout.isTTY === true && !dumb && !env.NO_COLOR),
    now: () => performance.now(),
  };
}

function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
