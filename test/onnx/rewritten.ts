/** @file onnx test: what the tests of rewritten graphs share: small stored tensors, and the distance of two graphs' outputs. */
import { expect } from 'vitest';
import type { ModelSpec } from '../../src/onnx/build.ts';
import { largestDifference } from './hooks-fixtures.ts';
import { float32, floats, run, type Values } from './ort-run.ts';

export const CONTRIB = { 'com.microsoft': 1 };
export const numbers = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 0.8);
export const tensor = (
  name: string,
  dims: readonly number[],
  seed: number,
): NonNullable<ModelSpec['initializers']>[number] => ({
  name,
  dims,
  type: 'float32',
  data: numbers(
    dims.reduce((product, size) => product * size, 1),
    seed,
  ),
});

/** Runs both and gives the largest difference of every output. */
export async function apart(before: Uint8Array, after: Uint8Array, feeds: Values): Promise<number> {
  const [a, b] = [await run(before, feeds), await run(after, feeds)];
  expect(Object.keys(b)).toEqual(Object.keys(a));
  return Math.max(...Object.keys(a).map((name) => largestDifference(floats(a[name]), floats(b[name]))));
}

export const X = { name: 'x', type: 'float32', shape: ['batch', 'length', 8] } as const;
export const FEEDS = { x: float32([2, 3, 8], numbers(48)), y: float32([2, 3, 8], numbers(48, 2)) };
