/** @file cli: `capture`: activations of a data file's examples, for use from any language. */
import path from 'node:path';
import { runForward } from '../capture/run-forward.ts';
import type { DataSet } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { openModel } from '../model/open-model.ts';
import { installedRuntime } from '../model/runtime.ts';
import { tokenizedData } from '../model/tokenize.ts';
import { matchHooks } from '../onnx/hooks-names.ts';
import { namingFiles, namingRows } from '../pipeline/name-errors.ts';
import { openCache } from '../store/cache.ts';
import { readDataSet } from '../store/data-set.ts';
import { type HookActivations, mustBeFree, writeActivations } from './activation-folder.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { CACHE_FOLDER } from './run-folder.ts';
import { byteText, counted, shownPath } from './words.ts';

export type CaptureOptions = {
  readonly model: string;
  readonly data: string;
  readonly hooks: string;
  readonly out: string;
  readonly positions: string;
};

/** Goes through the cache, so that an interrupted capture goes on. Throws what reading, running and writing throw. */
export function captureCommand(options: CaptureOptions, context: CommandContext): Promise<ExitCode> {
  return namingFiles(options, () => capture(options, context));
}

async function capture(options: CaptureOptions, context: CommandContext): Promise<ExitCode> {
  const { workingFolder, control } = context;
  const out = path.resolve(workingFolder, options.out);
  await mustBeFree(out);
  const { dataSet: given, sha256: dataSha256 } = await readDataSet(options.data, control);
  const model = await openModel(options.model);
  try {
    const { dataSet } = tokenizedData(model, given);
    const positions = positionList(options.positions, dataSet);
    const hooks = matchHooks(model.hooks, options.hooks).map(({ name }) => name);
    const captured = await namingRows(
      (row) => `example ${JSON.stringify(dataSet.examples[row]?.id)}`,
      () =>
        runForward(
          model,
          {
            inputs: dataSet.examples.map(({ input }) => input),
            mapping: dataSet.inputs,
            hooks,
            positions,
            readout: dataSet.readout,
            choices: [],
            cache: openCache(path.join(workingFolder, CACHE_FOLDER)),
          },
          control,
        ),
    );
    const perHook = function* (): Generator<HookActivations> {
      for (const hook of hooks) yield activationsOf(hook, positions, captured);
    };
    const index = await writeActivations(out, perHook(), {
      model: { file: model.name, sha256: model.sha256 },
      data: { file: path.basename(options.data), sha256: dataSha256 },
      runtime: installedRuntime(),
      positions,
      examples: dataSet.examples.map(({ id, set, group }) => ({ id, set, group })),
    });
    const folder = shownPath(out, workingFolder);
    const bytes = index.hooks.reduce((sum, { shape: [rows, at, width] }) => sum + 4 * rows * at * width, 0);
    const summary = { folder, index: `${folder}/index.json`, hooks, rows: captured.rows, positions, bytes };
    if (context.json) printJson({ ...summary, fromCache: captured.fromCache }, context);
    else {
      printLine(
        `${summary.index}: ${counted(hooks.length, 'hooks')}, ${counted(captured.rows, 'rows')}, ${byteText(bytes)}`,
        context,
      );
      printLine(`  reused  ${captured.fromCache ? 'all activations, from the cache' : 'nothing'}`, context);
    }
    return 0;
  } finally {
    await model.close();
  }
}

/** One matrix per position becomes one row-major block per example. */
function activationsOf(
  hook: string,
  positions: readonly number[],
  captured: Awaited<ReturnType<typeof runForward>>,
): HookActivations {
  const columns = positions.map((position) => captured.activations(hook, position)); // per position [rows, width]
  const width = columns[0]!.columns;
  return {
    hook,
    positions: positions.length,
    width,
    row(index) {
      const values = new Float32Array(positions.length * width);
      for (const [at, { data }] of columns.entries()) {
        values.set(data.subarray(index * width, (index + 1) * width), at * width);
      }
      return values;
    },
  };
}

/** `-1,-2` as numbers; `all` needs rows of one length. Throws `BAD_SETTING`. */
function positionList(text: string, { examples }: DataSet): number[] {
  if (text === 'all') {
    const lengths = new Set(
      examples.map(({ input }) => (input.kind === 'tokens' ? input.tokens.length : undefined)),
    );
    const [length] = lengths;
    if (lengths.size !== 1 || length === undefined) {
      throw new MesascopeError('BAD_SETTING', '--positions all needs token rows of one length', {
        remedy: 'Name the positions, e.g. --positions=-1,-2.',
      });
    }
    return Array.from({ length }, (_, position) => position);
  }
  const positions = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (positions.length === 0 || !positions.every(Number.isInteger)) {
    throw new MesascopeError('BAD_SETTING', `--positions ${text} is not a list of whole numbers`, {
      remedy: 'For example --positions=-1,-2, or "all".',
    });
  }
  return [...new Set(positions)];
}
