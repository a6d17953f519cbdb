/** @file capture: measures whether a graph can be fed padded rows at all; nothing here is used to run models, since nothing else pads. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { encode } from '../model/encode.ts';
import { derivedLength, integers, numbers } from '../model/feeds.ts';
import { cacheDims, type InputPlan, planInputs } from '../model/input-roles.ts';
import type { Model } from '../model/open-model.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { OpenSession } from '../model/session-pool.ts';
import { toleranceOf } from './verify-context.ts';
import { randomInputs } from './verify-inputs.ts';

export type PaddingRequest = {
  /** Rows of tokens; random ones by default. The first sixteen are used. */
  readonly inputs?: readonly ModelInput[];
  /** The data set's `inputs`, when inputs are given. */
  readonly mapping?: Readonly<Record<string, string>>;
  /** Seed of random rows (default 0). */
  readonly seed?: number;
  /** Padding tokens per row (default 3). */
  readonly tokens?: number;
};

export type PaddingCheck = {
  readonly side: 'left' | 'right';
  /** `equal`: padded rows give what they give alone. `differs`: they do not. `not-applicable`: rows cannot be padded. */
  readonly state: 'equal' | 'differs' | 'not-applicable';
  /** Largest absolute difference over all compared values; undefined where nothing was compared, or NaN came out. */
  readonly difference: number | undefined;
  readonly limit: number | undefined;
  /** A sentence that says what this means for whoever pads, and why. */
  readonly statement: string;
};

const MOST_INPUTS = 16;
const PAD_TOKEN = 0;

/**
 * Runs rows alone and padded on either side, with the attention mask (0 at the padding), position ids (counted from the first
 * real token) and token types that the graph takes, and compares the streams after the blocks and the first output at the real positions,
 * to what `toleranceOf` allows the number type of the model times the largest value compared (or times 1).
 * Of an encoder-decoder the encoder's rows are padded, and the decoder is fed the one token that starts it.
 *
 * Throws what `encode`, `planInputs` and running throw; a model without a token input is `not-applicable`.
 */
export async function measurePadding(model: Model, request: PaddingRequest = {}): Promise<PaddingCheck[]> {
  const sides = ['left', 'right'] as const;
  const { tokens: count = 3, mapping = {} } = request;
  if (!(Number.isInteger(count) && count >= 1))
    throw new MesascopeError(
      'BAD_SETTING',
      `the number of padding tokens must be a whole number of at least 1, got ${count}`,
    );
  const none = (statement: string): PaddingCheck[] =>
    sides.map((side) => ({
      side,
      state: 'not-applicable',
      difference: undefined,
      limit: undefined,
      statement,
    }));
  const all = request.inputs ?? randomInputs(model, request.seed ?? 0);
  const rows = all.slice(0, MOST_INPUTS).flatMap((input) => (input.kind === 'tokens' ? [input] : []));
  if (rows.length === 0) return none('Only rows of tokens can be padded.');
  const decoderStart = model.decoderStart();
  const plan = planInputs(model.inputs, { kind: 'tokens', fields: [], mapping, decoderStart });
  const [batch, length] = plan.tokens!.shape ?? [];
  if (typeof batch === 'number' || typeof length === 'number')
    return none('The graph fixes the shape of its rows, so that none can be padded.');
  const longest = rows.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  encode(model, rows, mapping);
  const fed = plan.derived.filter(({ role }) => role === 'positions').map(({ name }) => name);
  const limit = model.positionLimitOf({ tokens: plan.tokens!.name, positions: fed });
  // With position ids, padding takes no place in a table of positions.
  if (fed.length === 0 && limit !== undefined && longest + count > limit)
    return none(
      `The model has positions for ${limit} tokens, too few for ${longest} and ${count} of padding.`,
    );
  const values = comparedValues(model);
  if (values.length === 0) return none('Nothing per row can be read from this graph.');
  const instrumenting = {
    outputs: values.map(({ value }) => ({ value, pick: 'all' as const })),
    keepModelOutputs: false,
  };
  const session = { steps: [() => instrumenting], optimization: 'basic' as const };
  const tolerance = toleranceOf(model).limit;
  return model.sessions.use({ padding: instrumenting }, session, async (open) => {
    const checks: PaddingCheck[] = [];
    for (const side of sides) {
      try {
        const { worst, largest } = await compared(open, { plan, values, rows, side, count });
        const limit = tolerance * largest;
        checks.push(judged(plan, { side, count, worst, limit, mixes: model.mixesRows }));
      } catch (error) {
        // A graph that was traced for one length may run on no other; alone, its rows did run.
        if (!(error instanceof MesascopeError) || error.code !== 'RUN_FAILED') throw error;
        const statement = `Rows cannot be padded on the ${side}: ${error.message}.`;
        checks.push({ side, state: 'not-applicable', difference: undefined, limit: undefined, statement });
      }
    }
    return checks;
  });
}

/** Largest difference between rows alone and padded, NaN where NaN came out, and the largest value compared, or 1. */
async function compared(
  open: OpenSession,
  of: {
    readonly plan: InputPlan;
    readonly values: readonly Compared[];
    readonly rows: readonly { readonly tokens: readonly number[] }[];
    readonly side: 'left' | 'right';
    readonly count: number;
  },
): Promise<{ readonly worst: number; readonly largest: number }> {
  const { plan, values, rows, side, count } = of;
  let [worst, largest] = [0, 1];
  for (const { tokens } of rows) {
    const alone = await run(open, plan, values, { tokens, before: 0, after: 0 });
    const padding = side === 'left' ? { before: count, after: 0 } : { before: 0, after: count };
    const padded = await run(open, plan, values, { tokens, ...padding });
    for (const [v, row] of alone.entries()) {
      for (const [i, value] of row.entries()) {
        const difference = Math.abs(value - padded[v]![i]!);
        // NaN is larger than everything here, and stays.
        if (!(difference <= worst) && !Number.isNaN(worst)) worst = difference;
        largest = Math.max(largest, Math.abs(value));
      }
    }
  }
  return { worst, largest };
}

type Compared = { readonly value: string; readonly positions: boolean };

/** The first output, and the streams after the blocks. */
function comparedValues(model: Model): Compared[] {
  const streams = model.hooks.hooks.flatMap((hook) =>
    hook.state === 'available' && hook.name.endsWith('.resid_post') && hook.axes[1] === 'position'
      ? [{ value: hook.value, positions: true }]
      : [],
  );
  const [output] = model.index.outputs;
  const rank = output?.shape?.length;
  const own =
    output === undefined || (rank !== 2 && rank !== 3) ? [] : [{ value: output.name, positions: rank === 3 }];
  return [...new Map([...streams, ...own].map((one) => [one.value, one])).values()];
}

/** Values of one row, at its real positions where they have those of the row: a decoder's one token is not padded. */
async function run(
  { session, instrumented }: OpenSession,
  plan: InputPlan,
  values: readonly Compared[],
  row: { readonly tokens: readonly number[]; readonly before: number; readonly after: number },
): Promise<Float32Array[]> {
  const { tokens, before, after } = row;
  const length = before + tokens.length + after;
  const names = values.map(({ value }) => instrumented[0]!.outputNames.get(value)!);
  const outputs = await session.run(paddedFeeds(plan, row), names);
  return values.map(({ positions }, v) => {
    const { data, dims } = outputs[names[v]!]!;
    const picked = positions && dims[1] === length;
    const width = picked ? data.length / length : data.length;
    const from = picked ? before * width : 0;
    return Float32Array.from({ length: picked ? tokens.length * width : width }, (_, i) =>
      Number(data[from + i]!),
    );
  });
}

function paddedFeeds(
  plan: InputPlan,
  row: { readonly tokens: readonly number[]; readonly before: number; readonly after: number },
): Record<string, TensorValue> {
  const { tokens, before, after } = row;
  const length = before + tokens.length + after;
  const real = (i: number): boolean => i >= before && i < before + tokens.length;
  const tokenIds = Int32Array.from({ length }, (_, i) => (real(i) ? tokens[i - before]! : PAD_TOKEN));
  const feeds: Record<string, TensorValue> = {
    [plan.tokens!.name]: integers(plan.tokens!.type, [1, length], tokenIds),
  };
  const lengthOf = derivedLength(plan, length);
  for (const input of plan.derived) {
    const { name, role, type, shape } = input;
    const own = lengthOf(input);
    const dims = shape?.length === 1 ? [own] : [1, own];
    // What goes with the decoder has its one token.
    const start = own === length ? before : 0;
    const inRow = (i: number): boolean => own !== length || real(i);
    const grid = (of: (i: number) => number): Int32Array => Int32Array.from({ length: own }, (_, i) => of(i));
    if (role === 'attention-mask')
      feeds[name] = numbers(
        type,
        dims,
        grid((i) => (inRow(i) ? 1 : 0)),
      );
    else if (role === 'positions')
      feeds[name] = integers(
        type,
        dims,
        grid((i) => (inRow(i) ? i - start : 0)),
      );
    else if (role === 'token-types')
      feeds[name] = integers(
        type,
        dims,
        grid(() => 0),
      );
    else if (role === 'decoder-tokens')
      feeds[name] = integers(type, [1, 1], Int32Array.of(plan.decoderStart));
    else if (role === 'cache') feeds[name] = numbers(type, cacheDims(shape, 1)!, new Int32Array(0));
    else feeds[name] = { type: 'bool', dims: [1], data: Uint8Array.of(0) };
  }
  return feeds;
}

function judged(
  plan: InputPlan,
  of: {
    readonly side: 'left' | 'right';
    readonly count: number;
    readonly worst: number;
    readonly limit: number;
    /** The model quantises its activations by all that it is fed. */
    readonly mixes: boolean;
  },
): PaddingCheck {
  const { side, count, worst, limit, mixes } = of;
  const takes = (role: string): boolean => plan.derived.some((input) => input.role === role);
  const mask = takes('attention-mask');
  const positions = takes('positions');
  const started = takes('decoder-tokens');
  const rows = `${started ? "The encoder's rows" : 'Rows'} padded on the ${side}`;
  const decoder = 'the decoder is fed the token that starts it';
  if (worst <= limit) {
    const how = mask ? `with a mask${positions ? ' and position ids' : ''}` : 'whatever stands there';
    return {
      side,
      state: 'equal',
      difference: worst,
      limit,
      statement: `${rows}, ${how}${started ? ` (${decoder})` : ''}, give what they give alone.`,
    };
  }
  const scale = 'the activations are quantised by all values that are fed, those of the padding included';
  const why = !mask
    ? `the graph takes no attention mask, so that ${side === 'left' ? 'padding is read as tokens' : 'padding behind a row is read by what stands before it'}${mixes ? `; besides, ${scale}` : ''}`
    : mixes
      ? scale
      : side === 'left' && !positions
        ? 'the graph takes no position ids, so that padding moves every token'
        : 'although the graph takes a mask';
  return {
    side,
    state: 'differs',
    difference: Number.isNaN(worst) ? undefined : worst,
    limit,
    statement: `${rows} (by ${count}${started ? `; ${decoder}` : ''}) give ${Number.isNaN(worst) ? 'NaN' : 'other values'}: ${why}. Feed rows of one length, or one at a time.`,
  };
}
