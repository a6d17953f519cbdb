/** @file pipeline: the goals of a data set as class labels; quantities are cut into classes. */
import { type DataSet, type Example, GOAL_ROLES, type GoalRole, type GoalValue } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { ClassLabels } from '../core/split.ts';
import type { Columns, NumberColumn } from '../evidence/columns.ts';
import { binOf, binsOf, scaleWarnings } from './number-bins.ts';

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

/** The goals of a data set as the evidence reads them. */
export type GoalLabels = {
  readonly labels: Partial<Record<GoalRole, ClassLabels>>;
  /** The quantities behind the classes of goals of kind `number`. */
  readonly numbers: Partial<Record<GoalRole, NumberColumn>>;
  /** Sentences about quantities that shared classes serve badly. */
  readonly warnings: readonly string[];
};

/**
 * Class labels of every goal, over one shared list of class names, so that equal values of different goals are one class. Goals of kind
 * `number` are cut into classes at edges that all of them share and that the fit rows alone set (`binsOf`). Throws `BAD_SETTING` when no
 * example has the coding.
 */
export function goalLabels(
  dataSet: DataSet,
  { coding, fit }: { readonly coding: string | undefined; readonly fit: Int32Array },
): GoalLabels {
  const roles = GOAL_ROLES.filter((role) => dataSet.goals[role] !== undefined);
  // One coding for a whole column: the order in which an example happens to list its codings must not mix them.
  const codingOf = Object.fromEntries(roles.map((role) => [role, coding ?? firstCoding(dataSet, role)]));
  const valuesOf = (role: GoalRole): (GoalValue | undefined)[] =>
    dataSet.examples.map((example) => goalValue(example, role, codingOf[role]));
  const given = roles.map((role) => ({ role, kind: dataSet.goals[role]!.kind, values: valuesOf(role) }));
  if (coding !== undefined && given.every(({ values }) => values.every((value) => value === undefined))) {
    throw new MesascopeError('BAD_SETTING', `no example has the coding ${JSON.stringify(coding)}`);
  }
  const quantities = given.filter(({ kind }) => kind === 'number');
  const fitted = quantities.map(({ role, values }) => ({
    role,
    values: Array.from(fit, (row) => values[row]).filter(isNumber),
  }));
  const bins = binsOf(fitted.flatMap(({ values }) => values));
  const categories = given.filter(({ kind }) => kind === 'category');
  const words = new Set(categories.flatMap(({ values }) => values.filter(isGiven).map(String)));
  for (const name of quantities.length === 0 ? [] : bins.names) words.delete(name);
  // Numbers in number order, then words, so that the classes do not depend on the order of the rows.
  const names = [...(quantities.length === 0 ? [] : bins.names), ...[...words].sort(numbersThenWords)];
  const indexOf = new Map(names.map((name, i) => [name, i]));
  const classOf = (kind: 'category' | 'number', value: GoalValue | undefined): number => {
    if (value === undefined) return -1;
    return kind === 'number' ? binOf(bins.edges, Number(value)) : indexOf.get(String(value))!;
  };
  return {
    labels: Object.fromEntries(
      given.map(({ role, kind, values }) => [
        role,
        {
          classes: names.length,
          names,
          values: Int32Array.from(values, (value) => classOf(kind, value)),
        },
      ]),
    ),
    numbers: Object.fromEntries(
      quantities.map(({ role, values }) => [
        role,
        {
          edges: bins.edges,
          values: Float64Array.from(values, (value) => (value === undefined ? Number.NaN : Number(value))),
        },
      ]),
    ),
    warnings: scaleWarnings(fitted),
  };
}

function isGiven(value: GoalValue | undefined): value is GoalValue {
  return value !== undefined;
}

function isNumber(value: GoalValue | undefined): value is number {
  return typeof value === 'number';
}

/** Class of a goal's value that belongs to no row (of a counterfactual), -1 where it is not among the classes. */
export function classOfValue(columns: Columns, role: GoalRole, value: GoalValue | undefined): number {
  if (value === undefined) return -1;
  const number = columns.numbers?.[role];
  if (number !== undefined) return binOf(number.edges, Number(value));
  return columns.labels[role]?.names.indexOf(String(value)) ?? -1;
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
export function numbersThenWords(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  const aIsWord = a.trim() === '' || Number.isNaN(x);
  const bIsWord = b.trim() === '' || Number.isNaN(y);
  if (aIsWord !== bIsWord) return aIsWord ? 1 : -1;
  return (aIsWord || x === y ? 0 : x < y ? -1 : 1) || (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * Throws `LABELS_ONE_CLASS` when a goal has one and the same value wherever it is given: no run could say
 * anything about it, and minutes of work are saved by saying so first.
 */
export function mustVary(dataSet: DataSet, coding: string | undefined): void {
  for (const role of GOAL_ROLES) {
    if (dataSet.goals[role] === undefined) continue;
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
