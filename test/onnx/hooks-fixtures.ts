/** @file onnx test: the recorded exports of test/fixtures/onnx, run through ONNX Runtime and laid beside PyTorch's values. */
import { readdirSync, readFileSync } from 'node:fs';
import { appendOutputs } from '../../src/onnx/append-outputs.ts';
import { findHookPoints, type HookMap, type HookPoint } from '../../src/onnx/hooks-find.ts';
import { indexModel } from '../../src/onnx/index-model.ts';
import type { TensorValue } from '../../src/runtime/contract.ts';
import { openSession } from '../../src/runtime/session.ts';
import { floats, type Values } from './ort-run.ts';

const FOLDER = new URL('../fixtures/onnx/', import.meta.url);

export const FIXTURES: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => file.slice(0, -'.onnx'.length));

export const WITH_RESIDUAL: readonly string[] = FIXTURES.filter((name) => !name.startsWith('no-residual'));

export function fixtureBytes(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.onnx`, FOLDER));
}

export function fixtureText(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'latin1');
}

/** One input row, run alone: what is fed, and what PyTorch recorded under hook names. */
export type Row = { readonly feeds: Values; readonly truth: ReadonlyMap<string, TensorValue> };

/** The rows of NAME.safetensors: a header of 8 + n bytes, then the data (huggingface/safetensors, README, "Format"). */
export function fixtureRows(name: string): readonly Row[] {
  return readRows(readFileSync(new URL(`${name}.safetensors`, FOLDER)));
}

/** The rows of such a file's bytes. */
export function readRows(bytes: Buffer): readonly Row[] {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const rows: { feeds: Values; truth: Map<string, TensorValue> }[] = [];
  for (const [key, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    const match = /^row(\d+)\.(input\.)?(.+)$/.exec(key);
    if (match === null) continue;
    const buffer = new Uint8Array(bytes.subarray(8 + length + offsets[0], 8 + length + offsets[1])).buffer;
    const value: TensorValue =
      dtype === 'I64'
        ? { type: 'int64', dims: shape, data: new BigInt64Array(buffer) }
        : { type: 'float32', dims: shape, data: new Float32Array(buffer) };
    rows[Number(match[1])] ??= { feeds: {}, truth: new Map() };
    const row = rows[Number(match[1])]!;
    if (match[2] === undefined) row.truth.set(match[3]!, value);
    else row.feeds[match[3]!] = value;
  }
  return rows;
}

export type Captured = {
  readonly map: HookMap;
  readonly hooks: readonly HookPoint[];
  /** Per row, hook name to value; per head values as [batch, position, head, head_width]. */
  readonly rows: readonly ReadonlyMap<string, Float32Array>[];
};

/** Captures every available hook of a model for each row, with ONNX Runtime's own rewriting off. */
export async function captureAll(bytes: Uint8Array, rows: readonly Row[]): Promise<Captured> {
  const index = indexModel(bytes);
  const map = findHookPoints(index);
  const hooks = map.hooks.filter((hook): hook is HookPoint => hook.state === 'available');
  const extended = appendOutputs(index, [...new Set(hooks.map(({ value }) => value))]);
  const session = await openSession(
    { kind: 'bytes', bytes: extended },
    { optimization: 'disabled', threads: 1 },
  );
  try {
    const captured: ReadonlyMap<string, Float32Array>[] = [];
    for (const { feeds } of rows) {
      const values = await session.run(feeds);
      captured.push(new Map(hooks.map((hook) => [hook.name, inOrder(hook, values[hook.value])])));
    }
    return { map, hooks, rows: captured };
  } finally {
    await session.close();
  }
}

const ORDER = ['batch', 'position', 'head', 'query', 'key', 'head_width', 'width', 'vocabulary'] as const;

/** The value with its axes in the order of `ORDER`; a width made of heads is already in that order. */
export function inOrder(hook: HookPoint, value: TensorValue | undefined): Float32Array {
  const data = floats(value);
  const dims = value!.dims;
  if (dims.length !== hook.axes.length) {
    throw new Error(`${hook.name} has axes ${hook.axes} and came out as [${dims}]`);
  }
  const order = dims.map((_, axis) => axis).sort((a, b) => place(hook, a) - place(hook, b));
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, size) => product * size, 1));
  const out = new Float32Array(data.length);
  const at = new Array<number>(dims.length).fill(0);
  for (let i = 0; i < out.length; i++) {
    out[i] = data[order.reduce((sum, axis, k) => sum + at[k]! * strides[axis]!, 0)]!;
    for (let k = order.length - 1; k >= 0 && ++at[k]! === dims[order[k]!]; k--) at[k] = 0;
  }
  return out;
}

function place(hook: HookPoint, axis: number): number {
  return ORDER.indexOf(hook.axes[axis] as (typeof ORDER)[number]);
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
