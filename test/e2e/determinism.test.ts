/** @file test: the same seed gives the same record, from the cache and without it; another seed gives another split. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { gridEnvironment } from '../../models/grid/environment.ts';
import { loadReportAssets } from '../../src/cli/report-assets.ts';
import type { DataSet } from '../../src/core/data-set.ts';
import {
  defineExperiment,
  type RunRecord,
  readRecord,
  renderReport,
  runExperiment,
  splitByGroup,
  writeDataSet,
} from '../../src/index.ts';
import { recordDigest } from '../../src/record/canonical.ts';
import { organismFile } from '../models/organism.ts';
import { QUICK, runCli, workFolder, writeLines } from './run-cli.ts';

const MINUTES = 60_000;
const MODEL = organismFile('grid/ambiguous-1', 'model.onnx');

const folder = workFolder('determinism');
let dataSet: DataSet;
let first: RunRecord;

beforeAll(async () => {
  dataSet = gridEnvironment.makeExamples({
    seed: 'determinism',
    trainGroups: 100,
    apartGroups: 200,
    variants: 1,
  });
  writeLines(path.join(folder, 'rows.jsonl'), writeDataSet(dataSet));
  first = await audit('first', 7);
}, 3 * MINUTES);

/** An audit in the shared folder, and so with its cache. All rows on the unseen sides are in the record. */
async function audit(out: string, seed: number): Promise<RunRecord> {
  const result = await runCli(
    [
      'audit',
      '--model',
      MODEL,
      '--data',
      'rows.jsonl',
      '--name',
      'same',
      '--out',
      out,
      '--seed',
      String(seed),
      ...QUICK,
      '--set',
      'shownExamples=100000',
    ],
    { cwd: folder },
  );
  expect([result.exitCode, result.stderr.match(/error .*/)]).toEqual([0, null]);
  return readRecord(path.join(folder, out));
}

function shownIds(record: RunRecord): string[] {
  return record.examples.map(({ id }) => id).sort();
}

it(
  'the same seed gives the same record and the same page but for timings, although the second run reads the cache',
  async () => {
    expect(first.timings.reused).toEqual([]);
    const second = await audit('second', 7);
    expect(second.timings.reused).toEqual(['activations of the model']);
    expect(second.rungs).toEqual(first.rungs);
    expect(recordDigest(second)).toBe(recordDigest(first));
    // The page of the first run, byte for byte, from the record of the second.
    const page = renderReport({ ...second, timings: first.timings }, { assets: await loadReportAssets() });
    expect(page === readFileSync(path.join(folder, 'first/report.html'), 'utf8')).toBe(true);
  },
  3 * MINUTES,
);

it(
  'without a cache, in this process, the record is the same',
  async () => {
    const settings = { ...first.settings.given };
    const uncached = await runExperiment(
      defineExperiment({
        title: dataSet.title,
        model: MODEL,
        data: path.join(folder, 'rows.jsonl'),
        settings,
      }),
      { name: 'same', command: first.provenance.command },
    );
    expect(uncached.timings.reused).toEqual([]);
    const here = (record: RunRecord): RunRecord => ({
      ...record,
      // This process works in the repository, the other one in a folder of its own.
      provenance: { ...record.provenance, git: null },
    });
    expect(here(uncached).rungs).toEqual(first.rungs);
    expect(recordDigest(here(uncached))).toBe(recordDigest(here(first)));
  },
  3 * MINUTES,
);

it(
  'another seed splits the groups otherwise, and says so',
  async () => {
    const other = await audit('other', 8);
    expect([first.provenance.splitSeed, other.provenance.splitSeed]).toEqual(['7', '8']);
    expect(recordDigest(other)).not.toBe(recordDigest(first));
    // The same model on the same rows: the cache is content, and a seed is none.
    expect(other.timings.reused).toEqual(['activations of the model']);
    expect(other.behavior).toEqual(first.behavior);
    expect(shownIds(other)).not.toEqual(shownIds(first));
    // The record's rows are those of the split that the library makes from the same seed.
    for (const [record, seed] of [[first, 7] as const, [other, 8] as const]) {
      const { select, test } = splitByGroup({ groups: dataSet.examples.map(({ group }) => group), seed });
      const unseen = [...select.rows, ...test.rows].map((row) => dataSet.examples[row]!.id).sort();
      expect(shownIds(record)).toEqual(unseen);
    }
  },
  3 * MINUTES,
);
