/** @file capture: direct logit attribution: what each part of the stream says for each choice; judges nothing. */
import { MesascopeError } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import type { RunControl } from '../core/progress.ts';
import { seededRandom } from '../core/random.ts';
import type { Model } from '../model/open-model.ts';
import type { HookPoint } from '../onnx/contract.ts';
import { headVectors } from './attribution-heads.ts';
import {
  constantShare,
  type FinalNorm,
  LINEAR_TOLERANCE,
  type LinearHead,
  normFrom,
  rowScales,
  shareOf,
  streamDirections,
  sumError,
  worseOf,
} from './attribution-parts.ts';
import { type StreamPart, streamParts, vectorOf } from './attribution-stream.ts';
import { choiceOutput } from './choice-logits.ts';
import type { LensRequest } from './lens-logit.ts';
import { withPart } from './part-of-model.ts';
import { type ShapeRow, shapeRow, vectorsThrough } from './part-vectors.ts';
import { runForward } from './run-forward.ts';

export type AttributionRequest = Omit<LensRequest, 'optimization' | 'maxBatchTokens'> & {
  /** Split attention into its heads where the graph allows (default true). */
  readonly heads?: boolean;
};

/** One part's share of each choice's logit. */
export type LogitShare = {
  /** `embed`, `blocks.0.attn_out`, `blocks.0.head.3`, `blocks.0.attn_bias`, `blocks.0.mlp_out`, `blocks.0.rest`, `constant`. */
  readonly part: string;
  readonly kind: 'embed' | 'attention' | 'head' | 'mlp' | 'rest' | 'constant';
  readonly block?: number;
  readonly head?: number;
  /** [rows, choices], in logits. */
  readonly shares: Matrix;
};

export type LogitAttribution =
  | {
      readonly state: 'measured';
      /** In order of computation; in each row they add up to the logits. */
      readonly shares: readonly LogitShare[];
      /** The model's own, [rows, choices]. */
      readonly logits: Matrix;
      /** How far the sum is from the logits, as a share of the largest difference between two choices of a row. */
      readonly error: number;
      /** Blocks whose attention could not be split into heads, and why. */
      readonly whole: readonly { readonly block: number; readonly reason: string }[];
    }
  | { readonly state: 'undefined'; readonly reason: string };

/** Points by which the final norm is learned, and their spread: an epsilon of 1e-5 is nothing beside its square. */
const NORM_POINTS = 4;
const POINT_SPREAD = 100;

/** Of the largest value of the last stream: what is left of a block when its parts are taken away is rounding. */
const NOTHING_LEFT = 1e-5;

/**
 * Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits", "residual stream"): the logits as a sum
 * over embedding, attention (per head where possible), MLPs and biases, with the final norm held at the scale that it had in each row
 * (LayerNorm subtracts each part's own mean; gain and bias folded into head and constant).
 *
 * Nothing is taken from a weight's name: norm, head and output projections are learned by sending vectors through those parts of the
 * model's own graph, and every step is held against what the model computed. `undefined` where one of them does not hold: a stream that is
 * no sum of parts (post-norm blocks), a norm or a head that is not linear. Choices' differences are what a reader should look at:
 * what all choices share decides nothing.
 *
 * Throws what `runForward` throws, and `BAD_SETTING` without inputs or choices.
 */
export async function attributeLogits(
  model: Model,
  request: AttributionRequest,
  control: RunControl = {},
): Promise<LogitAttribution> {
  const { inputs, mapping, readout, choices, heads = true } = request;
  if (choices.length === 0 || inputs.length === 0) {
    throw new MesascopeError('BAD_SETTING', 'an attribution needs inputs and choices');
  }
  const stream = streamParts(model.hooks);
  if ('reason' in stream) return undefinedBecause(stream.reason);
  const finalNorm = normHook(model);
  if (finalNorm !== undefined && 'reason' in finalNorm) return undefinedBecause(finalNorm.reason);
  const zHooks = heads ? stream.parts.flatMap(({ z }) => (z === undefined ? [] : [z.name])) : [];
  const captured = await runForward(
    model,
    {
      inputs,
      mapping,
      hooks: [
        stream.last.name,
        ...(finalNorm === undefined ? [] : [finalNorm.name]),
        ...stream.parts.flatMap(({ plus, minus }) => [...plus, ...minus]),
        ...zHooks,
      ],
      positions: [readout],
      readout,
      choices,
      optimization: 'basic',
    },
    control,
  );
  const read = (hook: string): Matrix => captured.activations(hook, readout);
  const x = read(stream.last.name);
  const nothing = NOTHING_LEFT * largestOf(x);
  const parts = stream.parts
    .map((part) => ({ part, vector: vectorOf(part, read) }))
    .filter(({ part, vector }) => part.kind !== 'rest' || largestOf(vector) > nothing);
  const streamError = sumOfPartsError(
    parts.map(({ vector }) => vector),
    x,
  );
  if (!(streamError <= LINEAR_TOLERANCE)) {
    return undefinedBecause(
      `the parts add up to the last stream only to ${streamError.toPrecision(2)} of its largest value`,
    );
  }
  const row = shapeRow(model, inputs, mapping);
  const norm = finalNorm === undefined ? undefined : await learnedNorm(model, stream.last, finalNorm, row);
  if (finalNorm !== undefined && norm === undefined) {
    return undefinedBecause('the final norm is neither a LayerNorm nor an RMSNorm of the last stream');
  }
  const y = finalNorm === undefined ? x : read(finalNorm.name);
  const { scales, error: normError } = rowScales(norm, x, y);
  if (!(normError <= LINEAR_TOLERANCE)) {
    return undefinedBecause(
      `the final norm, held at its scale, is ${normError.toPrecision(2)} of its largest value beside what the model computed`,
    );
  }
  const head = await learnedHead(model, { from: finalNorm ?? stream.last, choices, row });
  if (head === undefined) return undefinedBecause('the logits do not depend on the final norm as one value');
  const directions = streamDirections(head, norm, x.columns);
  const logits = captured.choiceLogits!;
  const shares: LogitShare[] = [];
  const whole: { block: number; reason: string }[] = [];
  for (const { part, vector } of parts) {
    const { z } = part;
    const split =
      heads && part.kind === 'attention'
        ? z === undefined
          ? { reason: part.whole ?? 'the graph has no values per head' }
          : await headVectors(model, { z, part, vector, values: read(z.name), row })
        : undefined;
    if (split !== undefined && !('reason' in split)) {
      shares.push(...split.vectors.map((one) => shareFor({ ...part, ...one }, one.vector)));
      continue;
    }
    if (split !== undefined) whole.push({ block: part.block!, reason: split.reason });
    shares.push(shareFor(part, vector));
  }
  const constants = constantShare(head, norm);
  const constant = Float32Array.from(
    { length: x.rows * choices.length },
    (_, i) => constants[i % choices.length]!,
  );
  shares.push({ part: 'constant', kind: 'constant', shares: matrix(x.rows, choices.length, constant) });
  const error = sumError(
    shares.map((share) => share.shares),
    logits,
  );
  if (!(error <= LINEAR_TOLERANCE)) {
    return undefinedBecause(
      `the shares add up to the logits only to ${error.toPrecision(2)} of their largest difference: what follows the final norm is not linear`,
    );
  }
  return { state: 'measured', shares, logits, error, whole };

  function shareFor(
    of: Pick<StreamPart, 'name' | 'block'> & { readonly kind: LogitShare['kind']; readonly head?: number },
    vector: Matrix,
  ): LogitShare {
    const { name, kind, block, head: number } = of;
    return {
      part: name,
      kind,
      ...(block === undefined ? {} : { block }),
      ...(number === undefined ? {} : { head: number }),
      shares: shareOf(vector, directions, scales),
    };
  }
}

function largestOf({ data }: Matrix): number {
  let largest = 0;
  for (const value of data) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function undefinedBecause(reason: string): LogitAttribution {
  return { state: 'undefined', reason };
}

/** The final norm; undefined where the logits follow the stream directly. */
function normHook(model: Model): HookPoint | { readonly reason: string } | undefined {
  const hook = model.hooks.hooks.find(({ name }) => name === 'final_norm');
  if (hook === undefined) return undefined;
  if (hook.state === 'available') {
    return String(hook.axes) === 'batch,position,width'
      ? hook
      : { reason: `final_norm has the axes [${hook.axes.join(', ')}]` };
  }
  return hook.reason.startsWith('no norm') ? undefined : { reason: `final_norm: ${hook.reason}` };
}

/** Largest distance of the sum of parts from the whole, as a share of the whole's largest value. */
function sumOfPartsError(parts: readonly Matrix[], whole: Matrix): number {
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < whole.data.length; i++) {
    let sum = 0;
    for (const { data } of parts) sum += data[i]!;
    worst = worseOf(worst, Math.abs(sum - whole.data[i]!));
    largest = Math.max(largest, Math.abs(whole.data[i]!));
  }
  return worst / Math.max(largest, Number.MIN_VALUE);
}

async function learnedNorm(
  model: Model,
  from: HookPoint,
  to: HookPoint,
  row: ShapeRow,
): Promise<FinalNorm | undefined> {
  const width = from.width ?? model.hooks.width;
  if (width === undefined) return undefined;
  const random = seededRandom('points of a norm');
  const points = matrix(
    1 + NORM_POINTS,
    width,
    // The first row stays zero. The offset tells a norm that subtracts the mean from one that does not.
    Float32Array.from({ length: (1 + NORM_POINTS) * width }, (_, i) =>
      i < width ? 0 : POINT_SPREAD * (random.normal() + 0.5),
    ),
  );
  const part = {
    given: [from.value],
    output: { value: to.value, positions: true },
    optimization: 'basic',
  } as const;
  const seen = await withPart(model, part, (run) =>
    vectorsThrough(run, row, { vectors: points, axes: [width] }),
  );
  if (seen === undefined) return undefined;
  const behind = ({ data }: Matrix): Matrix => matrix(NORM_POINTS, width, data.subarray(width));
  return normFrom(seen.data.subarray(0, width), behind(points), behind(seen));
}

/** The affine map from `from` to the choices' logits: what it gives for zero, and what each unit vector adds. */
async function learnedHead(
  model: Model,
  of: { readonly from: HookPoint; readonly choices: readonly number[]; readonly row: ShapeRow },
): Promise<LinearHead | undefined> {
  const { from, choices, row } = of;
  const width = from.width ?? model.hooks.width;
  if (width === undefined) return undefined;
  const vectors = matrix(1 + width, width);
  for (let j = 0; j < width; j++) vectors.data[(1 + j) * width + j] = 1;
  const part = { given: [from.value], output: choiceOutput(model), optimization: 'basic' } as const;
  const seen = await withPart(model, part, (run) =>
    vectorsThrough(run, row, { vectors, axes: [width], columns: choices }),
  );
  if (seen === undefined) return undefined;
  const count = choices.length;
  const bias = Float64Array.from(seen.data.subarray(0, count));
  const weights = Float64Array.from({ length: count * width }, (_, i) => {
    const [c, j] = [Math.floor(i / width), i % width];
    return seen.data[(1 + j) * count + c]! - bias[c]!;
  });
  return { weights, bias };
}
