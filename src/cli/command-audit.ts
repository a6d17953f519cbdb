/** @file cli: `audit`: a model file and a data file become an experiment without code. */
import path from 'node:path';
import { type CommandContext, type ExitCode, PROGRAM, printJson } from './context.ts';
import { openPage } from './open-page.ts';
import { exitCodeOf, printOutcome } from './outcome.ts';
import { checkRunName, mustBeSameModel, mustTakeRun, REPORTS_FOLDER } from './run-folder.ts';
import { settingsArguments } from './settings-options.ts';
import { experimentFrom, nameFromFiles, type TwoFiles } from './two-file-experiment.ts';
import { quoted, shownPath } from './words.ts';

export type AuditOptions = TwoFiles & {
  readonly name?: string;
  readonly out?: string;
  readonly open?: boolean;
};

/** Prints one outcome. Throws `BAD_SETTING`, and what the pipeline throws about the model and the data. */
export async function auditCommand(options: AuditOptions, context: CommandContext): Promise<ExitCode> {
  const { workingFolder } = context;
  const name = checkRunName(options.name ?? nameFromFiles(options, workingFolder));
  const folder = path.resolve(workingFolder, options.out ?? path.join(REPORTS_FOLDER, name));
  await mustTakeRun(folder);
  const experiment = await experimentFrom(options, workingFolder);
  if (options.name === undefined && options.out === undefined)
    await mustBeSameModel(folder, () => sha256Of(options.model));
  // Only now the runtime: what is wrong with the options is reported at once.
  const { execute } = await import('./execute.ts');
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

async function sha256Of(file: string): Promise<string> {
  const { openModel } = await import('../model/open-model.ts');
  const model = await openModel(file);
  try {
    return model.sha256;
  } finally {
    await model.close();
  }
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
