/** @file capture: runs with hidden values changed at one position; what to change them to is the caller's. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { type Encoded, encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel, TensorValue } from '../model/runtime.ts';
import { streamOf } from '../model/sequences.ts';
import type { OpenSession, SessionPlan } from '../model/session-pool.ts';
import type { EditKind, StreamName } from '../onnx/contract.ts';
import { hookNamed } from '../onnx/hooks-names.ts';
import {
  addCandidateScores,
  type CandidateGroup,
  type Candidates,
  candidateGroups,
  extendedInputs,
  mustTakeCandidates,
} from './candidates.ts';
import { positionFeed, positionIn, siteOf, splitWidth } from './capture-sites.ts';
import { choiceOutput, copyChoices } from './choice-logits.ts';
import { addEditFeeds, type CheckedRun } from './edit-feeds.ts';
import { copyVectors } from './picked-vectors.ts';

export type InterventionSetup = {
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping: Readonly<Record<string, string>>;
  /** Applied together in every run, each at its own hook; at least one. */
  readonly edits: readonly { readonly hook: string; readonly kind: EditKind }[];
  /** Position at which the choices' logits are read, if the output has a position axis. */
  readonly readout: number;
  /** Indices on the last axis of the first output; at least one, unless there are candidates. */
  readonly choices: readonly number[];
  /**
   * In place of `choices`: tokens that follow the end of a row, one pass per set that differs in the last token alone. `run` then gives
   * their scores. Edits apply at positions of the row itself.
   */
  readonly candidates?: Candidates;
  /** Hooks whose values at the edited position are read in the same run, after the edits; `observe` then shows them. */
  readonly observe?: readonly string[];
  /** Default `all`; `basic` and `disabled` give the bits of the model without edits where nothing changes. */
  readonly optimization?: OptimizationLevel;
};

export type InterventionRun = {
  readonly inputs: readonly ModelInput[];
  /** Which input each run row starts from; each input once, in order, by default. Inputs are encoded once per list. */
  readonly inputRows?: ArrayLike<number>;
  /** Where the edits apply, in every row; negative counts from the end of the row. Hooks are observed at the last one. */
  readonly position: number | readonly number[];
  /** One per edit: [run rows, width], or [run rows, positions x width] in the order of several positions. `project-out` takes none: give [run rows, 0]. */
  readonly values: readonly Matrix[];
  /** One per edit: [width, k] with orthonormal columns, for `project-out` and `replace-in-subspace`. */
  readonly bases?: readonly (Matrix | undefined)[];
  /** Run rows that are edited; all by default. The others pass through bit for bit. */
  readonly edited?: readonly boolean[];
  /** Rows times positions in one run (default 4096). */
  readonly maxBatchTokens?: number;
};

export type Interventions = {
  /**
   * Logits of the choices (scores of the candidates), [run rows, choices]. Throws what `encode` throws, `MATRIX_SHAPE`, `POSITION_RANGE`,
   * `CHOICE_RANGE`, `RUN_FAILED`, `ABORTED`.
   */
  run(request: InterventionRun, control?: RunControl): Promise<Matrix>;
  /** The same, with what else the run shows. */
  observe(request: InterventionRun, control?: RunControl): Promise<ObservedRun>;
  /** The session belongs to the model and stays in its pool; afterwards `run` must not be called. */
  close(): Promise<void>;
};

export type ObservedRun = {
  /** [run rows, choices]. */
  readonly choiceLogits: Matrix;
  /** Probability of all choices (or candidates) together among everything the model could say, per run row, 0 to 1. */
  readonly choiceMass: Float64Array;
  /** One per hook of `setup.observe`: its value at the edited position, [run rows, width]. */
  readonly hidden: readonly Matrix[];
};

/** Fastest on a 2-layer, 64-wide decoder: four times as many took more than twice as long per row. */
const DEFAULT_BATCH_TOKENS = 4096;
const MAX_ROWS = 4096;
const STAGE = 'interventions';

/**
 * Prepares runs in which hidden values are changed by inputs; one session serves every value, row and position.
 *
 * Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`, `BAD_SETTING` (no edits or no choices), `VALUE_NOT_EDITABLE`, `MODEL_UNSUPPORTED`.
 */
export async function openInterventions(model: Model, setup: InterventionSetup): Promise<Interventions> {
  const wanted = setup.candidates?.tokens ?? setup.choices;
  if (setup.edits.length === 0 || wanted.length === 0) {
    throw new MesascopeError('BAD_SETTING', 'an intervention needs at least one edit and one choice');
  }
  const job = plannedEdits(model, setup);
  // Opened here, so that a graph that cannot be edited is refused before anything is computed.
  await model.sessions.use(job.key, job.plan, async () => undefined);
  // Scripts run many edits over one list of inputs; encoding it each time would cost more than a small model's run.
  const encodings = new WeakMap<readonly ModelInput[], readonly Encoded[]>();
  let open = true;
  const observe = async (request: InterventionRun, control: RunControl): Promise<ObservedRun> => {
    if (!open) throw new MesascopeError('INTERNAL', 'closed interventions were run');
    let encoded = encodings.get(request.inputs);
    if (encoded === undefined) {
      encoded = job.groups.map((group) => {
        const inputs = group === undefined ? request.inputs : extendedInputs(request.inputs, group);
        return encode(model, inputs, setup.mapping);
      });
      encodings.set(request.inputs, encoded);
    }
    const checked = checkedRun(job, request, encoded);
    return model.sessions.use(job.key, job.plan, (session) => runAll({ job, checked, session, control }));
  };
  return {
    run: async (request, control = {}) => (await observe(request, control)).choiceLogits,
    observe: (request, control = {}) => observe(request, control),
    async close() {
      open = false;
    },
  };
}

/**
 * How an edited value lies: whether it has positions, its width where the graph tells, and the width of the last axis when
 * two make up its vector.
 */
type EditLayout = {
  readonly positions: boolean;
  readonly width: number | undefined;
  readonly split: number | undefined;
  readonly stream: StreamName;
};

type PlannedEdits = {
  readonly setup: InterventionSetup;
  readonly key: unknown;
  readonly plan: SessionPlan;
  readonly layouts: readonly EditLayout[];
  readonly outputValue: string;
  /** One pass each; the only one of a run without candidates is undefined. */
  readonly groups: readonly (CandidateGroup | undefined)[];
  /** Values of the observed hooks, and their widths where the graph tells. */
  readonly observed: readonly { readonly value: string; readonly hook: string }[];
};

function plannedEdits(model: Model, setup: InterventionSetup): PlannedEdits {
  const sites = setup.edits.map(({ hook }) => siteOf(model, hook));
  const output = choiceOutput(model);
  const { candidates } = setup;
  if (candidates !== undefined) mustTakeCandidates(model.name, output, setup.readout);
  const edits = setup.edits.map(({ kind, hook }, i) => ({
    value: sites[i]!.value,
    kind,
    id: `edit-${i}`,
    rank: hookNamed(model.hooks, hook).axes.length,
  }));
  const observed = (setup.observe ?? []).map((hook) => observedHook(model, hook));
  const request = {
    outputs: [
      { value: output.value, pick: output.positions ? ('positions' as const) : ('all' as const) },
      ...observed.map(({ value }) => ({ value, pick: 'positions' as const })),
    ],
    edits,
    keepModelOutputs: false,
  };
  return {
    setup,
    key: { edits, output, observed },
    plan: { steps: [() => request], optimization: setup.optimization ?? 'all' },
    layouts: sites.map((site, i) => {
      const split = splitWidth(model, site);
      const { kind } = setup.edits[i]!;
      if (split !== undefined && kind !== 'add' && kind !== 'replace') {
        throw new MesascopeError(
          'HOOK_UNAVAILABLE',
          `hook ${site.hook} is split into heads, so an edit of kind ${kind} has no subspace of the whole to work in`,
          { facts: { hook: site.hook, kind } },
        );
      }
      const width = split === undefined ? hookNamed(model.hooks, site.hook).width : undefined;
      return { positions: site.positions, width, split, stream: streamOf(site.hook) };
    }),
    outputValue: output.value,
    groups: candidates === undefined ? [undefined] : candidateGroups(candidates),
    observed,
  };
}

/** A hook that can be read at one position as one vector. Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`. */
function observedHook(model: Model, hook: string): { readonly value: string; readonly hook: string } {
  const site = siteOf(model, hook);
  if (!site.positions || splitWidth(model, site) !== undefined || streamOf(hook) !== 'main') {
    throw new MesascopeError('HOOK_UNAVAILABLE', `hook ${hook} holds no single vector per position to read`, {
      facts: { hook },
    });
  }
  return { value: site.value, hook };
}

function checkedRun(job: PlannedEdits, request: InterventionRun, encodings: readonly Encoded[]): CheckedRun {
  const { setup } = job;
  const encoded = encodings[0]!;
  const inputRows = Int32Array.from(
    request.inputRows ?? Int32Array.from({ length: encoded.rows }, (_, i) => i),
  );
  const shape = (seen: string): MesascopeError => new MesascopeError('MATRIX_SHAPE', seen);
  for (const row of inputRows) {
    if (!(row >= 0 && row < encoded.rows)) throw shape(`run row ${row} is outside ${encoded.rows} inputs`);
  }
  if (typeof request.position !== 'number' && request.position.length === 0)
    throw shape('an edit names no position');
  if (request.values.length !== setup.edits.length) {
    throw shape(`${setup.edits.length} edits were given ${request.values.length} value matrices`);
  }
  if (request.edited !== undefined && request.edited.length !== inputRows.length) {
    throw shape(`${inputRows.length} run rows have ${request.edited.length} marks of what is edited`);
  }
  for (const [i, { hook, kind }] of setup.edits.entries()) {
    const value = request.values[i]!;
    const basis = request.bases?.[i];
    if (value.rows !== inputRows.length) {
      throw shape(`the values for ${hook} have ${value.rows} rows, the run has ${inputRows.length}`);
    }
    const { width } = job.layouts[i]!;
    const places = typeof request.position === 'number' ? 1 : request.position.length;
    if (kind !== 'project-out' && width !== undefined && value.columns !== places * width) {
      throw shape(
        `the values for ${hook} have ${value.columns} columns, the hook has ${width}${places > 1 ? ` at each of ${places} positions` : ''}`,
      );
    }
    const wantsBasis = kind === 'project-out' || kind === 'replace-in-subspace';
    if (wantsBasis !== (basis !== undefined)) {
      throw shape(`an edit of kind ${kind} at ${hook} ${wantsBasis ? 'needs a basis' : 'takes no basis'}`);
    }
    if (basis !== undefined && kind === 'replace-in-subspace' && places * basis.rows !== value.columns) {
      throw shape(`the basis for ${hook} has ${basis.rows} rows, its values ${value.columns} columns`);
    }
  }
  return {
    encodings,
    inputRows,
    positions: typeof request.position === 'number' ? [request.position] : request.position,
    values: request.values,
    bases: setup.edits.map((_, i) => request.bases?.[i]),
    edited: request.edited,
    maxTokens: request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS,
  };
}

async function runAll(work: {
  readonly job: PlannedEdits;
  readonly checked: CheckedRun;
  readonly session: OpenSession;
  readonly control: RunControl;
}): Promise<ObservedRun> {
  const { job, checked, session, control } = work;
  const { inputRows, positions: asked } = checked;
  const { choices, candidates, readout } = job.setup;
  const graph = session.instrumented[0]!;
  const names = [job.outputValue, ...job.observed.map(({ value }) => value)];
  const fetch = names.map((name) => graph.outputNames.get(name)!);
  const result = matrix(inputRows.length, candidates?.tokens.length ?? choices.length);
  const mass = new Float64Array(inputRows.length);
  const hidden: Matrix[] = [];
  const total = inputRows.length * job.groups.length;
  let done = 0;
  control.onProgress?.({ kind: 'stage-start', stage: STAGE, unit: 'rows', total });
  const started = performance.now();
  for (const [g, group] of job.groups.entries()) {
    const encoded = checked.encodings[g]!;
    const extra = group?.extension.length ?? 0;
    const limits = { maxRows: MAX_ROWS, maxTokens: checked.maxTokens };
    for (const batch of batchByLength(encoded, limits, inputRows).batches) {
      throwIfAborted(control.signal);
      const fed = fedRows(encoded, batch, inputRows);
      const example = fed[0]!;
      const main = encoded.positionsIn('main')[example]!;
      // Positions are those of the row itself, without the candidate's tokens behind it.
      const place = (position: number): number => positionIn(main - extra, position, example);
      const feeds: Record<string, TensorValue> = encoded.feeds(fed);
      for (const [i, edit] of graph.edits.entries()) {
        const { positions, split, stream } = job.layouts[i]!;
        const length = encoded.positionsIn(stream)[example]!;
        const own = (position: number): number =>
          stream === 'main' ? place(position) : positionIn(length, position, example);
        const at = positions ? asked.map(own) : undefined;
        addEditFeeds(feeds, edit, { checked, batch, rows: fed.length, at, length, edit: i, split });
      }
      // The read-out first, so that the choices are always the first vector of a row; candidates go on from it.
      const picked: number[] = [];
      let seen = 0;
      if (graph.positionsInput !== undefined) {
        for (let j = 0; j <= extra; j++) picked.push(place(readout) + j);
        const at = job.observed.length > 0 ? place(asked.at(-1)!) : picked[0]!;
        if (!picked.includes(at)) picked.push(at);
        seen = picked.indexOf(at);
        feeds[graph.positionsInput] = positionFeed(fed.length, picked);
      }
      const outputs = await session.session.run(feeds, fetch);
      const logits = outputs[fetch[0]!]!;
      const vectors = logits.dims.length === 3 ? picked.length : 1;
      if (group === undefined || candidates === undefined)
        copyChoices(logits, { choices, rows: batch, into: result.data, vectors, mass });
      else
        addCandidateScores(logits, {
          group,
          score: candidates.score,
          rows: batch,
          vectors,
          into: result,
          mass,
        });
      // What a causal model holds in the row is the same whatever follows: the first pass shows it.
      for (const o of g === 0 ? job.observed.keys() : []) {
        const value = outputs[fetch[o + 1]!]!;
        hidden[o] ??= matrix(inputRows.length, value.dims.at(-1) ?? 0);
        copyVectors(value, { rows: batch, into: hidden[o], vector: seen, vectors: picked.length });
      }
      done += batch.length;
      control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done, total });
      // A run blocks the event loop; here a signal handler gets its turn.
      await new Promise((resume) => setImmediate(resume));
    }
  }
  control.onProgress?.({ kind: 'stage-end', stage: STAGE, durationMs: performance.now() - started });
  return {
    choiceLogits: result,
    choiceMass: mass,
    hidden: job.observed.map((_, o) => hidden[o] ?? matrix(0, 0)),
  };
}
