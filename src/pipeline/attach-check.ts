/** @file pipeline: holds a model with scores attached against the model without them, on a few inputs; writes nothing. */
import { MesascopeError } from '../core/errors.ts';
import { fedRows } from '../model/batches.ts';
import type { Encoded } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { ScoreRequest } from '../onnx/attach-scores.ts';
import type { OptimizationLevel, TensorValue } from '../runtime/contract.ts';
import { openSession, type Session } from '../runtime/session.ts';

/** What one batch of inputs gives, by name. */
export type BatchValues = ReadonlyMap<string, TensorValue>;

export type CheckRows = { readonly encoded: Encoded; readonly batches: readonly Int32Array[] };

/**
 * At `disabled` ONNX Runtime rewrites nothing: adding a reader of a value cannot change how that value is computed. Some graphs in 16 bits
 * load from `basic` on only.
 */
export const LEVELS: readonly OptimizationLevel[] = ['disabled', 'basic', 'all'];
/** Types whose values can be laid beside each other. */
const COMPARED: readonly string[] = ['float32', 'float64', 'float16', 'int64', 'int32', 'bool', 'uint8'];
const FLOATS: readonly string[] = ['float32', 'float64', 'float16'];
/** Scores may differ by this times the sum of the sizes of what they are summed from, or by this where that is below 1. */
export const SCORE_TOLERANCE = 1e-5;

/** The graph's own `values` whole, as float32 where they are of 16 bits, one map per batch. */
export async function hiddenValues(
  model: Model,
  values: readonly string[],
  { encoded, batches }: CheckRows,
  level: OptimizationLevel,
): Promise<BatchValues[]> {
  const outputs = [...new Set(values)].map((value) => ({ value, pick: 'all' as const }));
  const plan = { steps: [() => ({ outputs, keepModelOutputs: false })], optimization: level };
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

/** What a model file gives, and the level that it was run at. */
export type FileOutputs = { readonly level: OptimizationLevel; readonly outputs: readonly BatchValues[] };

/** Every output of the model file at `path` that can be compared, one map per batch, at the first of `levels` that it loads at. */
export async function fileOutputs(
  path: string,
  { encoded, batches }: CheckRows,
  levels: readonly OptimizationLevel[],
): Promise<FileOutputs> {
  const { session, level } = await openAtFirst(path, levels);
  try {
    const names = session.outputs.filter(({ type }) => COMPARED.includes(type)).map(({ name }) => name);
    const outputs: BatchValues[] = [];
    for (const batch of batches) {
      const run = await session.run(encoded.feeds(fedRows(encoded, batch)), names);
      outputs.push(new Map(names.map((name) => [name, run[name]!])));
    }
    return { level, outputs };
  } finally {
    await session.close();
  }
}

async function openAtFirst(
  path: string,
  [level, ...further]: readonly OptimizationLevel[],
): Promise<{ readonly session: Session; readonly level: OptimizationLevel }> {
  const optimization = level ?? 'all';
  try {
    return { session: await openSession({ kind: 'path', path }, { optimization }), level: optimization };
  } catch (error) {
    const refused = error instanceof MesascopeError && error.code === 'SESSION_FAILED';
    if (!refused || further.length === 0) throw error;
    return openAtFirst(path, further);
  }
}

/**
 * Largest difference of each output of `before` in `after`, 0 for the same bits. Throws `MONITOR_DIFFERS` unless it has the same shape, and the same bits
 * or, of floats, lies within `limit` times its largest value (or times 1). A limit of 0 asks for the same bits.
 */
export function outputDifferences(
  before: readonly BatchValues[],
  after: readonly BatchValues[],
  limit: number,
): ReadonlyMap<string, number> {
  const differences = new Map<string, number>();
  for (const [at, outputs] of before.entries()) {
    for (const [name, value] of outputs) {
      const other = after[at]?.get(name);
      const difference = other === undefined ? undefined : differenceOf(value, other, limit);
      if (difference === undefined) {
        throw new MesascopeError(
          'MONITOR_DIFFERS',
          `the output ${JSON.stringify(name)} is not what the model gave before`,
          { facts: { output: name, batch: at } },
        );
      }
      differences.set(name, Math.max(differences.get(name) ?? 0, difference));
    }
  }
  return differences;
}

/** Undefined where it is too large, or there is no such number. */
function differenceOf(value: TensorValue, other: TensorValue, limit: number): number | undefined {
  if (String(other.dims) !== String(value.dims)) return undefined;
  if (sameBits(value, other)) return 0;
  if (limit === 0 || value.type !== other.type || !FLOATS.includes(value.type)) return undefined;
  let [worst, largest] = [0, 1];
  for (const [i, x] of value.data.entries()) {
    const y = Number(other.data[i]);
    if (Number.isFinite(Number(x))) largest = Math.max(largest, Math.abs(Number(x)));
    // Equal infinities differ by NaN.
    if (!Object.is(Number(x), y)) worst = Math.max(worst, Math.abs(Number(x) - y));
  }
  return worst <= limit * largest ? worst : undefined;
}

function sameBits(a: TensorValue, b: TensorValue): boolean {
  const bytes = ({ data }: TensorValue): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a.type === b.type && bytes(a).equals(bytes(b));
}

/**
 * Largest difference between the scores of the attached model and those computed here, in 64 bits, from the hidden values of
 * the model without them. Throws `MONITOR_DIFFERS` where one is beyond `tolerance` (of `SCORE_TOLERANCE`'s kind), `PROBE_MISMATCH` where
 * the value is not laid out as the request says.
 */
export function largestScoreDifference(
  request: ScoreRequest,
  hidden: readonly BatchValues[],
  attached: readonly BatchValues[],
  tolerance: number = SCORE_TOLERANCE,
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
        if (!(difference <= tolerance * Math.max(1, size))) {
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
