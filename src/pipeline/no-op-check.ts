/** @file pipeline: measures, on a sample, what an edit that changes nothing changes. */

import { logProbabilities } from '../behavior/choices.ts';
import type { RunControl } from '../core/progress.ts';
import { captureRequest, intervener, type MappedModel, runMapped } from './mapped-model.ts';
import type { ResolvedSettings } from './resolve-settings.ts';

/** Rows checked. */
const SAMPLE = 32;

/**
 * Largest absolute change of log pi when a hidden value is replaced with itself at the read-out, over a sample of rows.
 * Computed through the same sessions as the causal tests, so it covers capture and edit together.
 */
export async function noOpDifference(
  mapped: MappedModel,
  hook: string,
  settings: ResolvedSettings,
  control: RunControl,
): Promise<number> {
  const { dataSet } = mapped;
  const rows = Int32Array.from({ length: Math.min(SAMPLE, dataSet.examples.length) }, (_, i) => i);
  const inputs = Array.from(rows, (row) => dataSet.examples[row]!.input);
  const request = captureRequest(mapped, inputs, [hook], [dataSet.readout], settings);
  const plain = await runMapped(mapped, request, { signal: control.signal });
  const editing = intervener(mapped, settings, { signal: control.signal });
  try {
    const edited = await editing.run({
      hooks: [hook],
      position: dataSet.readout,
      rows,
      values: [plain.activations(hook, dataSet.readout)],
    });
    const before = logProbabilities(plain.choiceLogits!);
    return before.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - edited.data[i]!)), 0);
  } finally {
    await editing.close();
  }
}
