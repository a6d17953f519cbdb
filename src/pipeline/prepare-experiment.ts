/** @file pipeline: opens a model, runs it on its data and lays out what the ladder reads; judges nothing. */

import { logProbabilities } from '../behavior/choices.ts';
import type { ForwardResult } from '../capture/run-forward.ts';
import { twinOf } from '../capture/twin-of.ts';
import type { DataSet } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import type { CausalInputs } from '../evidence/causal-side.ts';
import type { EvidenceRequest, Twin } from '../evidence/gather.ts';
import { type Linalg, openLinalg } from '../linalg/linalg.ts';
import { type Model, openModel } from '../model/open-model.ts';
import { tokenizedData } from '../model/tokenize.ts';
import { matchHooks } from '../onnx/hooks-names.ts';
import { openCache } from '../store/cache.ts';
import { splitByGroup } from '../store/group-split.ts';
import { nearDuplicates } from '../store/near-duplicates.ts';
import { baselineFeatures } from './baseline-features.ts';
import { causalSide } from './causal-inputs.ts';
import { mustHaveChoices, mustScoreChoices } from './choices-fit.ts';
import { columnsOf, commonLength } from './columns-of.ts';
import type { Experiment } from './experiment.ts';
import { goalLabels, mustVary } from './goal-labels.ts';
import { type LoadedData, loadData } from './load-data.ts';
import { captureRequest, intervener, type MappedModel, runMapped } from './mapped-model.ts';
import { namingRows } from './name-errors.ts';
import { noOpDifference } from './no-op-check.ts';
import { foreseenProblems } from './plan-sight.ts';
import { type ResolvedSettings, resolveSettings } from './resolve-settings.ts';
import { withTokenPictures } from './token-picture.ts';

/** A model that has run on its data, ready to be judged; valid until `close`. */
export type Prepared = {
  readonly settings: ResolvedSettings;
  readonly data: LoadedData;
  readonly mapped: MappedModel;
  /** The tokens of each example as their text; absent where the data are no text. */
  readonly pieces?: readonly (readonly string[])[];
  readonly forward: ForwardResult;
  /** What `gatherEvidence` takes. */
  readonly request: EvidenceRequest;
  readonly linalg: Linalg;
  close(): Promise<void>;
};

export type PrepareOptions = {
  /** Folder of the activation cache; none by default, and then nothing is written to disk. */
  readonly cacheFolder?: string;
  readonly control?: RunControl;
  /** Runs a piece of work as a stage of its own. */
  readonly stage?: <T>(name: string, work: () => Promise<T>) => Promise<T>;
};

/** Rows of one length up to this many positions are searched at every position under `positions: 'auto'`. */
const MAX_AUTO_POSITIONS = 12;

/** Share of test rows with a near-duplicate on another side above which the data are warned of. */
const NEAR_DUPLICATE_SHARE = 0.05;

/** Values in one matrix of activations below which products run on one thread; measured at width 64. */
const SMALL_PRODUCT = 2_000_000;

/**
 * Runs the model on every example and on the sources of the causal tests, and lays out the columns. The caller closes what it is given.
 * Errors of the layers come through as they are.
 */
export async function prepareExperiment(
  experiment: Experiment,
  options: PrepareOptions = {},
): Promise<Prepared> {
  const { control = {}, stage = (_, work) => work() } = options;
  const settings = resolveSettings(experiment.settings);
  const data = await loadData(experiment, control);
  mustHaveChoices(data.dataSet);
  mustVary(data.dataSet, settings.coding);
  const model = await openModel(experiment.model);
  const tokenized = await closedOnError(model, () => {
    const made = tokenizedData(model, data.dataSet);
    mustScoreChoices(model, made.dataSet);
    return made;
  });
  const { dataSet } = tokenized;
  // Products of a small network are done before a second thread has woken up.
  const small = dataSet.examples.length * (model.hooks.width ?? 0) < SMALL_PRODUCT;
  const linalg = await openLinalg({ threads: small ? 1 : 0 });
  const mapped: MappedModel = { model, dataSet };
  const editing = intervener(mapped, settings, control);
  const close = async (): Promise<void> => {
    await editing.close();
    await model.close();
    await linalg.close();
  };
  try {
    const hooks = matchHooks(model.hooks, settings.hooks).map((hook) => hook.name);
    if (hooks.length === 0) {
      throw new MesascopeError(
        'HOOK_UNAVAILABLE',
        model.hooks.noResidual ?? `no hook of this model matches ${JSON.stringify(settings.hooks)}`,
        { location: { file: experiment.model } },
      );
    }
    const positions = positionsOf(dataSet, settings);
    const split = splitByGroup({
      groups: dataSet.examples.map((example) => example.group),
      seed: settings.seed,
    });
    // A run that can say nothing takes as long as any other.
    const width = model.hooks.width ?? 0;
    for (const message of foreseenProblems({ dataSet, split, settings, width }))
      control.onProgress?.({ kind: 'warning', message });
    const cache = options.cacheFolder === undefined ? undefined : openCache(options.cacheFolder);
    const inputs = dataSet.examples.map((example) => example.input);
    const forward = await namingRows(
      (row) => `example ${JSON.stringify(dataSet.examples[row]?.id)}`,
      () =>
        runMapped(
          mapped,
          {
            ...captureRequest(mapped, inputs, hooks, positions, settings),
            ...(cache === undefined ? {} : { cache }),
          },
          control,
        ),
    );
    const goals = goalLabels(dataSet, { coding: settings.coding, fit: split.fit.rows });
    const columns = columnsOf({ dataSet, goals, split, choiceLogits: forward.choiceLogits! });
    const causal = await stage('sources', () =>
      causalInputs({ mapped, columns, hooks, positions, settings, control, forward, editing }),
    );
    const noOp = await noOpDifference(mapped, hooks.at(-1)!, settings, control);
    const request: EvidenceRequest = {
      columns,
      hooks,
      positions,
      readout: dataSet.readout,
      activations: (site) => forward.activations(site.hook, site.position),
      width: forward.activations(hooks[0]!, positions[0]!).columns,
      twins: () => twinsOf(model, mapped, inputs, hooks, positions, settings, control),
      twinCount: settings.twins,
      causal,
      baselines: baselineFeatures({ dataSet, columns, embedding: meanEmbedding(forward, hooks, positions) }),
      noOpDifference: noOp,
      settings,
      seed: settings.seed,
      linalg,
      sets: setsOf(dataSet),
    };
    const warnings = [
      ...tokenized.warnings,
      ...goals.warnings,
      ...duplicateWarnings(dataSet, split.test.rows),
    ];
    return {
      settings,
      data: {
        ...data,
        dataSet: withTokenPictures(data.dataSet, tokenized),
        warnings: [...data.warnings, ...warnings],
      },
      mapped,
      ...(tokenized.texts === undefined ? {} : { pieces: tokenized.texts.map(({ pieces }) => pieces) }),
      forward,
      request,
      linalg,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function closedOnError<T>(model: Model, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** Mean of the embeddings over the searched positions, [examples, width]; undefined when they were not captured. */
function meanEmbedding(
  forward: ForwardResult,
  hooks: readonly string[],
  positions: readonly number[],
): Matrix | undefined {
  if (!hooks.includes('embed')) return undefined;
  const parts = positions.map((position) => forward.activations('embed', position));
  const first = parts[0]!;
  const mean = matrix(first.rows, first.columns);
  for (const { data } of parts)
    for (let i = 0; i < data.length; i++) mean.data[i]! += data[i]! / parts.length;
  return mean;
}

/** Near-duplicates across the split, as sentences for the record. */
function duplicateWarnings(dataSet: DataSet, testRows: Int32Array): string[] {
  const isTest = new Set(testRows);
  const { counts, first, testRows: total } = nearDuplicates(dataSet.examples, (row) => isTest.has(row));
  // Equal inputs of two groups have a warning of their own, made from the data alone.
  return (['reordered', 'one-token'] as const).flatMap((kind) => {
    const pair = first[kind];
    if (pair === undefined || counts[kind] <= NEAR_DUPLICATE_SHARE * total) return [];
    const what =
      kind === 'reordered' ? 'the same tokens in another order as' : 'all but one token in common with';
    return [
      `${counts[kind]} of ${total} test rows have ${what} a row of another group on another side (for one, ${pair[0]} and ${pair[1]}): if they share a source, give them one group`,
    ];
  });
}

/** Positions to search, negative from the end; the read-out is always among them and comes last. */
export function positionsOf(dataSet: DataSet, settings: ResolvedSettings): number[] {
  const { positions } = settings;
  if (typeof positions !== 'string') return [...new Set([...positions, dataSet.readout])];
  const length = commonLength(dataSet);
  if (positions === 'readout' || length === undefined || length > MAX_AUTO_POSITIONS)
    return [dataSet.readout];
  const readout = dataSet.readout < 0 ? dataSet.readout : dataSet.readout - length;
  const all = Array.from({ length }, (_, i) => i - length);
  return [...all.filter((position) => position !== readout), dataSet.readout];
}

async function causalInputs(request: {
  readonly mapped: MappedModel;
  readonly columns: ReturnType<typeof columnsOf>;
  readonly hooks: readonly string[];
  readonly positions: readonly number[];
  readonly settings: ResolvedSettings;
  readonly control: RunControl;
  readonly forward: { activations(hook: string, position: number): Matrix };
  readonly editing: {
    readonly run: CausalInputs['runIntervened'];
    readonly observe: CausalInputs['observeIntervened'];
  };
}): Promise<CausalInputs | undefined> {
  const { mapped, columns, hooks, forward } = request;
  const { dataSet } = mapped;
  const select = await causalSide({ ...request, dataSet, side: 'select' });
  const test = await causalSide({ ...request, dataSet, side: 'test' });
  const heldOut = await causalSide({ ...request, dataSet, side: 'held-out' });
  if (select === null || test === null) return undefined;
  const substitution = substitutionOf(request);
  return {
    runIntervened: request.editing.run,
    observeIntervened: request.editing.observe,
    activations: (site) => forward.activations(site.hook, site.position),
    logProbabilities: columns.logProbabilities,
    chain: hooks,
    readout: dataSet.readout,
    select,
    test,
    ...(heldOut === null ? {} : { heldOut }),
    ...(substitution === undefined ? {} : { substitution }),
  };
}

/** Examples with one token exchanged; undefined unless all are token rows of one length over a vocabulary whose size the model shows. */
function substitutionOf(request: {
  readonly mapped: MappedModel;
  readonly columns: ReturnType<typeof columnsOf>;
  readonly settings: ResolvedSettings;
  readonly control: RunControl;
}): CausalInputs['substitution'] {
  const { mapped, columns, settings, control } = request;
  const { examples, inputs } = mapped.dataSet;
  const vocabulary = inputs.tokens === undefined ? undefined : mapped.model.vocabularyOf(inputs.tokens);
  if (columns.tokens === null || vocabulary === undefined) return undefined;
  const own = examples.map(({ input }) => (input.kind === 'tokens' ? input : undefined));
  return {
    vocabulary,
    run: async ({ rows, position, tokens }) => {
      const changed = Array.from(rows, (row, i) => {
        const input = own[row]!;
        return { ...input, tokens: input.tokens.with(position, tokens[i]!) };
      });
      const result = await runMapped(mapped, captureRequest(mapped, changed, [], [], settings), {
        signal: control.signal,
      });
      return logProbabilities(result.choiceLogits!);
    },
  };
}

async function* twinsOf(
  model: Model,
  mapped: MappedModel,
  inputs: DataSet['examples'][number]['input'][],
  hooks: readonly string[],
  positions: readonly number[],
  settings: ResolvedSettings,
  control: RunControl,
): AsyncGenerator<Twin> {
  for (let i = 0; i < settings.twins; i++) {
    const twin = await twinOf(model, { seed: `${settings.seed}/twin/${i}`, kind: settings.twinKind });
    try {
      const own: MappedModel = { ...mapped, model: twin };
      const { candidates: _, ...plain } = captureRequest(own, inputs, hooks, positions, settings);
      const request = { ...plain, choices: [] };
      const result = await runMapped(own, request, { signal: control.signal });
      yield { activations: (site) => result.activations(site.hook, site.position) };
    } finally {
      await twin.close();
    }
  }
}

function setsOf(dataSet: DataSet): { readonly name: string; readonly rows: Int32Array }[] {
  const rows = new Map<string, number[]>();
  for (const [i, { set }] of dataSet.examples.entries()) rows.set(set, [...(rows.get(set) ?? []), i]);
  return [...rows].map(([name, indices]) => ({ name, rows: Int32Array.from(indices) }));
}
