/** @file pipeline: a model together with how one data set's inputs and choices map onto it. */
import { logProbabilities } from '../behavior/choices.ts';
import type { Candidates } from '../capture/candidates.ts';
import { type Interventions, openInterventions } from '../capture/interventions.ts';
import { type ForwardRequest, type ForwardResult, runForward } from '../capture/run-forward.ts';
import { scoreCandidates } from '../capture/score-candidates.ts';
import type { DataSet, ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import type { HiddenEdit, ObserveIntervened, RunIntervened } from '../evidence/interchange.ts';
import { choiceColumns } from '../model/choice-tokens.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel } from '../runtime/contract.ts';

export type MappedModel = { readonly model: Model; readonly dataSet: DataSet };

/** What a model's choices are: columns of its output, or tokens that follow a row. */
type ChoicesOfModel = { readonly choices: readonly number[]; readonly candidates?: Candidates };

/** A forward pass, with candidates in place of its choices where some have several tokens. */
export type MappedRequest = ForwardRequest & { readonly candidates?: Candidates };

/** Of a data set whose choices the model's tokenizer has resolved. Throws `CHOICE_TOKENS` where they are text still. */
function choicesOfModel(dataSet: DataSet): ChoicesOfModel {
  const { choices, candidates: score } = dataSet;
  const several = Object.values(choices).some((choice) => typeof choice === 'object');
  if (!several || score === undefined) return { choices: choiceColumns(dataSet) };
  const tokens = Object.values(choices).map((choice) =>
    typeof choice === 'object' ? choice : [Number(choice)],
  );
  return { choices: [], candidates: { tokens, score } };
}

/** The request that captures `hooks` at `positions` and the choices' logits for some inputs. */
export function captureRequest(
  mapped: MappedModel,
  inputs: readonly ModelInput[],
  hooks: readonly string[],
  positions: readonly number[],
  settings: { readonly optimization: OptimizationLevel },
): MappedRequest {
  const { dataSet } = mapped;
  return {
    inputs,
    mapping: dataSet.inputs,
    hooks,
    positions,
    readout: dataSet.readout,
    ...choicesOfModel(dataSet),
    optimization: settings.optimization,
  };
}

/** `choiceLogits` are scores in nats where the request has candidates; they are computed in passes of their own. */
export async function runMapped(
  mapped: MappedModel,
  { candidates, ...request }: MappedRequest,
  control: RunControl,
): Promise<ForwardResult> {
  const result =
    candidates === undefined
      ? await runForward(mapped.model, request, control)
      : await withScores(mapped, { ...request, candidates }, control);
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

async function withScores(
  { model }: MappedModel,
  request: ForwardRequest & { readonly candidates: Candidates },
  control: RunControl,
): Promise<ForwardResult> {
  const { candidates, ...plain } = request;
  const choiceLogits = await scoreCandidates(model, request, control);
  // Where nothing is read, there is nothing left to run.
  if (plain.hooks.length > 0) return { ...(await runForward(model, plain, control)), choiceLogits };
  return {
    rows: request.inputs.length,
    fromCache: false,
    choiceLogits,
    activations(hook) {
      throw new MesascopeError('BAD_SETTING', `hook ${hook} is not part of this run`, { facts: { hook } });
    },
  };
}

/** The stage under which rows of interventions are reported; no stage of that name is opened: they belong to the one that asked for them. */
const STAGE = 'interventions';

/** Interventions on the data set's own examples; sessions are opened once per set of hooks and closed together. */
export function intervener(
  mapped: MappedModel,
  settings: { readonly optimization: OptimizationLevel },
  control: RunControl,
): { readonly run: RunIntervened; readonly observe: ObserveIntervened; close(): Promise<void> } {
  const { model, dataSet } = mapped;
  const open = new Map<string, Promise<Interventions>>();
  const inputs = dataSet.examples.map((example) => example.input);
  let done = 0;
  const observed: ObserveIntervened = async ({ hooks, position, rows, values, observe }) => {
    const key = `${hooks.join(',')} ${observe.join(',')}`;
    let session = open.get(key);
    if (session === undefined) {
      session = openInterventions(model, {
        mapping: dataSet.inputs,
        edits: hooks.map((hook) => ({ hook, kind: 'replace' })),
        readout: dataSet.readout,
        ...choicesOfModel(dataSet),
        observe,
        optimization: settings.optimization,
      });
      open.set(key, session);
    }
    const request = { inputs, inputRows: rows, position, values };
    const { choiceLogits, choiceMass, hidden } = await (await session).observe(request, {
      signal: control.signal,
    });
    done += rows.length;
    control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done });
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
