/** @file store: a data set as the lines of a data file, the inverse of the reader; it opens no file. */
import {
  type Counterfactual,
  type DataSet,
  type Example,
  GOAL_ROLES,
  type GoalDescription,
  type GoalValue,
  type ModelInput,
} from '../core/data-set.ts';

/** Roles and `same`, in the order in which an example's line names them. */
const COUNTERFACTUAL_KINDS = [...GOAL_ROLES, 'same'] as const;

/**
 * The lines of a `mesascope-data/1` file, without line breaks: one that describes, then one per example. Reading them back
 * gives an equal data set. Fields are spelled the short way (`"intended": 7`, `"left"`) where the format has one.
 */
export function* writeDataSet(dataSet: DataSet): Iterable<string> {
  yield JSON.stringify({
    format: 'mesascope-data/1',
    title: dataSet.title,
    input: dataSet.inputKind,
    inputs: dataSet.inputs,
    readout: dataSet.readout,
    choices: dataSet.choices,
    ...(dataSet.candidates === undefined ? {} : { candidates: dataSet.candidates }),
    goals: mapped(dataSet.goals, describeGoal),
    contexts: dataSet.contexts,
  });
  for (const example of dataSet.examples) yield JSON.stringify(exampleLine(example));
}

function exampleLine(example: Example): Record<string, unknown> {
  const counterfactuals = Object.fromEntries(
    COUNTERFACTUAL_KINDS.flatMap((kind) => {
      const list = example.counterfactuals[kind];
      return list === undefined ? [] : [[kind, list.map(counterfactualFields)]];
    }),
  );
  return {
    id: example.id,
    set: example.set,
    group: example.group,
    ...inputFields(example.input),
    goals: mapped(example.goals, goalField),
    actions: mapped(example.actions, oneOrMany),
    ...unlessEmpty('context', example.context),
    ...unlessEmpty('counterfactuals', counterfactuals),
    ...unlessEmpty('nuisance', example.nuisance),
    ...unlessEmpty('meta', example.meta),
    ...(example.picture === undefined ? {} : { picture: example.picture }),
  };
}

function counterfactualFields({ input, goal, actions }: Counterfactual): Record<string, unknown> {
  return {
    ...inputFields(input),
    ...(goal === undefined ? {} : { goal }),
    ...(actions === undefined ? {} : actions.length === 1 ? { action: actions[0] } : { actions }),
  };
}

function inputFields(input: ModelInput): Record<string, unknown> {
  switch (input.kind) {
    case 'tokens':
      return { tokens: input.tokens };
    case 'text':
      return input.responseFrom === undefined
        ? { text: input.text }
        : { text: input.text.slice(0, input.responseFrom), response: input.text.slice(input.responseFrom) };
    case 'messages':
      return { messages: input.messages, ...(input.chat === undefined ? {} : { chat: input.chat }) };
    case 'tensors':
      return { tensors: input.tensors };
  }
}

function describeGoal({ text, kind }: GoalDescription): unknown {
  return kind === 'category' ? text : { text, kind };
}

/** A goal whose only coding is `value` was given as a plain value. */
function goalField(codings: Readonly<Record<string, GoalValue>>): unknown {
  const names = Object.keys(codings);
  return names.length === 1 && names[0] === 'value' ? codings.value : codings;
}

function oneOrMany(actions: readonly string[]): unknown {
  return actions.length === 1 ? actions[0] : actions;
}

function mapped<Value>(
  record: Readonly<Partial<Record<string, Value>>>,
  change: (value: Value) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, change(value)]])),
  );
}

function unlessEmpty(name: string, record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.keys(record).length === 0 ? {} : { [name]: record };
}
