/** @file pipeline: measures the stages of a run for the record while passing their events on. */
import { throwIfAborted } from '../core/errors.ts';
import type { ProgressEvent, RunControl } from '../core/progress.ts';
import type { Timings } from '../record/record.ts';

export type TimedControl = {
  readonly control: RunControl;
  stage<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Notes something that came from the cache. */
  reuse(what: string): void;
  finish(): Timings;
};

export function timedControl(outer: RunControl): TimedControl {
  const startedAt = new Date();
  const begun = performance.now();
  const stages: { stage: string; durationMs: number }[] = [];
  const reused: string[] = [];
  const onProgress = (event: ProgressEvent): void => {
    if (event.kind === 'stage-end')
      stages.push({ stage: event.stage, durationMs: Math.round(event.durationMs) });
    outer.onProgress?.(event);
  };
  return {
    control: { onProgress, signal: outer.signal },
    async stage(name, work) {
      throwIfAborted(outer.signal);
      const from = performance.now();
      onProgress({ kind: 'stage-start', stage: name });
      const result = await work();
      onProgress({ kind: 'stage-end', stage: name, durationMs: performance.now() - from });
      return result;
    },
    reuse: (what) => reused.push(what),
    finish: () => ({
      startedAt: startedAt.toISOString(),
      durationMs: Math.round(performance.now() - begun),
      stages,
      reused,
    }),
  };
}
