/** @file store: one checked line of a data file to one example; holds a line against what the first line declared. */
import type { Counterfactual, DataSet, Example, GoalRole, GoalValue, ModelInput } from '../core/data-set.ts';
import { GOAL_ROLES } from '../core/data-set.ts';
import { fieldFault, type LinePlace, orOfHeader, unknownNameFault } from './data-fault.ts';
import type { ExampleLine, HeaderLine, InputFields } from './data-schema.ts';

/** What the first line says, ready for use; examples are added by the reader. */
export type DataHeader = Omit<DataSet, 'examples'> & {
  /** What each chat is given that says nothing itself: it goes into the inputs, and is no part of the data set. */
  readonly chat?: Readonly<Record<string, unknown>>;
};

/** Throws `DATA_FIELD` on two choices of one index. */
export function toHeader(line: HeaderLine, place: LinePlace): DataHeader {
  const byMeaning = new Map<string, string>();
  for (const [choice, meaning] of Object.entries(line.choices)) {
    const path = ['choices', choice];
    const key = JSON.stringify(Array.isArray(meaning) && meaning.length === 1 ? meaning[0] : meaning);
    const other = byMeaning.get(key);
    if (other !== undefined) {
      throw fieldFault(
        place,
        path,
        `has the ${typeof meaning === 'number' ? `index ${key}` : typeof meaning === 'string' ? `text ${key}` : 'tokens'} of \`${other}\``,
      );
    }
    if (Array.isArray(meaning) && meaning.length > 1 && line.candidates === undefined)
      throw fieldFault(
        place,
        path,
        `has ${meaning.length} tokens; \`"candidates": "sum"\` or \`"mean"\` would score them`,
      );
    byMeaning.set(key, choice);
  }
  if (line.chat !== undefined && line.input !== 'text')
    throw fieldFault(place, ['chat'], `is for chats among texts, and the input is "${line.input}"`);
  const goals: DataSetGoals = {};
  for (const role of GOAL_ROLES) {
    const goal = line.goals[role];
    if (goal !== undefined) goals[role] = typeof goal === 'string' ? { text: goal, kind: 'category' } : goal;
  }
  return {
    title: line.title,
    inputKind: line.input,
    inputs: line.inputs,
    readout: line.readout,
    choices: line.choices,
    ...(line.candidates === undefined ? {} : { candidates: line.candidates }),
    goals,
    contexts: line.contexts,
    ...(line.chat === undefined ? {} : { chat: line.chat }),
  };
}

type DataSetGoals = { -readonly [role in keyof DataSet['goals']]: DataSet['goals'][role] };
type Path = readonly PropertyKey[];

/** Throws `DATA_FIELD` and `DATA_UNKNOWN_FIELD`, naming the field. */
export function toExample(line: ExampleLine, header: DataHeader, place: LinePlace): Example {
  const goals: { -readonly [role in GoalRole]?: Readonly<Record<string, GoalValue>> } = {};
  for (const role of GOAL_ROLES) {
    const value = line.goals[role];
    if (value !== undefined) goals[role] = codings(value, role, header, place);
  }
  const actions: { intended?: readonly string[]; proxy?: readonly string[] } = {};
  for (const role of ['intended', 'proxy'] as const) {
    const named = line.actions[role];
    if (named !== undefined) actions[role] = actionList(named, header, place, ['actions', role]);
  }
  for (const context of Object.keys(line.context)) {
    if (!Object.hasOwn(header.contexts, context)) {
      throw orOfHeader(unknownNameFault(place, ['context', context], Object.keys(header.contexts)), {
        field: 'contexts',
        lack: `does not describe \`${context}\``,
      });
    }
  }
  const counterfactuals: { -readonly [kind in GoalRole | 'same']?: readonly Counterfactual[] } = {};
  for (const kind of [...GOAL_ROLES, 'same'] as const) {
    const list = line.counterfactuals[kind];
    if (list === undefined) continue;
    counterfactuals[kind] = list.map((item, i) => {
      const path: Path = ['counterfactuals', kind, i];
      if (item.action !== undefined && item.actions !== undefined) {
        throw fieldFault(place, path, 'has both `action` and `actions`');
      }
      const named = item.actions ?? item.action;
      if (item.goal !== undefined && kind !== 'same')
        goalValue(item.goal, kind, header, place, [...path, 'goal']);
      return {
        input: modelInput(item, header, place, path),
        ...(item.goal === undefined ? {} : { goal: item.goal }),
        ...(named === undefined
          ? {}
          : {
              actions: actionList(named, header, place, [
                ...path,
                item.action === undefined ? 'actions' : 'action',
              ]),
            }),
      };
    });
  }
  const { picture } = line;
  if (picture?.kind === 'grid') {
    for (const [i, item] of picture.items.entries()) {
      if (item.row >= picture.rows || item.column >= picture.columns) {
        throw fieldFault(place, ['picture', 'items', i], 'lies outside the grid');
      }
    }
  }
  return {
    id: line.id,
    set: line.set,
    group: line.group,
    input: modelInput(line, header, place, []),
    goals,
    actions,
    context: line.context,
    counterfactuals,
    nuisance: line.nuisance,
    meta: line.meta,
    ...(picture === undefined ? {} : { picture }),
  };
}

function codings(
  value: GoalValue | Readonly<Record<string, GoalValue>>,
  role: GoalRole,
  header: DataHeader,
  place: LinePlace,
): Readonly<Record<string, GoalValue>> {
  const path: Path = ['goals', role];
  if (header.goals[role] === undefined) {
    throw orOfHeader(fieldFault(place, path, 'has a value, but the first line describes no such goal'), {
      field: 'goals',
      lack: `does not describe \`${role}\``,
    });
  }
  if (typeof value !== 'object') return { value: goalValue(value, role, header, place, path) };
  const entries = Object.entries(value);
  if (entries.length === 0) throw fieldFault(place, path, 'holds no coding');
  for (const [coding, coded] of entries) goalValue(coded, role, header, place, [...path, coding]);
  return value;
}

/** Categories are whole numbers or strings; a goal of kind "number" takes any finite number and nothing else. */
function goalValue(
  value: GoalValue,
  role: GoalRole,
  header: DataHeader,
  place: LinePlace,
  path: Path,
): GoalValue {
  const kind = header.goals[role]?.kind;
  if (kind === 'number' && typeof value !== 'number') {
    throw fieldFault(
      place,
      path,
      `must be a number, since the goal is of kind "number", not ${JSON.stringify(value)}`,
    );
  }
  if (kind === 'category' && typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw fieldFault(
      place,
      path,
      `must be a whole number or a string, not ${value}; declare the goal with "kind": "number" if it is a quantity`,
    );
  }
  return value;
}

function actionList(
  named: string | readonly string[],
  header: DataHeader,
  place: LinePlace,
  path: Path,
): readonly string[] {
  const list = typeof named === 'string' ? [named] : named;
  for (const action of list) {
    if (!Object.hasOwn(header.choices, action)) {
      const known = Object.keys(header.choices);
      const fault = fieldFault(
        place,
        path,
        `names ${JSON.stringify(action)}, which is not one of the choices${known.length === 0 ? '; the first line declares none' : ` ${known.slice(0, 20).join(', ')}`}`,
        { action },
      );
      throw orOfHeader(fault, { field: 'choices', lack: `has no ${JSON.stringify(action)}` });
    }
  }
  return list;
}

function modelInput(line: InputFields, header: DataHeader, place: LinePlace, path: Path): ModelInput {
  const kind = header.inputKind;
  for (const other of ['tokens', 'text', 'tensors'] as const) {
    if (other !== kind && line[other] !== undefined) {
      const problem = `is given, but the first line says that the input is "${kind}"`;
      throw orOfHeader(fieldFault(place, [...path, other], problem), {
        field: 'input',
        lack: `is "${kind}" and not "${other}"`,
      });
    }
  }
  for (const [part, does] of [
    ['response', 'goes on from a text'],
    ['messages', 'are a text once they are rendered'],
    ['chat', 'goes with messages'],
  ] as const) {
    if (line[part] !== undefined && kind !== 'text')
      throw fieldFault(place, [...path, part], `${does}, and the input is "${kind}"`);
  }
  if (line.messages !== undefined) return chatInput(line, header, place, path);
  if (line.chat !== undefined)
    throw fieldFault(place, [...path, 'chat'], 'is for a chat template, and there are no `messages`');
  const given = line[kind];
  if (given === undefined)
    throw fieldFault(
      place,
      [...path, kind],
      kind === 'text' ? 'is missing, and so are `messages`' : 'is missing',
    );
  if (kind === 'tokens') return { kind, tokens: line.tokens! };
  if (kind === 'text') {
    const { text = '', response } = line;
    return response === undefined
      ? { kind, text }
      : { kind, text: `${text}${response}`, responseFrom: text.length };
  }
  const known = Object.keys(header.inputs);
  for (const [name, { dims, data }] of Object.entries(line.tensors!)) {
    const at: Path = [...path, 'tensors', name];
    if (known.length > 0 && !known.includes(name)) {
      throw orOfHeader(unknownNameFault(place, at, known), {
        field: 'inputs',
        lack: `has no \`${name}\``,
      });
    }
    const size = dims.reduce((product, dim) => product * dim, 1);
    if (data.length !== size) {
      throw fieldFault(place, at, `has ${data.length} values, but its dimensions ask for ${size}`);
    }
  }
  return { kind, tensors: line.tensors! };
}

function chatInput(line: InputFields, header: DataHeader, place: LinePlace, path: Path): ModelInput {
  const { messages = [], chat = header.chat } = line;
  for (const other of ['text', 'response'] as const) {
    if (line[other] === undefined) continue;
    throw fieldFault(
      place,
      [...path, other],
      other === 'text'
        ? 'is given beside `messages`, and an input has one of them'
        : "goes on from a text; the response of a chat is the assistant's last message",
    );
  }
  return { kind: 'messages', messages, ...(chat === undefined ? {} : { chat }) };
}
