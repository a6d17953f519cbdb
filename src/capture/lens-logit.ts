/** @file capture: the logit lens: what a model would say if its stream ended after each block; judges nothing. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel, TensorValue } from '../model/runtime.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { worseOf } from './attribution-parts.ts';
import { mustHavePositions, positionFeed, positionIn } from './capture-sites.ts';
import { choiceOutput, copyChoices } from './choice-logits.ts';
import { type PartRun, withPart } from './part-of-model.ts';

export type LensRequest = {
  readonly inputs: readonly ModelInput[];
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping: Readonly<Record<string, string>>;
  /** Position at which logits are read, if the output has a position axis; negative from the end. */
  readonly readout: number;
  /** Indices on the last axis of the first output; at least one. */
  readonly choices: readonly number[];
  /** Default `basic`; at `disabled` the lens at the last block gives the model's own bits. */
  readonly optimization?: OptimizationLevel;
  /** Rows times positions in one run (default 1024): every stream is held whole. */
  readonly maxBatchTokens?: number;
};

export type LogitLens =
  | {
      readonly state: 'measured';
      /** The embedding, then each block, in order; logits [rows, choices] as if the stream ended there. */
      readonly streams: readonly { readonly hook: string; readonly logits: Matrix }[];
      /** The model's own, [rows, choices]. */
      readonly logits: Matrix;
      /** Largest difference between the last stream's and the model's own; 0 up to the last bits. */
      readonly largestDifference: number;
    }
  | { readonly state: 'undefined'; readonly reason: string };

const DEFAULT_BATCH_TOKENS = 1024;
const STAGE = 'logit lens';
/** Of the largest logit: beyond, what lies behind the last stream is not what makes the logits. */
const TOLERANCE = 1e-4;

/**
 * The logit lens (nostalgebraist 2020): every stream through the model's own final norm and unembedding, which are cut out of its
 * graph and not made again. Blocks are compared as they are; nothing says that an early stream is written in the
 * language that the unembedding reads.
 *
 * `undefined` where the graph has no streams or logits that hang together that way. Throws what `encode` throws, `POSITION_RANGE`,
 * `CHOICE_RANGE`, `MODEL_UNSUPPORTED`, `BAD_SETTING` (no choices), `SESSION_FAILED`, `RUN_FAILED`, `ABORTED`.
 */
export async function logitLens(
  model: Model,
  request: LensRequest,
  control: RunControl = {},
): Promise<LogitLens> {
  if (request.choices.length === 0) throw new MesascopeError('BAD_SETTING', 'a lens needs choices to read');
  const streams = streamsOf(model);
  if ('reason' in streams) return { state: 'undefined', reason: streams.reason };
  const last = streams.hooks.at(-1)!.value;
  const output = choiceOutput(model);
  if (output.value === last)
    return { state: 'undefined', reason: 'the output is the last stream itself: nothing reads it out' };
  const part = {
    given: [last],
    output,
    optimization: request.optimization ?? 'basic',
  };
  const lens = await withPart(model, part, (run) =>
    readStreams({ model, request, control, run, ...streams }),
  );
  return (
    lens ?? {
      state: 'undefined',
      reason:
        'the logits do not depend on the last stream as one value: the graph fuses it with what follows',
    }
  );
}

/** The embedding and every block's end, all laid out alike; or which is missing. */
export function streamsOf(
  model: Model,
): { readonly hooks: readonly HookPoint[] } | { readonly reason: string } {
  const { blocks, hooks, noResidual } = model.hooks;
  if (noResidual !== undefined) return { reason: noResidual };
  const found: HookPoint[] = [];
  for (const name of ['embed', ...blocks.map(({ index }) => `blocks.${index}.resid_post`)]) {
    const hook = hooks.find((one) => one.name === name);
    if (hook?.state !== 'available')
      return { reason: `${name}: ${hook?.reason ?? 'there is no such value'}` };
    if (String(hook.axes) !== 'batch,position,width') {
      return { reason: `${name} has the axes [${hook.axes.join(', ')}]` };
    }
    found.push(hook);
  }
  return { hooks: found };
}

async function readStreams(work: {
  readonly model: Model;
  readonly request: LensRequest;
  readonly control: RunControl;
  readonly run: PartRun;
  readonly hooks: readonly HookPoint[];
}): Promise<LogitLens> {
  const { model, request, control, run, hooks } = work;
  const { inputs, readout, choices, optimization = 'basic' } = request;
  const output = choiceOutput(model);
  const encoded = encode(model, inputs, request.mapping);
  // Of an encoder-decoder or of images, what is read has other positions than what is fed.
  const lengths = encoded.positionsIn('main');
  if (output.positions)
    mustHavePositions({ lengths }, { positions: [readout], readout, inputAt: (row) => inputs[row] });
  const maxTokens = request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS;
  const { batches } = batchByLength(encoded, { maxRows: maxTokens, maxTokens });
  const values = [...new Set(hooks.map(({ value }) => value))];
  const outputs = [
    ...values.filter((value) => value !== output.value).map((value) => ({ value, pick: 'all' as const })),
    { value: output.value, pick: output.positions ? ('positions' as const) : ('all' as const) },
  ];
  const plan = { steps: [() => ({ outputs, keepModelOutputs: false })], optimization };
  const own = matrix(encoded.rows, choices.length);
  const read = hooks.map(({ name }) => ({ hook: name, logits: matrix(encoded.rows, choices.length) }));
  control.onProgress?.({ kind: 'stage-start', stage: STAGE, unit: 'rows', total: encoded.rows });
  const started = performance.now();
  await model.sessions.use({ lens: outputs }, plan, async ({ session, instrumented }) => {
    const graph = instrumented[0]!;
    let done = 0;
    for (const batch of batches) {
      throwIfAborted(control.signal);
      const fed = fedRows(encoded, batch);
      const feeds = encoded.feeds(fed);
      const absolute = output.positions ? positionIn(lengths[batch[0]!]!, readout, batch[0]!) : 0;
      const at = positionFeed(fed.length, [absolute]);
      const positions = graph.positionsInput === undefined ? {} : { [graph.positionsInput]: at };
      const results = await session.run({ ...feeds, ...positions });
      const resultOf = (value: string): TensorValue => results[graph.outputNames.get(value)!]!;
      copyChoices(resultOf(output.value), { choices, rows: batch, into: own.data });
      for (const [i, { value }] of hooks.entries()) {
        const logits = await run(feeds, [resultOf(value)], at);
        copyChoices(logits, { choices, rows: batch, into: read[i]!.logits.data });
      }
      done += batch.length;
      control.onProgress?.({ kind: 'stage-progress', stage: STAGE, done, total: encoded.rows });
      // A run blocks the event loop; here a signal handler gets its turn.
      await new Promise((resume) => setImmediate(resume));
    }
  });
  control.onProgress?.({ kind: 'stage-end', stage: STAGE, durationMs: performance.now() - started });
  const { difference, largest } = compared(read.at(-1)!.logits, own);
  if (!(difference <= TOLERANCE * Math.max(1, largest))) {
    return {
      state: 'undefined',
      reason: `the last stream gives logits that are ${difference.toPrecision(2)} beside the model's own, so more than the stream reaches them`,
    };
  }
  return { state: 'measured', streams: read, logits: own, largestDifference: difference };
}

/** Largest difference of two matrices of one shape, and the largest finite value. */
function compared(a: Matrix, b: Matrix): { readonly difference: number; readonly largest: number } {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [a.data[i]!, b.data[i]!];
    // A choice that the model rules out is -Infinity in both: no difference, and nothing to measure others by.
    difference = worseOf(difference, x === y ? 0 : Math.abs(x - y));
    if (Number.isFinite(y)) largest = Math.max(largest, Math.abs(y));
  }
  return { difference, largest };
}
