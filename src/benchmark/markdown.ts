/** @file benchmark: a result to the tables that a README or a pull request shows; everything in them is in the result's file too. */
import type { BenchmarkResult } from './result.ts';
import { type BenchmarkRow, FOILS, isRight } from './row.ts';
import {
  byMember,
  countsText,
  FOIL_WORDS,
  outcomeOf,
  SCORE_HEADS,
  scoreLines,
  scoreSentences,
  truthText,
} from './words.ts';

/** Score, members and misses as GitHub's Markdown. The same result gives the same text. */
export function benchmarkMarkdown(result: BenchmarkResult): string {
  const { score, rows, use, faults } = result;
  return [
    `${score.audits} audits of ${score.organisms} ${use} organisms${faults.length === 0 ? '' : `; ${faults.length} more audits could not be finished`}:`,
    '',
    ...table(SCORE_HEADS, scoreLines(score)),
    '',
    scoreSentences(score).join(' '),
    '',
    '<details><summary>By member</summary>',
    '',
    ...memberLines(rows),
    '',
    '</details>',
    ...missLines(rows),
    '',
  ].join('\n');
}

function memberLines(rows: readonly BenchmarkRow[]): string[] {
  return table(
    ['member', 'data', 'right would be', 'right', 'verdicts', ...FOILS.map((foil) => FOIL_WORDS[foil])],
    byMember(rows).map((own) => [
      `${own[0]!.family}/${own[0]!.member}`,
      own[0]!.case,
      truthText(own[0]!),
      `${own.filter(({ truth, found }) => isRight(found.verdict, truth)).length} of ${own.length}`,
      countsText(own.map(({ found }) => found.verdict)),
      ...FOILS.map((foil) => countsText(own.map(({ foils }) => foils[foil].verdict))),
    ]),
  );
}

function missLines(rows: readonly BenchmarkRow[]): string[] {
  const missed = rows.filter(({ truth, found }) => !isRight(found.verdict, truth));
  if (missed.length === 0) return [];
  const told = missed.map((row) => `${escaped(row.id)} (${outcomeOf(row)}: ${row.found.verdict})`);
  return ['', `Not right: ${told.join(', ')}.`];
}

function table(heads: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...lines.map(line)];
}

/** Text that stays text: names come from folders. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*<>|[\]]/g, (found) => `\\${found}`).replaceAll(/\s+/g, ' ');
}
