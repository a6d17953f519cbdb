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
  const open: { readonly stage: string; done: number }[] = [];
  /** By stage, what was reported of it last. */
  const reported = new Map<string, number>();
  const onProgress = (event: ProgressEvent): void => {
    if (event.kind === 'stage-start') open.push({ stage: event.stage, done: 0 });
    if (event.kind === 'stage-end') {
      stages.push({ stage: event.stage, durationMs: Math.round(event.durationMs) });
      const at = open.findLastIndex(({ stage }) => stage === event.stage);
      if (at >= 0) open.splice(at, 1);
    }
    const inner = open.at(-1);
    if (event.kind !== 'stage-progress' || open.some(({ stage }) => stage === event.stage))
      outer.onProgress?.(event);
    else {
      // What is done under a name that no stage has is done for the stage that is open.
      const more = event.done - (reported.get(event.stage) ?? 0);
      reported.set(event.stage, event.done);
      if (inner === undefined) return;
      inner.done += more;
      outer.onProgress?.({ kind: 'stage-progress', stage: inner.stage, done: inner.done });
    }
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
