/** @file cli: what a finished and an interrupted command say. */
import { describe, expect, it } from 'vitest';
import { commandAsTyped } from '../../src/cli/context.ts';
import { printOutcome, type RunOutcome } from '../../src/cli/outcome.ts';
import { capturedTerminal } from './captured-terminal.ts';

const OUTCOME: RunOutcome = {
  experiment: 'agent',
  verdict: 'insufficient-evidence',
  pursues: 'unknown',
  proxy: 'unknown',
  grade: 'none',
  provisional: false,
  sentence: 'The evidence is too thin for a verdict.',
  strength: 'none',
  missing: [
    { rung: 'L5', why: 'not run', supply: 'counterfactual inputs' },
    { rung: 'L6', why: 'not run', supply: 'more bases' },
  ],
  rungs: [],
  warnings: [{ code: 'DATA', text: 'two inputs\nare equal' }],
  expectations: [{ text: 'expected mixture, got insufficient-evidence', held: false }],
  record: 'reports/agent/run.json',
  report: 'reports/agent/report.html',
  reused: [],
  durationMs: 1000,
} as unknown as RunOutcome;

function printed(outcome: RunOutcome): string[] {
  const terminal = capturedTerminal();
  printOutcome(outcome, { terminal } as unknown as Parameters<typeof printOutcome>[1]);
  return terminal.stdout().trimEnd().split('\n');
}

describe('an outcome', () => {
  it('says what an abstention lacks, what was expected, and every warning on a line', () => {
    expect(printed(OUTCOME).slice(0, 4)).toEqual([
      'agent: insufficient-evidence. The evidence is too thin for a verdict.',
      '  missing  counterfactual inputs',
      '  expectation failed  expected mixture, got insufficient-evidence',
      '  warning: two inputs are equal',
    ]);
  });

  it('says nothing of what is missing beside an answer', () => {
    expect(printed({ ...OUTCOME, verdict: 'mixture' }).join('\n')).not.toContain('missing');
  });
});

describe('the command to go on with', () => {
  const typed = (script: string | undefined): string =>
    commandAsTyped(['capture', 'a b.onnx'], script, '/srv');

  it('starts the program as it was started', () => {
    expect(typed('/clone/bin/mesascope.js')).toBe("node /clone/bin/mesascope.js capture 'a b.onnx'");
    expect(typed('/srv/tools/bin/mesascope.js')).toBe("node tools/bin/mesascope.js capture 'a b.onnx'");
    expect(typed('/usr/bin/mesascope')).toBe("/usr/bin/mesascope capture 'a b.onnx'");
  });

  it('names npx only where it finds this program', () => {
    const found = ['/srv/bin/mesascope.js', '/srv/node_modules/.bin/mesascope', '/c/_npx/1f/mesascope'];
    for (const script of [...found, undefined])
      expect(typed(script)).toBe("npx mesascope capture 'a b.onnx'");
  });
});
