/** @file cli: a model file and a data file as an experiment, without code; shared by `audit` and `plan`. */
import { createReadStream } from 'node:fs';
import os from 'node:os';
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
 * each other; `audit-grid-proxy` for `examples.jsonl` or `data.jsonl`. Outside the working folder, of a model the file and its folder, since
 * converters call every file `model.onnx`, and of data the file alone: folders further up, and the home folder, hold a user's name. A folder
 * `onnx`, which they make in every model's folder, tells nothing.
 */
export function nameFromFiles(
  { model, data }: { readonly model: string; readonly data: string },
  workingFolder: string,
): string {
  const parts = partsOf(model, workingFolder, { ending: /\.onnx$/, folders: 1 });
  if (parts.length > 1 && parts[0] === 'models') parts.shift();
  if (parts.length > 1 && parts.at(-1) === 'model') parts.pop();
  const beside = partsOf(data, workingFolder, { ending: /\.(jsonl|ndjson|json)$/, folders: 0 });
  if (beside.length === 1 && PLAIN_DATA.includes(beside[0]!)) beside.pop();
  const name = [...parts, ...beside]
    .join('-')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return `audit-${name}`.slice(0, 100);
}

/** Folders and file of a path below the working folder; of another one the file behind its last `folders`. */
function partsOf(
  file: string,
  workingFolder: string,
  of: { readonly ending: RegExp; readonly folders: number },
): string[] {
  const shown = shownPath(file, workingFolder);
  const outside = path.isAbsolute(shown);
  const home = shownPath(os.homedir(), workingFolder);
  const parents = shown.split('/').slice(0, -1);
  const told = parents.filter((part, i) => {
    const nameless = part === '' || /^[A-Za-z]:$/.test(part) || parents.slice(0, i + 1).join('/') === home;
    return part !== 'onnx' && !(outside && nameless);
  });
  const last = of.folders === 0 ? [] : told.slice(-of.folders);
  return [...(outside ? last : told), path.posix.basename(shown).replace(of.ending, '')];
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
