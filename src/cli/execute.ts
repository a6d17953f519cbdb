/** @file cli: one experiment from declaration to files on disk; shared by `run` and `audit`. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../core/errors.ts';
import type { Experiment } from '../pipeline/experiment.ts';
import { runExperiment } from '../pipeline/run-experiment.ts';
import { renderReport } from '../report/render-report.ts';
import type { CommandContext } from './context.ts';
import { outcomeOf, type RunOutcome } from './outcome.ts';
import { loadReportAssets } from './report-assets.ts';
import { RECORD_FILE, REPORT_FILE, writeRun } from './run-folder.ts';
import { shownPath } from './words.ts';

export type ExecuteOptions = {
  readonly name: string;
  /** The run's folder, absolute. */
  readonly folder: string;
  /** The command that makes this record again, in one fixed spelling. */
  readonly command: string;
};

/** Runs, renders and writes; an earlier run in the folder is replaced only once this one is complete. */
export async function execute(
  experiment: Experiment,
  { name, folder, command }: ExecuteOptions,
  context: CommandContext,
): Promise<RunOutcome> {
  // Before the work, so that a folder that cannot be written does not cost minutes.
  await mkdir(folder, { recursive: true });
  const record = await runExperiment(experiment, { name, control: context.control, command });
  throwIfAborted(context.control.signal);
  const page = renderReport(record, await loadReportAssets());
  await writeRun(folder, record, page);
  return outcomeOf(record, {
    record: shownPath(path.join(folder, RECORD_FILE), context.workingFolder),
    report: shownPath(path.join(folder, REPORT_FILE), context.workingFolder),
  });
}
