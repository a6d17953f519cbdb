/** @file cli: finds experiment files by name or path and loads them; runs nothing. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ErrorLocation, MesascopeError, nearestNames } from '../core/errors.ts';
import { checkExperiment } from '../pipeline/check-experiment.ts';
import type { Experiment } from '../pipeline/experiment.ts';
import { commandAsTyped } from './context.ts';
import { shownPath } from './words.ts';

export const EXPERIMENT_FOLDER = 'probes';
const SUFFIX = '.probe.ts';

export type ExperimentFile = {
  /** File name without `.probe.ts`; also the name of the run's folder. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
};

/** Every `probes/*.probe.ts` of the working folder, ordered by name. */
export async function allExperiments(workingFolder: string): Promise<ExperimentFile[]> {
  const folder = path.join(workingFolder, EXPERIMENT_FOLDER);
  if (!existsSync(folder)) return [];
  const files = (await readdir(folder)).filter((file) => file.endsWith(SUFFIX));
  return files.sort().map((file) => ({ name: experimentName(file), file: path.join(folder, file) }));
}

/**
 * The named experiments in the order given, or all of them when none is named. Throws `EXPERIMENT_NOT_FOUND`, and
 * `BAD_USAGE` when two files would share one run folder.
 */
export async function findExperiments(
  wanted: readonly string[],
  workingFolder: string,
): Promise<ExperimentFile[]> {
  const known = await allExperiments(workingFolder);
  if (wanted.length === 0) {
    if (known.length > 0) return known;
    throw new MesascopeError('EXPERIMENT_NOT_FOUND', `${EXPERIMENT_FOLDER}/ holds no *${SUFFIX} file`);
  }
  const found = new Map<string, ExperimentFile>();
  for (const text of wanted) {
    const experiment = findOne(text, known, workingFolder);
    const other = found.get(experiment.name);
    if (other !== undefined && other.file !== experiment.file) {
      const both = [other.file, experiment.file].map((file) => shownPath(file, workingFolder));
      throw new MesascopeError('BAD_USAGE', `${both.join(' and ')} would write to the same run folder`, {
        remedy: 'Rename one of the files.',
      });
    }
    found.set(experiment.name, experiment);
  }
  return [...found.values()];
}

function findOne(text: string, known: readonly ExperimentFile[], workingFolder: string): ExperimentFile {
  const byName = known.find(({ name }) => name === text);
  if (byName !== undefined) return byName;
  const file = path.resolve(workingFolder, text);
  if (/\.[cm]?[jt]s$/.test(text) && existsSync(file)) return { name: experimentName(file), file };
  if (text.endsWith('.onnx')) {
    throw new MesascopeError('EXPERIMENT_NOT_FOUND', `${text} is a model file, not an experiment`, {
      remedy: `Name it and its data: ${commandAsTyped(['audit', '--model', text, '--data', 'examples.jsonl'], process.argv[1], workingFolder)} (or plan, in place of audit).`,
    });
  }
  const nearest = nearestNames(
    text,
    known.map(({ name }) => name),
  );
  throw new MesascopeError('EXPERIMENT_NOT_FOUND', `there is no experiment ${text}`, {
    ...(nearest.length > 0 && { remedy: `Did you mean ${nearest.join(' or ')}?` }),
  });
}

/** Imports the file and returns its default export. Throws `EXPERIMENT_INVALID`, pointing at the line where known. */
export async function loadExperiment({ file }: ExperimentFile): Promise<Experiment> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (cause) {
    if (cause instanceof MesascopeError) throw placedInExperiment(cause, file);
    const seen = cause instanceof Error ? cause.message : String(cause);
    throw new MesascopeError('EXPERIMENT_INVALID', `the file cannot be loaded: ${firstLine(seen)}`, {
      location: placeOf(cause, file),
      remedy: 'Correct the file; `npx tsc --noEmit` finds most mistakes.',
      cause,
    });
  }
  if (!isExperiment(module.default)) {
    throw new MesascopeError(
      'EXPERIMENT_INVALID',
      module.default === undefined
        ? 'the file has no default export'
        : 'the default export is not an experiment made by defineExperiment',
      { location: { file } },
    );
  }
  try {
    // Made by hand, it has not been checked yet.
    checkExperiment(module.default);
  } catch (fault) {
    throw placedInExperiment(fault, file);
  }
  return module.default;
}

/**
 * A coded error that names no place, with the line of the experiment file that it goes back to, where its stack or its cause's shows
 * one: what a user's own code threw, above all.
 */
export function placedInExperiment(thrown: unknown, file: string): unknown {
  if (!(thrown instanceof MesascopeError) || thrown.location !== undefined) return thrown;
  const { code, message, remedy, facts, cause } = thrown;
  const inCause = placeOf(cause, file);
  const location = inCause.line === undefined ? placeOf(thrown, file) : inCause;
  return new MesascopeError(code, message, { location, remedy, facts, cause: cause ?? thrown });
}

/** `grid-proxy` for `probes/grid-proxy.probe.ts`. */
export function experimentName(file: string): string {
  return path.basename(file).replace(/(\.probe)?\.[cm]?[jt]s$/, '');
}

function isExperiment(value: unknown): value is Experiment {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Readonly<Record<string, unknown>>).kind === 'mesascope-experiment'
  );
}

/** The decisive line: the compiler's own is below a heading that only counts errors. */
function firstLine(text: string): string {
  const compiler = /\bERROR: (.+)/.exec(text)?.[1];
  return compiler ?? text.split('\n').find((line) => line.trim() !== '') ?? 'unknown reason';
}

/** Line and column from the compiler's message or the stack, whichever names the file first. */
function placeOf(cause: unknown, file: string): ErrorLocation {
  const text = cause instanceof Error ? `${cause.message}\n${cause.stack ?? ''}` : String(cause);
  const at = text.indexOf(`${path.basename(file)}:`);
  const place = at < 0 ? null : /^[^:]+:(\d+):(\d+)/.exec(text.slice(at));
  // The compiler counts columns from 0, stacks from 1; an editor is content with either.
  return place === null ? { file } : { file, line: Number(place[1]), column: Math.max(1, Number(place[2])) };
}
