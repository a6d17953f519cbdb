/** @file cli: `run`: experiments, one after the other; a failing one does not stop the others. */
import path from 'node:path';
import { MesascopeError } from '../core/errors.ts';
import type { Experiment } from '../pipeline/experiment.ts';
import { type CommandContext, type ExitCode, PROGRAM, printJson, printLine, worseExit } from './context.ts';
import { showError } from './error-line.ts';
import {
  EXPERIMENT_FOLDER,
  type ExperimentFile,
  findExperiments,
  loadExperiment,
  placedInExperiment,
} from './experiment-files.ts';
import { openPage } from './open-page.ts';
import { exitCodeOf, printOutcome, type RunOutcome } from './outcome.ts';
import { checkRunName, REPORTS_FOLDER } from './run-folder.ts';
import { type SettingsOptions, settingsArguments, settingsFrom } from './settings-options.ts';
import { quoted, shownPath, table } from './words.ts';

export type RunOptions = SettingsOptions & {
  readonly experiments: readonly string[];
  readonly open?: boolean;
};

/** What `run --json` prints in place of an outcome when an experiment could not be finished. */
type Unfinished = {
  readonly experiment: string;
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string };
};

/** The exit code is the worst of all experiments. Throws `ABORTED`, `EXPERIMENT_NOT_FOUND`, `BAD_SETTING`. */
export async function runCommand(options: RunOptions, context: CommandContext): Promise<ExitCode> {
  const settings = settingsFrom(options);
  const files = await findExperiments(options.experiments, context.workingFolder);
  const results: (RunOutcome | Unfinished)[] = [];
  let exitCode: ExitCode = 0;
  for (const [index, file] of files.entries()) {
    if (files.length > 1) context.terminal.err(`[${index + 1}/${files.length}] ${file.name}\n`);
    try {
      const experiment = await loadExperiment(file);
      // Only now the runtime: an experiment that cannot be loaded is reported at once.
      const { execute } = await import('./execute.ts');
      const outcome = await execute(
        { ...experiment, settings: { ...experiment.settings, ...settings } } satisfies Experiment,
        {
          name: checkRunName(file.name),
          folder: path.join(context.workingFolder, REPORTS_FOLDER, file.name),
          command: commandFor(file, options, context.workingFolder),
        },
        context,
      );
      results.push(outcome);
      exitCode = worseExit(exitCode, exitCodeOf(outcome));
      if (!context.json) {
        printOutcome(outcome, context);
        if (index + 1 < files.length) printLine('', context);
      }
      if (options.open) openPage(path.resolve(context.workingFolder, outcome.report), context);
    } catch (thrown) {
      if (context.control.signal.aborted) throw thrown;
      const shown = showError(placedByUserCode(thrown, file), {
        workingFolder: context.workingFolder,
        fallback: { file: file.file },
        debug: process.env.MESASCOPE_DEBUG === '1',
      });
      context.terminal.err(`${shown.line}\n${shown.stack === undefined ? '' : `${shown.stack}\n`}`);
      const { code, message, remedy } = shown;
      results.push({ experiment: file.name, error: { code, message, remedy } });
      exitCode = worseExit(exitCode, shown.exitCode);
    }
  }
  if (context.json) printJson(results, context);
  else if (results.length > 1) printSummary(results, context);
  return exitCode;
}

/** Only what the user's code threw: other errors are about the model, the data or a setting, wherever they were asked for. */
function placedByUserCode(thrown: unknown, { file }: ExperimentFile): unknown {
  const own = thrown instanceof MesascopeError && thrown.code === 'EXPERIMENT_INVALID';
  return own ? placedInExperiment(thrown, file) : thrown;
}

/** After several runs the first ones have scrolled away: all verdicts once more, in one table. */
function printSummary(results: readonly (RunOutcome | Unfinished)[], context: CommandContext): void {
  const rows = results.map((result) =>
    'error' in result
      ? [result.experiment, `not finished: ${result.error.code}`, '']
      : [result.experiment, result.verdict, result.report],
  );
  printLine('', context);
  printLine(table(['EXPERIMENT', 'VERDICT', 'REPORT'], rows), context);
}

/** The same for `run`, `run NAME` and `run probes/NAME.probe.ts`, so that all three make the same record. */
function commandFor({ name, file }: ExperimentFile, options: SettingsOptions, workingFolder: string): string {
  const inFolder = path.dirname(file) === path.join(workingFolder, EXPERIMENT_FOLDER);
  const shown = shownPath(file, workingFolder);
  const named = inFolder ? name : path.isAbsolute(shown) ? path.basename(shown) : shown;
  return [PROGRAM, 'run', quoted(named), ...settingsArguments(options)].join(' ');
}
