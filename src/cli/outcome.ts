/** @file cli: what a finished run says: the object of `--json` and the last lines of the terminal. */
import type { RunRecord } from '../record/record.ts';
import { type CommandContext, type ExitCode, printLine } from './context.ts';
import { durationText, plainLine } from './words.ts';

/** The object that `audit --json` prints, and `run --json` in an array. Paths are relative to the working folder. */
export type RunOutcome = {
  readonly experiment: string;
  readonly verdict: RunRecord['verdict']['verdict'];
  readonly pursues: RunRecord['verdict']['pursues'];
  readonly proxy: RunRecord['verdict']['proxy'];
  readonly grade: RunRecord['verdict']['grade'];
  readonly provisional: boolean;
  readonly sentence: string;
  readonly strength: RunRecord['verdict']['strength'];
  readonly missing: RunRecord['verdict']['missing'];
  readonly rungs: readonly Pick<
    RunRecord['rungs'][number],
    'id' | 'title' | 'state' | 'byRole' | 'summary'
  >[];
  readonly warnings: RunRecord['warnings'];
  readonly expectations: RunRecord['expectations'];
  readonly record: string;
  readonly report: string;
  readonly reused: readonly string[];
  readonly durationMs: number;
};

export type RunPaths = { readonly record: string; readonly report: string };

export function outcomeOf(record: RunRecord, paths: RunPaths): RunOutcome {
  const { verdict, pursues, proxy, grade, provisional, sentence, strength, missing } = record.verdict;
  return {
    experiment: record.experiment,
    verdict,
    pursues,
    proxy,
    grade,
    provisional,
    sentence,
    strength,
    missing,
    rungs: record.rungs.map(({ id, title, state, byRole, summary }) => ({
      id,
      title,
      state,
      byRole,
      summary,
    })),
    warnings: record.warnings,
    expectations: record.expectations,
    record: paths.record,
    report: paths.report,
    reused: record.timings.reused,
    durationMs: record.timings.durationMs,
  };
}

/** 100 when a declared expectation does not hold. */
export function exitCodeOf(outcome: RunOutcome): ExitCode {
  return outcome.expectations.every(({ held }) => held) ? 0 : 100;
}

/** Verdicts that answer nothing, beside which stands what would mend that. */
const ABSTENTIONS: readonly RunOutcome['verdict'][] = ['insufficient-evidence', 'unidentifiable', 'invalid'];

/** The verdict in one sentence, what it lacks where it is none, what was expected, warnings, the report, the record, what came from the cache, the time. */
export function printOutcome(outcome: RunOutcome, context: CommandContext): void {
  const { bold, red } = context.terminal.colors;
  printLine(`${bold(`${outcome.experiment}: ${outcome.verdict}`)}. ${plainLine(outcome.sentence)}`, context);
  const [lack] = ABSTENTIONS.includes(outcome.verdict) ? outcome.missing : [];
  if (lack !== undefined) printLine(`  missing  ${plainLine(lack.supply)}`, context);
  for (const { text } of outcome.expectations.filter(({ held }) => !held)) {
    printLine(`  ${red('expectation failed')}  ${plainLine(text)}`, context);
  }
  for (const { text } of outcome.warnings) printLine(`  warning: ${plainLine(text)}`, context);
  printLine(`  report  ${outcome.report}`, context);
  printLine(`  record  ${outcome.record}`, context);
  printLine(`  reused  ${outcome.reused.map(plainLine).join('; ') || 'nothing'}`, context);
  printLine(`  time    ${durationText(outcome.durationMs)}`, context);
}
