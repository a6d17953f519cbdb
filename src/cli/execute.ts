/** @file cli: one experiment from declaration to files on disk; shared by `run` and `audit`. */
import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../core/errors.ts';
import type { Experiment } from '../pipeline/experiment.ts';
import { runExperiment } from '../pipeline/run-experiment.ts';
import { renderReport } from '../report/render.ts';
import { lockFolder } from '../store/folder-lock.ts';
import type { CommandContext } from './context.ts';
import { outcomeOf, type RunOutcome } from './outcome.ts';
import { loadReportAssets } from './report-assets.ts';
import { CACHE_FOLDER, RECORD_FILE, REPORT_FILE, writeRun } from './run-folder.ts';
import { relativePath } from './words.ts';

export type ExecuteOptions = {
  readonly name: string;
  /** The run's folder, absolute. */
  readonly folder: string;
  /** The command that makes this record again, in one fixed spelling. */
  readonly command: string;
};

/** Runs, renders and writes; an earlier run in the folder is replaced only once this one is complete. Throws `RUN_LOCKED`. */
export async function execute(
  experiment: Experiment,
  { name, folder, command }: ExecuteOptions,
  context: CommandContext,
): Promise<RunOutcome> {
  const { control, workingFolder } = context;
  // Before the work, so that a folder that is in use or cannot be written does not cost minutes.
  const lock = lockFolder(folder);
  try {
    const cacheFolder = path.join(workingFolder, CACHE_FOLDER);
    const record = await runExperiment(experiment, { name, control, command, cacheFolder });
    throwIfAborted(control.signal);
    const page = renderReport(record, { assets: await loadReportAssets() });
    await writeRun(folder, record, page);
    return outcomeOf(record, {
      record: relativePath(path.join(folder, RECORD_FILE), workingFolder),
      report: relativePath(path.join(folder, REPORT_FILE), workingFolder),
    });
  } finally {
    lock.release();
    // Succeeds only on an empty folder: a first run that failed leaves no trace.
    await rmdir(folder).catch(() => undefined);
  }
}
