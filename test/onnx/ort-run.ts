/** @file onnx test: runs a graph held in memory once, on one thread. */
import type { OptimizationLevel, TensorValue } from '../../src/runtime/contract.ts';
import { openSession } from '../../src/runtime/session.ts';

export type Values = Record<string, TensorValue>;

export async function run(
  bytes: Uint8Array,
  feeds: Values,
  options: { optimization?: OptimizationLevel; folder?: string } = {},
): Promise<Values> {
  const { folder, optimization = 'basic' } = options;
  const source = { kind: 'bytes', bytes, ...(folder === undefined ? {} : { folder }) } as const;
  const session = await openSession(source, { optimization, threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

export const floats = (value: TensorValue | undefined): Float32Array => {
  if (value?.type !== 'float32') throw new Error(`expected float32, got ${value?.type}`);
  return value.data;
};
export const float32 = (dims: readonly number[], data: Float32Array): TensorValue => ({
  type: 'float32',
  dims,
  data,
});
