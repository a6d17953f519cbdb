/** @file cli: `verify`: runs the model a little and shows whether its hooks add up, each check with its number. */
import { verifyModel } from '../capture/verify-model.ts';
import { openModel } from '../model/open-model.ts';
import type { SelfCheck } from '../onnx/contract.ts';
import { readDataSet } from '../store/data-set.ts';
import { type CommandContext, type ExitCode, printJson, printLine } from './context.ts';
import { numberText, shownPath, table } from './words.ts';

const STATES: Readonly<Record<SelfCheck['state'], string>> = {
  passed: 'passed',
  failed: 'FAILED',
  'not-applicable': 'not applicable',
};

/** Ends with 3 when a check fails: what the hooks of this model say cannot be trusted. Throws what `openModel` throws. */
export async function verifyCommand(
  options: { readonly model: string; readonly data: string | undefined; readonly hooks: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const model = await openModel(options.model);
  try {
    const data = options.data === undefined ? undefined : await readDataSet(options.data, context.control);
    const checks = await verifyModel(model, {
      ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
      ...(data === undefined
        ? {}
        : { inputs: data.dataSet.examples.map(({ input }) => input), mapping: data.dataSet.inputs }),
    });
    const failed = checks.filter(({ state }) => state === 'failed').length;
    const shown = shownPath(options.model, context.workingFolder);
    if (context.json)
      printJson({ model: shown, sha256: model.sha256, passed: failed === 0, checks }, context);
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
