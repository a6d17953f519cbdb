/** @file pipeline: holds what a user declares against what an experiment may say, so that no misspelt field is lost in silence. */
import { MesascopeError, nearestNames } from '../core/errors.ts';
import type { Headline } from '../evidence/rung.ts';

type Loose = Readonly<Record<string, unknown>>;

/** What each field must be, in words. The types stand in experiment.ts, which calls this file. */
type Fields = Readonly<Record<string, readonly [fits: (value: unknown) => boolean, words: string]>>;

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const isObject = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1;

const EXPERIMENT: Fields = {
  title: [isText, 'a text'],
  question: [isText, 'a text'],
  model: [isText, 'the path of an ONNX file'],
  data: [
    (value) => isText(value) || isObject(value) || typeof value === 'function',
    'the path of a data file, a data set or a function that makes one',
  ],
  rollOuts: [(value) => Array.isArray(value) && value.every(isObject), 'a list of roll-outs'],
  settings: [isObject, 'an object of settings'],
  expect: [isObject, 'an object, such as { verdict: "pursues-intended" }'],
};

const ROLL_OUT: Fields = {
  title: [isText, 'a text'],
  environment: [isObject, 'an environment'],
  episodes: [isCount, 'a whole number, 1 or larger'],
  maxSteps: [isCount, 'a whole number, 1 or larger'],
};

const EXPECT: Fields = {
  verdict: [(value) => isText(value) || Array.isArray(value), 'a verdict or a list of verdicts'],
};

/** Every verdict there is; `Record` makes the compiler notice a new one. */
const HEADLINES: Readonly<Record<Headline, true>> = {
  unidentifiable: true,
  invalid: true,
  'pursues-proxy': true,
  mixture: true,
  'proxy-dormant': true,
  'proxy-present-unused': true,
  'pursues-intended': true,
  'no-goal-evidence': true,
  'insufficient-evidence': true,
};
export const VERDICTS: readonly Headline[] = Object.keys(HEADLINES) as Headline[];

/**
 * Throws `EXPERIMENT_INVALID` on an unknown field (with the nearest known one), a missing field or one of the wrong kind. Names and
 * ranges of settings are `resolveSettings`' to check, since the command line gives settings too.
 */
export function checkExperiment(spec: unknown): void {
  if (!isObject(spec)) throw invalid('an experiment is not an object');
  const { kind: _, ...declared } = spec;
  checkFields(declared, EXPERIMENT, {
    what: 'an experiment',
    path: '',
    required: ['title', 'model', 'data'],
  });
  for (const [i, rollOut] of ((declared.rollOuts ?? []) as readonly Loose[]).entries()) {
    const required = Object.keys(ROLL_OUT);
    checkFields(rollOut, ROLL_OUT, { what: 'a roll-out', path: `rollOuts[${i}].`, required });
  }
  const expected = (declared.expect ?? {}) as Loose;
  checkFields(expected, EXPECT, { what: 'an expectation', path: 'expect.', required: [] });
  for (const verdict of [expected.verdict ?? []].flat()) {
    if (typeof verdict === 'string' && Object.hasOwn(HEADLINES, verdict)) continue;
    throw invalid(`\`expect.verdict\` is ${JSON.stringify(verdict)}, which is no verdict`, {
      remedy: suggestion(String(verdict), VERDICTS, 'The verdicts are'),
    });
  }
}

function checkFields(
  object: Loose,
  fields: Fields,
  of: { readonly what: string; readonly path: string; readonly required: readonly string[] },
): void {
  const known = Object.keys(fields);
  for (const [name, value] of Object.entries(object)) {
    if (!Object.hasOwn(fields, name)) {
      const remedy = suggestion(name, known, `The fields of ${of.what} are`);
      throw invalid(`${of.what} has no field \`${of.path}${name}\``, { remedy, facts: { field: name } });
    }
    const [fits, words] = fields[name]!;
    if (value !== undefined && !fits(value)) throw invalid(`\`${of.path}${name}\` must be ${words}`);
  }
  const missing = of.required.find((name) => object[name] === undefined);
  if (missing !== undefined)
    throw invalid(`\`${of.path}${missing}\` is missing: it must be ${fields[missing]![1]}`);
}

function suggestion(name: string, known: readonly string[], otherwise: string): string {
  // `set` is how the command line calls the settings: a beginning counts as near.
  const begun = known.filter((candidate) => name.length > 2 && candidate.startsWith(name));
  const near = begun.length > 0 ? begun : nearestNames(name, known);
  return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `${otherwise} ${known.join(', ')}.`;
}

function invalid(
  seen: string,
  details: { readonly remedy?: string; readonly facts?: Loose } = {},
): MesascopeError {
  return new MesascopeError('EXPERIMENT_INVALID', seen, {
    remedy: 'Correct the field; the files in `probes/` show how.',
    ...details,
  });
}
