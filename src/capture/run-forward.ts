/** @file capture: one pass over many inputs: hidden values at positions and the choices' logits, through the cache. */
import type { ActivationCache, StoredCapture } from '../core/activation-cache.ts';
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { type Batches, batchByLength, fedRows } from '../model/batches.ts';
import { type Encoded, encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import { installedRuntime, type OptimizationLevel, type TensorValue } from '../model/runtime.ts';
import { streamOf } from '../model/sequences.ts';
import type { StreamName } from '../onnx/contract.ts';
import { capturePlan } from './capture-plan.ts';
import { type CaptureSite, mustHavePositions, positionFeed, positionIn, siteOf } from './capture-sites.ts';
import { type ChoiceOutput, choiceOutput, copyChoices } from './choice-logits.ts';
import { type Block, hookBlock, mustBeFinite, sizeOf } from './hook-block.ts';

export type ForwardRequest = {
  readonly inputs: readonly ModelInput[];
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping: Readonly<Record<string, string>>;
  /** Hooks with a vector per position, or one per row. May be empty. */
  readonly hooks: readonly string[];
  /** Every row must have each; negative ones count from the end of the row. */
  readonly positions: readonly number[];
  /** Position at which the choices' logits are read, if the output has a position axis. */
  readonly readout: number;
  /** Indices on the last axis of the first output; empty: no logits. */
  readonly choices: readonly number[];
  /** Default `all`; `basic` and `disabled` give the bits of the model without capture. */
  readonly optimization?: OptimizationLevel;
  /** Rows times positions in one run (default 4096). */
  readonly maxBatchTokens?: number;
  readonly cache?: ActivationCache;
};

export type ForwardResult = {
  /** [rows, width] of a requested hook at a requested position, in the order of the inputs; a copy. */
  activations(hook: string, position: number): Matrix;
  /** [rows, choices.length]; undefined without choices. */
  readonly choiceLogits: Matrix | undefined;
  /** True when everything was read from the cache and the model did not run. */
  readonly fromCache: boolean;
  readonly rows: number;
};

/** Small enough for a small model's intermediate values to stay in the processor's cache; measured in test/bench. */
export const DEFAULT_BATCH_TOKENS = 4096;
const CHOICES = 'choice-logits';
const STAGE = 'capture';

/**
 * Runs the model over all inputs, in batches of equal shape (nothing is padded), and gives back hidden values and choice
 * logits. Positions are picked inside the graph. With a cache, finished batches are on disk at once: an interrupted
 * capture goes on with the next batch, and a finished one is read back without running the model.
 *
 * Throws what `encode` throws, `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`, `POSITION_RANGE`, `CHOICE_RANGE`,
 * `ACTIVATIONS_NON_FINITE` (hook and example named), `SESSION_FAILED`, `RUN_FAILED`, `RUN_LOCKED`, `DISK_FULL`,
 * `NOT_WRITABLE`, `ABORTED`.
 */
export async function runForward(
  model: Model,
  request: ForwardRequest,
  control: RunControl = {},
): Promise<ForwardResult> {
  const job = prepare(model, request);
  const { encoded, batches } = job;
  const { cache } = request;
  throwIfAborted(control.signal);
  const started = performance.now();
  control.onProgress?.({ kind: 'stage-start', stage: STAGE, unit: 'rows', total: encoded.rows });
  // No rows leave nothing to keep.
  const stored = encoded.rows === 0 ? undefined : cache?.open(identityOf(model, job), batches.plan);
  const fromCache = stored?.complete ?? false;
  try {
    const blocks =
      stored === undefined ? await runInMemory(job, control) : await runStored(job, stored, control);
    const durationMs = performance.now() - started;
    control.onProgress?.({
      kind: 'stage-end',
      stage: STAGE,
      durationMs,
      ...(fromCache ? { note: 'from the cache' } : {}),
    });
    return resultOf(job, blocks, fromCache);
  } finally {
    stored?.close();
  }
}

/** What one capture is about, checked. */
type Job = {
  readonly model: Model;
  readonly encoded: Encoded;
  readonly sites: readonly CaptureSite[];
  /** The stream whose positions are picked. */
  readonly stream: StreamName;
  /** As requested, without repetitions. */
  readonly positions: readonly number[];
  readonly readout: number;
  readonly choices: readonly number[];
  readonly output: ChoiceOutput | undefined;
  readonly optimization: OptimizationLevel;
  readonly batches: Batches;
};

function prepare(model: Model, request: ForwardRequest): Job {
  const encoded = encode(model, request.inputs, request.mapping);
  const sites = [...new Set(request.hooks)].sort().map((hook) => siteOf(model, hook));
  const positions = [...new Set(request.positions)].sort((a, b) => a - b);
  const { inputs, readout } = request;
  const inputAt = (row: number): ModelInput | undefined => inputs[row];
  const stream = oneStream(sites);
  const lengths = (of: StreamName): { lengths: Int32Array } => ({ lengths: encoded.positionsIn(of) });
  if (sites.some((site) => site.positions))
    mustHavePositions(lengths(stream), { positions, readout, inputAt });
  const output = request.choices.length === 0 ? undefined : choiceOutput(model);
  if (output?.positions === true) {
    mustHavePositions(lengths('main'), { positions: [readout], readout, inputAt });
  }
  const maxTokens = request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS;
  return {
    model,
    encoded,
    sites,
    stream,
    positions,
    readout,
    choices: request.choices,
    output,
    optimization: request.optimization ?? 'all',
    batches: batchByLength(encoded, { maxRows: maxTokens, maxTokens }),
  };
}

/** The stream that hooks lie on. Throws what naming them throws, and `BAD_SETTING` where they lie on two. */
export function streamOfHooks(model: Model, hooks: readonly string[]): StreamName {
  return oneStream(hooks.map((hook) => siteOf(model, hook)));
}

/** The stream that the sites lie on. Throws `BAD_SETTING` where they lie on two, whose positions are not the same. */
function oneStream(sites: readonly CaptureSite[]): StreamName {
  const [first = 'main', second] = new Set(
    sites.filter(({ positions }) => positions).map(({ hook }) => streamOf(hook)),
  );
  if (second === undefined) return first;
  throw new MesascopeError(
    'BAD_SETTING',
    'hooks of the encoder and of the decoder are asked for at the same positions',
    {
      remedy: 'Capture them one after the other: their rows have different lengths.',
    },
  );
}

/** Everything that the bytes of a capture depend on. */
function identityOf(model: Model, job: Job): Readonly<Record<string, unknown>> {
  return {
    model: model.sha256,
    edits: [],
    hooks: job.sites,
    positions: job.positions,
    choices: job.output === undefined ? null : { ...job.output, readout: job.readout, indices: job.choices },
    inputs: job.encoded.sha256,
    runtime: installedRuntime(),
    optimization: job.optimization,
    dtype: 'float32',
  };
}

async function runInMemory(job: Job, control: RunControl): Promise<readonly Block[]> {
  let blocks: readonly Block[] | undefined;
  await forEachBatch(job, 0, control, (rows, parts) => {
    if (rows.length === job.encoded.rows && job.batches.plan.order === undefined) {
      blocks = parts;
      return;
    }
    blocks ??= parts.map(({ name, dims }) => {
      return { name, dims, data: new Float32Array(job.encoded.rows * sizeOf(dims)) };
    });
    for (const [i, { dims, data }] of parts.entries()) placeRows(blocks[i]!.data, rows, data, sizeOf(dims));
  });
  return blocks ?? [];
}

async function runStored(job: Job, stored: StoredCapture, control: RunControl): Promise<readonly Block[]> {
  if (!stored.complete) {
    await forEachBatch(job, stored.batchesDone, control, (_rows, parts) => stored.append(parts));
    stored.finish();
  }
  const names = [...job.sites.map(({ hook }) => hook), ...(job.output === undefined ? [] : [CHOICES])];
  return names.map((name) => ({ name, ...stored.read(name) }));
}

/** Runs the batches from `first` on and hands over each one's rows and arrays. */
async function forEachBatch(
  job: Job,
  first: number,
  control: RunControl,
  take: (rows: Int32Array, parts: readonly Block[]) => void,
): Promise<void> {
  const { model, encoded, batches, sites, output, choices } = job;
  const plan = capturePlan(sites, output);
  await model.sessions.use(plan.key, { steps: plan.steps, optimization: job.optimization }, async (open) => {
    const names = plan.names(open.instrumented);
    let done = 0;
    for (const batch of batches.batches.slice(0, first)) done += batch.length;
    for (const batch of batches.batches.slice(first)) {
      throwIfAborted(control.signal);
      const fed = fedRows(encoded, batch);
      const feeds: Record<string, TensorValue> = encoded.feeds(fed);
      const at = (stream: StreamName, position: number): number =>
        positionIn(encoded.positionsIn(stream)[batch[0]!]!, position, batch[0]!);
      if (names.positions !== undefined) {
        const places = job.positions.map((position) => at(job.stream, position));
        feeds[names.positions] = positionFeed(fed.length, places);
      }
      if (names.readout !== undefined)
        feeds[names.readout] = positionFeed(fed.length, [at('main', job.readout)]);
      const outputs = await open.session.run(feeds, names.fetches);
      const picked = job.positions.length;
      const parts = sites.map((site, i) => hookBlock(site, { batch, picked }, outputs[names.hooks[i]!]!));
      if (names.choices !== undefined) {
        const data = new Float32Array(batch.length * choices.length);
        copyChoices(outputs[names.choices]!, {
          choices,
          rows: Int32Array.from(batch, (_, i) => i),
          into: data,
        });
        mustBeFinite(data, { name: 'the first output', batch, perRow: choices.length });
        parts.push({ name: CHOICES, dims: [choices.length], data });
      }
      take(batch, parts);
      done += batch.length;
      control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done, total: encoded.rows });
      // A run blocks the event loop; here a signal handler gets its turn.
      await new Promise((resume) => setImmediate(resume));
    }
  });
}

function placeRows(into: Float32Array, rows: Int32Array, data: Float32Array, perRow: number): void {
  for (let i = 0; i < rows.length; ) {
    // Rows that stay neighbours are copied together; usually that is the whole batch.
    let run = 1;
    while (i + run < rows.length && rows[i + run] === rows[i]! + run) run++;
    into.set(data.subarray(i * perRow, (i + run) * perRow), rows[i]! * perRow);
    i += run;
  }
}

function resultOf(job: Job, blocks: readonly Block[], fromCache: boolean): ForwardResult {
  const { encoded, positions, choices, output } = job;
  const byName = new Map(blocks.map((block) => [block.name, block]));
  const logits = byName.get(CHOICES);
  const { rows } = encoded;
  return {
    rows,
    fromCache,
    choiceLogits: output === undefined ? undefined : matrix(rows, choices.length, logits?.data),
    activations(hook, position) {
      const site = job.sites.find((one) => one.hook === hook);
      const slot = positions.indexOf(position);
      if (site === undefined || (site.positions && slot < 0)) {
        throw new MesascopeError(
          'BAD_SETTING',
          `hook ${hook} at position ${position} is not part of this capture`,
          { facts: { hook, position, hooks: job.sites.map((one) => one.hook), positions } },
        );
      }
      const block = byName.get(hook);
      if (block === undefined) return matrix(0, 0);
      const width = block.dims.at(-1)!;
      if (!site.positions) return matrix(rows, width, block.data.slice());
      return matrix(rows, width, columnsAt(block, slot * width, width));
    },
  };
}

/** `width` values from `start` on of every row. */
function columnsAt({ dims, data }: Block, start: number, width: number): Float32Array {
  const perRow = sizeOf(dims);
  const rows = data.length / perRow;
  const picked = new Float32Array(rows * width);
  for (let i = 0, to = 0; i < rows; i++) {
    const from = i * perRow + start;
    for (let j = 0; j < width; j++, to++) picked[to] = data[from + j]!;
  }
  return picked;
}
