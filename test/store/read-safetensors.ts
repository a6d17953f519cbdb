/** @file test: an independent reader of the safetensors format, written from its description; shares nothing with src. */
import { readFileSync } from 'node:fs';

export type StoredTensor = {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
};

/**
 * All tensors of a file (huggingface/safetensors, README "Format"): u64 little-endian header length N, N bytes of JSON, data;
 * offsets count from the end of the header. F32 and I64 only.
 */
export function readSafetensors(path: string): {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Byte at which the data start. */
  readonly dataStart: number;
} {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString('utf8')) as Record<string, never>;
  const tensors = new Map<string, StoredTensor>();
  let metadata = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = entry;
      continue;
    }
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = entry as { dtype: string; shape: number[]; data_offsets: number[] };
    const bytes = new Uint8Array(file.subarray(8 + length + offsets[0]!, 8 + length + offsets[1]!)).buffer;
    tensors.set(name, {
      dtype,
      shape,
      data: dtype === 'I64' ? new BigInt64Array(bytes) : new Float32Array(bytes),
    });
  }
  return { tensors, metadata, dataStart: 8 + length };
}
