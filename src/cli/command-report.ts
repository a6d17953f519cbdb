/** @file cli: `report`: the page again from its record; needs neither the model nor the data. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { openPage } from './open-page.ts';
import { findRun, RECORD_FILE, REPORT_FILE } from './run-folder.ts';
import { byteText, shownPath } from './words.ts';

export type ReportOptions = { readonly run: string; readonly out?: string; readonly open?: boolean };

/** Throws `RUN_NOT_FOUND`, and what `readRecord` throws on a damaged or newer record. */
export async function reportCommand(options: ReportOptions, context: CommandContext): Promise<ExitCode> {
  const folder = await findRun(options.run, context.workingFolder);
  const { readRecord } = await import('../record/read.ts');
  const { renderReport } = await import('../report/render.ts');
  const { loadReportAssets } = await import('./report-assets.ts');
  const record = await readRecord(path.join(folder, RECORD_FILE));
  const page = renderReport(record, { assets: await loadReportAssets() });
  const file = path.resolve(context.workingFolder, options.out ?? path.join(folder, REPORT_FILE));
  await mkdir(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.unfinished`;
  try {
    await writeFile(unfinished, page);
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
  const shown = {
    experiment: record.experiment,
    record: shownPath(path.join(folder, RECORD_FILE), context.workingFolder),
    report: shownPath(file, context.workingFolder),
    bytes: Buffer.byteLength(page),
  };
  if (context.json) printJson(shown, context);
  else printLine(`${shown.report} (${byteText(shown.bytes)})`, context);
  if (options.open) openPage(file, context);
  return 0;
}
