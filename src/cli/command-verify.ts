/** @file cli: `verify`: runs the model a little and shows whether its hooks add up, each check with its number. */
import { measurePadding, type PaddingRequest } from '../capture/padding.ts';
import { verifyModel } from '../capture/verify-model.ts';
import type { DataSet, ModelInput } from '../core/data-set.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { tokenizedInputs } from '../model/tokenize.ts';
import type { SelfCheck } from '../onnx/contract.ts';
import { namingFiles } from '../pipeline/name-errors.ts';
import { readDataSet } from '../store/data-set.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { numberText, plainLine, shownPath, table } from './words.ts';

export type VerifyOptions = {
  readonly model: string;
  readonly data: string | undefined;
  readonly hooks: string | undefined;
};

const STATES: Readonly<Record<SelfCheck['state'], string>> = {
  passed: 'passed',
  failed: 'FAILED',
  'not-applicable': 'not applicable',
};

/** Ends with 3 when a check fails: what the hooks of this model say cannot be trusted. Throws what `openModel` throws. */
export function verifyCommand(options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  return namingFiles(options, () => verify(options, context));
}

async function verify(options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const model = await openModel(options.model);
  try {
    const data = options.data === undefined ? undefined : await readDataSet(options.data, context.control);
    const request =
      data === undefined
        ? {}
        : { inputs: data.dataSet.examples.map(({ input }) => input), mapping: data.dataSet.inputs };
    const checks = await verifyModel(model, {
      ...request,
      ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    });
    const padding = await measurePadding(model, tokenRows(model, request));
    const failed = checks.filter(({ state }) => state === 'failed').length;
    const shown = shownPath(options.model, context.workingFolder);
    if (context.json)
      printJson({ model: shown, sha256: model.sha256, passed: failed === 0, checks, padding }, context);
    else {
      const rows = checks.map(({ id, state, value, limit, note }) => [
        id,
        STATES[state],
        value === undefined ? '' : numberText(value),
        limit === undefined ? '' : numberText(limit),
        note,
      ]);
      printLine(table(['CHECK', 'STATE', 'VALUE', 'LIMIT', 'NOTE'], rows), context);
      if (options.hooks !== undefined)
        printLine(table(['HOOK', 'EDIT CHANGES BY', 'NO-OP CHANGES BY'], perHook(checks)), context);
      // Nothing here pads; whoever feeds this model elsewhere may.
      printLine('\nPadding', context);
      for (const { statement, difference } of padding) {
        printLine(
          `  ${plainLine(statement)}${difference === undefined ? '' : ` (difference ${numberText(difference)})`}`,
          context,
        );
      }
      printLine('', context);
      printLine(
        failed === 0
          ? `${shown}: every check that applies passed.`
          : `${shown}: ${failed} of ${checks.length} checks failed; its hooks are not what their names say.`,
        context,
      );
    }
    return failed === 0 ? 0 : 3;
  } finally {
    await model.close();
  }
}

/** One line per hook that was edited. */
function perHook(checks: readonly SelfCheck[]): string[][] {
  const [changes = [], noOps = []] = ['edit-changes-output', 'no-op-edit'].map(
    (id) => checks.find((check) => check.id === id)?.perHook,
  );
  return changes.map(({ hook, value }, i) => [
    hook,
    numberText(value),
    numberText(noOps[i]?.value ?? Number.NaN),
  ]);
}

/** Texts as the tokens that they become: padding is of tokens. */
function tokenRows(
  model: Model,
  { inputs, mapping }: { readonly inputs?: readonly ModelInput[]; readonly mapping?: DataSet['inputs'] },
): PaddingRequest {
  if (inputs === undefined) return {};
  const texts = inputs.flatMap((input) =>
    input.kind === 'text' || input.kind === 'messages' ? [input] : [],
  );
  if (texts.length === 0) return { inputs, ...(mapping === undefined ? {} : { mapping }) };
  const { text, ...others } = mapping ?? {};
  return {
    inputs: tokenizedInputs(model, texts).inputs,
    mapping: text === undefined ? others : { ...others, tokens: text },
  };
}
