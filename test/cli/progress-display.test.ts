/** @file cli: progress on a terminal and elsewhere. */
import { describe, expect, it } from 'vitest';
import { progressDisplay } from '../../src/cli/progress-display.ts';
import { capturedTerminal } from './captured-terminal.ts';

/** What a terminal would show in the end: carriage returns rewrite the line, the clear sequence empties it. */
function screen(text: string): string[] {
  return text.split('\n').map((line) => line.split('\r\u001b[K').at(-1)!);
}

describe('progress on a terminal', () => {
  it('rewrites one line per stage, with amount, rate and time left', () => {
    const terminal = capturedTerminal({ live: true });
    const { listen } = progressDisplay(terminal);
    listen({ kind: 'stage-start', stage: 'capture', unit: 'rows', total: 4800 });
    expect(screen(terminal.stderr())).toEqual(['capture: 0 of 4,800 rows (0 %)']);
    terminal.advance(1000);
    listen({ kind: 'stage-progress', stage: 'capture', done: 800 });
    terminal.advance(2000);
    listen({ kind: 'stage-progress', stage: 'capture', done: 1200 });
    expect(screen(terminal.stderr())).toEqual(['capture: 1,200 of 4,800 rows (25 %), 200 rows/s, 18 s left']);
  });

  it('leaves one plain line behind when a stage ends', () => {
    const terminal = capturedTerminal({ live: true });
    const { listen } = progressDisplay(terminal);
    listen({ kind: 'stage-start', stage: 'capture', unit: 'rows', total: 10 });
    listen({ kind: 'stage-progress', stage: 'capture', done: 10 });
    listen({ kind: 'stage-end', stage: 'capture', durationMs: 3210, note: 'from the cache' });
    expect(screen(terminal.stderr())).toEqual(['capture: 10 rows, 3.2 s (from the cache)', '']);
  });

  it('does not rewrite more often than ten times a second', () => {
    const terminal = capturedTerminal({ live: true });
    const { listen } = progressDisplay(terminal);
    listen({ kind: 'stage-start', stage: 'twins' });
    for (let done = 1; done <= 1000; done++) {
      terminal.advance(1);
      listen({ kind: 'stage-progress', stage: 'twins', done });
    }
    expect(terminal.stderr().split('\r').length - 1).toBeLessThanOrEqual(11);
  });

  it('never writes a line that wraps, since a wrapped line cannot be rewritten', () => {
    const terminal = capturedTerminal({ live: true, columns: 30 });
    progressDisplay(terminal).listen({
      kind: 'stage-start',
      stage: 'a stage with a very long name',
      total: 100,
    });
    expect(screen(terminal.stderr())[0]!.length).toBeLessThan(30);
  });

  it('shows the outer stage again once the inner one has ended', () => {
    const terminal = capturedTerminal({ live: true });
    const { listen } = progressDisplay(terminal);
    listen({ kind: 'stage-start', stage: 'audit', unit: 'rungs', total: 6 });
    listen({ kind: 'stage-start', stage: 'capture', unit: 'rows', total: 10 });
    listen({ kind: 'stage-end', stage: 'capture', durationMs: 100 });
    terminal.advance(200);
    listen({ kind: 'stage-progress', stage: 'audit', done: 1 });
    expect(screen(terminal.stderr())).toEqual(['capture: 0.1 s', 'audit: 1 of 6 rungs (16 %)']);
  });
});

describe('progress elsewhere', () => {
  it('is plain lines without control characters, at most one per stage in ten seconds', () => {
    const terminal = capturedTerminal();
    const { listen } = progressDisplay(terminal);
    listen({ kind: 'stage-start', stage: 'twins', unit: 'twins', total: 40 });
    for (let done = 1; done <= 40; done++) {
      terminal.advance(1000);
      listen({ kind: 'stage-progress', stage: 'twins', done });
    }
    listen({ kind: 'stage-end', stage: 'twins', durationMs: 40_000 });
    expect(terminal.stderr().split('\n')).toEqual([
      'twins: 10 of 40 twins (25 %), 1.0 twins/s, 30 s left',
      'twins: 20 of 40 twins (50 %), 1.0 twins/s, 20 s left',
      'twins: 30 of 40 twins (75 %), 1.0 twins/s, 10 s left',
      'twins: 40 of 40 twins (100 %), 1.0 twins/s',
      'twins: 40 twins, 40 s',
      '',
    ]);
    expect(terminal.stdout()).toBe('');
  });

  it('passes warnings on, on one line', () => {
    const terminal = capturedTerminal();
    progressDisplay(terminal).listen({ kind: 'warning', message: 'two\nlines' });
    expect(terminal.stderr()).toBe('warning: two lines\n');
  });

  it('survives events of a stage that never began', () => {
    const terminal = capturedTerminal();
    const { listen } = progressDisplay(terminal);
    listen({ kind: 'stage-progress', stage: 'ghost', done: 3 });
    listen({ kind: 'stage-end', stage: 'ghost', durationMs: 5 });
    expect(terminal.stderr()).toBe('ghost: 0.0 s\n');
  });
});
