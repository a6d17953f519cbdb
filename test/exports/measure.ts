/** @file test: one exported model laid beside what PyTorch computed of the same weights: hooks, captures, self-checks, time. */
import { readFileSync } from 'node:fs';
import { verifyModel } from '../../src/capture/verify-model.ts';
import { derivedFeeds } from '../../src/model/feeds.ts';
import { planInputs } from '../../src/model/input-roles.ts';
import { type Model, openModel } from '../../src/model/open-model.ts';
import type { HookPoint, SelfCheck } from '../../src/onnx/contract.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { inOrder, type Row, readRows } from '../onnx/hooks-fixtures.ts';

/** One hook of one model against PyTorch, over all rows. */
export type Compared = {
  readonly hook: string;
  /** Largest difference over the largest value, or over 1 where all are smaller. */
  readonly largest: number;
  /** Root of the squared differences over the squared values. */
  readonly relative: number;
  /** Cosine of the two, taken as one vector each. */
  readonly cosine: number;
};

export type Measured = {
  readonly blocks: number;
  readonly available: readonly string[];
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly noResidual: string | undefined;
  readonly compared: readonly Compared[];
  /** Hooks that PyTorch recorded and the graph does not offer. */
  readonly unread: readonly string[];
  /** Hooks that the graph offers and PyTorch did not record. */
  readonly unchecked: readonly string[];
  readonly checks: readonly SelfCheck[];
  readonly seconds: number;
};

/** Reads every hook of a model for every recorded row, and runs the self-checks. */
export async function measureExport(path: string, truth: string): Promise<Measured> {
  const started = performance.now();
  const model = await openModel(path);
  try {
    const hooks = model.hooks.hooks.filter((hook): hook is HookPoint => hook.state === 'available');
    const rows = readRows(readFileSync(truth)).map((row) => partOf(row, path));
    const sums = new Map<
      string,
      { difference: number; value: number; squares: number; of: number; own: number; dot: number }
    >();
    const unread = new Set<string>();
    for (const row of rows) {
      const values = await capture(model, hooks, row.feeds);
      for (const [hook, expected] of row.truth) {
        const value = values.get(hook);
        if (value === undefined) {
          unread.add(hook);
          continue;
        }
        const sum = sums.get(hook) ?? { difference: 0, value: 1, squares: 0, of: 0, own: 0, dot: 0 };
        sums.set(hook, sum);
        const data = expected.data as Float32Array;
        if (data.length !== value.length)
          throw new Error(`${hook} has ${value.length} values, PyTorch ${data.length}`);
        for (const [i, x] of data.entries()) {
          const difference = Math.abs(x - value[i]!);
          sum.difference = Math.max(sum.difference, difference);
          sum.value = Math.max(sum.value, Math.abs(x));
          sum.squares += difference * difference;
          sum.of += x * x;
          sum.own += value[i]! * value[i]!;
          sum.dot += x * value[i]!;
        }
      }
    }
    const checks = await verifyModel(model, { hooks: '**' }).catch((error: Error) => [
      { id: 'checks', state: 'failed' as const, value: undefined, limit: undefined, note: error.message },
    ]);
    return {
      blocks: model.hooks.blocks.length,
      available: hooks.map(({ name }) => name),
      missing: model.hooks.hooks.filter((hook) => hook.state === 'unavailable'),
      noResidual: model.hooks.noResidual,
      compared: [...sums].map(([hook, { difference, value, squares, of, own, dot }]) => ({
        hook,
        largest: difference / value,
        relative: Math.sqrt(squares / (of || 1)),
        cosine: dot / Math.sqrt(of * own || 1),
      })),
      unread: [...unread],
      unchecked: hooks.map(({ name }) => name).filter((name) => !sums.has(name)),
      checks: checks as SelfCheck[],
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await model.close();
  }
}

/** What one graph of an encoder-decoder that was exported in two takes and computes. */
function partOf(row: Row, path: string): Row {
  const pick = (wanted: (hook: string) => boolean, rename: (hook: string) => string): Row['truth'] =>
    new Map([...row.truth].filter(([hook]) => wanted(hook)).map(([hook, value]) => [rename(hook), value]));
  if (/encoder_model/.test(path)) {
    const truth = pick(
      (hook) => hook.startsWith('encoder.'),
      (hook) => hook.slice('encoder.'.length),
    );
    return { feeds: row.feeds, truth };
  }
  if (!/decoder_model/.test(path) || row.feeds.decoder_input_ids === undefined) return row;
  return {
    feeds: {
      input_ids: row.feeds.decoder_input_ids,
      encoder_attention_mask: row.feeds.attention_mask!,
      encoder_hidden_states: row.truth.get('encoder.final_norm')!,
    },
    truth: pick(
      (hook) => !hook.startsWith('encoder.'),
      (hook) => hook,
    ),
  };
}

/** Every hook's whole value for one recorded row, axes in the order of the recording. */
async function capture(
  model: Model,
  hooks: readonly HookPoint[],
  given: Readonly<Record<string, TensorValue>>,
): Promise<Map<string, Float32Array>> {
  const outputs = [...new Set(hooks.map(({ value }) => value))].map((value) => ({
    value,
    pick: 'all' as const,
  }));
  const known = Object.fromEntries(
    Object.entries(given).filter(([name]) => model.inputs.some((input) => input.name === name)),
  );
  const fields = Object.keys(known);
  const plan = planInputs(model.inputs, { kind: 'tensors', fields, mapping: {} });
  const [batch = 1, length = 1] = Object.values(known)[0]!.dims;
  const encoder = given.encoder_hidden_states?.dims[1] ?? length;
  const lengthOf = ({ name }: { readonly name: string }): number =>
    name.startsWith('encoder_') ? encoder : length;
  const feeds = { ...known, ...derivedFeeds(plan, batch, lengthOf) };
  const steps = [() => ({ outputs, keepModelOutputs: false })];
  return model.sessions.use(
    { every: outputs },
    { steps, optimization: 'basic' },
    async ({ session, instrumented }) => {
      const names = instrumented[0]!.outputNames;
      const fetches = hooks.map(({ value }) => names.get(value)!);
      const results = await session.run(feeds, [...new Set(fetches)]);
      return new Map(hooks.map((hook, i) => [hook.name, inOrder(hook, results[fetches[i]!])]));
    },
  );
}
