/** @file cli: `inspect`: a model's inputs, outputs, weights and hook points, from the file alone. */
import { openModel } from '../model/open-model.ts';
import { matchHooks } from '../onnx/hooks-names.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { describeModel, type ModelDescription } from './describe-model.ts';
import { byteText, counted, plainLine, shownPath, table } from './words.ts';

export type InspectOptions = { readonly model: string; readonly hooks: string | undefined };

/** Throws what `openModel` throws, and `HOOK_UNKNOWN` when a pattern fits nothing. */
export async function inspectCommand(options: InspectOptions, context: CommandContext): Promise<ExitCode> {
  const model = await openModel(options.model);
  try {
    const hooks = options.hooks === undefined ? model.hooks.hooks : matchHooks(model.hooks, options.hooks);
    const description = describeModel(model, hooks);
    if (context.json) printJson(description, context);
    else printDescription(description, shownPath(options.model, context.workingFolder), context);
    return 0;
  } finally {
    await model.close();
  }
}

function printDescription(model: ModelDescription, file: string, context: CommandContext): void {
  const { bold } = context.terminal.colors;
  const list = (items: readonly string[]): string => items.join(', ');
  const opsets = Object.entries(model.opsets).map(([domain, version]) => `${domain} ${version}`);
  const weights = model.weights.map(
    ({ type, tensors, values }) => `${type}: ${counted(values, 'values')} in ${counted(tensors, 'tensors')}`,
  );
  const facts: [string, string][] = [
    ['file', `${file}, ${byteText(model.bytes)}`],
    ['sha256', model.sha256],
    ['exporter', `${model.exporter}; IR ${model.irVersion}; operators ${list(opsets)}`],
    ['weights', list(weights) || 'none stored'],
    ...(model.weightFiles.length === 0
      ? []
      : ([['stored in', list(model.weightFiles)]] as [string, string][])),
    ['quantised', list(model.quantisation) || 'no'],
    ['graph', `${counted(model.nodes, 'nodes')}, ${counted(model.blocks, 'blocks')}${blockWords(model)}`],
  ];
  const label = Math.max(...facts.map(([name]) => name.length));
  for (const [name, text] of facts) printLine(`${name.padEnd(label)}  ${plainLine(text)}`, context);

  printLine(`\n${bold('Inputs')}`, context);
  printLine(
    table(
      ['NAME', 'TYPE', 'SHAPE', 'ROLE'],
      model.inputs.map(({ name, type, shape, role }) => [name, type, shapeText(shape), role]),
    ),
    context,
  );
  printLine(`\n${bold('Outputs')}`, context);
  printLine(
    table(
      ['NAME', 'TYPE', 'SHAPE'],
      model.outputs.map(({ name, type, shape }) => [name, type, shapeText(shape)]),
    ),
    context,
  );
  printLine(`\n${bold('Hooks')}`, context);
  if (model.noResidual !== null) printLine(plainLine(model.noResidual), context);
  if (model.unnamed !== null) printLine(plainLine(model.unnamed), context);
  if (model.hooks.length > 0) {
    printLine(
      table(
        ['HOOK', 'SHAPE, OR WHY NOT'],
        model.hooks.map((hook) => [
          hook.name,
          hook.state === 'available' ? shapeText(hook.shape) : `not available: ${hook.reason}`,
        ]),
      ),
      context,
    );
  }
}

function blockWords({ norms, width, blocks }: ModelDescription): string {
  if (blocks === 0) return '';
  const norm = norms.map((kind) => (kind === 'none' ? 'no norm' : `${kind}-norm`)).join(' and ');
  return ` (${norm})${width === null ? '' : `, residual width ${width}`}`;
}

function shapeText(shape: readonly (number | string)[] | null): string {
  return shape === null ? 'not stated' : `[${shape.join(', ')}]`;
}
