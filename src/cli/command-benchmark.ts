/** @file cli: `benchmark`: audits models whose goal is known and writes the instrument's own score. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeDigest } from '../benchmark/code-digest.ts';
import { benchmarkMarkdown } from '../benchmark/markdown.ts';
import { benchmarkPage } from '../benchmark/page.ts';
import type { BenchmarkResult } from '../benchmark/result.ts';
import { isRight } from '../benchmark/row.ts';
import { runBenchmark } from '../benchmark/run-benchmark.ts';
import { scoreOf } from '../benchmark/score.ts';
import {
  byMember,
  countsText,
  outcomeOf,
  SCORE_HEADS,
  scoreLines,
  scoreSentences,
  truthText,
} from '../benchmark/words.ts';
import type { Use } from '../benchmark/zoo.ts';
import { MesascopeError } from '../core/errors.ts';
import { CRITERIA } from '../evidence/criteria.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { writeFault } from '../store/write-fault.ts';
import { type CommandContext, type ExitCode, PROGRAM, printJson, printLine } from './context.ts';
import { openPage } from './open-page.ts';
import { loadReportAssets } from './report-assets.ts';
import { REPORTS_FOLDER } from './run-folder.ts';
import { type SettingsOptions, settingsArguments, settingsFrom } from './settings-options.ts';
import { quoted, relativePath, table } from './words.ts';

export type BenchmarkCommandOptions = SettingsOptions & {
  readonly family?: readonly string[];
  readonly seeds?: number;
  readonly jobs?: number;
  readonly use?: Use;
  readonly zoo?: string;
  readonly out?: string;
  readonly open?: boolean;
};

const RESULT_FILE = 'benchmark.json';
const PAGE_FILE = 'benchmark.html';
const TABLES_FILE = 'benchmark.md';
const ROWS_FILE = 'rows.jsonl';

/** Prints the score. 3 when some audit could not be finished. Throws what `runBenchmark` throws. */
export async function benchmarkCommand(
  options: BenchmarkCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { workingFolder, control } = context;
  const { seed = 0, ...settings } = settingsFrom(options);
  const use = options.use ?? 'reported';
  const jobs = options.jobs ?? 1;
  if (jobs < 1) throw new MesascopeError('BAD_SETTING', '--jobs must be 1 or larger');
  const folder = path.resolve(workingFolder, options.out ?? path.join(REPORTS_FOLDER, 'benchmark'));
  const version = await packageVersion();
  const code = await codeDigest();
  const lock = lockFolder(folder);
  try {
    const run = await runBenchmark({
      zoo: path.resolve(workingFolder, options.zoo ?? 'models'),
      families: options.family,
      use,
      seeds: options.seeds,
      jobs,
      seed,
      settings,
      rowsFile: path.join(folder, ROWS_FILE),
      scratch: path.join(folder, '.scratch'),
      workerFile: fileURLToPath(new URL('./benchmark-worker.ts', import.meta.url)),
      version: code,
      control,
    });
    const result: BenchmarkResult = {
      format: 'mesascope-benchmark/1',
      version,
      code,
      command: commandFor(options),
      use,
      seed,
      settings,
      criteria: CRITERIA,
      seeds: [...new Set(run.rows.map((row) => row.seed))].sort((a, b) => a - b),
      families: run.families,
      score: scoreOf(run.rows),
      rows: run.rows,
      faults: run.faults,
    };
    const { style } = await loadReportAssets();
    await mkdir(folder, { recursive: true });
    await replaced(path.join(folder, PAGE_FILE), benchmarkPage(result, { style }));
    await replaced(path.join(folder, TABLES_FILE), benchmarkMarkdown(result));
    await replaced(path.join(folder, RESULT_FILE), `${JSON.stringify(result, null, 1)}\n`);
    const page = relativePath(path.join(folder, PAGE_FILE), workingFolder);
    if (context.json) {
      const record = relativePath(path.join(folder, RESULT_FILE), workingFolder);
      printJson({ ...result.score, faults: run.faults, reused: run.reused, record, report: page }, context);
    } else printResult(result, { page, reused: run.reused }, context);
    if (options.open) openPage(path.join(folder, PAGE_FILE), context);
    return run.faults.length > 0 ? 3 : 0;
  } finally {
    lock.release();
  }
}

/** Whoever reads sees the old file or the new one. Throws `DISK_FULL`, `NOT_WRITABLE`. */
async function replaced(file: string, text: string): Promise<void> {
  const unfinished = `${file}.unfinished`;
  await writeFile(unfinished, text).catch((cause: unknown) => {
    throw writeFault(cause, file);
  });
  await rename(unfinished, file);
}

function printResult(
  { rows, score, faults }: BenchmarkResult,
  { page, reused }: { readonly page: string; readonly reused: number },
  context: CommandContext,
): void {
  const lines = byMember(rows).map((own) => {
    const right = own.filter(({ truth, found }) => isRight(found.verdict, truth)).length;
    return [
      `${own[0]!.family}/${own[0]!.member}`,
      own[0]!.case,
      truthText(own[0]!),
      `${right}/${own.length}`,
      countsText(own.map(({ found }) => found.verdict)),
    ];
  });
  printLine(table(['MEMBER', 'DATA', 'RIGHT WOULD BE', 'RIGHT', 'VERDICTS'], lines), context);
  printLine('', context);
  const heads = SCORE_HEADS.map((head) => head.toUpperCase());
  printLine(table(heads, scoreLines(score)), context);
  printLine('', context);
  for (const sentence of scoreSentences(score)) printLine(sentence, context);
  printLine('', context);
  const missed = rows.filter(({ truth, found }) => !isRight(found.verdict, truth));
  for (const row of missed)
    printLine(`${row.id}: ${outcomeOf(row)} (${row.truth.verdict} called ${row.found.verdict})`, context);
  for (const { id, code, message } of faults) printLine(`${id}: not finished, ${code}: ${message}`, context);
  if (reused > 0) printLine(`${reused} audits of an earlier run were used again.`, context);
  printLine(`report  ${page}`, context);
}

function commandFor(options: BenchmarkCommandOptions): string {
  return [
    PROGRAM,
    'benchmark',
    ...(options.family ?? []).flatMap((family) => ['--family', quoted(family)]),
    ...(options.seeds === undefined ? [] : ['--seeds', String(options.seeds)]),
    ...(options.use === undefined ? [] : ['--use', options.use]),
    ...(options.zoo === undefined ? [] : ['--zoo', quoted(options.zoo)]),
    ...settingsArguments(options),
  ].join(' ');
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
