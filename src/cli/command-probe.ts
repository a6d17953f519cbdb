/** @file cli: `probe`: fits a probe of one goal at one hook, says what it reads on test rows, and saves it. */
import path from 'node:path';
import type { Interval } from '../evidence/resample-interval.ts';
import { withoutChoices } from '../model/choice-tokens.ts';
import { openModel } from '../model/open-model.ts';
import { tokenizedData } from '../model/tokenize.ts';
import { fitProbe } from '../pipeline/fit-probe.ts';
import { rowsNote } from '../pipeline/goal-probes.ts';
import { namingFiles } from '../pipeline/name-errors.ts';
import { saveProbe } from '../pipeline/probe-files.ts';
import { packageVersion } from '../pipeline/provenance.ts';
import { readDataSet } from '../store/data-set.ts';
import { type CommandContext, type ExitCode, printJson, printLine, warn } from './context.ts';
import { counted, plainLine, shownPath } from './words.ts';

export type ProbeOptions = {
  readonly model: string;
  readonly data: string;
  readonly goal: string;
  readonly hook: string;
  readonly position: number | undefined;
  readonly seed: number | undefined;
  readonly out: string;
};

/** Throws what opening, reading, `fitProbe` and `saveProbe` throw. */
export function probeCommand(options: ProbeOptions, context: CommandContext): Promise<ExitCode> {
  return namingFiles(options, () => probe(options, context));
}

async function probe(options: ProbeOptions, context: CommandContext): Promise<ExitCode> {
  const { workingFolder, control } = context;
  const data = await readDataSet(options.data, control);
  const model = await openModel(options.model);
  try {
    const { goal, hook, position, seed } = options;
    const { dataSet, warnings } = tokenizedData(model, withoutChoices(data.dataSet));
    warn(warnings, context);
    const fitted = await fitProbe(
      model,
      {
        dataSet,
        dataSha256: data.sha256,
        goal,
        hook,
        version: await packageVersion(),
        ...(position === undefined ? {} : { position }),
        ...(seed === undefined ? {} : { seed }),
      },
      control,
    );
    const file = path.resolve(workingFolder, options.out);
    await saveProbe(file, fitted.saved);
    const { accuracy, irrelevant, chance, set, rows } = fitted;
    const out = shownPath(file, workingFolder);
    if (context.json) {
      const classes = fitted.saved.probe.classNames;
      printJson(
        {
          out,
          goal: fitted.goal,
          hook,
          position: fitted.position,
          classes,
          accuracy,
          chance,
          irrelevant,
          set,
          rows,
        },
        context,
      );
      return 0;
    }
    printLine(`${out}: ${fitted.goal} at ${hook}, position ${fitted.position}`, context);
    printLine(`  reads right     ${share(accuracy)} of ${counted(rows.test, 'test rows')}`, context);
    printLine(`  by chance       ${chance.toFixed(3)}, the commonest value`, context);
    if (irrelevant !== undefined) {
      const how = irrelevant.state === 'measured' ? ', read in the same way' : '';
      printLine(`  the irrelevant  ${share(irrelevant)}${how}`, context);
    }
    const note = rowsNote(set);
    if (note !== undefined) printLine(`  ${note}`, context);
    // The commonest mistake with a probe is to take its accuracy for an answer.
    printLine('  What can be read need not be used: `mesascope audit` asks that.', context);
    return 0;
  } finally {
    await model.close();
  }
}

function share(interval: Interval): string {
  if (interval.state !== 'measured') return `undefined (${plainLine(interval.reason)})`;
  const { estimate, low, high } = interval;
  return `${estimate.toFixed(3)} (95 % over groups: ${low.toFixed(2)} to ${high.toFixed(2)})`;
}
