/** @file store: the shape of a data file's lines as schemas; what lines mean to each other is checked by the reader. */
import { z } from 'zod';
import {
  type CandidateScore,
  type Choice,
  GOAL_ROLES,
  type GoalDescription,
  type GoalRole,
  type GoalValue,
  type Picture,
} from '../core/data-set.ts';

export const DATA_FORMAT = 'mesascope-data/1' as const;

/** Largest index, token id or dimension: what an int32 holds. */
const MAX_INTEGER = 0x7fffffff;

const name = z.string().min(1, { error: 'must not be empty' });
const index = z
  .int({ error: 'must be a whole number' })
  .min(0, { error: 'must not be negative' })
  .max(MAX_INTEGER, { error: `must be at most ${MAX_INTEGER}` });
const goalValue = z.union([z.number(), z.string()], { error: 'must be a number or a string' });
const names = z.union([name, z.array(name).min(1, { error: 'must not be empty' })], {
  error: 'must be a name or a list of names',
});

const goalDescription = z.union(
  [
    z.string(),
    z.strictObject({
      text: z.string(),
      kind: z.enum(['category', 'number'], { error: 'must be "category" or "number"' }).default('category'),
    }),
  ],
  { error: 'must be a description, or an object of `text` and `kind` ("category" or "number")' },
);

const choice = z.union([index, name, z.array(index).min(1, { error: 'must hold at least one token' })], {
  error: 'must be an index, a text or a list of token ids',
});

/** What a chat template is given: names and values are the template's own. */
const chat = z.record(z.string(), z.unknown());

/** First line: what the data are. */
const headerSchema = z.strictObject({
  format: z.literal(DATA_FORMAT, { error: `must be "${DATA_FORMAT}"` }),
  title: name,
  input: z.enum(['tokens', 'text', 'tensors'], { error: 'must be "tokens", "text" or "tensors"' }),
  inputs: z.record(z.string(), name).default({}),
  readout: z.int({ error: 'must be a whole number' }).min(-MAX_INTEGER).max(MAX_INTEGER).default(-1),
  choices: z.record(z.string(), choice).default({}),
  candidates: z.enum(['sum', 'mean'], { error: 'must be "sum" or "mean"' }).optional(),
  goals: z
    .strictObject({
      intended: goalDescription.optional(),
      proxy: goalDescription.optional(),
      irrelevant: goalDescription.optional(),
    })
    .default({}),
  contexts: z.record(z.string(), z.string()).default({}),
  chat: chat.optional(),
  meta: z.record(z.string(), z.unknown()).optional(),
});

const tensor = z.strictObject({
  dims: z.array(index.min(1, { error: 'must be at least 1' })).max(8, { error: 'must have at most 8 axes' }),
  data: z.array(z.number()),
});

const message = z.strictObject({ role: name, content: z.string() });
/** Exactly one of the first three kinds, as the first line says; messages may stand for a text. A response goes on from a text. */
const inputFields = {
  tokens: z.array(index).min(1, { error: 'must hold at least one token' }).optional(),
  text: z.string().optional(),
  response: z.string().optional(),
  messages: z.array(message).min(1, { error: 'must hold at least one message' }).optional(),
  chat: chat.optional(),
  tensors: z.record(z.string(), tensor).optional(),
};

const counterfactual = z.strictObject({
  ...inputFields,
  goal: goalValue.optional(),
  action: name.optional(),
  actions: names.optional(),
});
const counterfactuals = z.array(counterfactual);

const roleGoal = z.union([goalValue, z.record(z.string(), goalValue)], {
  error: 'must be a number, a string or an object of codings',
});

const gridPicture = z.strictObject({
  kind: z.literal('grid'),
  rows: index.min(1).max(1000),
  columns: index.min(1).max(1000),
  items: z.array(
    z.strictObject({
      row: index,
      column: index,
      label: z.string(),
      role: z.enum(['intended', 'proxy', 'irrelevant', 'agent', 'other'], {
        error: 'must be "intended", "proxy", "irrelevant", "agent" or "other"',
      }),
    }),
  ),
});

const tokensPicture = z.strictObject({
  kind: z.literal('tokens'),
  tokens: z.array(
    z.strictObject({
      text: z.string(),
      role: z.enum(GOAL_ROLES, { error: 'must be "intended", "proxy" or "irrelevant"' }).exactOptional(),
    }),
  ),
});

const picture = z.discriminatedUnion('kind', [gridPicture, tokensPicture], {
  error: 'must be a picture of kind "grid" or "tokens"',
});

/** Each further line: one example. */
const exampleSchema = z.strictObject({
  id: name,
  set: name,
  group: name,
  ...inputFields,
  goals: z
    .strictObject({
      intended: roleGoal.optional(),
      proxy: roleGoal.optional(),
      irrelevant: roleGoal.optional(),
    })
    .default({}),
  actions: z.strictObject({ intended: names.optional(), proxy: names.optional() }).default({}),
  context: z.record(z.string(), goalValue).default({}),
  counterfactuals: z
    .strictObject({
      intended: counterfactuals.optional(),
      proxy: counterfactuals.optional(),
      irrelevant: counterfactuals.optional(),
      same: counterfactuals.optional(),
    })
    .default({}),
  nuisance: z.record(z.string(), goalValue).default({}),
  meta: z.record(z.string(), z.unknown()).default({}),
  picture: picture.optional(),
});

type Values = Record<string, GoalValue>;
type Names = string | string[];
export type TensorField = { dims: number[]; data: number[] };
export type InputFields = {
  tokens?: number[] | undefined;
  text?: string | undefined;
  response?: string | undefined;
  messages?: { role: string; content: string }[] | undefined;
  chat?: Record<string, unknown> | undefined;
  tensors?: Record<string, TensorField> | undefined;
};
type GoalField = string | GoalDescription;
type CounterfactualLine = InputFields & {
  goal?: GoalValue | undefined;
  action?: string | undefined;
  actions?: Names | undefined;
};

/** What `headerSchema` gives out. */
export type HeaderLine = {
  format: typeof DATA_FORMAT;
  title: string;
  input: 'tokens' | 'text' | 'tensors';
  inputs: Record<string, string>;
  readout: number;
  choices: Record<string, Choice>;
  candidates?: CandidateScore | undefined;
  goals: Partial<Record<GoalRole, GoalField | undefined>>;
  contexts: Record<string, string>;
  chat?: Record<string, unknown> | undefined;
  meta?: Record<string, unknown> | undefined;
};

/** What `exampleSchema` gives out. */
export type ExampleLine = InputFields & {
  id: string;
  set: string;
  group: string;
  goals: Partial<Record<GoalRole, GoalValue | Values | undefined>>;
  actions: { intended?: Names | undefined; proxy?: Names | undefined };
  context: Values;
  counterfactuals: Partial<Record<GoalRole | 'same', CounterfactualLine[] | undefined>>;
  nuisance: Values;
  meta: Record<string, unknown>;
  picture?: Picture | undefined;
};

export type ParsedLine<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly issues: readonly z.core.$ZodIssue[] };

export function parseHeader(value: unknown): ParsedLine<HeaderLine> {
  const parsed = headerSchema.safeParse(value);
  return parsed.success ? parsed : { success: false, issues: parsed.error.issues };
}

export function parseExample(value: unknown): ParsedLine<ExampleLine> {
  const parsed = exampleSchema.safeParse(value);
  return parsed.success ? parsed : { success: false, issues: parsed.error.issues };
}

/** Field names at each level, by the path of the object that holds them with list indices left out. */
export function knownFields(path: readonly PropertyKey[], level: 'header' | 'example'): readonly string[] {
  const flat = path.filter((part) => typeof part === 'string');
  if (level === 'header') {
    if (flat.length === 0) return Object.keys(headerSchema.shape);
    if (flat.length === 1 && flat[0] === 'goals') return ['intended', 'proxy', 'irrelevant'];
    return flat[0] === 'goals' ? ['text', 'kind'] : [];
  }
  switch (flat[0]) {
    case undefined:
      return Object.keys(exampleSchema.shape);
    case 'goals':
      return ['intended', 'proxy', 'irrelevant'];
    case 'actions':
      return ['intended', 'proxy'];
    case 'counterfactuals':
      if (flat.length === 1) return ['intended', 'proxy', 'irrelevant', 'same'];
      if (flat.length === 2) return Object.keys(counterfactual.shape);
      return Object.keys(flat[2] === 'messages' ? message.shape : tensor.shape);
    case 'messages':
      return Object.keys(message.shape);
    case 'tensors':
      return Object.keys(tensor.shape);
    case 'picture':
      if (flat[1] === 'items') return ['row', 'column', 'label', 'role'];
      if (flat[1] === 'tokens') return Object.keys(tokensPicture.shape.tokens.element.shape);
      return [...new Set([...Object.keys(gridPicture.shape), ...Object.keys(tokensPicture.shape)])];
    default:
      return [];
  }
}
