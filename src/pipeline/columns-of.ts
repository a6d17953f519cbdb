/** @file pipeline: a data set and what the model did with it, as the plain columns that the evidence reads. */
import { actionMask, logProbabilities, mostProbable } from '../behavior/choices.ts';
import type { DataSet, Example, GoalValue } from '../core/data-set.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { GroupSplit } from '../core/split.ts';
import type { Columns, NamedLabels } from '../evidence/columns.ts';
import { type GoalLabels, numbersThenWords } from './goal-labels.ts';

/** Builds the columns; `choiceLogits` is [examples, choices] in the order of the data set's choices. */
export function columnsOf(request: {
  readonly dataSet: DataSet;
  readonly goals: GoalLabels;
  readonly split: GroupSplit;
  readonly choiceLogits: Matrix;
}): Columns {
  const { dataSet, goals, split, choiceLogits } = request;
  const { examples } = dataSet;
  const choices = Object.keys(dataSet.choices);
  const groupIndex = new Map<string, number>();
  const groups = Int32Array.from(examples, ({ group }) => {
    if (!groupIndex.has(group)) groupIndex.set(group, groupIndex.size);
    return groupIndex.get(group)!;
  });
  const recommended = (goal: 'intended' | 'proxy'): Uint8Array => {
    const mask = new Uint8Array(examples.length * choices.length);
    for (const [i, example] of examples.entries())
      mask.set(actionMask(example.actions[goal], choices), i * choices.length);
    return mask;
  };
  const rowsOf = (set: string): Int32Array =>
    Int32Array.from(examples.flatMap((example, i) => (example.set === set ? [i] : [])));
  return {
    rows: examples.length,
    groups,
    groupCount: groupIndex.size,
    train: rowsOf('train'),
    apart: rowsOf('apart'),
    labels: goals.labels,
    numbers: goals.numbers,
    choices,
    recommended: { intended: recommended('intended'), proxy: recommended('proxy') },
    logProbabilities: logProbabilities(choiceLogits),
    chosen: mostProbable(choiceLogits),
    tokens: tokenMatrix(dataSet),
    split,
    contexts: namedLabels(examples, (example) => example.context),
    nuisance: namedLabels(examples, (example) => example.nuisance),
    heldOut: rowsOf('held-out'),
  };
}

/** One variable per name that occurs, sorted by name; -1 where an example does not have it. */
function namedLabels(
  examples: readonly Example[],
  of: (example: Example) => Readonly<Record<string, GoalValue>>,
): NamedLabels[] {
  const names = [...new Set(examples.flatMap((example) => Object.keys(of(example))))].sort();
  return names.map((name) => {
    const values = examples.map((example) => of(example)[name]);
    const classes = [...new Set(values.flatMap((value) => (value === undefined ? [] : [String(value)])))];
    const sorted = classes.sort(numbersThenWords);
    const indexOf = new Map(sorted.map((value, i) => [value, i]));
    return {
      name,
      labels: {
        classes: sorted.length,
        names: sorted,
        values: Int32Array.from(values, (value) => (value === undefined ? -1 : indexOf.get(String(value))!)),
      },
    };
  });
}

/** [examples, positions] of token ids when every input is a token row of one length, else null. */
function tokenMatrix(dataSet: DataSet): Matrix | null {
  const length = commonLength(dataSet);
  if (length === undefined) return null;
  const tokens = matrix(dataSet.examples.length, length);
  for (const [i, { input }] of dataSet.examples.entries()) {
    if (input.kind === 'tokens') tokens.data.set(input.tokens, i * length);
  }
  return tokens;
}

/** Length shared by all token rows, or undefined. */
export function commonLength(dataSet: DataSet): number | undefined {
  let length: number | undefined;
  for (const { input } of dataSet.examples) {
    if (input.kind !== 'tokens') return undefined;
    if (length !== undefined && input.tokens.length !== length) return undefined;
    length = input.tokens.length;
  }
  return length;
}
