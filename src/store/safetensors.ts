/** @file store: the safetensors file format with one float tensor; headers only, the data go through the shard files. */
import { MesascopeError } from '../core/errors.ts';

/**
 * Format (huggingface/safetensors, README "Format"): u64 little-endian N, N bytes of JSON padded with spaces, then the data;
 * `data_offsets` count from the end of the header; `__metadata__` maps strings to strings.
 */
export type TensorHeader = {
  readonly name: string;
  readonly shape: readonly number[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Default F32. */
  readonly dtype?: 'F32' | 'F16';
};

/** Data start here: a multiple of 64, so that rows can be mapped into memory aligned. */
export const DATA_START = 1024;
const PREFIX = 8;
/** What readers accept; the format's own library stops at 100 MB. */
const MAX_HEADER_BYTES = 1 << 20;

/** The first `DATA_START` bytes of a file that holds the one tensor. Throws `BAD_SETTING` when the metadata do not fit. */
export function encodeHeader({ name, shape, metadata, dtype = 'F32' }: TensorHeader): Uint8Array {
  const bytes = (dtype === 'F32' ? 4 : 2) * shape.reduce((product, size) => product * size, 1);
  const json = Buffer.from(
    JSON.stringify({ __metadata__: metadata, [name]: { dtype, shape, data_offsets: [0, bytes] } }),
  );
  if (json.length > DATA_START - PREFIX) {
    throw new MesascopeError(
      'BAD_SETTING',
      `the names of tensor ${JSON.stringify(name)} are too long to store`,
      {
        facts: { bytes: json.length, limit: DATA_START - PREFIX },
      },
    );
  }
  const header = Buffer.alloc(DATA_START, 0x20);
  header.writeBigUInt64LE(BigInt(DATA_START - PREFIX), 0);
  json.copy(header, PREFIX);
  return header;
}

/**
 * Reads the header of a file with one float32 tensor, wherever its data start. `bytes` is the beginning of the file, `size`
 * the whole file's length. Throws `STORE_CORRUPT`.
 */
export function decodeHeader(
  bytes: Uint8Array,
  file: { readonly path: string; readonly size: number },
): TensorHeader & { readonly dataStart: number } {
  const corrupt = (reason: string): MesascopeError =>
    new MesascopeError('STORE_CORRUPT', `${file.path} is not a readable safetensors file: ${reason}`, {
      location: { file: file.path },
    });
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < PREFIX) throw corrupt('it is too short');
  const length = Number(view.readBigUInt64LE(0));
  if (length > MAX_HEADER_BYTES || PREFIX + length > view.length) throw corrupt('its header is cut off');
  let json: unknown;
  try {
    json = JSON.parse(view.toString('utf8', PREFIX, PREFIX + length));
  } catch {
    throw corrupt('its header is not JSON');
  }
  if (typeof json !== 'object' || json === null) throw corrupt('its header is not an object');
  const { __metadata__: metadata = {}, ...tensors } = json as Record<string, unknown>;
  const [entry, ...more] = Object.entries(tensors);
  if (entry === undefined || more.length > 0) throw corrupt('it does not hold exactly one tensor');
  const [name, tensor] = entry;
  const { dtype, shape, data_offsets: offsets } = (tensor ?? {}) as Record<string, unknown>;
  if (dtype !== 'F32' || !isSizes(shape) || !isSizes(offsets)) throw corrupt('its tensor is not float32');
  const [from, to] = offsets;
  if (from !== 0 || to !== 4 * shape.reduce((product, size) => product * size, 1)) {
    throw corrupt('its shape and its offsets disagree');
  }
  // The format wants the data to end where the file does.
  if (PREFIX + length + to !== file.size)
    throw corrupt(`it has ${file.size} bytes, and its header says ${PREFIX + length + to}`);
  return { name, shape, metadata: metadata as Record<string, string>, dataStart: PREFIX + length };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
