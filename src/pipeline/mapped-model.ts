/** @file pipeline: a model together with how one data set's inputs and choices map onto it. */
import { logProbabilities } from '../behavior/choices.ts';
import { type Interventions, openInterventions } from '../capture/interventions.ts';
import { type ForwardRequest, type ForwardResult, runForward } from '../capture/run-forward.ts';
import type { DataSet, ModelInput } from '../core/data-set.ts';
import type { Matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import type { HiddenEdit, ObserveIntervened, RunIntervened } from '../evidence/interchange.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel } from '../runtime/contract.ts';

export type MappedModel = { readonly model: Model; readonly dataSet: DataSet };

/** The request that captures `hooks` at `positions` and the choices' logits for some inputs. */
export function captureRequest(
  mapped: MappedModel,
  inputs: readonly ModelInput[],
  hooks: readonly string[],
  positions: readonly number[],
  settings: { readonly optimization: OptimizationLevel },
): ForwardRequest {
  const { dataSet } = mapped;
  return {
    inputs,
    mapping: dataSet.inputs,
    hooks,
    positions,
    readout: dataSet.readout,
    choices: Object.values(dataSet.choices),
    optimization: settings.optimization,
  };
}

export async function runMapped(
  mapped: MappedModel,
  request: ForwardRequest,
  control: RunControl,
): Promise<ForwardResult> {
  const result = await runForward(mapped.model, request, control);
  // Every rung asks for the same few matrices; each is copied out of the capture once.
  const copies = new Map<string, Matrix>();
  return {
    ...result,
    activations(hook, position) {
      const key = `${hook} ${position}`;
      let copy = copies.get(key);
      if (copy === undefined) {
        copy = result.activations(hook, position);
        copies.set(key, copy);
      }
      return copy;
    },
  };
}

/** Interventions on the data set's own examples; sessions are opened once per set of hooks and closed together. */
export function intervener(
  mapped: MappedModel,
  settings: { readonly optimization: OptimizationLevel },
  control: RunControl,
): { readonly run: RunIntervened; readonly observe: ObserveIntervened; close(): Promise<void> } {
  const { model, dataSet } = mapped;
  const open = new Map<string, Promise<Interventions>>();
  const inputs = dataSet.examples.map((example) => example.input);
  const observed: ObserveIntervened = async ({ hooks, position, rows, values, observe }) => {
    const key = `${hooks.join(',')} ${observe.join(',')}`;
    let session = open.get(key);
    if (session === undefined) {
      session = openInterventions(model, {
        mapping: dataSet.inputs,
        edits: hooks.map((hook) => ({ hook, kind: 'replace' })),
        readout: dataSet.readout,
        choices: Object.values(dataSet.choices),
        observe,
        optimization: settings.optimization,
      });
      open.set(key, session);
    }
    const request = { inputs, inputRows: rows, position, values };
    const { choiceLogits, choiceMass, hidden } = await (await session).observe(request, {
      signal: control.signal,
    });
    return { logProbabilities: logProbabilities(choiceLogits), choiceMass, hidden };
  };
  return {
    observe: observed,
    run: async (edit: HiddenEdit) => (await observed({ ...edit, observe: [] })).logProbabilities,
    async close() {
      for (const session of open.values()) await (await session).close();
    },
  };
}
