/** @file pipeline: a data set and what the model did with it, as the plain columns that the evidence reads. */
import { actionMask, logProbabilities, mostProbable } from '../behavior/choices.ts';
import { type DataSet, type Example, GOAL_ROLES, type GoalRole, type GoalValue } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { ClassLabels, GroupSplit } from '../core/split.ts';
import type { Columns, NamedLabels } from '../evidence/columns.ts';

/** The value of a goal in the chosen coding, or in its first one; undefined where the example has none. */
export function goalValue(
  example: Example,
  role: GoalRole,
  coding: string | undefined,
): GoalValue | undefined {
  const codings = example.goals[role];
  if (codings === undefined) return undefined;
  return coding === undefined ? Object.values(codings)[0] : codings[coding];
}

/**
 * Class labels of every goal, over one shared list of class names, so that equal values of different goals are one class. A goal of
 * kind `number` has no labels: its rungs are not run in this version. Throws `BAD_SETTING` when no example has the coding.
 */
export function goalLabels(
  dataSet: DataSet,
  coding: string | undefined,
): Partial<Record<GoalRole, ClassLabels>> {
  const roles = GOAL_ROLES.filter((role) => dataSet.goals[role]?.kind === 'category');
  // One coding for a whole column: the order in which an example happens to list its codings must not mix them.
  const codingOf = Object.fromEntries(roles.map((role) => [role, coding ?? firstCoding(dataSet, role)]));
  const names = new Set<string>();
  for (const example of dataSet.examples) {
    for (const role of roles) {
      const value = goalValue(example, role, codingOf[role]);
      if (value !== undefined) names.add(String(value));
    }
  }
  if (coding !== undefined && names.size === 0) {
    throw new MesascopeError('BAD_SETTING', `no example has the coding ${JSON.stringify(coding)}`);
  }
  // Numbers in number order, then words, so that the classes do not depend on the order of the rows.
  const sorted = [...names].sort(numbersThenWords);
  const indexOf = new Map(sorted.map((name, i) => [name, i]));
  return Object.fromEntries(
    roles.map((role) => [
      role,
      {
        classes: sorted.length,
        names: sorted,
        values: Int32Array.from(dataSet.examples, (example) => {
          const value = goalValue(example, role, codingOf[role]);
          return value === undefined ? -1 : indexOf.get(String(value))!;
        }),
      },
    ]),
  );
}

/** The coding that the first example with this goal names first. */
function firstCoding(dataSet: DataSet, role: GoalRole): string | undefined {
  for (const { goals } of dataSet.examples) {
    const codings = goals[role];
    if (codings !== undefined) return Object.keys(codings)[0];
  }
  return undefined;
}

/** A total order: one comparison by number or by text depending on the pair would let the order of the rows decide. */
function numbersThenWords(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  const aIsWord = a.trim() === '' || Number.isNaN(x);
  const bIsWord = b.trim() === '' || Number.isNaN(y);
  if (aIsWord !== bIsWord) return aIsWord ? 1 : -1;
  return (aIsWord || x === y ? 0 : x < y ? -1 : 1) || (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * Throws `LABELS_ONE_CLASS` when a goal of kind `category` has one and the same value wherever it is given: no run could say
 * anything about it, and minutes of work are saved by saying so first.
 */
export function mustVary(dataSet: DataSet, coding: string | undefined): void {
  for (const role of GOAL_ROLES) {
    if (dataSet.goals[role]?.kind !== 'category') continue;
    const values = dataSet.examples.flatMap((example) => goalValue(example, role, coding) ?? []);
    if (values.length === 0 || values.some((value) => value !== values[0])) continue;
    throw new MesascopeError(
      'LABELS_ONE_CLASS',
      `goal \`${role}\` has the one value ${JSON.stringify(values[0])} in all ${values.length} examples that give it`,
      {
        facts: { role, value: values[0] },
        remedy: 'Add examples with another value, or leave the goal out.',
      },
    );
  }
}

/** Builds the columns; `choiceLogits` is [examples, choices] in the order of the data set's choices. */
export function columnsOf(request: {
  readonly dataSet: DataSet;
  readonly labels: Partial<Record<GoalRole, ClassLabels>>;
  readonly split: GroupSplit;
  readonly choiceLogits: Matrix;
}): Columns {
  const { dataSet, labels, split, choiceLogits } = request;
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
    labels,
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
