/** @file cli: `list`: finished runs, experiments and models of the working folder. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { readRecord } from '../record/read.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { codedError } from './error-line.ts';
import { allExperiments } from './experiment-files.ts';
import { finishedRuns, RECORD_FILE, type RunFolder } from './run-folder.ts';
import { shownPath, table } from './words.ts';

type ListedRun =
  | {
      readonly name: string;
      readonly folder: string;
      readonly verdict: string;
      readonly grade: string;
      readonly provisional: boolean;
      readonly model: string;
      readonly startedAt: string;
    }
  | { readonly name: string; readonly folder: string; readonly problem: string };

type ListedModel = {
  readonly model: string;
  readonly title: string | null;
  /** As the card states it. */
  readonly sha256: string | null;
};

const MODELS_FOLDER = 'models';
/** `models/family/member/model.onnx` is the deepest place that is looked at. */
const MODEL_DEPTH = 3;

/** A record that cannot be read is listed with its problem; listing never fails because of one. */
export async function listCommand(context: CommandContext): Promise<ExitCode> {
  const { workingFolder } = context;
  const runs: ListedRun[] = [];
  const models = await listedModels(workingFolder);
  // A record names its model by hash, since a path would not hold elsewhere; here the file may be known.
  const files = new Map(models.map(({ sha256, model }) => [sha256, model]));
  for (const run of await finishedRuns(workingFolder))
    runs.push(await listedRun(run, { workingFolder, files }));
  const experiments = (await allExperiments(workingFolder)).map(({ name, file }) => ({
    name,
    file: shownPath(file, workingFolder),
  }));
  if (context.json) {
    printJson({ runs, experiments, models }, context);
    return 0;
  }
  const { bold, dim } = context.terminal.colors;
  const section = (title: string, text: string, none: string): void => {
    printLine(`${bold(title)}\n${text === '' ? dim(none) : text}\n`, context);
  };
  section(
    'Runs',
    runs.length === 0
      ? ''
      : table(
          ['NAME', 'VERDICT', 'GRADE', 'WHEN', 'MODEL'],
          runs.map((run) =>
            'problem' in run
              ? [run.name, run.problem]
              : [run.name, run.verdict, run.grade, run.startedAt.slice(0, 16).replace('T', ' '), run.model],
          ),
        ),
    'none yet; `mesascope run` makes some',
  );
  section(
    'Experiments',
    experiments.length === 0
      ? ''
      : table(
          ['NAME', 'FILE'],
          experiments.map(({ name, file }) => [name, file]),
        ),
    'none in probes/',
  );
  section(
    'Models',
    models.length === 0
      ? ''
      : table(
          ['MODEL', 'TITLE'],
          models.map(({ model, title }) => [model, title ?? '']),
        ),
    'none in models/',
  );
  return 0;
}

async function listedRun(
  { name, folder }: RunFolder,
  {
    workingFolder,
    files,
  }: { readonly workingFolder: string; readonly files: ReadonlyMap<string | null, string> },
): Promise<ListedRun> {
  const shown = shownPath(folder, workingFolder);
  try {
    const { verdict, model, timings } = await readRecord(path.join(folder, RECORD_FILE));
    return {
      name,
      folder: shown,
      verdict: verdict.verdict,
      grade: verdict.grade,
      provisional: verdict.provisional,
      model: files.get(model.sha256) ?? model.file,
      startedAt: timings.startedAt,
    };
  } catch (thrown) {
    const { code, message } = codedError(thrown);
    return { name, folder: shown, problem: `${code}: ${message}` };
  }
}

async function listedModels(workingFolder: string): Promise<ListedModel[]> {
  const files = await onnxFiles(path.join(workingFolder, MODELS_FOLDER), MODEL_DEPTH);
  return Promise.all(
    files.map(async (file) => ({
      model: shownPath(file, workingFolder),
      ...(await cardOf(path.join(path.dirname(file), 'card.json'))),
    })),
  );
}

async function onnxFiles(folder: string, depth: number): Promise<string[]> {
  if (depth === 0 || !existsSync(folder)) return [];
  const files: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await onnxFiles(at, depth - 1)));
    else if (entry.name.endsWith('.onnx')) files.push(at);
  }
  return files;
}

/** Nulls where there is no card or it does not say: a card is the author's word, and optional. */
async function cardOf(file: string): Promise<Omit<ListedModel, 'model'>> {
  try {
    const { title, name, sha256 } = JSON.parse(await readFile(file, 'utf8')) as Readonly<
      Record<string, unknown>
    >;
    const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
    return { title: text(title) ?? text(name), sha256: text(sha256) };
  } catch {
    return { title: null, sha256: null };
  }
}
