/** @file cli: reads from disk what a report page is made with; decides nothing about the page. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MesascopeError } from '../core/errors.ts';
import { CLIENT_FILES, clientScript, STYLE_FILES } from '../report/client-files.ts';
import type { ReportAssets } from '../report/render.ts';

/** The page may be 2 MB without its data; a drawing library beyond this is not the one that was chosen. */
const PLOTLY_MOST_BYTES = 1_600_000;

/**
 * Reads the drawing library, the page's script and its style sheet.
 * Throws `INTERNAL` when one is missing, or when the library has lost its licence banner or outgrown its place.
 */
export async function loadReportAssets(): Promise<ReportAssets> {
  const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'report', 'client');
  const plotlyFile = createRequire(import.meta.url).resolve('plotly.js/dist/plotly-cartesian.min.js');
  const readAll = (names: readonly string[]): Promise<string[]> =>
    Promise.all(names.map((name) => readText(join(folder, name))));
  const [plotly, scripts, styles] = await Promise.all([
    readText(plotlyFile),
    readAll(CLIENT_FILES),
    readAll(STYLE_FILES),
  ]);
  if (!/plotly\.js[^*]*\n\* Copyright[^*]*\n[\s\S]{0,120}MIT license/.test(plotly.slice(0, 600))) {
    throw new MesascopeError('INTERNAL', 'the drawing library comes without its licence banner');
  }
  const bytes = Buffer.byteLength(plotly);
  if (bytes > PLOTLY_MOST_BYTES) {
    throw new MesascopeError(
      'INTERNAL',
      `the drawing library has ${bytes} bytes, more than ${PLOTLY_MOST_BYTES}`,
    );
  }
  return { plotly, client: clientScript(scripts), style: styles.join('') };
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MesascopeError('INTERNAL', `a part of the report is missing: ${file}`, { cause });
  });
}
