/** @file cli: `attach`: a model file with the scores of saved probes as further outputs, for any ONNX runtime. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type AttachRequest, attachProbes, type MonitorPositions } from '../pipeline/attach-probes.ts';
import { namingFiles } from '../pipeline/name-errors.ts';
import { readDataSet } from '../store/data-set.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { byteText, counted, numberText, shownPath, table } from './words.ts';

export type AttachOptions = {
  readonly model: string;
  /** Files, or NAME=FILE. */
  readonly probes: readonly string[];
  readonly out: string;
  readonly positions: MonitorPositions;
  readonly reference: boolean;
  readonly otherModel: boolean;
  readonly data: string | undefined;
};

/** Classes named in full in the terminal's table; `--json` has them all. */
const SHOWN_CLASSES = 4;

/** Throws what `attachProbes` and reading the data throw; nothing is written then. */
export async function attachCommand(options: AttachOptions, context: CommandContext): Promise<ExitCode> {
  const { model, out, data } = options;
  const read = data === undefined ? undefined : (await readDataSet(data, context.control)).dataSet;
  const check: Pick<AttachRequest, 'inputs' | 'mapping'> =
    read === undefined ? {} : { inputs: read.examples.map(({ input }) => input), mapping: read.inputs };
  const attached = await namingFiles({ model, data }, () =>
    attachProbes(
      {
        model,
        probes: options.probes.map(namedProbe),
        out,
        positions: options.positions,
        weights: options.reference ? 'reference' : 'inline',
        otherModel: options.otherModel,
        ...check,
      },
      context.control,
    ),
  );
  const file = shownPath(out, context.workingFolder);
  if (context.json) {
    printJson({ file, ...attached }, context);
    return 0;
  }
  const rows = attached.outputs.map(({ output, hook, shape, type, classes }) => [
    output,
    hook,
    `${type} [${shape.join(', ')}]`,
    classes.length > SHOWN_CLASSES
      ? `${classes.slice(0, SHOWN_CLASSES).join(', ')} and ${classes.length - SHOWN_CLASSES} more`
      : classes.join(', '),
  ]);
  printLine(table(['OUTPUT', 'HOOK', 'SHAPE', 'CLASSES'], rows), context);
  const { inputs, sameOutputs, closeOutputs, largestScoreDifference } = attached.check;
  const furthest = Math.max(...closeOutputs.map(({ difference }) => difference));
  const close =
    closeOutputs.length === 0
      ? ''
      : ` and ${counted(closeOutputs.length, 'outputs')} within ${numberText(furthest)}, which 16 bits allow`;
  printLine(
    `${file}: ${byteText(attached.bytes)}; on ${counted(inputs, 'inputs')} ${counted(sameOutputs.length, 'outputs')} bit for bit as before${close}, scores within ${numberText(largestScoreDifference)} of the probes'`,
    context,
  );
  if (attached.needs.length > 0) printLine(`  keep beside it  ${attached.needs.join(', ')}`, context);
  return 0;
}

/** `NAME=FILE`, or a file, which names its output; a file whose name holds `=` is taken as one when it is there. */
function namedProbe(argument: string): AttachRequest['probes'][number] {
  const at = argument.indexOf('=');
  if (at > 0 && !existsSync(argument)) return { name: argument.slice(0, at), file: argument.slice(at + 1) };
  return { name: path.basename(argument).replace(/\.safetensors$/i, ''), file: argument };
}
