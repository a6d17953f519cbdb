/** @file store: turns what is wrong with a line of a data file into one coded error that names file, line and field. */
import type { z } from 'zod';
import { MesascopeError, nearestNames } from '../core/errors.ts';
import { knownFields } from './data-schema.ts';

export type LinePlace = { readonly file: string; readonly line: number };

type Issue = z.core.$ZodIssue;

/** `goals.intended`, `counterfactuals.same[2].tokens[0]`: the way a user would write it. */
export function fieldName(path: readonly PropertyKey[]): string {
  let name = '';
  for (const part of path) {
    name += typeof part === 'number' ? `[${part}]` : name === '' ? String(part) : `.${String(part)}`;
  }
  return name;
}

/** A missing or wrong value. */
export function fieldFault(
  place: LinePlace,
  path: readonly PropertyKey[],
  problem: string,
  facts: Readonly<Record<string, unknown>> = {},
): MesascopeError {
  const field = fieldName(path);
  return new MesascopeError('DATA_FIELD', field === '' ? problem : `field \`${field}\` ${problem}`, {
    location: place,
    facts: { field, ...facts },
  });
}

/** A name that nothing reads, with the nearest ones that something does. */
export function unknownNameFault(
  place: LinePlace,
  path: readonly PropertyKey[],
  known: readonly string[],
): MesascopeError {
  const field = fieldName(path);
  const near = nearestNames(String(path.at(-1)), known);
  const hint = near.length === 0 ? '' : `; did you mean ${near.map((name) => `\`${name}\``).join(' or ')}?`;
  return new MesascopeError('DATA_UNKNOWN_FIELD', `unknown field \`${field}\`${hint}`, {
    location: place,
    facts: { field, nearest: near },
  });
}

/** What an example uses and the first line does not declare, in words that fit either line. */
export type Undeclared = {
  /** Field of the first line. */
  readonly field: string;
  /** What is wrong with it if it is the one to blame: `has no "up"`. */
  readonly lack: string;
};

/** Marks a fault of an example as one that the first line may be to blame for. */
export function orOfHeader(fault: MesascopeError, undeclared: Undeclared): MesascopeError {
  const { code, message, remedy, location, facts } = fault;
  return new MesascopeError(code, message, {
    ...(location === undefined ? {} : { location }),
    remedy,
    facts: { ...facts, undeclared },
  });
}

/** What the first line would have to declare for this fault to go; undefined for faults of a line alone. */
export function undeclaredBy(fault: unknown): Undeclared | undefined {
  return fault instanceof MesascopeError ? (fault.facts.undeclared as Undeclared | undefined) : undefined;
}

/** The same lack in two examples: what they have in common is the line that describes them. */
export function headerFault(
  place: LinePlace,
  { field, lack }: Undeclared,
  lines: readonly [number, number],
): MesascopeError {
  return fieldFault(place, [field], `${lack}, but lines ${lines[0]} and ${lines[1]} use it`, { lines });
}

/** The first fault of a line that its schema refused. */
export function schemaFault(
  place: LinePlace,
  value: unknown,
  issues: readonly Issue[],
  level: 'header' | 'example',
): MesascopeError {
  const found = issues.map((issue) => innermost(issue, []));
  // A misspelt field usually shows as two faults; the unknown name is the one that explains the missing one.
  const issue = found.find(({ code }) => code === 'unrecognized_keys') ?? found[0];
  if (issue === undefined) return fieldFault(place, [], 'the line cannot be read');
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(issue.path, level);
    return unknownNameFault(place, [...issue.path, issue.keys[0] ?? ''], known);
  }
  if (issue.path.length === 0) return fieldFault(place, [], 'the line is not a JSON object');
  const seen = valueAt(value, issue.path);
  if (seen === undefined) return fieldFault(place, issue.path, 'is missing');
  return fieldFault(place, issue.path, `${problemOf(issue)}, not ${brief(seen)}`);
}

function problemOf(issue: Issue): string {
  const expected = /expected (\w+)/.exec(issue.message)?.[1];
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.startsWith('Invalid input')
        ? `must be ${article(EXPECTED[issue.expected] ?? expected ?? issue.expected)}`
        : issue.message;
    case 'too_small':
    case 'too_big':
      return issue.message.startsWith('Too')
        ? `must be ${issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`}`
        : issue.message;
    default:
      return issue.message;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  int: 'whole number',
  array: 'list',
  record: 'object',
  nan: 'number',
};

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** Of a union's branches, the one that got furthest says best what is wrong. */
function innermost(issue: Issue, prefix: readonly PropertyKey[]): Issue {
  const here = { ...issue, path: [...prefix, ...issue.path] } as Issue;
  if (issue.code !== 'invalid_union') return here;
  for (const branch of issue.errors) {
    const deeper = branch.find((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys');
    if (deeper !== undefined) return innermost(deeper, here.path);
  }
  return here;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[part];
  }
  return at;
}

/** Enough of a value to find it in the file. */
export function brief(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
