/** @file pipeline: holds a model with scores attached against the model without them, on a few inputs; writes nothing. */
import { MesascopeError } from '../core/errors.ts';
import { fedRows } from '../model/batches.ts';
import type { Encoded } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { ScoreRequest } from '../onnx/attach-scores.ts';
import type { TensorValue } from '../runtime/contract.ts';
import { openSession } from '../runtime/session.ts';

/** What one batch of inputs gives, by name. */
export type BatchValues = ReadonlyMap<string, TensorValue>;

export type CheckRows = { readonly encoded: Encoded; readonly batches: readonly Int32Array[] };

/** ONNX Runtime rewrites nothing: adding a reader of a value cannot change how that value is computed. */
const LEVEL = 'disabled';
/** Types whose values can be laid beside each other. */
const COMPARED: readonly string[] = ['float32', 'float64', 'float16', 'int64', 'int32', 'bool', 'uint8'];
/** Scores may differ by this times the sum of the sizes of what they are summed from, or by this where that is below 1. */
export const SCORE_TOLERANCE = 1e-5;

/** The graph's own `values` whole, as float32 where they are of 16 bits, one map per batch. */
export async function hiddenValues(
  model: Model,
  values: readonly string[],
  { encoded, batches }: CheckRows,
): Promise<BatchValues[]> {
  const outputs = [...new Set(values)].map((value) => ({ value, pick: 'all' as const }));
  const plan = { steps: [() => ({ outputs, keepModelOutputs: false })], optimization: LEVEL } as const;
  return model.sessions.use({ attach: outputs }, plan, async ({ session, instrumented }) => {
    const results: BatchValues[] = [];
    for (const batch of batches) {
      const run = await session.run(encoded.feeds(fedRows(encoded, batch)));
      results.push(
        new Map(outputs.map(({ value }) => [value, run[instrumented[0]!.outputNames.get(value)!]!])),
      );
    }
    return results;
  });
}

/** Every output of the model file at `path` that can be compared, one map per batch. */
export async function fileOutputs(path: string, { encoded, batches }: CheckRows): Promise<BatchValues[]> {
  const session = await openSession({ kind: 'path', path }, { optimization: LEVEL });
  try {
    const names = session.outputs.filter(({ type }) => COMPARED.includes(type)).map(({ name }) => name);
    const results: BatchValues[] = [];
    for (const batch of batches) {
      const run = await session.run(encoded.feeds(fedRows(encoded, batch)), names);
      results.push(new Map(names.map((name) => [name, run[name]!])));
    }
    return results;
  } finally {
    await session.close();
  }
}

/** Throws `MONITOR_DIFFERS` unless every output of `before` is in `after` with the same shape and bits. */
export function mustBeSameOutputs(before: readonly BatchValues[], after: readonly BatchValues[]): void {
  for (const [at, outputs] of before.entries()) {
    for (const [name, value] of outputs) {
      const other = after[at]?.get(name);
      if (other !== undefined && String(other.dims) === String(value.dims) && sameBits(value, other))
        continue;
      throw new MesascopeError(
        'MONITOR_DIFFERS',
        `the output ${JSON.stringify(name)} is not what the model gave before`,
        { facts: { output: name, batch: at } },
      );
    }
  }
}

function sameBits(a: TensorValue, b: TensorValue): boolean {
  const bytes = ({ data }: TensorValue): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a.type === b.type && bytes(a).equals(bytes(b));
}

/**
 * Largest difference between the scores of the attached model and those computed here, in 64 bits, from the hidden values of
 * the model without them. Throws `MONITOR_DIFFERS` where one is beyond `SCORE_TOLERANCE`, `PROBE_MISMATCH` where the value
 * is not laid out as the request says.
 */
export function largestScoreDifference(
  request: ScoreRequest,
  hidden: readonly BatchValues[],
  attached: readonly BatchValues[],
): number {
  let largest = 0;
  for (const [at, values] of hidden.entries()) {
    const rows = rowsRead(request, values.get(request.value)!);
    const scores = attached[at]?.get(request.output);
    if (scores?.data.length !== rows.length * request.classes) {
      throw new MesascopeError(
        'MONITOR_DIFFERS',
        `the output ${request.output} has ${scores === undefined ? 'no values' : `the shape [${scores.dims}]`} for ${rows.length} places`,
        { facts: { output: request.output } },
      );
    }
    for (const [row, x] of rows.entries()) {
      for (let c = 0; c < request.classes; c++) {
        const { score, size } = scoreOf(request, x, c);
        const given = Number(scores.data[row * request.classes + c]);
        // Equal infinities differ by NaN.
        const difference = Object.is(given, score) ? 0 : Math.abs(given - score);
        if (!(difference <= SCORE_TOLERANCE * Math.max(1, size))) {
          throw new MesascopeError(
            'MONITOR_DIFFERS',
            `the output ${request.output} gives ${given} where the probe gives ${score}`,
            { facts: { output: request.output, given: String(given), expected: String(score) } },
          );
        }
        largest = Math.max(largest, difference);
      }
    }
  }
  return largest;
}

/** x . w + b, and the sum of the sizes of its terms, by which rounding is to be judged. */
function scoreOf(request: ScoreRequest, x: Float32Array, c: number): { score: number; size: number } {
  const { width, weights, bias } = request;
  let score = bias[c]!;
  let size = Number.isFinite(score) ? Math.abs(score) : 0;
  for (let j = 0; j < width; j++) {
    const term = weights[c * width + j]! * x[j]!;
    score += term;
    size += Math.abs(term);
  }
  return { score, size };
}

/**
 * The vectors of a value that a request reads, in the order of its scores. Throws `PROBE_MISMATCH` unless the value is
 * [batch, position, ...] (or [batch, ...] without positions) with `width` numbers in what remains.
 */
export function rowsRead(request: ScoreRequest, { dims, data }: TensorValue): Float32Array[] {
  const { positions, width, vectorAxes } = request;
  const leading = positions === 'none' ? 1 : 2;
  const size = dims.slice(leading).reduce((product, length) => product * length, 1);
  if (dims.length !== leading + vectorAxes || size !== width) {
    throw new MesascopeError(
      'PROBE_MISMATCH',
      `the probe of ${request.output} reads ${width} features, the hook's value is [${dims}]`,
      { facts: { output: request.output, probe: width, value: dims } },
    );
  }
  const [batch = 0, length = 1] = dims;
  const each = positions === 'none' ? 1 : length;
  const picked = typeof positions === 'number' ? [(positions + length) % length] : undefined;
  const rows: Float32Array[] = [];
  for (let row = 0; row < batch; row++) {
    for (const at of picked ?? Array.from({ length: each }, (_, i) => i)) {
      const from = (row * each + at) * width;
      rows.push(Float32Array.from({ length: width }, (_, j) => Number(data[from + j])));
    }
  }
  return rows;
}
