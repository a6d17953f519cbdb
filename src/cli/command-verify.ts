/** @file cli: `verify`: runs the model a little and shows whether its hooks add up, each check with its number. */
import { measurePadding, type PaddingRequest } from '../capture/padding.ts';
import { verifyModel } from '../capture/verify-model.ts';
import type { DataSet, ModelInput } from '../core/data-set.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { saidOfTexts } from '../model/said-of-texts.ts';
import { tokenizedInputs } from '../model/tokenize.ts';
import type { SelfCheck } from '../onnx/contract.ts';
import { matchHooks } from '../onnx/hooks-names.ts';
import { namingFiles } from '../pipeline/name-errors.ts';
import { readDataSet } from '../store/data-set.ts';
import { type CommandContext, type ExitCode, printJson, printLine, warn } from './context.ts';
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

/** Hooks that a pattern names and no edit was tried at. */
const NOT_EDITED = 'no vector per position, or no check of edits applies; logits are the output itself';

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
    warn(saidOfTexts(model, request.inputs ?? []), context);
    const checks = await verifyModel(model, {
      ...request,
      ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    });
    const padding = await measurePadding(model, tokenRows(model, request));
    const tried = new Set(perHook(checks).map(([hook]) => hook));
    const notEdited =
      options.hooks === undefined
        ? []
        : matchHooks(model.hooks, options.hooks)
            .map(({ name }) => name)
            .filter((name) => !tried.has(name));
    const failed = checks.filter(({ state }) => state === 'failed').length;
    const shown = shownPath(options.model, context.workingFolder);
    if (context.json)
      printJson(
        { model: shown, sha256: model.sha256, passed: failed === 0, checks, notEdited, padding },
        context,
      );
    else {
      const rows = checks.map(({ id, state, value, limit, note }) => [
        id,
        STATES[state],
        value === undefined ? '' : numberText(value),
        limit === undefined ? '' : numberText(limit),
        note,
      ]);
      printLine(table(['CHECK', 'STATE', 'VALUE', 'LIMIT', 'NOTE'], rows), context);
      const edited = perHook(checks);
      if (edited.length > 0 && options.hooks !== undefined)
        printLine(table(['HOOK', 'EDIT CHANGES BY', 'NO-OP CHANGES BY'], edited), context);
      if (notEdited.length > 0) printLine(`not edited: ${notEdited.join(', ')} (${NOT_EDITED})`, context);
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
