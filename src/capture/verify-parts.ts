/** @file capture: the self-checks of what a block adds: attention reads other positions, an MLP its own, and an edit of the stream reaches
 *  both of its ways. */
import { fedRows } from '../model/batches.ts';
import { type Encoded, encode } from '../model/encode.ts';
import type { Model } from '../model/open-model.ts';
import type { TensorValue } from '../model/runtime.ts';
import { streamOf } from '../model/sequences.ts';
import type { OpenSession } from '../model/session-pool.ts';
import type { HookNumber, HookPoint, SelfCheck } from '../onnx/contract.ts';
import { neededFor, producers } from '../onnx/prune.ts';
import {
  atLeast,
  atMost,
  type Check,
  type Context,
  greatest,
  LEAST_EFFECT,
  least,
  notApplicable,
  positioned,
  toleranceOf,
} from './verify-context.ts';
import { noiseLike } from './verify-edits.ts';

/** What a block adds to its stream. */
type Part = {
  readonly kind: 'attention' | 'mlp';
  /** The stream that it reads, which is edited, and what it adds. */
  readonly from: HookPoint;
  readonly out: HookPoint;
  /** Keys of attention, where they are shown: those of another sequence do not feel the edit. */
  readonly keys: HookPoint | undefined;
  /** The sum and all that the block adds in it; undefined where one of them is not shown. */
  readonly sum: { readonly whole: HookPoint; readonly terms: readonly HookPoint[] } | undefined;
};

/** What an edit of one position of the stream changes. */
type Felt = {
  readonly part: Part;
  /** Largest change of what is added, at the edited position and at the others. */
  readonly here: number;
  readonly elsewhere: number;
  /** Largest change of the sum less its terms at the edited position: the way past the part. */
  readonly past: number | undefined;
  /** Largest value of what is added, and of the sum. */
  readonly size: number;
  readonly sumSize: number;
  readonly ownKeys: boolean;
};

/** Positions that tell apart what is done at each and across them; more cost time and say nothing new. */
const ENOUGH_POSITIONS = 3;

/**
 * Three checks over the blocks of one row, the shortest that has three positions: the stream that attention reads is edited at one position,
 * and what it adds must change at another; of an MLP it must not; and both what is added and the stream beside it must change at the edited one.
 * Names that are given to the wrong part of a block, or to a value that only a part of the block reads, fail here.
 */
export async function partChecks(context: Context): Promise<SelfCheck[]> {
  const ids = ['attention-mixes-positions', 'mlp-keeps-positions', 'edit-reaches-both'] as const;
  const { model, inputs, mapping } = context;
  const encoded = encode(model, inputs, mapping);
  const row = shortRow(encoded);
  const parts =
    row === undefined ? [] : partsOf(model).filter(({ from }) => lengthOf(encoded, from, row) > 1);
  if (row === undefined || parts.length === 0) {
    const why = 'no block shows a stream of several positions, and what it adds to it';
    return ids.map((id) => ({ id, ...notApplicable(model.hooks.noResidual ?? why) }));
  }
  const felt = await editEach(context, { encoded, row, parts });
  const checks = [attentionCheck(model, felt), mlpCheck(model, felt), bothCheck(model, felt)];
  return ids.map((id, i) => ({ id, ...checks[i]! }));
}

function attentionCheck(model: Model, felt: readonly Felt[]): Check {
  const own = felt.filter(({ part, ownKeys }) => part.kind === 'attention' && ownKeys);
  if (own.length === 0) return notApplicable('no block shows what attention to its own stream adds');
  if (model.mixesRows) return notApplicable(MIXED);
  const perHook = own.map(({ part, elsewhere }): HookNumber => ({ hook: part.out.name, value: elsewhere }));
  const weakest = least(perHook);
  const note = `least change of what attention adds, elsewhere than where its stream is edited, at ${weakest.hook}`;
  return { ...atLeast(weakest.value, LEAST_EFFECT, note), perHook };
}

function mlpCheck(model: Model, felt: readonly Felt[]): Check {
  const own = felt.filter(({ part }) => part.kind === 'mlp');
  if (own.length === 0) return notApplicable('no block shows what an MLP adds together with what it reads');
  if (model.mixesRows) return notApplicable(MIXED);
  const perHook = own.map(({ part, elsewhere }): HookNumber => ({ hook: part.out.name, value: elsewhere }));
  const worst = greatest(perHook);
  const { limit, note: precision } = toleranceOf(model);
  const size = own.reduce((most, one) => Math.max(most, one.size), 1);
  const note = `largest change of what an MLP adds, elsewhere than where its stream is edited, at ${worst.hook}${precision}`;
  return { ...atMost(worst.value, limit * size, note), perHook };
}

const MIXED =
  'activations are quantised over all positions together, so that an edit of one changes them all';

function bothCheck(model: Model, felt: readonly Felt[]): Check {
  const { limit } = toleranceOf(model);
  const producer = producers(model.index);
  // A part may have nothing to say of the rows that are run (its nonlinearity is 0 there): that it reads the stream is then seen in the graph.
  const silent = felt.filter(
    ({ part, here }) =>
      here < LEAST_EFFECT && neededFor(producer, [part.out.value]).values.has(part.from.value),
  );
  const perHook = felt.flatMap((one): HookNumber[] => {
    const { part, here, past, sumSize } = one;
    // What is left of a sum less its terms is never quite the same twice.
    const beside = past !== undefined && past <= limit * sumSize ? 0 : past;
    const seen = [silent.includes(one) ? [] : [here], beside === undefined ? [] : [beside]].flat();
    return seen.length === 0 ? [] : [{ hook: part.out.name, value: Math.min(...seen) }];
  });
  if (perHook.length === 0)
    return notApplicable('what the blocks add is the same whatever the stream is on the row that was run');
  const weakest = least(perHook);
  const quiet =
    silent.length === 0
      ? ''
      : `; ${silent.length} add${silent.length === 1 ? 's' : ''} the same whatever the stream is on the row that was run, such as ${silent[0]!.part.out.name}`;
  const note = `least change, where the stream is edited, of what is added and of the stream beside it, at ${weakest.hook}${quiet}`;
  return { ...atLeast(weakest.value, LEAST_EFFECT, note), perHook };
}

/** The row with the fewest positions that are enough, else the one with the most. */
function shortRow(encoded: Encoded): number | undefined {
  const lengths = encoded.positionsIn('main');
  let found: number | undefined;
  for (const [row, length] of lengths.entries()) {
    const best = found === undefined ? 0 : lengths[found]!;
    const better = best < ENOUGH_POSITIONS ? length > best : length >= ENOUGH_POSITIONS && length < best;
    if (better) found = row;
  }
  return found;
}

function lengthOf(encoded: Encoded, { name }: HookPoint, row: number): number {
  return encoded.positionsIn(streamOf(name))[row]!;
}

function partsOf(model: Model): Part[] {
  const computed = new Set(model.index.nodes.flatMap(({ outputs }) => outputs));
  const known = new Map(model.hooks.hooks.map((hook) => [hook.name, hook]));
  const blocks = [
    ...(model.hooks.encoder ?? []).map(({ index, kind }) => ({ kind, prefix: `encoder.blocks.${index}.` })),
    ...model.hooks.blocks.map(({ index, kind }) => ({ kind, prefix: `blocks.${index}.` })),
  ];
  return blocks.flatMap(({ kind, prefix }): Part[] => {
    const hook = (part: string): HookPoint | undefined => positioned(model, [`${prefix}${part}`])?.[0];
    const summed = (part: string): HookPoint | undefined =>
      hook(known.has(`${prefix}${part}_sum`) ? `${part}_sum` : part);
    const lacks = (part: string): boolean => {
      const one = known.get(`${prefix}${part}`);
      return one?.state === 'unavailable' && one.absent === true;
    };
    const parallel = kind === 'parallel';
    const [attention, mlp] = [hook('attn_out'), hook('mlp_out')];
    const sumOf = (whole: HookPoint | undefined, own: HookPoint): Part['sum'] => {
      const terms = parallel ? [attention, mlp] : [own];
      return whole === undefined || terms.includes(undefined)
        ? undefined
        : { whole, terms: terms as readonly HookPoint[] };
    };
    const keys = known.get(`${prefix}k`);
    const found: Part[] = [];
    const pre = hook('resid_pre');
    if (pre !== undefined && attention !== undefined) {
      const whole = summed(parallel || lacks('mlp_out') ? 'resid_post' : 'resid_mid');
      found.push({
        kind: 'attention',
        from: pre,
        out: attention,
        keys: keys?.state === 'available' ? keys : undefined,
        sum: sumOf(whole, attention),
      });
    }
    const crossed = known.has(`${prefix}resid_cross`);
    const middle = crossed ? hook('resid_cross') : parallel || lacks('attn_out') ? pre : hook('resid_mid');
    if (middle !== undefined && mlp !== undefined) {
      const sum = sumOf(summed('resid_post'), mlp);
      found.push({ kind: 'mlp', from: middle, out: mlp, keys: undefined, sum });
    }
    // What is fed cannot be edited.
    return found.filter(({ from }) => computed.has(from.value));
  });
}

/** All edits in one graph, one of them on at a time. */
async function editEach(
  { model, seed }: Context,
  of: { readonly encoded: Encoded; readonly row: number; readonly parts: readonly Part[] },
): Promise<Felt[]> {
  const { encoded, row, parts } = of;
  const values = new Set(
    parts.flatMap(({ from, out, keys, sum }) => [
      ...[from.value, out.value],
      ...(keys === undefined ? [] : [keys.value]),
      ...(sum === undefined ? [] : [sum.whole.value, ...sum.terms.map(({ value }) => value)]),
    ]),
  );
  const outputs = [...values].map((value) => ({ value, pick: 'all' as const }));
  const edited = new Map(parts.map(({ from }) => [from.value, from]));
  const edits = [...edited.keys()].map((value, i) => {
    return { value, kind: 'add' as const, id: `part-${i}`, rank: 3 };
  });
  const plan = {
    steps: [() => ({ outputs, edits, keepModelOutputs: false })],
    optimization: 'basic' as const,
  };
  return model.sessions.use({ parts: outputs, edits }, plan, async (open) => {
    const fed = fedRows(encoded, Int32Array.of(row));
    const run = async (on?: Noise): Promise<Values> => {
      const feeds: Record<string, TensorValue> = encoded.feeds(fed);
      for (const [i, from] of [...edited.values()].entries()) {
        const length = lengthOf(encoded, from, row);
        const noise = on?.value === from.value ? on : undefined;
        const mask = new Uint8Array(fed.length * length);
        if (noise !== undefined) for (let r = 0; r < fed.length; r++) mask[r * length + noise.position] = 1;
        const { mask: maskName, value: valueName } = open.instrumented[0]!.edits[i]!;
        feeds[maskName] = { type: 'bool', dims: [fed.length, length, 1], data: mask };
        const data = noise?.data ?? new Float32Array(1);
        feeds[valueName!] = { type: 'float32', dims: [1, 1, data.length], data };
      }
      return firstRow(open, await open.session.run(feeds, [...open.instrumented[0]!.outputNames.values()]));
    };
    const plain = await run();
    const felt: Felt[] = [];
    for (const part of parts) {
      const length = lengthOf(encoded, part.from, row);
      let one: Felt | undefined;
      // Behind a causal mask the last position changes no other.
      for (const position of part.kind === 'attention' ? [0, length - 1] : [0]) {
        const own = plain(part.from);
        const width = own.length / length;
        const data = noiseLike(
          own.subarray(position * width, (position + 1) * width),
          `${seed}/${part.out.name}`,
        );
        const after = await run({ value: part.from.value, position, data });
        one = feltBy(part, { plain, after, length, position });
        if (!(one.elsewhere < LEAST_EFFECT)) break;
      }
      felt.push(one!);
    }
    return felt;
  });
}

/** Noise that is added to one position of a value. */
type Noise = { readonly value: string; readonly position: number; readonly data: Float32Array };
/** A hook's values in the one row that is run, [position, width]. */
type Values = (hook: HookPoint) => Float32Array;

function firstRow({ instrumented }: OpenSession, outputs: Readonly<Record<string, TensorValue>>): Values {
  return ({ value }) => {
    const { data, dims } = outputs[instrumented[0]!.outputNames.get(value)!]!;
    return Float32Array.from({ length: data.length / (dims[0] ?? 1) }, (_, i) => Number(data[i]!));
  };
}

function feltBy(
  part: Part,
  of: { readonly plain: Values; readonly after: Values; readonly length: number; readonly position: number },
): Felt {
  const { plain, after, length, position } = of;
  const [before, now] = [plain(part.out), after(part.out)];
  const width = before.length / length;
  let [here, elsewhere] = [0, 0];
  for (const [i, value] of now.entries()) {
    const change = Math.abs(value - before[i]!);
    if (Math.floor(i / width) === position) here = Math.max(here, change);
    else elsewhere = Math.max(elsewhere, change);
  }
  const { sum, keys } = part;
  const besideOf = (values: Values): Float32Array | undefined => {
    if (sum === undefined) return undefined;
    const terms = sum.terms.map(values);
    const own = values(sum.whole).subarray(position * width, (position + 1) * width);
    return own.map((value, i) => terms.reduce((left, term) => left - term[position * width + i]!, value));
  };
  const [was, is] = [besideOf(plain), besideOf(after)];
  return {
    part,
    here,
    elsewhere,
    past: was === undefined || is === undefined ? undefined : apart(was, is),
    size: largest(before),
    sumSize: sum === undefined ? 0 : largest(plain(sum.whole)),
    ownKeys: keys === undefined || apart(plain(keys), after(keys)) > 0,
  };
}

function apart(a: Float32Array, b: Float32Array): number {
  return largest(a.map((value, i) => value - b[i]!));
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
