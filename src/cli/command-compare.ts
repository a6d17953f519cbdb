/** @file cli: `compare`: two files of one model, hook by hook, and whether a probe of one reads the other. */
import { MesascopeError } from '../core/errors.ts';
import type { Interval } from '../evidence/resample-interval.ts';
import { withoutChoices } from '../model/choice-tokens.ts';
import { openModel } from '../model/open-model.ts';
import { tokenizedData } from '../model/tokenize.ts';
import { type Comparison, compareModels } from '../pipeline/compare-models.ts';
import { rowsNote } from '../pipeline/goal-probes.ts';
import { namingFiles } from '../pipeline/name-errors.ts';
import { readDataSet } from '../store/data-set.ts';
import { type CommandContext, type ExitCode, printJson, printLine, warn } from './context.ts';
import { counted, numberText, plainLine, shownPath, table } from './words.ts';

export type CompareOptions = {
  readonly first: string;
  readonly second: string;
  readonly data: string | undefined;
  readonly hooks: string | undefined;
  readonly positions: string | undefined;
  readonly seed: number | undefined;
};

/** Throws what `openModel`, the reader of the data and `compareModels` throw. */
export function compareCommand(options: CompareOptions, context: CommandContext): Promise<ExitCode> {
  const { data, first } = options;
  return data === undefined
    ? compare(options, context)
    : namingFiles({ model: first, data }, () => compare(options, context));
}

async function compare(options: CompareOptions, context: CommandContext): Promise<ExitCode> {
  const first = await openModel(options.first);
  try {
    const second = await openModel(options.second);
    try {
      const data = options.data === undefined ? undefined : await readDataSet(options.data, context.control);
      const tokenized = data === undefined ? undefined : tokenizedData(first, withoutChoices(data.dataSet));
      warn(tokenized?.warnings ?? [], context);
      const dataSet = tokenized?.dataSet;
      const found = await compareModels(
        first,
        second,
        {
          ...(dataSet === undefined ? {} : { dataSet }),
          ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
          ...(options.positions === undefined ? {} : { positions: numbers(options.positions) }),
          ...(options.seed === undefined ? {} : { seed: options.seed }),
        },
        context.control,
      );
      const names = [options.first, options.second].map((file) => shownPath(file, context.workingFolder));
      if (context.json) {
        const files = [first, second].map(({ sha256 }, i) => ({ file: names[i], sha256 }));
        printJson({ first: files[0], second: files[1], ...found }, context);
      } else print(found, names as [string, string], context);
      return 0;
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}

function numbers(text: string): number[] {
  const found = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (found.every(Number.isInteger)) return found;
  throw new MesascopeError('BAD_SETTING', `--positions ${text} is not a list of whole numbers`, {
    remedy: 'For example --positions=-1,-2.',
  });
}

function print(found: Comparison, [first, second]: [string, string], context: CommandContext): void {
  printLine(
    `${counted(found.rows, 'rows')} at position${found.positions.length === 1 ? '' : 's'} ${found.positions.join(', ')}: ${second} against ${first}\n`,
    context,
  );
  printLine(
    table(
      ['HOOK', 'WIDTH', 'RELATIVE ERROR', 'MEAN COSINE', 'LARGEST DIFFERENCE'],
      found.hooks.map(({ hook, width, relative, cosine, largest }) => [
        hook,
        String(width),
        numberText(relative),
        cosine.toFixed(6),
        numberText(largest),
      ]),
    ),
    context,
  );
  for (const { hook, model, reason } of found.missing)
    printLine(`${hook}: not in ${model}: ${reason}`, context);
  if (found.probes.length === 0) return;
  printLine(
    `\nProbes, share of ${counted(found.testRows, 'test rows')} read right (95 % over groups)\n${table(
      ['HOOK', 'GOAL', 'CLASSES', '1 ON 1', '1 ON 2', '2 ON 2', '2 ON 1'],
      found.probes.map(({ hook, goal, classes, ofFirst, ofSecond }) => [
        hook,
        goal,
        String(classes),
        share(ofFirst.onFirst),
        share(ofFirst.onSecond),
        share(ofSecond.onSecond),
        share(ofSecond.onFirst),
      ]),
    )}\n1 is ${first}, 2 is ${second}.`,
    context,
  );
  const unread = found.probes.flatMap(({ ofFirst: { onFirst } }) =>
    onFirst.state === 'undefined' ? [onFirst.reason] : [],
  );
  for (const reason of new Set(unread)) printLine(`undefined: ${plainLine(reason)}`, context);
  const note = found.set === undefined ? undefined : rowsNote(found.set);
  if (note !== undefined) printLine(note, context);
}

function share(interval: Interval): string {
  if (interval.state !== 'measured') return 'undefined';
  const { estimate, low, high } = interval;
  return `${estimate.toFixed(3)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
