/** @file capture: where each attention head looks, on average over rows of one length and in one of them; judges nothing. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError, throwIfAborted } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel, TensorValue } from '../model/runtime.ts';
import type { HookAxis, HookPoint } from '../onnx/contract.ts';

export type PatternRequest = {
  readonly inputs: readonly ModelInput[];
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping: Readonly<Record<string, string>>;
  /** Index of the input that is shown beside the averages; default the first of the averaged ones. It sets their length. */
  readonly example?: number;
  /** A position whose attention is kept for every averaged row; negative from the end of the queries. */
  readonly query?: number;
  /** Default `basic`. */
  readonly optimization?: OptimizationLevel;
  /** Rows times positions in one run (default 1024): every pattern is held whole. */
  readonly maxBatchTokens?: number;
};

/** One head: rows are queries, columns are keys, each row of both sums to 1. */
export type HeadPattern = {
  readonly block: number;
  readonly head: number;
  /** Averaged over the rows, [queries, keys]. */
  readonly mean: Matrix;
  /** In the example, [queries, keys]. */
  readonly example: Matrix;
  /** From the position asked for, in each averaged row, [rows, keys]; absent where none was. */
  readonly from?: Matrix;
};

export type AttentionPatterns =
  | {
      readonly state: 'measured';
      readonly heads: readonly HeadPattern[];
      /** Rows averaged over, and how many there were: rows of another length have no common positions. */
      readonly rows: number;
      readonly ofRows: number;
      /** Indices of the averaged rows among the inputs, ascending. */
      readonly averaged: Int32Array;
      /** Positions of each averaged row. */
      readonly length: number;
      /** Index of the example among the inputs. */
      readonly example: number;
      /** Blocks whose patterns the graph does not show, and why. */
      readonly missing: readonly { readonly block: number; readonly reason: string }[];
    }
  | { readonly state: 'undefined'; readonly reason: string };

const DEFAULT_BATCH_TOKENS = 1024;
const PATTERN_AXES: readonly HookAxis[] = ['batch', 'head', 'query', 'key'];

/**
 * Attention probabilities per head. Rows are those of one length: the example's, or else the commonest. What a head looks at is not what it
 * takes from there: see `attributeLogits` for that.
 *
 * `undefined` where no block shows its pattern (attention is one operator, or there is none). Throws what `encode` throws, `BAD_SETTING` (no
 * inputs, no such example), `POSITION_RANGE` (no such query), `SESSION_FAILED`, `RUN_FAILED`, `ABORTED`.
 */
export async function attentionPatterns(
  model: Model,
  request: PatternRequest,
  control: RunControl = {},
): Promise<AttentionPatterns> {
  const { inputs, optimization = 'basic' } = request;
  if (inputs.length === 0) throw new MesascopeError('BAD_SETTING', 'patterns need inputs');
  const chosen = request.example;
  if (chosen !== undefined && inputs[chosen] === undefined) {
    throw new MesascopeError('BAD_SETTING', `there is no input ${chosen} among ${inputs.length}`);
  }
  const { hooks, missing } = patternHooks(model);
  if (hooks.length === 0) {
    const reason = model.hooks.noResidual ?? missing[0]?.reason ?? 'the graph has no attention';
    return { state: 'undefined', reason };
  }
  const encoded = encode(model, inputs, request.mapping);
  const shape = chosen === undefined ? commonest(encoded.shapeClass) : encoded.shapeClass[chosen]!;
  const rows = Int32Array.from(encoded.shapeClass.keys()).filter((row) => encoded.shapeClass[row] === shape);
  const example = chosen ?? rows[0]!;
  const maxTokens = request.maxBatchTokens ?? DEFAULT_BATCH_TOKENS;
  const { batches } = batchByLength(encoded, { maxRows: maxTokens, maxTokens }, rows);
  const outputs = hooks.map(({ hook }) => ({ value: hook.value, pick: 'all' as const }));
  const plan = { steps: [() => ({ outputs, keepModelOutputs: false })], optimization };
  const { query } = request;
  const sums = new Map<string, Sums>();
  await model.sessions.use({ patterns: outputs }, plan, async ({ session, instrumented }) => {
    for (const batch of batches) {
      throwIfAborted(control.signal);
      const results = await session.run(encoded.feeds(fedRows(encoded, batch, rows)));
      for (const { hook } of hooks) {
        const value = results[instrumented[0]!.outputNames.get(hook.value)!]!;
        const dims = PATTERN_AXES.map((axis) => value.dims[hook.axes.indexOf(axis)]!);
        const size = dims[1]! * dims[2]! * dims[3]!;
        const [, heads = 0, queries = 0, keys = 0] = dims;
        const sum = sums.get(hook.name) ?? {
          mean: new Float64Array(size),
          example: new Float64Array(size),
          from: Array.from({ length: query === undefined ? 0 : heads }, () => matrix(rows.length, keys)),
          dims,
        };
        sums.set(hook.name, sum);
        const asked = query === undefined ? -1 : queryIn(queries, query);
        addRows(value, hook, dims, (row, at, probability) => {
          // A batch that the graph fixes is filled up with rows that count once.
          if (row >= batch.length) return;
          sum.mean[at]! += probability / rows.length;
          if (rows[batch[row]!] === example) sum.example[at] = probability;
          const line = Math.floor(at / keys);
          if (line % queries !== asked) return;
          sum.from[Math.floor(line / queries)]!.data[batch[row]! * keys + (at % keys)] = probability;
        });
      }
      // A run blocks the event loop; here a signal handler gets its turn.
      await new Promise((resume) => setImmediate(resume));
    }
  });
  const heads = hooks.flatMap(({ hook, block }) => {
    const { mean, example: one, from, dims } = sums.get(hook.name)!;
    const [, count = 0, queries = 0, keys = 0] = dims;
    const size = queries * keys;
    const cut = (values: Float64Array, head: number): Matrix =>
      matrix(queries, keys, Float32Array.from(values.subarray(head * size, (head + 1) * size)));
    return Array.from({ length: count }, (_, head) => ({
      block,
      head,
      mean: cut(mean, head),
      example: cut(one, head),
      ...(from[head] === undefined ? {} : { from: from[head] }),
    }));
  });
  return {
    state: 'measured',
    heads,
    rows: rows.length,
    ofRows: inputs.length,
    averaged: rows,
    length: encoded.positionsIn('main')[example]!,
    example,
    missing,
  };
}

/** What is gathered of one hook: flat [heads, queries, keys], and per head [rows, keys]. */
type Sums = {
  readonly mean: Float64Array;
  readonly example: Float64Array;
  readonly from: readonly Matrix[];
  readonly dims: readonly number[];
};

function queryIn(queries: number, query: number): number {
  const absolute = query < 0 ? queries + query : query;
  if (Number.isInteger(absolute) && absolute >= 0 && absolute < queries) return absolute;
  throw new MesascopeError(
    'POSITION_RANGE',
    `position ${query} does not exist among the ${queries} that attend here`,
    { facts: { query, queries } },
  );
}

function patternHooks(model: Model): {
  readonly hooks: readonly { readonly block: number; readonly hook: HookPoint }[];
  readonly missing: readonly { readonly block: number; readonly reason: string }[];
} {
  const hooks: { block: number; hook: HookPoint }[] = [];
  const missing: { block: number; reason: string }[] = [];
  for (const { index: block } of model.hooks.blocks) {
    const hook = model.hooks.hooks.find(({ name }) => name === `blocks.${block}.pattern`);
    if (hook?.state === 'available' && PATTERN_AXES.every((axis) => hook.axes.includes(axis))) {
      hooks.push({ block, hook });
    } else {
      const reason =
        hook?.state === 'available'
          ? `its axes are [${hook.axes.join(', ')}]`
          : (hook?.reason ?? 'no such value');
      missing.push({ block, reason });
    }
  }
  return { hooks, missing };
}

/** The class that most rows have; of equal ones the first met. */
function commonest(classes: Int32Array): number {
  const counts = new Map<number, number>();
  for (const one of classes) counts.set(one, (counts.get(one) ?? 0) + 1);
  let best = classes[0]!;
  for (const [one, count] of counts) if (count > counts.get(best)!) best = one;
  return best;
}

/** Calls `take(row, place in [head, query, key], probability)` for every value, whatever the order of its axes. */
function addRows(
  { dims, data }: TensorValue,
  { axes }: HookPoint,
  [rows = 0, heads = 0, queries = 0, keys = 0]: readonly number[],
  take: (row: number, at: number, probability: number) => void,
): void {
  const [batch, head, query, key] = PATTERN_AXES.map((axis) =>
    dims.slice(axes.indexOf(axis) + 1).reduce((product, size) => product * size, 1),
  ) as [number, number, number, number];
  for (let b = 0; b < rows; b++) {
    for (let h = 0, at = 0; h < heads; h++) {
      for (let q = 0; q < queries; q++) {
        for (let k = 0; k < keys; k++, at++) {
          take(b, at, Number(data[b * batch + h * head + q * query + k * key]));
        }
      }
    }
  }
}
