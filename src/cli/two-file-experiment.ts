/** @file cli: a model file and a data file as an experiment, without code; shared by `audit` and `plan`. */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { Headline } from '../evidence/rung.ts';
import { VERDICTS } from '../pipeline/check-experiment.ts';
import { defineExperiment, type Experiment } from '../pipeline/experiment.ts';
import { type SettingsOptions, settingsFrom } from './settings-options.ts';
import { shownPath } from './words.ts';

export type TwoFiles = SettingsOptions & {
  readonly model: string;
  readonly data: string;
  /** Verdicts of which one must come out. */
  readonly expect?: readonly string[] | undefined;
};

/** The experiment that two files and the options declare. Throws `BAD_SETTING`; opens neither model nor examples. */
export async function experimentFrom(options: TwoFiles, workingFolder: string): Promise<Experiment> {
  const settings = settingsFrom(options);
  const expected = options.expect?.map(headline);
  const title = (await titleOf(path.resolve(workingFolder, options.data))) ?? path.basename(options.data);
  return defineExperiment({
    title,
    model: options.model,
    data: options.data,
    settings,
    ...(expected !== undefined && { expect: { verdict: expected } }),
  });
}

/** Names of data files that tell nothing beside the model's. */
const PLAIN_DATA = ['data', 'examples'];

/**
 * `audit-grid-proxy-boards` for `models/grid/proxy/model.onnx` and `boards.jsonl`, so that audits of one model with two data files lie beside
 * each other; `audit-grid-proxy` for `examples.jsonl` or `data.jsonl`. Outside the working folder the file name alone, since folders may
 * hold a user's name.
 */
export function nameFromFiles(
  { model, data }: { readonly model: string; readonly data: string },
  workingFolder: string,
): string {
  const parts = partsOf(model, workingFolder, /\.onnx$/);
  if (parts.length > 1 && parts[0] === 'models') parts.shift();
  if (parts.length > 1 && parts.at(-1) === 'model') parts.pop();
  const beside = partsOf(data, workingFolder, /\.(jsonl|ndjson|json)$/);
  if (beside.length === 1 && PLAIN_DATA.includes(beside[0]!)) beside.pop();
  const name = [...parts, ...beside]
    .join('-')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return `audit-${name}`.slice(0, 100);
}

function partsOf(file: string, workingFolder: string, ending: RegExp): string[] {
  const shown = shownPath(file, workingFolder);
  return (path.isAbsolute(shown) ? path.basename(shown) : shown).replace(ending, '').split('/');
}

/** The data file's own title; undefined when its first line is not what it should be, which the reader then explains. */
async function titleOf(file: string): Promise<string | undefined> {
  const stream = createReadStream(file, { encoding: 'utf8', end: 65_535 });
  try {
    for await (const line of createInterface({ input: stream })) {
      const title = (JSON.parse(line) as { readonly title?: unknown } | null)?.title;
      return typeof title === 'string' ? title : undefined;
    }
  } catch {
    return undefined;
  } finally {
    stream.destroy();
  }
  return undefined;
}

function headline(text: string): Headline {
  const known = VERDICTS.find((verdict) => verdict === text);
  if (known !== undefined) return known;
  const near = nearestNames(text, VERDICTS);
  throw new MesascopeError('BAD_SETTING', `no verdict is called ${text}`, {
    remedy: `Choose from ${(near.length > 0 ? near : VERDICTS).join(', ')}.`,
  });
}
