/** @file test: pages made once for the tests that open them. */
import { loadReportAssets } from '../../src/cli/report-assets.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { type ReportAssets, renderReport } from '../../src/report/render.ts';

let assets: Promise<ReportAssets> | undefined;

export function sampleAssets(): Promise<ReportAssets> {
  assets ??= loadReportAssets();
  return assets;
}

export async function pageOf(record: RunRecord): Promise<string> {
  return renderReport(record, { assets: await sampleAssets() });
}
