/** @file cli: `plan`: what a run would cost and could see, before any forward pass. */
import { MesascopeError } from '../core/errors.ts';
import { CRITERIA } from '../evidence/criteria.ts';
import type { Experiment } from '../pipeline/experiment.ts';
import type { Plan } from '../pipeline/plan-experiment.ts';
import { foreseenText, type Reach } from '../pipeline/plan-sight.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { findExperiments, loadExperiment, placedInExperiment } from './experiment-files.ts';
import { type SettingsOptions, settingsFrom } from './settings-options.ts';
import { experimentFrom, nameFromFiles } from './two-file-experiment.ts';
import { byteText, counted, durationText, numberText, table } from './words.ts';

export type PlanOptions = SettingsOptions & {
  readonly experiment: string | undefined;
  readonly model?: string;
  readonly data?: string;
};

/** Throws `BAD_USAGE` unless there is either an experiment or both files, and what the readers throw. */
export async function planCommand(options: PlanOptions, context: CommandContext): Promise<ExitCode> {
  const { name, experiment, file } = await declared(options, context);
  const { planExperiment } = await import('../pipeline/plan-experiment.ts');
  const plan = await planExperiment(experiment, { name, control: context.control }).catch(
    (thrown: unknown) => {
      throw file === undefined ? thrown : placedInExperiment(thrown, file);
    },
  );
  if (context.json) printJson(plan, context);
  else printPlan(plan, context);
  return 0;
}

async function declared(
  { experiment, model, data, seed, set }: PlanOptions,
  { workingFolder }: CommandContext,
): Promise<{ readonly name: string; readonly experiment: Experiment; readonly file?: string }> {
  if (experiment !== undefined && model === undefined && data === undefined) {
    const [file] = await findExperiments([experiment], workingFolder);
    const found = await loadExperiment(file!);
    const settings = { ...found.settings, ...settingsFrom({ seed, set }) };
    return { name: file!.name, experiment: { ...found, settings }, file: file!.file };
  }
  if (experiment === undefined && model !== undefined && data !== undefined) {
    return {
      name: nameFromFiles({ model, data }, workingFolder),
      experiment: await experimentFrom({ model, data, seed, set }, workingFolder),
    };
  }
  throw new MesascopeError('BAD_USAGE', 'plan needs either an experiment, or both --model and --data', {
    remedy: 'See `mesascope plan --help`.',
  });
}

function printPlan(plan: Plan, context: CommandContext): void {
  const { bold } = context.terminal.colors;
  const { model, data, settings } = plan;
  const width = model.width === null ? 'no residual stream' : `width ${model.width}`;
  printLine(bold(plan.experiment), context);
  printLine(
    `model  ${model.file}: ${byteText(model.bytes)}, ${counted(model.blocks, 'blocks')}, ${width}`,
    context,
  );
  printLine(
    `data   ${data.title}: ${counted(data.rows, 'rows')} in ${counted(data.groups, 'groups')}`,
    context,
  );
  printLine(`\n${bold('Examples')}`, context);
  const rows = plan.sets.map((set) =>
    [
      set.name,
      set.rows,
      set.groups,
      set.decisionStates,
      set.test.rows,
      set.test.groups,
      set.test.decisionStates,
    ].map(String),
  );
  printLine(
    table(
      ['SET', 'ROWS', 'GROUPS', 'DECISION STATES', 'TEST ROWS', 'TEST GROUPS', 'TEST DECISION STATES'],
      rows,
    ),
    context,
  );
  printLine(`\n${bold('Hooks')}`, context);
  printLine(
    table(
      ['HOOK', 'SHAPE'],
      plan.hooks.map(({ name, shape }) => [name, `[${shape.join(', ')}]`]),
    ),
    context,
  );
  printLine(`positions  ${plan.positions.join(', ')}`, context);
  printLine(`\n${bold('Cost')}`, context);
  printLine(`activations     ${byteText(plan.activationBytes)}`, context);
  printLine(
    `forward passes  ${counted(plan.forwardRows, 'rows')}, with ${counted(settings.twins, 'twins')} and all edits`,
    context,
  );
  printLine(
    `time            about ${durationText(plan.estimatedMinutes * 60_000)} (a rough estimate)`,
    context,
  );
  printLine(`\n${bold('What it can see')}`, context);
  for (const line of sightLines(plan)) printLine(line, context);
}

/** The smallest effects in words, and above them what would keep the run from an answer. */
function sightLines({ outlook, settings }: Plan): string[] {
  const { sight } = outlook;
  const lines = outlook.problems.map(({ text }) => foreseenText(outlook.outcome, text));
  lines.push(...outlook.warnings.map(({ text }) => `warning: ${text}`));
  const contrasts = Object.entries(sight.contrast).map(
    ([goal, reach]) => `${rangeText(reach, (value) => numberText(100 * value, 2))} points (${goal})`,
  );
  lines.push(
    `Smallest effects found in four of five runs at alpha ${settings.alpha}; of two numbers, one holds if rows of a group are independent and one if they are all alike:`,
  );
  lines.push(
    contrasts.length === 0
      ? 'L2  no accuracy contrast: it needs a set "apart" and an irrelevant variable'
      : `L2  accuracy contrasts of at least ${contrasts.join(', ')}`,
  );
  const { rows, groups } = sight.bases;
  if (rows > 0) {
    const margin = numberText(CRITERIA.equivalenceNats, 2);
    lines.push(
      `L5  mean effects of at least ${margin} nats + ${rangeText(sight.meanEffect, (value) => numberText(value, 2))} standard deviations of single effects, from ${counted(rows, 'inputs')} in ${counted(groups, 'groups')}`,
      `    a goal without effect is shown to be unused if single effects scatter by at most ${rangeText(sight.scatter, (value) => numberText(value, 2))} nats`,
    );
  }
  const { once, aboveError, decisionStates } = sight.share;
  if (decisionStates > 0) {
    const percent = (value: number): string => numberText(100 * value, 2);
    lines.push(
      `L8  silent divergence in ${rangeText(once, percent)} % of decision states shows at least once; in ${rangeText(aboveError, percent)} % it stands out from a reading that errs in 5 %`,
    );
  }
  return lines;
}

/** `8.5 to 12`, the smaller first, one number when both are the same, or why there is none. */
function rangeText({ independent, alike }: Reach, text: (value: number) => string): string {
  if (independent.state === 'undefined') return `(none: ${independent.reason})`;
  if (alike.state === 'undefined') return `${text(independent.value)} or more`;
  const [low, high] = [independent.value, alike.value].sort((a, b) => a - b).map(text);
  return low === high ? low! : `${low} to ${high}`;
}
