/** @file capture: the self-check of names: an MLP works on each position by itself, which nothing else that a block may add does. */
import { matrix } from '../core/matrix.ts';
import { seededRandom } from '../core/random.ts';
import { batchByLength, fedRows } from '../model/batches.ts';
import { type Encoded, encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { TensorValue } from '../model/runtime.ts';
import type { EditInputs, EditRequest, HookNumber, OutputRequest, StreamName } from '../onnx/contract.ts';
import { addEditFeeds } from './edit-feeds.ts';
import { sizeOf } from './hook-block.ts';
import { type Check, type Context, notApplicable, positioned, toleranceOf } from './verify-context.ts';

const MOST_ROWS = 4;
/** Where the stream is changed: the first position, which attention of any direction reads. */
const PLACE = 0;

/** A part of a block, and the stream that it reads. */
type Part = {
  readonly hook: string;
  readonly value: string;
  readonly source: string;
  readonly width: number | undefined;
};

/**
 * Changes the stream at one position in front of each part that is called MLP, and looks at what it adds at all others: nothing may
 * change there. Attention that were called MLP by mistake, or a convolution over positions, would.
 */
export async function partsCheck(context: Context): Promise<Check> {
  const { model, inputs, mapping } = context;
  const parts = { main: mlpParts(model, 'main'), encoder: mlpParts(model, 'encoder') };
  if (parts.main.length + parts.encoder.length === 0)
    return notApplicable('no block offers an MLP and the stream that it reads');
  if (model.mixesRows)
    return notApplicable(
      'activations are quantised by the values of all positions, which mixes them everywhere',
    );
  const encoded = encode(model, inputs, mapping);
  const found: (HookNumber & { readonly largest: number })[] = [];
  for (const stream of ['encoder', 'main'] as const) {
    if (parts[stream].length > 0)
      found.push(...(await movedBy(context, encoded, { stream, parts: parts[stream] })));
  }
  if (found.length === 0) return notApplicable('no row has two positions');
  const { limit, note } = toleranceOf(model);
  const share = ({ value, largest }: (typeof found)[number]): number => value / largest;
  // NaN is no small change.
  const worst = found.reduce((most, one) => (share(one) <= share(most) ? most : one));
  return {
    state: found.every((one) => one.value <= limit * one.largest) ? 'passed' : 'failed',
    value: worst.value,
    limit: limit * worst.largest,
    note: `what ${found.length} MLP${found.length === 1 ? '' : 's'} add at other positions when the stream is changed at one; most at ${worst.hook}${note}`,
    perHook: found.map(({ hook, value }) => ({ hook, value })),
  };
}

function mlpParts(model: Model, stream: StreamName): Part[] {
  const prefix = stream === 'encoder' ? 'encoder.' : '';
  const all = (stream === 'encoder' ? model.hooks.encoder : model.hooks.blocks) ?? [];
  return all.flatMap(({ index, kind }) => {
    const name = (part: string): string => `${prefix}blocks.${index}.${part}`;
    const attention = model.hooks.hooks.find((hook) => hook.name === name('attn_out'));
    const alone = attention?.state === 'unavailable' && attention.absent === true;
    const read = name(kind === 'parallel' || alone ? 'resid_pre' : 'resid_mid');
    const [part, source] = positioned(model, [name('mlp_out'), read]) ?? [];
    if (part === undefined || source === undefined || part.axes.length !== 3) return [];
    return [{ hook: part.name, value: part.value, source: source.value, width: source.width }];
  });
}

/** The largest change of each part at the positions that were left alone. */
async function movedBy(
  { model, seed }: Context,
  encoded: Encoded,
  { stream, parts }: { readonly stream: StreamName; readonly parts: readonly Part[] },
): Promise<(HookNumber & { readonly largest: number })[]> {
  const lengths = encoded.positionsIn(stream);
  const limits = { maxRows: MOST_ROWS, maxTokens: Number.MAX_SAFE_INTEGER };
  const batch = batchByLength(encoded, limits).batches.find((rows) => lengths[rows[0]!]! >= 2);
  if (batch === undefined) return [];
  const length = lengths[batch[0]!]!;
  const fed = fedRows(encoded, batch);
  const sources = [...new Set(parts.map(({ source }) => source))];
  const values = [...new Set([...sources, ...parts.map(({ value }) => value)])];
  const edits = sources.map((value, i): EditRequest => ({ value, kind: 'add', id: `part${i}`, rank: 3 }));
  const outputs = values.map((value): OutputRequest => ({ value, pick: 'all' }));
  const plan = {
    steps: [() => ({ outputs, edits, keepModelOutputs: false })],
    optimization: 'basic' as const,
  };
  const random = seededRandom(`parts/${seed}`);
  return model.sessions.use({ parts: values, sources }, plan, async ({ session, instrumented }) => {
    const graph = instrumented[0]!;
    const nameOf = (value: string): string => graph.outputNames.get(value)!;
    /** Every value, with `noise` added at one position of one source, or of none. */
    const run = async (
      source: number,
      noise: (edit: EditInputs, i: number) => Float32Array,
    ): Promise<Readonly<Record<string, TensorValue>>> => {
      const feeds: Record<string, TensorValue> = encoded.feeds(fed);
      for (const [i, edit] of graph.edits.entries()) {
        const data = noise(edit, i);
        const given = matrix(fed.length, data.length / fed.length, data);
        addEditFeeds(feeds, edit, {
          checked: { values: graph.edits.map(() => given), bases: [], edited: undefined },
          batch: Int32Array.from(fed, (_, row) => row),
          rows: fed.length,
          at: i === source ? [PLACE] : [],
          length,
          edit: i,
          split: undefined,
        });
      }
      return session.run(feeds, values.map(nameOf));
    };
    const widths = sources.map(
      (value) => parts.find((part) => part.source === value)!.width ?? model.hooks.width ?? 1,
    );
    const plain = await run(-1, (_, i) => new Float32Array(fed.length * widths[i]!));
    const found: (HookNumber & { readonly largest: number })[] = [];
    for (const [s, source] of sources.entries()) {
      const scale = rootMeanSquare(plain[nameOf(source)]!);
      const changed = await run(s, (_, i) =>
        Float32Array.from({ length: fed.length * widths[i]! }, () => scale * random.normal()),
      );
      for (const { hook, value } of parts.filter((part) => part.source === source)) {
        found.push({ hook, ...elsewhere(plain[nameOf(value)]!, changed[nameOf(value)]!, length) });
      }
    }
    return found;
  });
}

/** Largest difference at positions other than the changed one, and the largest value compared (at least 1). */
function elsewhere(
  before: TensorValue,
  after: TensorValue,
  length: number,
): { readonly value: number; readonly largest: number } {
  const width = sizeOf(before.dims.slice(2));
  let value = 0;
  let largest = 1;
  for (let i = 0; i < before.data.length; i++) {
    if (Math.floor(i / width) % length === PLACE) continue;
    const difference = Math.abs(Number(before.data[i]) - Number(after.data[i]));
    if (!(difference <= value)) value = difference;
    largest = Math.max(largest, Math.abs(Number(before.data[i])));
  }
  return { value, largest };
}

function rootMeanSquare({ data }: TensorValue): number {
  let squares = 0;
  for (const one of data) squares += Number(one) ** 2;
  return Math.sqrt(squares / Math.max(1, data.length)) || 1;
}
