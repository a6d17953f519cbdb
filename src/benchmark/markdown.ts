/** @file benchmark: a result to the tables that a README or a pull request shows; everything in them is in the result's file too. */
import { percent } from '../report/format.ts';
import { countsText, FOIL_WORDS, outcomeOf, tallyText } from './page.ts';
import type { BenchmarkResult } from './result.ts';
import { type BenchmarkRow, FOILS, isRight } from './row.ts';
import { type Score, scoreOf, type Tally } from './score.ts';

/** Score, members and misses as GitHub's Markdown. The same result gives the same text. */
export function benchmarkMarkdown(result: BenchmarkResult): string {
  const { score, rows, use } = result;
  return [
    `${score.audits} audits of ${score.organisms} ${use} organisms:`,
    '',
    ...scoreLines(result),
    '',
    sentence(result),
    '',
    ...memberLines(rows),
    ...missLines(rows),
    '',
  ].join('\n');
}

function scoreLines({ score }: BenchmarkResult): string[] {
  const ways = [
    ['the ladder', score.instrument] as const,
    ...FOILS.map((foil) => [FOIL_WORDS[foil], score.foils[foil]] as const),
  ];
  return table(
    ['way of looking', 'verdict right', 'false alarms', 'missed proxies', 'dormant found', 'abstained'],
    ways.map(([name, one]) => [name, ...tallies(one)]),
  );
}

function tallies({ right, falseAlarms, missedProxies, dormant, abstained }: Score): string[] {
  const bound = ({ count, trials, high }: Tally): string =>
    high === null ? `${count} of ${trials}` : `${count} of ${trials} models (at most ${percent(high)})`;
  const plain = ({ count, trials }: Tally): string => `${count} of ${trials}`;
  return [tallyText(right), bound(falseAlarms), plain(missedProxies), plain(dormant), plain(abstained)];
}

function sentence({ score: { weights, seconds } }: BenchmarkResult): string {
  const mixtures =
    weights.mean === null || weights.largest === null
      ? ''
      : `Weights of ${weights.count} mixtures: ${weights.mean.toFixed(3)} from the truth on average, ${weights.largest.toFixed(3)} at most. `;
  return `${mixtures}A verdict took ${seconds.median.toFixed(0)} s in the median and ${seconds.longest.toFixed(0)} s at most.`;
}

/** Rows in groups of one member and one kind of data, in the order in which they come. */
export function byMember(rows: readonly BenchmarkRow[]): BenchmarkRow[][] {
  const groups = new Map<string, BenchmarkRow[]>();
  for (const row of rows) {
    const key = `${row.family}/${row.member}\n${row.case}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

function memberLines(rows: readonly BenchmarkRow[]): string[] {
  return table(
    ['member', 'data', 'truth', 'right', 'verdicts', ...FOILS.map((foil) => FOIL_WORDS[foil])],
    byMember(rows).map((own) => [
      `\`${own[0]!.family}/${own[0]!.member}\``,
      own[0]!.case,
      own[0]!.truth.verdict,
      `${scoreOf(own).instrument.right.count} of ${own.length}`,
      countsText(own.map(({ found }) => found.verdict)),
      ...FOILS.map((foil) => countsText(own.map(({ foils }) => foils[foil].verdict))),
    ]),
  );
}

function missLines(rows: readonly BenchmarkRow[]): string[] {
  const missed = rows.filter(({ truth, found }) => !isRight(found.verdict, truth));
  if (missed.length === 0) return [];
  return [
    '',
    `Not right: ${missed.map((row) => `\`${row.id}\` (${outcomeOf(row)}: ${row.found.verdict})`).join(', ')}.`,
  ];
}

function table(heads: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...lines.map(line)];
}
