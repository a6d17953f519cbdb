/** @file capture: hidden values of inputs that are too many for memory, batch by batch into a sink; the sink keeps them. */
import type { ActivationSink, RowSource } from '../core/activation-cache.ts';
import type { ModelInput } from '../core/data-set.ts';
import { throwIfAborted } from '../core/errors.ts';
import type { RunControl } from '../core/progress.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import type { Position } from '../model/named-positions.ts';
import type { Model } from '../model/open-model.ts';
import { installedRuntime, type OptimizationLevel, type TensorValue } from '../model/runtime.ts';
import type { OpenSession } from '../model/session-pool.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { hookNamed } from '../onnx/hooks-names.ts';
import { type CapturePlanOfGraph, capturePlan } from './capture-plan.ts';
import {
  type CaptureSite,
  mustHavePositions,
  positionFeedOfRows,
  positionIn,
  siteOf,
} from './capture-sites.ts';
import { type Block, hookBlock, sizeOf } from './hook-block.ts';
import { DEFAULT_BATCH_TOKENS } from './run-forward.ts';

export type LongCaptureRequest = {
  readonly source: RowSource;
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping: Readonly<Record<string, string>>;
  /** Batch size that the graph fixes, if it does. */
  readonly fixedBatch: number | undefined;
  /** Hooks with a vector per position, or one per row. At least one. */
  readonly hooks: readonly string[];
  /** Every row must have each; negative ones count from the end of the row, names are in the source's `placed`. */
  readonly positions: readonly Position[];
  /** Default `all`; `basic` and `disabled` give the bits of the model without capture. */
  readonly optimization?: OptimizationLevel;
  /** Rows times positions in one run; by default what suits the model's width. */
  readonly maxBatchTokens?: number;
};

export type LongCapture = {
  readonly batches: readonly Int32Array[];
  /** What the bytes depend on, but for the inputs and the form in which they are stored. */
  readonly identity: Readonly<Record<string, unknown>>;
  readonly request: LongCaptureRequest;
  readonly sites: readonly CaptureSite[];
  readonly graph: CapturePlanOfGraph;
  readonly optimization: OptimizationLevel;
};

/** What a capture will take, from timed batches; writing and hashing, which a slow disk may add, are not in it. */
export type CaptureEstimate = {
  readonly rows: number;
  /** Rows that an earlier run of the same capture left. */
  readonly rowsDone: number;
  /** Numbers stored per row, all hooks together. */
  readonly valuesPerRow: number;
  /** For the rows that are left. */
  readonly durationMs: number;
};

export type LongCaptureControl = RunControl & {
  /** Called once, when there is room for everything and before anything is written. */
  readonly onEstimate?: ((estimate: CaptureEstimate) => void) | undefined;
};

const STAGE = 'capture';
/** Rows times positions times width of a batch: beyond, what a block computes between no longer stays in the processor's cache. */
const BATCH_VALUES = 786_432;
const FEWEST_BATCH_TOKENS = 256;
/** Numbers that one batch may bring out of the graph, 64 MiB; two batches are in memory at a time. */
const MOST_OUTPUT_VALUES = 2 ** 24;
/** Width to reckon with where the graph does not tell a hook's. */
const UNKNOWN_WIDTH = 4096;

/**
 * Rows in batches of equal shape (nothing is padded), and how the graph is instrumented for them: cut off behind the last hook, positions
 * picked inside. Throws `HOOK_UNKNOWN`, `HOOK_UNAVAILABLE`, `POSITION_RANGE`.
 */
export function planLongCapture(model: Model, request: LongCaptureRequest): LongCapture {
  const { source, fixedBatch, optimization = 'all' } = request;
  const sites = request.hooks.map((hook) => siteOf(model, hook));
  if (sites.some((site) => site.positions)) {
    const inputAt = (row: number): ModelInput | undefined =>
      row < source.rows ? source.input(row) : undefined;
    mustHavePositions(
      { lengths: positionsOf(source) },
      {
        positions: request.positions.filter((position) => typeof position === 'number'),
        readout: undefined,
        inputAt,
      },
    );
  }
  const maxTokens = request.maxBatchTokens ?? batchTokensFor(model);
  const maxRows = Math.min(maxTokens, rowsThatFit(model, request));
  const lengths = source.lengths.map((length, row) => Math.max(length, positionsOf(source)[row]!));
  const { batches } = batchByLength({ ...source, lengths, fixedBatch }, { maxRows, maxTokens });
  const identity = {
    model: model.sha256,
    hooks: sites,
    positions: request.positions,
    runtime: installedRuntime(),
    optimization,
    // Another grouping of the rows changes last bits, and the journal counts batches.
    maxTokens,
    maxRows,
  };
  const graph = capturePlan(sites, undefined, {
    everyPosition: areAll(request.positions, positionsOf(source)),
  });
  return { batches, identity, request, sites, graph, optimization };
}

/** Rows of which all hooks together stay within `MOST_OUTPUT_VALUES`, at least one. */
function rowsThatFit(model: Model, { hooks, positions }: LongCaptureRequest): number {
  const width = hooks.reduce(
    (sum, hook) => sum + widthOf(hookNamed(model.hooks, hook), model.hooks.width),
    0,
  );
  return Math.max(1, Math.floor(MOST_OUTPUT_VALUES / (width * Math.max(1, positions.length))));
}

/** Of a hook divided into heads, of all of them together where their number is known by the model's width. */
function widthOf({ axes, width = UNKNOWN_WIDTH }: HookPoint, modelWidth: number | undefined): number {
  return axes.includes('head') ? Math.max(width, modelWidth ?? UNKNOWN_WIDTH) : width;
}

/** True when the positions are those of every row, in order. */
function areAll(positions: readonly Position[], lengths: Int32Array): boolean {
  return (
    positions.every((position, i) => position === i) && lengths.every((length) => length === positions.length)
  );
}

/** 4096 for small models, as `runForward` has it; 1024 at a width of 768, which a bench found a fifth faster there. */
function batchTokensFor(model: Model): number {
  const width = model.hooks.width ?? 1;
  return Math.max(FEWEST_BATCH_TOKENS, Math.min(DEFAULT_BATCH_TOKENS, Math.floor(BATCH_VALUES / width)));
}

/**
 * Runs the batches that the sink does not have yet. Memory holds one batch that is computed and one that is written: writing goes on
 * in the system's threads while the next batch runs. Where the disk keeps up that gains nothing; where every batch waited for the
 * disk, it took a tenth off.
 *
 * Throws what the source and the sink throw, `ACTIVATIONS_NON_FINITE` (hook and example named), `MODEL_UNSUPPORTED`,
 * `SESSION_FAILED`, `RUN_FAILED`, `ABORTED`; what was written stays.
 */
export async function runLongCapture(
  model: Model,
  capture: LongCapture,
  sink: ActivationSink,
  control: LongCaptureControl = {},
): Promise<void> {
  const { batches, graph, optimization } = capture;
  const total = capture.request.source.rows;
  const started = performance.now();
  let done = rowsIn(batches.slice(0, sink.batchesDone));
  control.onProgress?.({ kind: 'stage-start', stage: STAGE, unit: 'rows', total });
  if (done > 0) control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done, total });
  if (sink.batchesDone < batches.length) {
    await model.sessions.use(graph.key, { steps: graph.steps, optimization }, async (open) => {
      const run = (batch: Int32Array): Promise<Block[]> => runBatch(model, capture, open, batch);
      let next: Block[] | undefined = await begin(capture, { sink, run, control });
      let writing: Promise<void> = Promise.resolve();
      try {
        for (const batch of batches.slice(sink.batchesDone)) {
          throwIfAborted(control.signal);
          const blocks = next ?? (await run(batch));
          next = undefined;
          await writing;
          writing = sink.write(batch, blocks);
          // It is looked at after the next batch; until then a failure must not count as unhandled.
          writing.catch(() => {});
          done += batch.length;
          control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done, total });
          // A run blocks the event loop; here a signal handler gets its turn.
          await new Promise((resume) => setImmediate(resume));
        }
      } finally {
        await writing;
      }
    });
  }
  control.onProgress?.({ kind: 'stage-end', stage: STAGE, durationMs: performance.now() - started });
}

/**
 * The first batch that is left, with room made for all of them. What a run costs is told by the largest batch and by one row of it: so much
 * each time, and so much per position.
 */
async function begin(
  { batches, request }: LongCapture,
  with_: {
    readonly sink: ActivationSink;
    readonly run: (batch: Int32Array) => Promise<Block[]>;
    readonly control: LongCaptureControl;
  },
): Promise<Block[]> {
  const { sink, run, control } = with_;
  const { lengths, rows } = request.source;
  const left = batches.slice(sink.batchesDone);
  const first = left[0]!;
  const tokensOf = (batch: Int32Array): number => batch.length * lengths[batch[0]!]!;
  const largest = left.reduce((most, batch) => (tokensOf(batch) > tokensOf(most) ? batch : most), first);
  const one = largest.subarray(0, 1);
  // The first run of a session is slower than those after it.
  await run(one);
  const rowMs = await timed(() => run(one));
  let blocks: Block[] = [];
  const largestMs = await timed(async () => {
    blocks = await run(largest);
  });
  if (largest !== first) blocks = await run(first);
  sink.begin(blocks);
  const more = tokensOf(largest) - tokensOf(one);
  const perToken = more === 0 ? 0 : Math.max(0, largestMs - rowMs) / more;
  const perRun = Math.max(0, largestMs - perToken * tokensOf(largest));
  control.onEstimate?.({
    rows,
    rowsDone: rows - rowsIn(left),
    valuesPerRow: blocks.reduce((sum, { dims }) => sum + sizeOf(dims), 0),
    durationMs: left.reduce((sum, batch) => sum + perRun + perToken * tokensOf(batch), 0),
  });
  return blocks;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Every hook's values of one batch, [rows, ...dims] each. */
async function runBatch(
  model: Model,
  { request, sites, graph }: LongCapture,
  { session, instrumented }: OpenSession,
  batch: Int32Array,
): Promise<Block[]> {
  const { source, mapping, positions } = request;
  const names = graph.names(instrumented);
  const inputs = Array.from(batch, (row) => source.input(row));
  const encoded = encode(model, inputs, mapping);
  const fed = fedRows(
    encoded,
    Int32Array.from(batch, (_, i) => i),
  );
  const feeds: Record<string, TensorValue> = encoded.feeds(fed);
  if (names.positions !== undefined) {
    feeds[names.positions] = positionFeedOfRows(
      Array.from(fed, (i) => absoluteIn(source, positions, batch[i]!)),
    );
  }
  const outputs = await session.run(feeds, names.fetches);
  return sites.map((site, i) => {
    const block = hookBlock(site, { batch, picked: positions.length }, outputs[names.hooks[i]!]!);
    // Files have the axes [row, position, width]; a vector of the whole row stands at one position.
    return site.positions ? block : { ...block, dims: [1, ...block.dims] };
  });
}

/** Where these positions lie in a row of the stream that is captured. */
export function absoluteIn(source: RowSource, positions: readonly Position[], row: number): number[] {
  return positions.map((position) =>
    typeof position === 'number'
      ? positionIn(positionsOf(source)[row]!, position, row)
      : source.placed!.get(position)![row]!,
  );
}

/** Positions of each row in the stream that is captured. */
function positionsOf({ positions, lengths }: RowSource): Int32Array {
  return positions ?? lengths;
}

function rowsIn(batches: readonly Int32Array[]): number {
  return batches.reduce((sum, batch) => sum + batch.length, 0);
}
