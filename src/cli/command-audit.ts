/** @file cli: `audit`: a model file and a data file become an experiment without code. */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { Headline } from '../evidence/rung.ts';
import { defineExperiment, type Experiment } from '../pipeline/experiment.ts';
import { type CommandContext, type ExitCode, PROGRAM, printJson } from './context.ts';
import { execute } from './execute.ts';
import { openPage } from './open-page.ts';
import { exitCodeOf, printOutcome } from './outcome.ts';
import { checkRunName, REPORTS_FOLDER } from './run-folder.ts';
import { type SettingsOptions, settingsArguments, settingsFrom } from './settings-options.ts';
import { quoted, shownPath } from './words.ts';

export type AuditOptions = SettingsOptions & {
  readonly model: string;
  readonly data: string;
  readonly name?: string;
  readonly out?: string;
  readonly expect?: readonly string[];
  readonly open?: boolean;
};

/** Every verdict there is; `Record` makes the compiler notice a new one. */
const HEADLINES: Readonly<Record<Headline, true>> = {
  unidentifiable: true,
  invalid: true,
  'pursues-proxy': true,
  mixture: true,
  'proxy-dormant': true,
  'proxy-present-unused': true,
  'pursues-intended': true,
  'no-goal-evidence': true,
  'insufficient-evidence': true,
};

/** Prints one outcome. Throws `BAD_SETTING`, and what the pipeline throws about the model and the data. */
export async function auditCommand(options: AuditOptions, context: CommandContext): Promise<ExitCode> {
  const { workingFolder } = context;
  const name = checkRunName(options.name ?? nameFromModel(options.model, workingFolder));
  const folder = path.resolve(workingFolder, options.out ?? path.join(REPORTS_FOLDER, name));
  const experiment = await experimentFrom(options, workingFolder);
  const outcome = await execute(
    experiment,
    { name, folder, command: commandFor(options, workingFolder) },
    context,
  );
  if (context.json) printJson(outcome, context);
  else printOutcome(outcome, context);
  if (options.open) openPage(path.resolve(workingFolder, outcome.report), context);
  return exitCodeOf(outcome);
}

/** The experiment that two files and the options declare; used by `plan` too. */
export async function experimentFrom(
  options: Pick<AuditOptions, 'model' | 'data' | 'expect' | 'seed' | 'set'>,
  workingFolder: string,
): Promise<Experiment> {
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

/** `audit-grid-proxy` for `models/grid/proxy/model.onnx`; outside the working folder the file name alone, since folders
 *  may hold a user's name. */
export function nameFromModel(model: string, workingFolder: string): string {
  const shown = shownPath(model, workingFolder);
  const parts = (path.isAbsolute(shown) ? path.basename(shown) : shown).replace(/\.onnx$/, '').split('/');
  if (parts.length > 1 && parts[0] === 'models') parts.shift();
  if (parts.length > 1 && parts.at(-1) === 'model') parts.pop();
  const name = parts
    .join('-')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return `audit-${name}`.slice(0, 100);
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
  if (Object.hasOwn(HEADLINES, text)) return text as Headline;
  const all = Object.keys(HEADLINES);
  throw new MesascopeError('BAD_SETTING', `no verdict is called ${text}`, {
    remedy: `Choose from ${(nearestNames(text, all).length > 0 ? nearestNames(text, all) : all).join(', ')}.`,
  });
}

/** Folders outside the working folder are left out: a record holds no absolute path and no user name. */
function commandFor(options: AuditOptions, workingFolder: string): string {
  const file = (given: string): string => {
    const shown = shownPath(given, workingFolder);
    return quoted(path.isAbsolute(shown) ? path.basename(shown) : shown);
  };
  return [
    PROGRAM,
    'audit',
    '--model',
    file(options.model),
    '--data',
    file(options.data),
    ...(options.name === undefined ? [] : ['--name', quoted(options.name)]),
    ...settingsArguments(options),
  ].join(' ');
}
