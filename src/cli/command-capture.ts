/** @file cli: `capture`: activations of a data file's examples, for use from any language. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { CaptureEstimate } from '../capture/long-capture.ts';
import { type Position, positionFrom } from '../model/named-positions.ts';
import { openModel } from '../model/open-model.ts';
import { captureToFolder } from '../pipeline/capture-to-folder.ts';
import { namingFiles } from '../pipeline/name-errors.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { byteText, counted, durationText, shownPath } from './words.ts';

export type CaptureOptions = {
  readonly model: string;
  readonly data: string;
  readonly hooks: string;
  readonly out: string;
  readonly positions: string;
  readonly dtype: 'float32' | 'float16';
};

/** Run again after an interruption, it goes on. Throws what `captureToFolder` throws. */
export function captureCommand(options: CaptureOptions, context: CommandContext): Promise<ExitCode> {
  return namingFiles(options, () => capture(options, context));
}

async function capture(options: CaptureOptions, context: CommandContext): Promise<ExitCode> {
  const { workingFolder, control } = context;
  const { data, hooks, dtype } = options;
  const out = path.resolve(workingFolder, options.out);
  const folder = shownPath(out, workingFolder);
  const positions = positionList(options.positions);
  const bytesPerValue = dtype === 'float16' ? 2 : 4;
  let estimated: { readonly bytes: number; readonly durationMs: number } | undefined;
  const onEstimate = ({ rows, rowsDone, valuesPerRow, durationMs }: CaptureEstimate): void => {
    const bytes = rows * valuesPerRow * bytesPerValue;
    estimated = { bytes, durationMs };
    const done = rowsDone === 0 ? '' : `, of which ${counted(rowsDone, 'rows')} are there`;
    context.terminal.err(
      `${folder}: ${counted(rows, 'rows')}, ${byteText(bytes)}${done}; about ${durationText(durationMs)}\n`,
    );
  };
  const model = await openModel(options.model);
  try {
    const made = await captureToFolder(
      model,
      { data, hooks, positions, out, dtype },
      { ...control, onEstimate },
    );
    const summary = {
      folder,
      index: `${folder}/index.json`,
      hooks: made.hooks,
      rows: made.rows,
      positions: made.positions,
      dtype,
      bytes: tensorBytes(out),
      rowsReused: made.rowsReused,
      estimated: estimated ?? null,
    };
    if (context.json) printJson(summary, context);
    else {
      const reused = made.rowsReused === 0 ? 'nothing' : counted(made.rowsReused, 'rows');
      const size = `${counted(made.hooks.length, 'hooks')}, ${counted(made.rows, 'rows')}, ${byteText(summary.bytes)}`;
      printLine(`${summary.index}: ${size}`, context);
      printLine(`  reused  ${made.rowsReused === made.rows ? 'all activations' : reused}`, context);
    }
    return 0;
  } finally {
    await model.close();
  }
}

/** Of all files that hold tensors. */
function tensorBytes(folder: string): number {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.safetensors'))
    .reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

/** `-1,span:garden` one by one, or `all`. Throws `BAD_SETTING`. */
function positionList(text: string): readonly Position[] | 'all' {
  return text === 'all' ? 'all' : text.split(',').map(positionFrom);
}
