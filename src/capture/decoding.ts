/** @file capture: a model run token by token, with key-value caches or anew each time, read and steered at hooks; chooses no token. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import { type Matrix, matrix } from '../core/matrix.ts';
import { type CachePair, cacheFor, cachePairs, cacheRows } from '../model/caches.ts';
import { encode } from '../model/encode.ts';
import { derivedFeeds, integers } from '../model/feeds.ts';
import { planInputs } from '../model/input-roles.ts';
import type { Model } from '../model/open-model.ts';
import type { OptimizationLevel, TensorValue } from '../model/runtime.ts';
import type { OpenSession, SessionPlan } from '../model/session-pool.ts';
import type { InstrumentRequest } from '../onnx/contract.ts';
import { positionFeed, siteOf } from './capture-sites.ts';
import { choiceOutput } from './choice-logits.ts';
import {
  addSteeringFeeds,
  type PlannedSteering,
  plannedSteering,
  type Steering,
  steeredFrom,
} from './steering.ts';

export type DecodingSetup = {
  /** The data set's `inputs`: our field to the model's input name. */
  readonly mapping?: Readonly<Record<string, string>>;
  /** Added together, each at its own hook. */
  readonly steering?: readonly Steering[];
  /** Hooks with a vector per position that are read at every position that is fed. */
  readonly hooks?: readonly string[];
  /** `auto` (default): where the graph has them. `never`: each step runs the whole row anew, which is quadratic in its length. */
  readonly caches?: 'auto' | 'never';
  /** Default `all`. */
  readonly optimization?: OptimizationLevel;
};

/** What one step shows of its rows. */
export type Step = {
  /** At the last position: [rows, vocabulary]. */
  readonly logits: Matrix;
  /** Per hook and row, the positions that are new in this step: [positions, width]. */
  readonly hidden: readonly (readonly Matrix[])[];
};

/** Rows of one length that grow by one token per step. */
export type Decoding = {
  /** Whether steps feed the new token alone. */
  readonly cached: boolean;
  /** Most tokens that a row may have, where the graph shows a table of positions. */
  readonly positionLimit: number | undefined;
  /** Ids that the model can read, where the graph shows its table. */
  readonly vocabulary: number | undefined;
  /** Begins with prompts of one length; what an earlier `begin` left is forgotten. Throws what `encode` throws, and `RUN_FAILED`. */
  begin(prompts: readonly (readonly number[])[]): Promise<Step>;
  /** Goes on with the rows `rows` of the step before, each by one token. Throws `RUN_FAILED`. */
  next(rows: Int32Array, tokens: Int32Array): Promise<Step>;
};

/**
 * Prepares a decoder for writing token by token. Rows that a graph's fixed batch size would have to be filled up for are run anew at
 * each step. Steering changes a value in the pass that computes its position: with caches, the keys and values of a steered position
 * stay steered, which is what running the whole row anew with the same steering gives. But a model that quantises its activations by all
 * that it is fed (`Model.mixesRows`) gives other numbers, and now and then another token, in each of the two ways.
 *
 * Throws `MODEL_UNSUPPORTED` (no logits per position over the vocabulary, inputs that prompts do not give), `INPUT_INVALID`, `INPUT_UNKNOWN`, `HOOK_UNKNOWN`,
 * `HOOK_UNAVAILABLE`, `BAD_SETTING` (steering).
 */
export function openDecoding(model: Model, setup: DecodingSetup = {}): Decoding {
  const job = plannedDecoding(model, setup);
  let rows: readonly (readonly number[])[] = [];
  let promptLength = 0;
  let caches: ReadonlyMap<string, TensorValue> = new Map();

  const run = async (feeds: Record<string, TensorValue>, fed: FedRows): Promise<Step> => {
    const { step, present } = await model.sessions.use(job.key, job.plan, (open) =>
      runStep(job, { open, feeds, fed, promptLength }),
    );
    caches = present;
    return step;
  };
  const whole = (known: number): Promise<Step> => {
    const inputs = rows.map((tokens): ModelInput => ({ kind: 'tokens', tokens }));
    const encoded = encode(model, inputs, job.mapping);
    const { fixedBatch = rows.length } = encoded;
    const fed = Int32Array.from({ length: Math.max(fixedBatch, rows.length) }, (_, i) =>
      Math.min(i, rows.length - 1),
    );
    if (fed.length > fixedBatch) {
      throw new MesascopeError(
        'INPUT_INVALID',
        `the model takes ${fixedBatch} rows at a time, and ${rows.length} prompts of one length were given`,
        { remedy: `Give at most ${fixedBatch} prompts of one length.` },
      );
    }
    const length = rows[0]!.length;
    return run(encoded.feeds(fed), { rows: rows.length, fed: fed.length, first: 0, length, known });
  };
  return {
    cached: job.caches.length > 0,
    positionLimit: job.positionLimit,
    vocabulary: job.vocabulary,
    async begin(prompts) {
      rows = prompts;
      promptLength = prompts[0]?.length ?? 0;
      caches = new Map();
      return whole(0);
    },
    async next(kept, tokens) {
      const before = rows[0]?.length ?? 0;
      rows = Array.from(kept, (row, i) => [...rows[row]!, tokens[i]!]);
      if (job.caches.length === 0) return whole(before);
      const past = {
        length: before,
        caches: new Map(
          [...caches].map(([name, cache]) => [name, cacheFor(model, name, cacheRows(cache, kept))]),
        ),
      };
      const feeds = {
        [job.tokens.name]: integers(job.tokens.type, [kept.length, 1], tokens),
        ...derivedFeeds(job.inputs, kept.length, () => 1, past),
      };
      return run(feeds, { rows: kept.length, fed: kept.length, first: before, length: 1, known: before });
    },
  };
}

/** Rows of one run: how many count and how many are fed, the first position fed and how many, and how many positions were seen before. */
type FedRows = {
  readonly rows: number;
  readonly fed: number;
  readonly first: number;
  readonly length: number;
  readonly known: number;
};

type PlannedDecoding = {
  readonly key: unknown;
  readonly plan: SessionPlan;
  readonly logits: string;
  readonly hooks: readonly { readonly hook: string; readonly value: string }[];
  readonly steering: readonly PlannedSteering[];
  readonly caches: readonly CachePair[];
  readonly mapping: Readonly<Record<string, string>>;
  readonly inputs: ReturnType<typeof planInputs>;
  readonly tokens: NonNullable<ReturnType<typeof planInputs>['tokens']>;
  readonly positionLimit: number | undefined;
  readonly vocabulary: number | undefined;
};

/** Throws `MODEL_UNSUPPORTED` for a model that reads more than prompts: a second row of tokens, an encoder's states or its keys and values. */
function mustReadPromptsAlone(model: Model, mapping: Readonly<Record<string, string>>): void {
  // A model of tensors alone takes no prompts at all, which `planInputs` says.
  if (!model.inputs.some(({ name, role }) => role === 'tokens' || name === mapping.tokens)) return;
  const second = model.inputs.find(
    ({ name, role }) =>
      name !== mapping.tokens && (role === 'decoder-tokens' || role === 'tensor' || role === 'filled-cache'),
  );
  if (second === undefined) return;
  const { name, role } = second;
  const reads = role === 'decoder-tokens' ? 'it has an encoder, and its decoder reads' : 'it also reads';
  throw new MesascopeError(
    'MODEL_UNSUPPORTED',
    `${model.name} cannot write on from prompts: ${reads} ${JSON.stringify(name)}; only decoders alone are written with`,
    {
      facts: { input: name },
      remedy: 'Use the file of a decoder alone, one that begins without caches.',
    },
  );
}

function plannedDecoding(model: Model, setup: DecodingSetup): PlannedDecoding {
  const { text, ...others } = setup.mapping ?? {};
  const mapping = text === undefined ? others : { ...others, tokens: text };
  mustReadPromptsAlone(model, mapping);
  const inputs = planInputs(model.inputs, { kind: 'tokens', fields: [], mapping });
  const tokens = inputs.tokens!;
  const output = choiceOutput(model);
  const columns = model.index.outputs[0]?.shape?.at(-1);
  const vocabulary = model.vocabularyOf(tokens.name);
  const fewer = typeof columns === 'number' && vocabulary !== undefined && columns < vocabulary;
  if (!output.positions || fewer) {
    throw new MesascopeError(
      'MODEL_UNSUPPORTED',
      `${model.name} cannot write: its first output, ${JSON.stringify(output.value)}, ${output.positions ? `has ${columns} columns for ${vocabulary} tokens` : 'has no position axis'}`,
      { facts: { output: output.value, columns, vocabulary } },
    );
  }
  const hooks = (setup.hooks ?? []).map((hook) => {
    const { value, positions } = siteOf(model, hook);
    if (positions) return { hook, value };
    throw new MesascopeError('HOOK_UNAVAILABLE', `hook ${hook} has no vector per position to read`, {
      facts: { hook },
    });
  });
  const steering = (setup.steering ?? []).map((one) => plannedSteering(model, one));
  const batch = tokens.shape?.[0];
  const caches = setup.caches === 'never' || typeof batch === 'number' ? [] : cachePairs(model);
  // Mask and vector have the axes batch, position and width.
  const edits = steering.map(({ value }, i) => ({ value, kind: 'add' as const, id: `steer-${i}`, rank: 3 }));
  const whole = new Set([...hooks.map(({ value }) => value), ...caches.map(({ output: name }) => name)]);
  const request: InstrumentRequest = {
    outputs: [
      // A hook that reads the logits themselves has them at every position.
      { value: output.value, pick: whole.has(output.value) ? 'all' : 'positions' },
      ...[...whole]
        .filter((value) => value !== output.value)
        .map((value) => ({ value, pick: 'all' as const })),
    ],
    edits,
    keepModelOutputs: false,
  };
  return {
    key: { decoding: request },
    plan: { steps: [() => request], optimization: setup.optimization ?? 'all' },
    logits: output.value,
    hooks,
    steering,
    caches,
    mapping,
    inputs,
    tokens,
    vocabulary,
    positionLimit: model.positionLimitOf({
      tokens: tokens.name,
      positions: inputs.derived.filter(({ role }) => role === 'positions').map(({ name }) => name),
    }),
  };
}

async function runStep(
  job: PlannedDecoding,
  work: {
    readonly open: OpenSession;
    readonly feeds: Record<string, TensorValue>;
    readonly fed: FedRows;
    readonly promptLength: number;
  },
): Promise<{ readonly step: Step; readonly present: ReadonlyMap<string, TensorValue> }> {
  const { open, feeds, fed, promptLength } = work;
  const [graph] = open.instrumented;
  const nameOf = (value: string): string => graph!.outputNames.get(value)!;
  for (const [i, edit] of graph!.edits.entries()) {
    const steering = job.steering[i]!;
    const from = steeredFrom(steering.positions, promptLength) - fed.first;
    addSteeringFeeds(feeds, edit, { steering, rows: fed.fed, length: fed.length, from });
  }
  if (graph!.positionsInput !== undefined)
    feeds[graph!.positionsInput] = positionFeed(fed.fed, [fed.length - 1]);
  const fetches = [
    job.logits,
    ...job.hooks.map(({ value }) => value),
    ...job.caches.map(({ output }) => output),
  ];
  const outputs = await open.session.run(feeds, [...new Set(fetches.map(nameOf))]);
  const logits = floats(outputs[nameOf(job.logits)]!, 'the first output');
  const places = logits.dims[1] ?? 1;
  const hidden = job.hooks.map(({ hook, value }) => {
    const read = floats(outputs[nameOf(value)]!, `hook ${hook}`);
    const width = read.data.length / (fed.fed * fed.length);
    return Array.from({ length: fed.rows }, (_, row) => {
      const from = fed.known - fed.first;
      const part = read.data.slice((row * fed.length + from) * width, (row + 1) * fed.length * width);
      mustBeFinite(part, `hook ${hook}`, row);
      return matrix(fed.length - from, width, part);
    });
  });
  return {
    step: { logits: lastOf(logits, { rows: fed.rows, places }), hidden },
    present: new Map(job.caches.map(({ input, output }) => [input, outputs[nameOf(output)]!])),
  };
}

type Floats = { readonly dims: readonly number[]; readonly data: Float32Array };

function floats(value: TensorValue, what: string): Floats {
  if (value.type === 'float32') return value;
  if (value.type === 'float64') return { dims: value.dims, data: Float32Array.from(value.data) };
  throw new MesascopeError('MODEL_UNSUPPORTED', `${what} has type ${value.type}, not a float type`);
}

/** The last of `places` vectors of each row: [rows, vocabulary]. */
function lastOf(
  { dims, data }: Floats,
  { rows, places }: { readonly rows: number; readonly places: number },
): Matrix {
  const columns = dims.at(-1) ?? 0;
  const last = matrix(rows, columns);
  for (let row = 0; row < rows; row++) {
    const from = (row * places + places - 1) * columns;
    last.data.set(data.subarray(from, from + columns), row * columns);
  }
  return last;
}

function mustBeFinite(data: Float32Array, what: string, row: number): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new MesascopeError('ACTIVATIONS_NON_FINITE', `${what} is ${data[at]} for row ${row}`, {
    facts: { of: what, row, value: String(data[at]) },
  });
}
