/** @file capture: self-checks of a model and of this tool's reading of it, each with its number; judges no goal. */
import type { ModelInput } from '../core/data-set.ts';
import { MesascopeError } from '../core/errors.ts';
import type { Matrix } from '../core/matrix.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { TensorValue } from '../model/runtime.ts';
import { streamOf } from '../model/sequences.ts';
import type { OpenSession } from '../model/session-pool.ts';
import type { HookPoint, SelfCheck } from '../onnx/contract.ts';
import { matchHooks, residualIdentities } from '../onnx/hooks-names.ts';
import { choiceOutput } from './choice-logits.ts';
import {
  atMost,
  type Check,
  type Context,
  EXACT,
  forward,
  notApplicable,
  positioned,
  REWRITTEN,
  streamHooks,
  toleranceOf,
} from './verify-context.ts';
import { editChecks } from './verify-edits.ts';
import { randomInputs } from './verify-inputs.ts';
import { partChecks } from './verify-parts.ts';

export type VerifyRequest = {
  /** Inputs to check on; random ones that the model accepts by default. The first sixteen are used. */
  readonly inputs?: readonly ModelInput[];
  /** The data set's `inputs`, when inputs are given. */
  readonly mapping?: Readonly<Record<string, string>>;
  /** Seed of random inputs and edits (default 0). */
  readonly seed?: number;
  /** Hooks that are edited, as a pattern; the residual stream after each block by default. */
  readonly hooks?: string;
};

const MOST_INPUTS = 16;
/** Columns of the output that are compared: enough to see a difference, cheap for a large vocabulary. */
const MOST_COLUMNS = 64;

/**
 * Runs a few inputs and reports, in this order: whether every block's output is the sum of its parts, attention rows sum to 1,
 * a row alone equals the same row among rows of other lengths, changing a hidden value changes the output, replacing it
 * with itself changes nothing (in exact mode, bit for bit), what is called attention reads other positions and what is called an MLP its own
 * alone, an edit of a block's stream is felt by what the block adds and by the sum that it is added to, and the graph that is run gives
 * what the file as it is gives.
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
    { id: 'batch-equals-alone', ...(await batchEqualsAlone(context)) },
    ...(await editChecks(context, editedHooks(model, request.hooks))),
    ...(await partChecks(context)),
    { id: 'run-equals-file', ...(await runEqualsFile(context)) },
  ];
}

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

/** Hooks of a pattern that can be edited one position at a time. */
function editedHooks(model: Model, pattern: string | undefined): readonly string[] {
  if (pattern === undefined) return streamHooks(model);
  return matchHooks(model.hooks, pattern)
    .map(({ name }) => name)
    .filter((name) => name !== 'logits' && positioned(model, [name]) !== undefined);
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
  const encoded = encode(model, inputs, mapping);
  let worst = 0;
  let largest = 1;
  for (const stream of ['encoder', 'main'] as const) {
    const own = identities.filter(({ sum }) => streamOf(sum) === stream);
    if (own.length === 0) continue;
    const hooks = own.flatMap(({ sum, terms }) => [sum, ...terms]);
    const lengths = encoded.positionsIn(stream);
    const shortest = lengths.reduce((least, length) => Math.min(least, length), Number.POSITIVE_INFINITY);
    const positions = Array.from({ length: shortest }, (_, i) => i);
    const run = await forward(context, { hooks, positions, optimization: 'basic' });
    for (const { sum, terms } of own) {
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
  }
  const blockOf = (name: string): string => name.slice(0, name.lastIndexOf('.'));
  const blocks = new Set(identities.map(({ sum }) => blockOf(sum))).size;
  const { limit, note } = toleranceOf(model);
  return atMost(
    worst,
    limit * largest,
    `${identities.length} sums in ${blocks} of ${model.hooks.blocks.length + (model.hooks.encoder?.length ?? 0)} blocks, such as ${identities[0]!.sum} = ${identities[0]!.terms.join(' + ')}${note}`,
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
    const results = await session.run(encoded.feeds(fedRows(encoded, batch)), fetches);
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
  const { limit, note } = toleranceOf(model);
  return atMost(
    worst,
    limit,
    `attention of ${patterns.length} block${patterns.length === 1 ? '' : 's'} sums to 1 over the keys${note}`,
  );
}

async function batchEqualsAlone(context: Context): Promise<Check> {
  const { model, inputs, columns } = context;
  const hooks = streamHooks(model).filter((name) => streamOf(name) === 'main');
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
  const lengths = new Set(encode(model, inputs, context.mapping).positionsIn('main')).size;
  return atMost(
    worst,
    EXACT * largest,
    `${inputs.length} rows of ${lengths} length${lengths === 1 ? '' : 's'}, each alone and among the others${model.mixesRows ? '; each in a batch of its own, since activations are quantised over the whole batch' : ''}`,
  );
}

/** The first output of the graph that is run against that of the file, where the two differ at all. */
async function runEqualsFile({ model, inputs, mapping }: Context): Promise<Check> {
  if (model.changes.length === 0) return notApplicable('the file is run as it is');
  const output = model.index.outputs[0]?.name;
  if (output === undefined) return notApplicable('the graph has no output');
  const encoded = encode(model, inputs, mapping);
  const { batches } = batchByLength(encoded, { maxRows: MOST_INPUTS, maxTokens: Number.MAX_SAFE_INTEGER });
  let worst = 0;
  let largest = 1;
  for (const batch of batches) {
    const feeds = encoded.feeds(fedRows(encoded, batch));
    const plan = { steps: [], optimization: 'basic' as const };
    const run = ({ session }: OpenSession): Promise<TensorValue> =>
      session.run(feeds, [output]).then((values) => values[output]!);
    const [ours, theirs] = [
      await model.sessions.use('as it is', plan, run),
      await model.shipped.use('as it is', plan, run),
    ];
    for (const [i, value] of theirs.data.entries()) {
      worst = Math.max(worst, Math.abs(Number(value) - Number(ours.data[i])));
      largest = Math.max(largest, Math.abs(Number(value)));
    }
  }
  const { limit } = toleranceOf(model);
  return atMost(worst, Math.max(limit, REWRITTEN) * largest, model.changes.join('; '));
}
