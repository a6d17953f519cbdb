/** @file pipeline: whether what a program made is a data set at all; what its values mean is the business of those who read them. */
import type { DataSet } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';

type Kind = 'text' | 'number' | 'object' | 'list';

const HEADER: Readonly<Record<Exclude<keyof DataSet, 'candidates'>, Kind>> = {
  title: 'text',
  inputKind: 'text',
  inputs: 'object',
  readout: 'number',
  choices: 'object',
  goals: 'object',
  contexts: 'object',
  examples: 'list',
};

const EXAMPLE: Readonly<Record<Exclude<keyof DataSet['examples'][number], 'picture'>, Kind>> = {
  id: 'text',
  set: 'text',
  group: 'text',
  input: 'object',
  goals: 'object',
  actions: 'object',
  context: 'object',
  counterfactuals: 'object',
  nuisance: 'object',
  meta: 'object',
};

/** Throws `EXPERIMENT_INVALID`, naming the field, when something a later stage would stumble over is missing or of another kind. */
export function mustBeDataSet(value: unknown): asserts value is DataSet {
  mustHave(value, HEADER, 'the data set');
  for (const [i, example] of (value.examples as readonly unknown[]).entries()) {
    mustHave(example, EXAMPLE, `example ${i} of the data set`);
    mustHave(example.input, { kind: 'text' }, `the input of example ${i}`);
  }
}

function mustHave(
  value: unknown,
  fields: Readonly<Record<string, Kind>>,
  what: string,
): asserts value is Readonly<Record<string, unknown>> {
  if (kindOf(value) !== 'object') throw invalid(`${what} is ${nameOf(value)}, not an object`);
  for (const [name, wanted] of Object.entries(fields)) {
    const given = (value as Readonly<Record<string, unknown>>)[name];
    if (kindOf(given) === wanted) continue;
    throw invalid(
      `\`${name}\` of ${what} is ${nameOf(given)}, not ${wanted === 'object' ? 'an' : 'a'} ${wanted}`,
    );
  }
}

function kindOf(value: unknown): Kind | undefined {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'number';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' && value !== null ? 'object' : undefined;
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'missing';
  const kind = kindOf(value) ?? String(value === null ? 'null' : typeof value);
  return kind === 'null' ? kind : `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

function invalid(seen: string): MesascopeError {
  return new MesascopeError('EXPERIMENT_INVALID', seen, {
    remedy:
      'Make it as `DataSet` describes, or write a data file and give its path; `npx tsc --noEmit` finds most mistakes.',
  });
}
