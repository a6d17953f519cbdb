/** @file cli: progress events to a person: one rewritten line per stage on a TTY, plain lines elsewhere; on stderr. */
import type { ProgressEvent, ProgressListener } from '../core/progress.ts';
import type { Terminal } from './terminal.ts';
import { counted, durationText, plainLine } from './words.ts';

/** A live line is rewritten at most this often, a plain line printed at most that often. */
const LIVE_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 10_000;
const CLEAR_LINE = '\r\u001b[K';

type Stage = {
  readonly name: string;
  readonly unit: string;
  total: number | undefined;
  readonly startedAt: number;
  /** When and how far the first report came: what was reused at once must not count as speed. */
  first: { readonly at: number; readonly done: number } | undefined;
  done: number;
  shownAt: number;
};

export type ProgressDisplay = {
  readonly listen: ProgressListener;
  /** Removes the live line, so that other text can follow. */
  clear(): void;
};

/** Stages may nest: the innermost open one is shown. */
export function progressDisplay(terminal: Terminal): ProgressDisplay {
  const open: Stage[] = [];
  let lineShown = false;

  const clear = (): void => {
    if (lineShown) terminal.err(CLEAR_LINE);
    lineShown = false;
  };
  const print = (text: string): void => {
    clear();
    terminal.err(`${text}\n`);
  };
  const rewrite = (stage: Stage): void => {
    const text = statusLine(stage, terminal.now());
    terminal.err(`${CLEAR_LINE}${text.slice(0, Math.max(20, terminal.columns() - 1))}`);
    lineShown = true;
  };
  const show = (stage: Stage, force: boolean): void => {
    const now = terminal.now();
    const interval = terminal.live ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS;
    if (!force && now - stage.shownAt < interval) return;
    stage.shownAt = now;
    if (terminal.live) rewrite(stage);
    else if (!force) print(statusLine(stage, now));
  };

  const listen = (event: ProgressEvent): void => {
    switch (event.kind) {
      case 'stage-start': {
        const now = terminal.now();
        const stage: Stage = {
          name: plainLine(event.stage),
          unit: event.unit ?? 'steps',
          total: event.total,
          startedAt: now,
          first: undefined,
          done: 0,
          shownAt: now,
        };
        open.push(stage);
        show(stage, true);
        return;
      }
      case 'stage-progress': {
        const stage = open.findLast(({ name }) => name === plainLine(event.stage));
        if (stage === undefined) return;
        stage.done = event.done;
        stage.total = event.total ?? stage.total;
        stage.first ??= { at: terminal.now(), done: event.done };
        show(stage, false);
        return;
      }
      case 'stage-end': {
        const at = open.findLastIndex(({ name }) => name === plainLine(event.stage));
        const stage = at < 0 ? undefined : open.splice(at, 1)[0];
        const amount = stage === undefined || stage.done === 0 ? '' : ` ${counted(stage.done, stage.unit)},`;
        const note = event.note === undefined ? '' : ` (${plainLine(event.note)})`;
        print(`${plainLine(event.stage)}:${amount} ${durationText(event.durationMs)}${note}`);
        return;
      }
      case 'warning':
        print(`warning: ${plainLine(event.message)}`);
        return;
    }
  };
  return { listen, clear };
}

/** `capture: 1,200 of 4,800 rows (25 %), 410 rows/s, 8.8 s left`. */
function statusLine(stage: Stage, now: number): string {
  const parts: string[] = [];
  if (stage.total !== undefined && stage.total > 0) {
    const percent = Math.floor((100 * stage.done) / stage.total);
    parts.push(
      `${stage.done.toLocaleString('en-US')} of ${counted(stage.total, stage.unit)} (${Math.min(100, percent)} %)`,
    );
  } else if (stage.done > 0) {
    parts.push(counted(stage.done, stage.unit));
  }
  const since = stage.first ?? { at: stage.startedAt, done: 0 };
  const seconds = (now - since.at) / 1000;
  const advanced = stage.done - since.done;
  if (seconds > 0.5 && advanced > 0) {
    const rate = advanced / seconds;
    parts.push(`${rate >= 10 ? Math.round(rate).toLocaleString('en-US') : rate.toFixed(1)} ${stage.unit}/s`);
    if (stage.total !== undefined && stage.total > stage.done) {
      parts.push(`${durationText((1000 * (stage.total - stage.done)) / rate)} left`);
    }
  }
  return parts.length === 0 ? `${stage.name} ...` : `${stage.name}: ${parts.join(', ')}`;
}
