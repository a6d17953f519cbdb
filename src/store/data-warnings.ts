/** @file store: what is legal in a data set but probably not meant; plain sentences for the record, never an error. */
import { canonicalJson } from '../core/canonical-json.ts';
import type { DataSet, Example, ModelInput } from '../core/data-set.ts';
import { GOAL_ROLES } from '../core/data-set.ts';

/** Checks over the whole data set, each at most one sentence with a count and one example of it. */
export function dataSetWarnings(dataSet: DataSet): string[] {
  return [
    repeatedInputs(dataSet.examples),
    ...GOAL_ROLES.map((role) => missingCodings(dataSet.examples, role)),
    ...GOAL_ROLES.map((role) => mixedSpelling(dataSet.examples, role)),
    unusedSets(dataSet.examples),
  ].filter((warning) => warning !== undefined);
}

/** The same input under two groups can be fitted on and tested on. */
function repeatedInputs(examples: readonly Example[]): string | undefined {
  const groupOf = new Map<string, string>();
  let count = 0;
  let first: Example | undefined;
  for (const example of examples) {
    const key = inputKey(example.input);
    const group = groupOf.get(key);
    if (group === undefined) groupOf.set(key, example.group);
    else if (group !== example.group) {
      count++;
      first ??= example;
    }
  }
  return first === undefined
    ? undefined
    : `${count} of ${examples.length} examples have the input of an example in another group (the first is ${JSON.stringify(first.id)}): a split may put equal inputs on both sides`;
}

function missingCodings(examples: readonly Example[], role: (typeof GOAL_ROLES)[number]): string | undefined {
  const counts = new Map<string, number>();
  let valued = 0;
  for (const { goals } of examples) {
    const goal = goals[role];
    if (goal === undefined) continue;
    valued++;
    for (const coding of Object.keys(goal)) counts.set(coding, (counts.get(coding) ?? 0) + 1);
  }
  const partial = [...counts].filter(([, count]) => count < valued);
  return partial.length === 0
    ? undefined
    : `goal ${role}: ${partial.map(([coding, count]) => `coding \`${coding}\` is given in ${count}`).join(', ')} of ${valued} examples that have a value`;
}

/** 7 and "7" are two categories; data made by two programs often mix them. */
function mixedSpelling(examples: readonly Example[], role: (typeof GOAL_ROLES)[number]): string | undefined {
  const seen = new Map<string, string>();
  for (const { goals } of examples) {
    for (const [coding, value] of Object.entries(goals[role] ?? {})) {
      const key = `${coding}\0${value}`;
      const type = seen.get(key);
      if (type !== undefined && type !== typeof value) {
        return `goal ${role}: ${JSON.stringify(String(value))} occurs both as a number and as a string; they count as two values`;
      }
      seen.set(key, typeof value);
    }
  }
  return undefined;
}

function unusedSets(examples: readonly Example[]): string | undefined {
  const sets = new Set(examples.map(({ set }) => set));
  const missing = ['train', 'apart'].filter((set) => !sets.has(set));
  return missing.length === 0
    ? undefined
    : `no example is of set ${missing.map((set) => `\`${set}\``).join(' or ')}; the sets are ${[...sets].slice(0, 10).join(', ')}`;
}

/** Key under which two inputs are the same to a model. */
export function inputKey(input: ModelInput): string {
  return input.kind === 'tokens' ? input.tokens.join(' ') : canonicalJson(input);
}
