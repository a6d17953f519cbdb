/** @file capture: self-checks of a model and of this tool's reading of it, each with its number; judges no goal. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { matrix } from '../core/matrix.ts';
import { seededRandom } from '../core/random.ts';
import { batchByLength } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { HookPoint, SelfCheck } from '../onnx/contract.ts';
import { residualIdentities } from '../onnx/hooks-names.ts';
import { choiceOutput } from './choice-logits.ts';
import { openInterventions } from './interventions.ts';
import { type ForwardRequest, runForward } from './run-forward.ts';
import { randomInputs } from './verify-inputs.ts';

export type VerifyRequest = {
  /** Inputs to check on; random ones that the model accepts by default. The first sixteen are used. */
  readonly inputs?: readonly ModelInput[];
  /** The data set's `inputs`, when inputs are given. */
  readonly mapping?: Readonly<Record<string, string>>;
  /** Seed of random inputs and edits (default 0). */
  readonly seed?: number;
};

/** Differences are held against this times the largest value compared, or against this where all values are below 1. */
const TOLERANCE = 1e-5;
/** The least change that an edit of a hidden value must make in the outputs. */
const LEAST_EFFECT = 1e-6;
const MOST_INPUTS = 16;
/** Columns of the output that are compared: enough to see a difference, cheap for a large vocabulary. */
const MOST_COLUMNS = 64;

type Check = Omit<SelfCheck, 'id'>;

/**
 * Runs a few inputs and reports, in this order: whether every block's output is the sum of its parts, attention rows sum to 1,
 * a row alone equals the same row among rows of other lengths, changing a hidden value changes the output, and replacing it
 * with itself changes nothing (in exact mode, bit for bit).
 *
 * A check that the graph does not allow is `not-applicable` with the reason. Throws what opening a session and `encode` throw.
 */
export async function verifyModel(model: Model, request: VerifyRequest = {}): Promise<SelfCheck[]> {
  const seed = request.seed ?? 0;
  const inputs = (request.inputs ?? randomInputs(model, seed)).slice(0, MOST_INPUTS);
  const context: Context = {
    model,
    inputs,
    mapping: request.mapping ?? {},
    seed,
    columns: comparedColumns(model),
  };
  return [
    { id: 'residual-identity', ...(await residualIdentity(context)) },
    { id: 'attention-rows', ...(await attentionRows(context)) },
    { id: 'padded-equals-alone', ...(await batchEqualsAlone(context)) },
    { id: 'edit-changes-output', ...(await editChangesOutput(context)) },
    { id: 'no-op-edit', ...(await noOpEdit(context)) },
  ];
}

type Context = {
  readonly model: Model;
  readonly inputs: readonly ModelInput[];
  readonly mapping: Readonly<Record<string, string>>;
  readonly seed: number;
  /** Columns of the first output, or why it cannot be compared. */
  readonly columns: readonly number[] | string;
};

function comparedColumns(model: Model): readonly number[] | string {
  try {
    choiceOutput(model);
  } catch (error) {
    if (error instanceof MesascopeError) return error.message;
    throw error;
  }
  const last = model.index.outputs[0]?.shape?.at(-1);
  const count = typeof last === 'number' ? Math.min(last, MOST_COLUMNS) : 1;
  return Array.from({ length: count }, (_, i) => i);
}

function notApplicable(note: string): Check {
  return { state: 'not-applicable', value: undefined, limit: undefined, note };
}

function atMost(value: number, limit: number, note: string): Check {
  return { state: value <= limit ? 'passed' : 'failed', value, limit, note };
}

/** The hooks of `names` if the graph offers all of them with one vector per position. */
function positioned(model: Model, names: readonly string[]): HookPoint[] | undefined {
  const found = names.map((name) => model.hooks.hooks.find((hook) => hook.name === name));
  const good = found.filter(
    (hook): hook is HookPoint =>
      hook?.state === 'available' && hook.axes[0] === 'batch' && hook.axes[1] === 'position',
  );
  return good.length === names.length ? good : undefined;
}

function forward(context: Context, change: Partial<ForwardRequest>): ReturnType<typeof runForward> {
  const { model, inputs, mapping } = context;
  return runForward(model, {
    inputs,
    mapping,
    hooks: [],
    positions: [-1],
    readout: -1,
    choices: [],
    ...change,
  });
}

async function residualIdentity(context: Context): Promise<Check> {
  const { model, inputs, mapping } = context;
  const identities = residualIdentities(model.hooks).filter(({ sum, terms }) => {
    return positioned(model, [sum, ...terms]) !== undefined;
  });
  if (identities.length === 0) {
    return notApplicable(
      model.hooks.noResidual ?? 'no block offers a sum of the stream together with its parts',
    );
  }
  const hooks = identities.flatMap(({ sum, terms }) => [sum, ...terms]);
  const lengths = encode(model, inputs, mapping).lengths;
  const shortest = lengths.reduce((least, length) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const positions = Array.from({ length: shortest }, (_, i) => i);
  const run = await forward(context, { hooks, positions, optimization: 'basic' });
  let worst = 0;
  let largest = 1;
  for (const { sum, terms } of identities) {
    for (const position of positions) {
      const whole = run.activations(sum, position).data;
      const parts = terms.map((hook) => run.activations(hook, position).data);
      for (let i = 0; i < whole.length; i++) {
        let added = 0;
        for (const part of parts) added += part[i]!;
        worst = Math.max(worst, Math.abs(whole[i]! - added));
        largest = Math.max(largest, Math.abs(whole[i]!));
      }
    }
  }
  const blocks = new Set(identities.map(({ sum }) => sum.split('.')[1])).size;
  return atMost(
    worst,
    TOLERANCE * largest,
    `${identities.length} sums in ${blocks} of ${model.hooks.blocks.length} blocks, such as ${identities[0]!.sum} = ${identities[0]!.terms.join(' + ')}`,
  );
}

async function attentionRows(context: Context): Promise<Check> {
  const { model, inputs, mapping } = context;
  const patterns = model.hooks.hooks.filter(
    (hook): hook is HookPoint => hook.state === 'available' && hook.name.endsWith('.pattern'),
  );
  if (patterns.length === 0) return notApplicable('the graph shows no attention pattern');
  const outputs = patterns.map(({ value }) => ({ value, pick: 'all' as const }));
  const encoded = encode(model, inputs, mapping);
  const [batch] = batchByLength(encoded, {
    maxRows: MOST_INPUTS,
    maxTokens: Number.MAX_SAFE_INTEGER,
  }).batches;
  if (batch === undefined) return notApplicable('there are no inputs');
  let worst = 0;
  const plan = { steps: [() => ({ outputs, keepModelOutputs: false })], optimization: 'basic' as const };
  await model.sessions.use({ whole: outputs }, plan, async ({ session, instrumented }) => {
    const fetches = patterns.map(({ value }) => instrumented[0]!.outputNames.get(value)!);
    const results = await session.run(
      encoded.feeds(batch.subarray(0, encoded.fixedBatch ?? batch.length)),
      fetches,
    );
    for (const name of fetches) {
      const { dims, data } = results[name]!;
      const keys = dims.at(-1) ?? 1;
      for (let from = 0; from < data.length; from += keys) {
        let sum = 0;
        for (let i = from; i < from + keys; i++) sum += Number(data[i]!);
        worst = Math.max(worst, Math.abs(sum - 1));
      }
    }
  });
  return atMost(
    worst,
    TOLERANCE,
    `attention of ${patterns.length} block${patterns.length === 1 ? '' : 's'} sums to 1 over the keys`,
  );
}

/** The residual stream after each block, else whatever has a vector per position. */
function streamHooks(model: Model): string[] {
  const names = model.hooks.hooks.map((hook) => hook.name);
  const posts = names.filter(
    (name) => name.endsWith('.resid_post') && positioned(model, [name]) !== undefined,
  );
  return posts.length > 0 ? posts : names.filter((name) => positioned(model, [name]) !== undefined);
}

async function batchEqualsAlone(context: Context): Promise<Check> {
  const { model, inputs, columns } = context;
  const hooks = streamHooks(model);
  const choices = typeof columns === 'string' ? [] : columns;
  if (hooks.length === 0 && choices.length === 0)
    return notApplicable('nothing per row can be read from this graph');
  const together = await forward(context, { hooks, choices });
  let worst = 0;
  let largest = 1;
  const compare = (whole: Matrix | undefined, alone: Matrix | undefined, row: number): void => {
    if (whole === undefined || alone === undefined) return;
    for (let j = 0; j < whole.columns; j++) {
      const value = whole.data[row * whole.columns + j]!;
      worst = Math.max(worst, Math.abs(value - alone.data[j]!));
      largest = Math.max(largest, Math.abs(value));
    }
  };
  for (const [row, input] of inputs.entries()) {
    const alone = await forward({ ...context, inputs: [input] }, { hooks, choices });
    for (const hook of hooks) compare(together.activations(hook, -1), alone.activations(hook, -1), row);
    compare(together.choiceLogits, alone.choiceLogits, row);
  }
  const lengths = new Set(encode(model, inputs, context.mapping).lengths).size;
  return atMost(
    worst,
    TOLERANCE * largest,
    `${inputs.length} rows of ${lengths} length${lengths === 1 ? '' : 's'}, each alone and among the others`,
  );
}

async function editChangesOutput(context: Context): Promise<Check> {
  const { model, inputs, mapping, columns, seed } = context;
  if (typeof columns === 'string') return notApplicable(columns);
  const hooks = streamHooks(model);
  if (hooks.length === 0) return notApplicable('no hidden value has a position to edit');
  const plain = await forward(context, { hooks, choices: columns });
  let least = Number.POSITIVE_INFINITY;
  let weakest = '';
  for (const hook of hooks) {
    const value = plain.activations(hook, -1);
    const edits = await openInterventions(model, {
      mapping,
      edits: [{ hook, kind: 'add' }],
      readout: -1,
      choices: columns,
    });
    const edited = await edits.run({ inputs, position: -1, values: [randomLike(value, `${seed}/${hook}`)] });
    await edits.close();
    const change = largestDifference(edited, plain.choiceLogits!);
    if (change < least) [least, weakest] = [change, hook];
  }
  return {
    state: least >= LEAST_EFFECT ? 'passed' : 'failed',
    value: least,
    limit: LEAST_EFFECT,
    note: `least change of the outputs over ${hooks.length} hook${hooks.length === 1 ? '' : 's'}, at ${weakest}`,
  };
}

async function noOpEdit(context: Context): Promise<Check> {
  const { model, inputs, mapping, columns } = context;
  if (typeof columns === 'string') return notApplicable(columns);
  const hooks = streamHooks(model);
  if (hooks.length === 0) return notApplicable('no hidden value has a position to edit');
  const plain = await forward(context, { hooks, choices: columns, optimization: 'basic' });
  let worst = 0;
  for (const hook of hooks) {
    const edits = await openInterventions(model, {
      mapping,
      edits: [{ hook, kind: 'replace' }],
      readout: -1,
      choices: columns,
      optimization: 'basic',
    });
    const edited = await edits.run({ inputs, position: -1, values: [plain.activations(hook, -1)] });
    await edits.close();
    worst = Math.max(worst, largestDifference(edited, plain.choiceLogits!));
  }
  return atMost(
    worst,
    0,
    `replacing ${hooks.length === 1 ? hooks[0] : `each of ${hooks.length} hooks`} with itself, exact mode`,
  );
}

/** Normal noise of the root mean square of `like`. */
function randomLike(like: Matrix, seed: string): Matrix {
  let squares = 0;
  for (const value of like.data) squares += value * value;
  const scale = Math.sqrt(squares / Math.max(1, like.data.length)) || 1;
  const random = seededRandom(seed);
  return matrix(
    like.rows,
    like.columns,
    Float32Array.from(like.data, () => scale * random.normal()),
  );
}

function largestDifference(a: Matrix, b: Matrix): number {
  let largest = 0;
  for (let i = 0; i < a.data.length; i++) largest = Math.max(largest, Math.abs(a.data[i]! - b.data[i]!));
  return largest;
}
